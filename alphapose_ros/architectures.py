"""Which network a weights file is for, read from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Shapes = Mapping[str, Sequence[int]]
SHOWN = 3  # names of tensors in an error

RESNETS = {  # blocks of the four stages, whether of three convolutions -> depth
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}
HARDNETS = {32: 68, 48: 85}  # channels of the first convolution -> depth
YOLOX_SIZES = {16: "nano", 24: "tiny", 32: "s", 48: "m", 64: "l", 80: "x"}  # channels of the stem
STANDARD_HEAD = 128  # channels that FastPose has before its last convolution, if not said
OUTPUTS = {"pose": "keypoints", "detection": "classes", "reid": "outputs"}  # what they are
OSNETS = {  # form, channels of the first convolution -> network
    ("", 16): "osnet_x0_25",
    ("", 32): "osnet_x0_5",
    ("", 48): "osnet_x0_75",
    ("", 64): "osnet_x1_0",
    ("ibn", 64): "osnet_ibn_x1_0",
    ("ain", 64): "osnet_ain_x1_0",
}


@dataclass(frozen=True)
class Architecture:
    """A network by the name of the function that builds it.

    Attributes:
        task: pose, detection or reid.
        network: name in pose.POSE_NETWORKS, detection.networks.DETECTION_NETWORKS or
            reid.REID_NETWORKS.
        outputs: number of keypoints, or of classes; numbers of an embedding, where a network for
            re-identification has no classifier.
        options: of the function, where they are not the usual ones.
    """

    task: str
    network: str
    outputs: int
    options: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"{self.network}{options}, {self.outputs} {OUTPUTS[self.task]}"


def recognise(shapes: Shapes) -> Architecture:
    """Return the architecture of a state dict.

    Only how heatmaps are decoded is not in a file: that is said by who trained it.

    Args:
        shapes: of all tensors, by name.

    Raises:
        ValueError: it is of no known network; some of the names are given.
    """
    for sign, read in _FAMILIES.items():
        if sign in shapes:
            try:
                return read(shapes)
            except (KeyError, IndexError, TypeError) as error:
                raise ValueError(f"has {sign}, but not all of that network ({error})") from error
    names = ", ".join(list(shapes)[:SHOWN])
    raise ValueError(f"tensors {names}, ... belong to no network that is known here")


def _fastpose(shapes: Shapes) -> Architecture:
    outputs, channels = shapes["conv_out.weight"][:2]
    if shapes["preact.conv1.weight"][0] < 64:
        return Architecture("pose", "fastpose_small", outputs)
    suffix = "_dcn" if any(".conv2_offset." in name for name in shapes) else ""
    options = {} if channels == STANDARD_HEAD else {"head_channels": channels}
    return Architecture("pose", f"fastpose_res{_depth(shapes)}{suffix}", outputs, options)


def _fastpose_duc(shapes: Shapes) -> Architecture:
    if "preact.layer2.0.conv2.1.weight" in shapes:
        backbone = "shuffle"
    else:
        backbone = "se" if any(".se." in name for name in shapes) else "res"
    outputs = shapes["conv_out.weight"][0]
    return Architecture("pose", f"fastpose_duc_{backbone}{_depth(shapes)}", outputs)


def _fastpose_dense(shapes: Shapes) -> Architecture:
    outputs = shapes["conv_out.weight"][0] + shapes["conv_out_dense.weight"][0]
    return Architecture("pose", "fastpose_duc_dense", outputs)


def _simplepose(shapes: Shapes) -> Architecture:
    outputs = shapes["final_layer.weight"][0]
    return Architecture("pose", f"simplepose_res{_depth(shapes)}", outputs)


def _hrnet(shapes: Shapes) -> Architecture:
    outputs, width = shapes["final_layer.weight"][:2]
    return Architecture("pose", f"hrnet_w{width}", outputs)


def _hardnet(shapes: Shapes) -> Architecture:
    depth = _known(HARDNETS, shapes["base.0.conv.weight"][0], "HarDNet of first channels")
    return Architecture("pose", f"hardnet_{depth}", shapes["conv_out.2.weight"][0])


def _yolox(shapes: Shapes) -> Architecture:
    stem = shapes["backbone.backbone.stem.conv.conv.weight"][0]
    size = _known(YOLOX_SIZES, stem, "YOLOX of stem channels")
    return Architecture("detection", f"yolox_{size}", shapes["head.cls_preds.0.weight"][0])


def _yolov3(shapes: Shapes) -> Architecture:
    return Architecture("detection", "yolov3", shapes["head.cls_preds.0.weight"][0])


def _yolov3_spp(shapes: Shapes) -> Architecture:
    outputs = shapes["module_list.112.conv_112.bias"][0]
    return Architecture("detection", "yolov3_spp", outputs // 3 - 5)  # 3 anchors: box, object


def _osnet(shapes: Shapes) -> Architecture:
    if "conv2.0.conv2.0.layers.0.conv1.weight" in shapes:
        form = "ain"
    else:
        form = "ibn" if "conv2.0.IN.weight" in shapes else ""
    first = shapes["conv1.conv.weight"][0]
    return _reid(_known(OSNETS, (form, first), "OSNet of form and first channels"), shapes)


def _resnet_fc(shapes: Shapes) -> Architecture:
    return _reid(f"resnet{_depth(shapes, '')}_fc{shapes['fc.0.weight'][0]}", shapes)


def _published_attention(shapes: Shapes) -> Architecture:
    network = f"pga_res{_depth(shapes, 'backbone.')}"
    return Architecture("reid", network, shapes["head.classifier.weight"][0])


def _reid_small(shapes: Shapes) -> Architecture:
    return Architecture("reid", "reid_small", shapes["head.fc.weight"][0])


def _reid(network: str, shapes: Shapes) -> Architecture:
    if "classifier.weight" in shapes:
        return Architecture("reid", network, shapes["classifier.weight"][0])
    return Architecture("reid", network, shapes["fc.0.weight"][0], {"classes": 0})


def _depth(shapes: Shapes, prefix: str = "preact.") -> int:
    row = prefix.count(".") + 1
    counts = tuple(
        len({name.split(".")[row] for name in shapes if name.startswith(f"{prefix}layer{stage}.")})
        for stage in (1, 2, 3, 4)
    )
    is_deep = f"{prefix}layer1.0.conv3.weight" in shapes
    return _known(RESNETS, (counts, is_deep), "ResNet of blocks")


def _known(table: Mapping, key: object, kind: str) -> object:
    if key not in table:
        raise ValueError(f"{kind} {key} is not known here; known are {', '.join(map(str, table))}")
    return table[key]


_FAMILIES = {  # a tensor that this family alone has, the more telling ones first
    "conv_out_dense.weight": _fastpose_dense,
    "duc3.1.weight": _fastpose_duc,
    "duc1.conv.weight": _fastpose,
    "deconv_layers.0.weight": _simplepose,
    "stage4.0.fuse_layers.0.1.0.weight": _hrnet,
    "conv_out.2.weight": _hardnet,
    "backbone.backbone.stem.conv.conv.weight": _yolox,
    "backbone.backbone.stem.0.conv.weight": _yolov3,
    "module_list.112.conv_112.weight": _yolov3_spp,
    "conv2.0.gate.fc1.weight": _osnet,
    "head.bnneck.weight": _published_attention,
    "head.attention.0.weight": _reid_small,
    "fc.1.running_mean": _resnet_fc,
}
