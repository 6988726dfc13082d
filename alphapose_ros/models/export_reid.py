"""The re-ID network that a pose guides as a graph: from bytes and heatmaps to embeddings."""

from __future__ import annotations

from pathlib import Path

import torch

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.models.export import in_half_precision, write_graph
from alphapose_ros.reid import POSE_GUIDED, build_reid_network
from alphapose_ros.reid.attention import FromBytes
from alphapose_ros.reid.embedder import HEATMAP_STRIDE
from alphapose_ros.reid.heatmaps import BODY
from alphapose_ros.reid.torch_backend import normalised
from alphapose_ros.zoo import Weights


def export_reid(weights: Weights, path: str | Path, file: str | Path) -> None:
    """Write ``crops`` (N, h, w, 3) RGB uint8, ``heatmaps`` (N, 12, h/4, w/4) -> ``embeddings``.

    Normalisation is in the graph; embeddings are (N, D) float32 of unit length.

    Args:
        weights: what to build, for which size of input.
        path: the .onnx file to write.
        file: its weights.

    Raises:
        ValueError: no pose guides the network.
        FileNotFoundError: there are no such weights.
        CheckpointError: they do not fit the network, or half precision cannot hold them.
    """
    if weights.network not in POSE_GUIDED:
        raise ValueError(f"{weights.name}: graphs are for {', '.join(POSE_GUIDED)} alone")
    network = in_half_precision(load_checkpoint(build_reid_network(weights.network), file))
    height, width = weights.input_size
    crops = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    heatmaps = torch.zeros(2, len(BODY), height // HEATMAP_STRIDE, width // HEATMAP_STRIDE)
    chain = FromBytes(normalised, network)
    inputs = ("crops", "heatmaps")
    write_graph(chain, (crops, heatmaps), path, inputs, ["embeddings"], free_axis="people")
