"""OpenCV's people detector: gradient histograms and a linear classifier, no network."""

from __future__ import annotations

import cv2
import numpy as np

from alphapose_ros.boxes import clip, from_xywh, scale_about_centre
from alphapose_ros.frame import Detections

WINDOW_PERSON_PX = 96  # a person's height in the detector's window of 64 x 128
WINDOW_PX = (64, 128)
MARGIN = (0.70, 0.86)  # width and height of the person in parts of the window found
PYRAMID_STEP = 1.05
OCTAVE = 15  # steps of the pyramid that double the size
SLOPE, OFFSET = 1.93, -2.38  # logistic fit of hits (IoU 0.5) to margins on five real clips


class HogDetector:
    """Finds upright people; as shipped with OpenCV it finds neither small nor tight boxes.

    The image is scaled so that the smallest people wanted fill the detector's window, and what
    it finds is shrunk from the window to the person in it. People more than twice as tall as
    the smallest are searched for in a second, smaller image with a finer stride.

    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    """

    def __init__(self, smallest_person: float) -> None:
        """Make a detector of people from ``smallest_person`` upwards, in parts of the image."""
        self._smallest_person = smallest_person
        self._one_octave = descriptor(levels=OCTAVE)
        self._all_octaves = descriptor(levels=4 * OCTAVE)

    def __call__(self, image: np.ndarray) -> Detections:
        """Return boxes, unsuppressed, in an image (H, W, 3) BGR."""
        scale = WINDOW_PERSON_PX / (self._smallest_person * image.shape[0])
        small = search(self._one_octave, image, scale, stride=8)
        tall = search(self._all_octaves, image, scale / 2, stride=4)
        windows = np.concatenate((small[0], tall[0]))
        boxes = clip(
            scale_about_centre(from_xywh(windows), *MARGIN), image.shape[1], image.shape[0]
        )
        return Detections(boxes=boxes, scores=to_score(np.concatenate((small[1], tall[1]))))


def descriptor(levels: int) -> cv2.HOGDescriptor:
    """Return OpenCV's default people detector with ``levels`` steps of its image pyramid.

    The level count can be given to the constructor only, behind all of its other defaults.
    """
    before = ((16, 16), (8, 8), (8, 8), 9, 1, -1.0, cv2.HOGDescriptor_L2Hys, 0.2, True)
    hog = cv2.HOGDescriptor(WINDOW_PX, *before, levels)
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    return hog


def search(
    hog: cv2.HOGDescriptor, image: np.ndarray, scale: float, *, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (N, 4) x y width height [px of ``image``] and margins (N,).

    Args:
        hog: the detector.
        image: (H, W, 3) BGR.
        scale: factor to the image that is searched, at least as large as one window.
        stride: steps of the window [px of the scaled image].
    """
    size = [
        max(round(scale * length), low)
        for length, low in zip(image.shape[1::-1], WINDOW_PX, strict=True)
    ]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    windows, margins = hog.detectMultiScale(
        cv2.resize(image, size, interpolation=method),
        winStride=(stride, stride),
        padding=(16, 16),
        scale=PYRAMID_STEP,
        groupThreshold=0,
    )
    factor = np.tile(np.divide(image.shape[1::-1], size), 2)
    return (
        np.asarray(windows, np.float64).reshape(-1, 4) * factor,
        np.asarray(margins, np.float64).reshape(-1),
    )


def to_score(margin: np.ndarray) -> np.ndarray:
    """Turn distances from the classifier's plane into scores in [0, 1]."""
    return 1 / (1 + np.exp(-(SLOPE * margin + OFFSET)))
