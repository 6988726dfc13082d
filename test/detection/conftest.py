"""A published detector as independent truth, and a picture of people for it."""

from __future__ import annotations

from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location

import cv2
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alphapose_ros.detection.letterbox import letterbox
from alphapose_ros.detection.yolox import Conv, yolox


@pytest.fixture(scope="session")
def fill_by_name(data):
    """Give every tensor of a network the numbers that follow from its name."""
    spec = spec_from_file_location("seeded", data / "reference/seeded.py")
    seeded = module_from_spec(spec)
    spec.loader.exec_module(seeded)

    def fill(network, gain):
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        state = seeded.seeded_state(shapes, gain)
        network.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
        return network

    return fill


@pytest.fixture(scope="session")
def published_file(data):
    """YOLOX-nano for COCO as its authors' exporter wrote it, batch norms merged into weights."""
    path = data.parent / "weights/yolox/yolox_nano_416.onnx"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="session")
def published_graph(published_file):
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(str(published_file), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="session")
def coco_nano(published_file):
    """Our network with the weights of the published graph."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(published_file).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [[arrays[name] for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"]
    network = yolox("yolox_nano", 80).eval()
    layers = in_order_of_use(network)
    assert len(layers) == len(found)
    for layer, (weight, bias) in zip(layers, found, strict=True):
        with torch.no_grad():
            fill(layer, torch.tensor(weight), torch.tensor(bias))
    return network


@pytest.fixture(scope="session")
def person_weights(coco_nano, tmp_path_factory):
    """A weights file: the published network, of whose classes only the first, person, is left.

    In half precision, as weights are shipped, so that a graph made of it loses nothing more.
    """
    state = deepcopy(coco_nano).half().state_dict()
    for name in [name for name in state if "cls_preds" in name]:
        state[name] = state[name][:1].clone()
    path = tmp_path_factory.mktemp("weights") / "person.safetensors"
    save_file(state, path)
    return path


def in_order_of_use(network: nn.Module) -> list[nn.Module]:
    """Return convolutions, with their norms where they have one, as the image meets them."""
    layers: list[nn.Module] = []
    kinds = [m for m in network.modules() if isinstance(m, Conv)]
    kinds += [m for m in network.head.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    hooks = [m.register_forward_pre_hook(lambda m, _: layers.append(m)) for m in kinds]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return layers


def fill(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Set a convolution, and its norm so that it only adds the bias."""
    convolution = layer.conv if isinstance(layer, Conv) else layer
    assert convolution.weight.shape == weight.shape
    convolution.weight.copy_(weight)
    if isinstance(layer, Conv):
        layer.bn.running_mean.zero_()
        layer.bn.running_var.fill_(1 - layer.bn.eps)
        layer.bn.weight.fill_(1)
        layer.bn.bias.copy_(bias)
    else:
        layer.bias.copy_(bias)


@pytest.fixture(scope="session")
def picture(data):
    """A real picture with people, in a square of 416 pixels padded with grey."""
    image = cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))
    if image is None:
        pytest.skip(f"needs the COCO pictures in {data}")
    return letterbox(image, 416)[0]
