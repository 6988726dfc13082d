"""Where a pose-guided re-ID network looks: the attention maps that embeddings are pooled with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from alphapose_ros.checkpoints import load_network
from alphapose_ros.reid.attention import ReidSmall, reid_small

STRIDE = 8  # pixels of a picture to one place of the features


class AttentionMaps:
    """Weights of places, from heatmaps of the body alone: the picture has no say in them.

    A graph keeps its maps; they are computed anew here from the weights that it was made of.

    Args:
        file: weights of a ``reid_small``.

    Raises:
        FileNotFoundError: the file is missing.
        CheckpointError: it is of another network.
    """

    def __init__(self, file: Path) -> None:
        network: nn.Module = load_network(reid_small, file)
        if not isinstance(network, ReidSmall):
            raise TypeError(f"{file}: {type(network).__name__} has no attention that a pose guides")
        self._head = network.head

    @torch.inference_mode()
    def __call__(self, heatmaps: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
        """Return maps (N, M, h/8, w/8) float32, each with a sum of 1.

        Args:
            heatmaps: (N, 12, h/4, w/4) from body_heatmaps().
            input_size: height h and width w of the pictures.
        """
        size = input_size[0] // STRIDE, input_size[1] // STRIDE
        weights = 1 + self._head.maps(torch.from_numpy(heatmaps), size)  # Eq. 20
        return (weights / weights.sum(dim=(2, 3), keepdim=True)).numpy()
