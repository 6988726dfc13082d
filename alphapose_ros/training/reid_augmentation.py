"""Chance for re-ID: boxes that are not exact, mirrored and spoilt pictures, things in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from alphapose_ros.config import Section, setting
from alphapose_ros.reid.heatmaps import BODY

_MIRRORED = [row ^ 1 for row in range(len(BODY))]  # left and right take turns in BODY


@dataclass(frozen=True)
class ReidAugmentationConfig(Section):
    """How much chance does."""

    flip: float = setting(0.5, "Share of mirrored pictures", low=0.0, high=1.0)
    shift: float = setting(0.05, "Of a box's sides, in parts of the box", low=0.0, high=0.5)
    cut: float = setting(
        0.12, "Share of people of whom only the upper part is shown", low=0, high=1
    )
    gain: float = setting(0.15, "Of brightness and of each colour", low=0.0, high=1.0)
    grey: float = setting(0.04, "Share of pictures without colour", low=0.0, high=1.0)
    blur: float = setting(0.15, "Share of blurred pictures", low=0.0, high=1.0)
    coarse: float = setting(0.25, "Share of pictures of few pixels", low=0.0, high=1.0)
    erasing: float = setting(0.35, "Share of pictures with a rectangle erased", low=0.0, high=1.0)
    keypoint_noise: float = setting(
        0.02, "Of keypoints, in parts of the box's height", low=0.0, high=0.5
    )
    keypoint_loss: float = setting(0.1, "Share of keypoints not found", low=0.0, high=1.0)
    pose_loss: float = setting(0.05, "Share of people of whom no keypoint is found", low=0, high=1)


@dataclass(frozen=True)
class ReidAugmentation:
    """Draws what a camera, a detector and a pose network could have made of a person."""

    config: ReidAugmentationConfig

    def __call__(
        self,
        picture: np.ndarray,
        box: np.ndarray,
        keypoints: np.ndarray,
        size: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Change one person.

        Args:
            picture: (H, W, 3) uint8, which shows more than the box.
            box: (4,) x1 y1 x2 y2 [px].
            keypoints: (12, 3) x y [px], score.
            size: height and width of the result.
            rng: source of chance.

        Returns:
            The picture (h, w, 3) uint8, keypoints (12, 3) and the region (4,) that it shows,
            both in pixels of ``picture``, mirrored where the picture is.
        """
        region = self._region(picture, box, rng)
        keypoints = self._keypoints(keypoints, box, rng)
        cut = cut_region(picture, region, size)
        if rng.random() < self.config.flip:
            cut = cut[:, ::-1]
            keypoints, region = mirrored(keypoints, region, picture.shape[1])
        return self._erased(self._spoilt(cut, rng), rng), keypoints, region

    def _region(self, picture: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a box that a detector might give, within the picture."""
        width, height = box[2:] - box[:2]
        region = box + rng.normal(0, self.config.shift, 4) * (width, height, width, height)
        if rng.random() < self.config.cut:
            region[3] = region[1] + rng.uniform(0.4, 0.9) * height
        region = np.clip(region, -0.5, np.tile(picture.shape[1::-1], 2) - 0.5)
        region[2:] = np.maximum(region[2:], region[:2] + 8)
        return region

    def _keypoints(
        self, keypoints: np.ndarray, box: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        config, keypoints = self.config, keypoints.copy()
        height = box[3] - box[1]
        spread = config.keypoint_noise * height * rng.uniform(0, 2)
        keypoints[:, :2] += rng.normal(0, spread, (len(keypoints), 2))
        keypoints[:, 2] *= rng.uniform(0.5, 1, len(keypoints))
        keypoints[rng.random(len(keypoints)) < config.keypoint_loss, 2] = 0
        if rng.random() < config.pose_loss:
            keypoints[:, 2] = 0
        return keypoints

    def _spoilt(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        config = self.config
        height, width = picture.shape[:2]
        if rng.random() < config.coarse:
            share = rng.uniform(0.25, 0.8)
            small = (max(int(width * share), 8), max(int(height * share), 16))
            picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < config.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
        gains = rng.normal(1, config.gain) * rng.normal(1, config.gain / 2, 3)
        shade = gains * picture.astype(np.float32) + rng.normal(0, 60 * config.gain)
        if rng.random() < config.grey:
            shade = np.repeat(shade.mean(axis=2, keepdims=True), 3, axis=2)
        return np.clip(shade, 0, 255).astype(np.uint8)

    def _erased(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Put one colour, or noise, over a rectangle."""
        if rng.random() >= self.config.erasing:
            return picture
        height, width = picture.shape[:2]
        rows, columns = (rng.uniform(0.1, 0.5, 2) * (height, width)).astype(int)
        top, left = rng.integers(height - rows), rng.integers(width - columns)
        shape = (rows, columns, 3) if rng.random() < 0.5 else 3
        picture[top : top + rows, left : left + columns] = rng.integers(0, 256, shape)
        return picture


def cut_region(picture: np.ndarray, region: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return what a region (4,) x1 y1 x2 y2 [px] of a picture shows, (*size, 3) uint8.

    A region is counted between centres: -0.5 is the left edge of the first pixel.
    """
    height, width = size
    step = (region[2:] - region[:2]) / (width, height)
    to_picture = np.column_stack((np.diag(step), region[:2] + 0.5 * step))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        picture, to_picture, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def mirrored(
    keypoints: np.ndarray, region: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return keypoints (12, 3) and a region (4,) in the mirror image of a picture of ``width``."""
    keypoints = keypoints[_MIRRORED]
    keypoints[:, 0] = width - 1 - keypoints[:, 0]
    x1, y1, x2, y2 = region
    return keypoints, np.array([width - 1 - x2, y1, width - 1 - x1, y2])
