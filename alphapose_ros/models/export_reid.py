"""The re-ID network that a pose guides as a graph: from bytes and heatmaps to embeddings."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnxscript import optimizer

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.models.export import (
    EXPORTER_OPSET,
    halve,
    in_half_precision,
    strip,
    to_opset,
)
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
    people = torch.export.Dim("people")
    program = torch.onnx.export(
        FromBytes(normalised, network).eval(),
        (crops, heatmaps),
        dynamo=True,
        optimize=False,  # would merge batch norms into weights, which then are no halves
        opset_version=EXPORTER_OPSET,
        dynamic_shapes=({0: people}, {0: people}),
        input_names=["crops", "heatmaps"],
        output_names=["embeddings"],
        verbose=False,
    )
    model = program.model_proto
    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)
    model = to_opset(model)
    halve(model.graph)
    strip(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
