"""Who people look like: what is common to all re-identification networks and runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alphapose_ros.frame import Poses
from alphapose_ros.reid.crop import crop_pictures, crop_regions, is_usable
from alphapose_ros.reid.heatmaps import body_heatmaps, body_keypoints

CONFIDENT = 0.3  # score of a keypoint that can guide
FEWEST_KEYPOINTS = 4  # without them a quarter of all strangers look alike
HEATMAP_STRIDE = 4  # pixels of a picture to one of a heatmap


class Backend(Protocol):
    """A network on a runtime.

    Attributes:
        input_size: height and width of its pictures [px].
        dimensions: D, numbers of an embedding.
    """

    input_size: tuple[int, int]
    dimensions: int

    def __call__(self, pictures: np.ndarray, heatmaps: np.ndarray | None) -> np.ndarray:
        """Return embeddings (N, D) float32 of any length.

        Args:
            pictures: (N, h, w, 3) RGB uint8; N > 0.
            heatmaps: (N, 12, h/4, w/4) float32 from body_heatmaps(), for networks that a pose
                guides.
        """


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """Embeddings of the people in an image: the more alike, the smaller their cosine distance.

    Attributes:
        backend: the network.
        is_pose_guided: whether it takes heatmaps besides pictures.
        sees_poses: whether these show where the body is; else they are empty.
        max_distance: cosine distance up to which two embeddings are of one person.
        digest: short text that names network and weights. Embeddings of different ones cannot be
            compared.
    """

    backend: Backend
    is_pose_guided: bool = False
    sees_poses: bool = True
    max_distance: float
    digest: str

    @property
    def dimensions(self) -> int:
        """Numbers of an embedding."""
        return self.backend.dimensions

    def __call__(self, image: np.ndarray, people: Poses) -> np.ndarray:
        """Return one embedding per person, in the same order.

        Args:
            image: (H, W, 3) BGR uint8.
            people: N poses; boxes are what is looked at.

        Returns:
            (N, D) float32 of unit length; rows of NaN where a box is tiny or mostly outside of
            the image, nothing is known of the pose that should guide the network, or the network
            says nothing.
        """
        embeddings = np.full((len(people), self.dimensions), np.nan, np.float32)
        keypoints = body_keypoints(people) if self.is_pose_guided else None
        usable = is_usable(people.boxes, image.shape[:2])
        if self.is_pose_guided and self.sees_poses:
            usable &= (keypoints[..., 2] >= CONFIDENT).sum(axis=1) >= FEWEST_KEYPOINTS
        usable = np.flatnonzero(usable)
        if len(usable):
            regions = crop_regions(people.boxes[usable], image.shape[:2])
            pictures = crop_pictures(image, regions, self.backend.input_size)
            heatmaps = self._heatmaps(keypoints[usable], regions) if self.is_pose_guided else None
            embeddings[usable] = unit(self.backend(pictures, heatmaps))
        return embeddings

    def _heatmaps(self, keypoints: np.ndarray, regions: np.ndarray) -> np.ndarray:
        height, width = self.backend.input_size
        size = height // HEATMAP_STRIDE, width // HEATMAP_STRIDE
        return body_heatmaps(keypoints if self.sees_poses else 0 * keypoints, regions, size)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (N, D) to length 1; NaN where one is zero or not finite."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    is_fine = np.isfinite(lengths) & (lengths > 0)
    return np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=is_fine)
