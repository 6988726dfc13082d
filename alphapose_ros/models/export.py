"""From PyTorch to ONNX: one graph from bytes to keypoints or boxes, its weights in half precision.

ONNX Runtime turns the weights into float32 when it loads the graph, merges the batch norms into
the convolutions, and computes what PyTorch computes with the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper, version_converter
from onnxscript import optimizer
from torch import Tensor, nn

from alphapose_ros.checkpoints import TORCH, CheckpointError, load_checkpoint
from alphapose_ros.detection import yolox
from alphapose_ros.models.chain import Chain
from alphapose_ros.pose import build_pose_network
from alphapose_ros.pose.heatmap import locate
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.zoo import Weights, graph_path, require_file

OPSET, IR_VERSION = 17, 8  # ONNX Runtime 1.12, the last for the NumPy of Ubuntu 22.04, reads them
LEAST_TORCH = (2, 10)  # whose exporter leaves the number of people free
EXPORTER_OPSET = 18  # the lowest that PyTorch's exporter writes
SMALL = 16  # numbers; arrays below this are constants of the graph and stay as they are


def export(weights: Weights, path: str | Path, own_file: str | Path = "") -> None:
    """Write the graph of some weights.

    Args:
        weights: what to build, for which size of input and with which decoding.
        path: the .onnx file to write.
        own_file: weights in place of the entry's own.

    Raises:
        ValueError: the network cannot be written as a graph, or there is nothing but a graph.
        FileNotFoundError: there are no such weights.
        CheckpointError: they do not fit the network, or half precision cannot hold them.
    """
    if not weights.network:
        raise ValueError(f"{weights.name} is a graph already: {graph_path(weights)}")
    write = resolve_name(EXPORTERS[weights.task])
    write(weights, path, own_file or require_file(weights, "torch"))


def export_pose(weights: Weights, path: str | Path, file: str | Path) -> None:
    """Write ``crops`` (N, h, w, 3) RGB uint8 -> ``keypoints`` (N, K, 3) x y [px], score.

    Normalisation and decoding are in the graph: bytes go in, and no heatmaps come out.
    """
    network = build_pose_network(weights.network, weights.skeleton, **weights.options)
    load_checkpoint(network, file)
    height, width = weights.input_size

    def keypoints(heatmaps: Tensor) -> Tensor:
        found = locate(heatmaps, weights.decode)
        return torch.cat((found[..., :2] * found.new_tensor([width, height]), found[..., 2:]), -1)

    chain = Chain(normalised, in_half_precision(network), keypoints)
    crops = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    write_graph(chain, crops, path, "crops", ["keypoints"], free_axis="people")


def export_detector(weights: Weights, path: str | Path, file: str | Path) -> None:
    """Write ``image`` (1, h, w, 3) BGR uint8 -> ``boxes`` (A, 4) x1 y1 x2 y2 [px], ``scores`` (A,).

    The boxes are those of all cells; thinning them out is left to the caller.

    Raises:
        ValueError: it is no YOLOX.
    """
    if weights.network not in yolox.SIZES:
        known = ", ".join(yolox.SIZES)
        raise ValueError(f"{weights.name}: graphs of detectors are for {known} alone")
    network = load_checkpoint(yolox.yolox(weights.network, weights.classes), file).eval()
    height, width = weights.input_size

    def first_boxes(predictions: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = yolox.decode(predictions, height, width)
        chance = scores[0, :, weights.person]
        return boxes[0], chance * (chance >= scores[0].amax(dim=1))  # no horse is a person too

    chain = Chain(as_planes, in_half_precision(network), first_boxes)
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    write_graph(chain, image, path, "image", ["boxes", "scores"])


EXPORTERS = {  # task: weights, graph, file of weights
    "pose": "alphapose_ros.models.export:export_pose",
    "detection": "alphapose_ros.models.export:export_detector",
    "reid": "alphapose_ros.models.export_reid:export_reid",
}


def as_planes(image: Tensor) -> Tensor:
    """Turn an image (1, h, w, 3) uint8 into the detector's input (1, 3, h, w) float32."""
    return image.permute(0, 3, 1, 2).float()


def in_half_precision(network: nn.Module) -> nn.Module:
    """Round all weights of ``network`` to half precision; they stay float32.

    Raises:
        CheckpointError: a number is too large for it.
    """
    network = network.half().float()
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{name}: holds numbers that half precision cannot hold")
    return network


def write_graph(
    chain: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    path: str | Path,
    inputs: str | Sequence[str],
    outputs: Sequence[str],
    *,
    free_axis: str = "",
) -> None:
    """Write a network as a graph; the first axis of its inputs is free if it has a name.

    Raises:
        ValueError: this PyTorch is too old.
    """
    if TORCH < LEAST_TORCH:
        least = ".".join(map(str, LEAST_TORCH))
        raise ValueError(
            f"graphs are written by PyTorch {least} or newer, and this is {torch.__version__}: "
            f'pip install "torch>={least}", here or on another machine; older ones run the graphs'
        )
    examples = example if isinstance(example, tuple) else (example,)
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    free = {0: torch.export.Dim(free_axis)} if free_axis else None
    program = torch.onnx.export(
        chain.eval(),
        examples,
        dynamo=True,
        optimize=False,  # would merge batch norms into weights, which then are no halves
        opset_version=EXPORTER_OPSET,
        dynamic_shapes=(free,) * len(examples) if free_axis else None,
        input_names=names,
        output_names=outputs,
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


def to_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` for older readers."""
    model = version_converter.convert_version(model, OPSET)
    model.ir_version = IR_VERSION
    for node in model.graph.node:
        for attribute in [a for a in node.attribute if a.name == "noop_with_empty_axes"]:
            node.attribute.remove(attribute)  # the converter leaves it, but reductions had none yet
    return model


def halve(graph: onnx.GraphProto) -> None:
    """Store the weights of ``graph`` in half precision where that loses nothing."""
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if values.size < SMALL or not np.array_equal(values, half):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        cast = helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)
        graph.node.insert(0, cast)


def strip(model: onnx.ModelProto) -> None:
    """Take away what only tells how the graph came about."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
