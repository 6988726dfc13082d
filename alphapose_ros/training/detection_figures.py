"""How good a detector of people is: average precision, recall, and false alarms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from torch import nn

from alphapose_ros.boxes import clip, iou
from alphapose_ros.detection.nms import nms
from alphapose_ros.detection.yolox import decode
from alphapose_ros.frame import Detections
from alphapose_ros.io.render import contact_sheet
from alphapose_ros.training.detection_augmentation import Example

MIN_IOU = 0.5
NMS_IOU = 0.6
LOWEST_SCORE = 0.02  # of what counts at all
ALARM = 0.5  # score of a false alarm
FOUND, TRUE, IGNORED = (0, 0, 255), (0, 255, 0), (160, 160, 160)  # colours


@torch.no_grad()
def detect(network: nn.Module, pictures: Iterable[np.ndarray]) -> list[Detections]:
    """Return the people that a network finds in each of N pictures (s, s, 3) uint8 BGR."""
    device = next(network.parameters()).device
    found = []
    for picture in pictures:
        image = torch.tensor(picture, device=device)
        inputs = image.permute(2, 0, 1)[None].float().contiguous(memory_format=torch.channels_last)
        boxes, scores = decode(network(inputs), *picture.shape[:2])
        is_likely = scores[0, :, 0] >= LOWEST_SCORE
        boxes, scores = boxes[0][is_likely].cpu().numpy(), scores[0, is_likely, 0].cpu().numpy()
        boxes = clip(boxes, picture.shape[1], picture.shape[0])
        found.append(nms(Detections(boxes=boxes, scores=scores), NMS_IOU))
    return found


def figures(
    found: Sequence[Detections], examples: Sequence[Example], min_height_px: float
) -> dict[str, float]:
    """Return AP at IoU 0.5, recall and false alarms a picture.

    Args:
        found: what was found in each picture.
        examples: what is there.
        min_height_px: lower people are ignored, as is what lies in ignored boxes.

    Returns:
        "ap50"; "recall" of people at any score; "found", the part of them found with a score of
        at least ALARM; "alarms" a picture above that score. Without people, "alarms" only.
    """
    scores, is_hit, people = [], [], 0
    for detections, example in zip(found, examples, strict=True):
        height = example.boxes[:, 3] - example.boxes[:, 1]
        is_ignored = example.is_ignored | (height < min_height_px)
        hit, counts = judged(detections, example.boxes, is_ignored)
        low = detections.boxes[:, 3] - detections.boxes[:, 1] < min_height_px
        counts &= hit | ~low
        scores.append(detections.scores[counts])
        is_hit.append(hit[counts])
        people += int((~is_ignored).sum())
    all_scores, all_hits = np.concatenate(scores), np.concatenate(is_hit)
    is_sure = all_scores >= ALARM
    alarms = {"alarms": float((is_sure & ~all_hits).sum()) / max(len(found), 1)}
    if not people:
        return alarms
    return {
        "ap50": average_precision(all_scores, all_hits, people),
        "recall": float(all_hits.sum()) / people,
        "found": float((is_sure & all_hits).sum()) / people,
        **alarms,
    }


def judged(
    detections: Detections, boxes: np.ndarray, is_ignored: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections, best first, to the true boxes that they overlap most.

    Args:
        detections: N detections by falling score.
        boxes: true ones (M, 4).
        is_ignored: (M,) bool.

    Returns:
        Which detections hit somebody (N,), and which count (N,): hits, and misses that do not
        lie in an ignored box.
    """
    overlap = iou(detections.boxes, boxes[~is_ignored])
    is_hit = np.zeros(len(detections), bool)
    for row in range(len(detections)):
        best = int(overlap[row].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[row, best] >= MIN_IOU:
            is_hit[row] = True
            overlap[:, best] = 0
    inside = part_inside(detections.boxes, boxes[is_ignored])
    return is_hit, is_hit | ~(inside >= MIN_IOU).any(axis=1)


def part_inside(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which part of each box (N, 4) lies in each other (M, 4): (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    return common / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9)[:, None]


def average_precision(scores: np.ndarray, is_hit: np.ndarray, people: int) -> float:
    """Return the area under the falling hull of precision over recall.

    Args:
        scores: (N,) of all detections.
        is_hit: (N,) bool.
        people: how many there are to be found.
    """
    hits = np.cumsum(is_hit[np.argsort(-scores, kind="stable")])
    precision = hits / np.arange(1, len(hits) + 1)
    hull = np.maximum.accumulate(precision[::-1])[::-1]
    return float((hull * np.diff(hits, prepend=0)).sum() / people)


def detection_sheet(found: Sequence[Detections], examples: Sequence[Example]) -> np.ndarray:
    """Return pictures with what is there and what was found with some certainty, BGR."""
    images, captions = [], []
    for detections, example in zip(found, examples, strict=True):
        image = example.picture.copy()
        for box, is_ignored in zip(example.boxes, example.is_ignored, strict=True):
            _rectangle(image, box, IGNORED if is_ignored else TRUE)
        sure = detections[detections.scores >= ALARM / 2]
        for box in sure.boxes:
            _rectangle(image, box, FOUND)
        images.append(image)
        captions.append(" ".join(f"{score:.2f}" for score in sure.scores[:4]))
    return contact_sheet(images, captions, columns=6, tile_width=280)


def _rectangle(image: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (int(value) for value in np.round(box))
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, 2)
