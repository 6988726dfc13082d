"""The table of weights: ours, the official ones, the paper's, and other people's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of weights, and what a network must be told to run with them."""

    name: str
    task: str  # pose, detection or reid
    network: str  # name in pose.POSE_NETWORKS, or of detection.networks; "" of graphs only
    options: Mapping[str, int] = field(default_factory=dict)  # of the network's function
    skeleton: str = ""  # of pose networks
    input_size: tuple[int, int]  # height, width of the crop or picture [px]
    decode: str = ""  # of pose networks: name in pose.heatmap.DECODERS
    classes: int = 1  # of detectors: how many they tell apart
    person: int = 0  # of detectors: which of these is a person
    max_distance: float = 0.0  # of re-ID: cosine distance within one person; 0: not known
    preprocess: str = ""  # of detectors: name in detection.letterbox.PREPROCESSING; "simcc"
    file: str = ""  # weights; "" of graphs only
    onnx: str = ""  # the same as a graph; "" for none
    official: str = ""  # configuration of the reference implementation that they belong to
    reported: str = ""  # figures as their authors state them
    licence: str
    terms: str = ""  # what must be accepted before they are downloaded; "" for nothing
    url: str = ""  # where a command can read them
    location: str = ""  # where they are to be had by hand
    sha256: str = ""  # of what lies at the url; "" where nobody has published it
    note: str = ""


REFERENCE = "https://github.com/MVIG-SJTU/AlphaPose/blob/master"
REFERENCE_TERMS = (
    "Weights of the AlphaPose authors: for non-commercial research only, and not to be passed on. "
    f"Their licence, which holds: {REFERENCE}/LICENSE"
)
YOLOX_RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects"
CROP = (256, 192)  # height, width; names of entries say what differs
LARGE = {"head_channels": 256}  # of FastPose, where it is not 128

OURS = (
    Weights(
        name="fastpose_small_halpe_136",
        task="pose",
        network="fastpose_small",
        skeleton="halpe_136",
        input_size=(192, 128),
        decode="combined",
        file="fastpose_small_halpe_136.safetensors",
        onnx="fastpose_small_halpe_136.onnx",
        licence="Apache-2.0",
        note="version 1: bodies of everyday poses; feet, face and hands rough",
    ),
    Weights(
        name="yolox_nano_person",
        task="detection",
        network="yolox_nano",
        skeleton="",
        input_size=(416, 416),
        decode="",
        file="yolox_nano_person.safetensors",
        onnx="yolox_nano_person.onnx",
        licence="Apache-2.0",
        note="version 1: people only, misses tiny and mostly hidden ones",
    ),
    Weights(
        name="reid_small",
        task="reid",
        network="reid_small",
        input_size=(128, 64),
        classes=128,
        max_distance=0.45,
        file="reid_small.safetensors",
        onnx="reid_small.onnx",
        licence="Apache-2.0",
        note="version 1: tells people by their clothes; from rendered people and a teacher",
    ),
)
_OFFICIAL = {  # source: the reference's table of models; the AP is with flip test
    # skeleton, folder of the configurations, data of the AP: rows of _official()
    ("coco_17", "coco", "COCO"): (
        ("simplepose_res50", "heatmap", "1x-simple", 70.6, "simple_res50"),
        ("fastpose_res50", "heatmap", "1x", 72.0, "fast_res50"),
        ("fastpose_duc_shuffle50", "heatmap", "1x-duc", 72.4, "fast_421_res50-shuffle"),
        ("hrnet_w32", "heatmap", "", 72.5, "hrnet_w32"),
        ("fastpose_res50_dcn", "heatmap", "2x-dcn", 72.8, "fast_dcn_res50"),
        ("fastpose_duc_se152", "heatmap", "1x-duc", 73.3, "fast_421_res152"),
    ),
    ("halpe_26", "halpe_26", ""): (("fastpose_res50", "heatmap", "1x", 0, "halpe26_fast_res50"),),
    ("halpe_68", "halpe_68_noface", ""): (
        ("fastpose_res50_dcn", "combined", "2x-dcn-combined", 0, "", LARGE),
    ),
    ("single_hand_21", "single_hand", ""): (
        ("fastpose_res50_dcn", "integral", "2x-dcn-regression", 0, "", LARGE),
    ),
    ("halpe_136", "halpe_136", "Halpe-FullBody"): (
        ("fastpose_res50", "heatmap", "2x", 41.7, "", LARGE),
        ("fastpose_res50", "integral", "2x-regression", 44.1, "halpe136_fast50_regression", LARGE),
        ("fastpose_res50_dcn", "integral", "2x-dcn-regression", 46.2, "", LARGE),
        ("fastpose_res50_dcn", "combined", "2x-dcn-combined", 45.4, "", LARGE),
        ("fastpose_res50_dcn", "combined", "2x-dcn-combined", 47.2, "", LARGE, "_hands"),
        ("fastpose_res152", "integral", "1x-duc", 45.1, "", LARGE),
    ),
    ("halpe_136", "halpe_coco_wholebody_136", "Halpe-FullBody"): (
        (
            "fastpose_res50",
            "integral",
            "2x-regression",
            50.1,
            "multi_domain_fast50_regression",
            {},
            "_multi",
        ),
        (
            "fastpose_res50_dcn",
            "combined",
            "2x-dcn-combined",
            49.8,
            "multi_domain_fast50_dcn_combined",
            LARGE,
            "_multi",
        ),
    ),
    ("coco_wholebody_133", "coco_wholebody", "COCO-WholeBody"): (
        (
            "fastpose_res50",
            "integral",
            "2x-regression",
            55.4,
            "coco_wholebody133_fast50_regression",
        ),
        ("fastpose_res50_dcn", "integral", "2x-dcn-regression", 57.7, "", LARGE),
        ("fastpose_res50", "combined", "2x-combined", 57.8, "", LARGE),
        ("fastpose_res50_dcn", "combined", "2x-dcn-combined", 58.2, "", LARGE),
        ("fastpose_res152", "integral", "1x-duc", 56.9, "", LARGE),
    ),
}
_PAPER = {  # source: the paper's rows for which there is no file, and what it trains besides
    # skeleton, data of the AP and number of the table: rows of _unpublished()
    ("halpe_136", "Halpe-FullBody, paper Table 2"): (
        ("fastpose_res50_dcn", "integral", 48.4, "FastPose50-dcn-si*", CROP, LARGE, "_multi"),
        ("hrnet_w32", "heatmap", 38.7, "HRNet"),
        ("simplepose_res50", "heatmap", 40.9, "Simple"),
    ),
    ("coco_wholebody_133", "COCO-WholeBody, paper Table 3"): (
        ("hrnet_w32", "heatmap", 43.2, "HRNet", (384, 288)),
    ),
    ("coco_17", "COCO test-dev, paper Table 4"): (
        ("fastpose_res101_dcn", "heatmap", 72.7, "FastPose-dcn-hm ResNet-101"),
        ("fastpose_res50", "integral", 64.9, "FastPose-si ResNet-50", (256, 256)),
        ("fastpose_res101", "integral", 67.9, "FastPose-si ResNet-101", (256, 256)),
        ("fastpose_res101_dcn", "integral", 69.0, "FastPose-dcn-si ResNet-101", (256, 256)),
        ("hrnet_w32", "heatmap", 74.9, "HRNet-32", (384, 288)),
        ("hrnet_w48", "heatmap", 75.5, "HRNet-48", (384, 288)),
    ),
    ("posetrack_15", "PoseTrack18, paper Table 6"): (
        ("fastpose_res152", "heatmap", 74.7, "Ours-SEP"),
    ),
    ("face_68", ""): (("fastpose_res50", "integral", 0, "", (256, 256)),),  # of pose.face_model
}
_YOLOX = (  # source: the README of the release; rows of _yolox()
    ("nano", 416, 25.8, "cd28f55fbbc1829f99d9ac9b38a16d259a22889739c8728ea877610201feff7b"),
    ("tiny", 416, 32.8, "9de513de589ac98bb92d3bca53b5af7b9acfa9b0bacb831f7999d0f7afaee8f0"),
    ("s", 640, 40.5, "f55ded7181e1b0c13285c56e7790b8f0e8f8db590fe4edb37f0b7f345c913a30"),
    ("m", 640, 46.9, "60076992b32da82951c90cfa7bd6ab70eba9eda243e08b940a396f60ac2d19b6"),
    ("l", 640, 49.7, "1e6b7fa6240375370b2a8a8eab9066b3cdd43fd1d0bfa8d2027fd3a51def2917"),
    ("x", 640, 51.1, "5652330b6ae860043f091b8f550a60c10e1129f416edfdb65c259be6caf355cf"),
)
_OSNET = (  # source: the authors' table of models and the reference's default
    ("osnet_x0_25", "256x128_amsgrad_ep180_stp80_lr0.003_b128_fb10_softmax_labelsmooth_flip"),
    ("osnet_x1_0", "256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip"),
    (
        "osnet_ain_x1_0",
        "256x128_amsgrad_ep50_lr0.0015_coslr_b64_fb10_softmax_labsmth_flip_jitter",
    ),
)
MSMT17_PEOPLE = 1041
_YOLOV3 = (
    Weights(
        name="yolov3",
        task="detection",
        network="yolov3",
        input_size=(640, 640),
        classes=80,
        preprocess="yolox",
        file="yolox_darknet.pth",
        reported="AP 47.7 on COCO val2017",
        licence="Apache-2.0",
        url=f"{YOLOX_RELEASE}/yolox_darknet.pth",
        sha256="b5905e9faf500a2608c93991f91a41a6150bcd2dd30986865a73becd94542fa1",
        note="Darknet-53, with the head and the training of YOLOX",
    ),
    Weights(
        name="yolov3_spp",
        task="detection",
        network="yolov3_spp",
        input_size=(608, 608),
        classes=80,
        preprocess="yolov3",
        file="yolov3-spp.weights",
        licence="public domain",
        url="https://pjreddie.com/media/files/yolov3-spp.weights",
        note="the detector of the paper's tables, from Darknet",
    ),
)
_RTM = {  # source: MMPose's table of RTMPose models, and rtmlib's for rtmw_x
    # skeleton, how the figure is shown: rows of _rtm()
    ("coco_17", "AP {} on COCO"): (
        (65.9, "rtmpose-t_simcc-body7_pt-body7_420e-256x192-026a1439_20230504"),
        (69.7, "rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504"),
        (74.9, "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504"),
        (76.7, "rtmpose-l_simcc-body7_pt-body7_420e-256x192-4dba18fc_20230504"),
        (76.6, "rtmpose-m_simcc-body7_pt-body7_420e-384x288-65e718c4_20230504"),
        (78.3, "rtmpose-l_simcc-body7_pt-body7_420e-384x288-3f5a1437_20230504"),
        (78.8, "rtmpose-x_simcc-body7_pt-body7_700e-384x288-71d7b7e9_20230629"),
    ),
    ("halpe_26", "AUC {} on Body8"): (
        (66.35, "rtmpose-t_simcc-body7_pt-body7-halpe26_700e-256x192-6020f8a6_20230605"),
        (68.62, "rtmpose-s_simcc-body7_pt-body7-halpe26_700e-256x192-7f134165_20230605"),
        (71.91, "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605"),
        (73.19, "rtmpose-l_simcc-body7_pt-body7-halpe26_700e-256x192-2abb7558_20230605"),
        (73.56, "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-384x288-89e6428b_20230605"),
        (74.38, "rtmpose-l_simcc-body7_pt-body7-halpe26_700e-384x288-734182ce_20230605"),
        (74.82, "rtmpose-x_simcc-body7_pt-body7-halpe26_700e-384x288-7fb6e239_20230606"),
    ),
    ("coco_wholebody_133", "AP {} on COCO-WholeBody"): (
        (48.5, "rtmpose-t_simcc-ucoco_dw-ucoco_270e-256x192-dcf277bf_20230728"),
        (53.8, "rtmpose-s_simcc-ucoco_dw-ucoco_270e-256x192-3fd922c8_20230728"),
        (60.6, "rtmpose-m_simcc-ucoco_dw-ucoco_270e-256x192-c8b76419_20230728"),
        (63.1, "rtmpose-l_simcc-ucoco_dw-ucoco_270e-256x192-4d6dfc62_20230728"),
        (66.5, "rtmpose-l_simcc-ucoco_dw-ucoco_270e-384x288-2438fd99_20230728"),
        (58.2, "rtmw-dw-l-m_simcc-cocktail14_270e-256x192_20231122", "rtmw_m"),
        (
            66.0,
            "rtmw-dw-x-l_simcc-cocktail14_270e-256x192_20231122",
            "rtmw_l",
            "1e3e77558dfc199129bfff1c583e51b4ee190914de6ae30688243c20163c148c",
        ),
        (
            70.1,
            "rtmw-dw-x-l_simcc-cocktail14_270e-384x288_20231122",
            "rtmw_l",
            "a87e1af41a0a067776dba7d46e1c21c8f6e9f18e247e0e606718dd1f31e96ffd",
        ),
        (0, "rtmw-x_simcc-cocktail13_pt-ucoco_270e-384x288-0949e3a9_20230925", "rtmw_x"),
    ),
}


def _official(  # noqa: PLR0913, PLR0917  a row of the table above
    group: tuple[str, str, str],
    network: str,
    decode: str,
    schedule: str,
    precision: float,
    file: str = "",
    options: Mapping[str, int] | None = None,
    variant: str = "",
) -> Weights:
    """Return weights that the reference's authors give away on a drive that no command can read.

    Args:
        group: skeleton, folder of the configuration, data of ``precision``.
        network: name in pose.POSE_NETWORKS.
        decode: name in pose.heatmap.DECODERS.
        schedule: last part of the configuration's name.
        precision: AP [%]; 0 where none is stated.
        file: without its ending; "" where it is not known, and the entry's name is taken.
        options: of the network.
        variant: end of the entry's name.
    """
    skeleton, folder, data = group
    name = f"{network}_{skeleton}_{decode}{variant}"
    family, _, depth = network.removesuffix("_dcn").rpartition("_")
    if family == "hrnet":
        official = f"{folder}/hrnet/256x192_{depth}_lr1e-3"
    else:
        digits = depth.lstrip("abcdefghijklmnopqrstuvwxyz")
        official = f"{folder}/resnet/256x192_res{digits}_lr1e-3_{schedule}"
    return Weights(
        name=name,
        task="pose",
        network=network,
        options=options or {},
        skeleton=skeleton,
        input_size=CROP,
        decode=decode,
        file=f"{file}_256x192.pth" if file else f"{name}.pth",
        official=official,
        reported=f"AP {precision} on {data}, flip test" if precision else "",
        licence="AlphaPose: non-commercial",
        terms=REFERENCE_TERMS,
        location=f"{REFERENCE}/docs/MODEL_ZOO.md",
    )


def _unpublished(  # noqa: PLR0913, PLR0917  a row of the table above
    group: tuple[str, str],
    network: str,
    decode: str,
    precision: float,
    method: str,
    size: tuple[int, int] = CROP,
    options: Mapping[str, int] | None = None,
    variant: str = "",
) -> Weights:
    """Return weights that the paper has and nobody gives away: a network to be trained.

    Args:
        group: skeleton, data of ``precision`` and table of the paper.
        network: name in pose.POSE_NETWORKS.
        decode: name in pose.heatmap.DECODERS.
        precision: AP [%] in the paper.
        method: the row's name in the paper.
        size: height and width of the crop [px].
        options: of the network.
        variant: end of the entry's name, but for the size.
    """
    skeleton, data = group
    name = f"{network}_{skeleton}_{decode}{variant}{_shown(size)}"
    return Weights(
        name=name,
        task="pose",
        network=network,
        options=options or {},
        skeleton=skeleton,
        input_size=size,
        decode=decode,
        file=f"{name}.safetensors",
        reported=f"AP {precision} on {data}, {method}" if precision else "",
        licence="your own",
        note="not published: train your own",
    )


def _yolox(size: str, side: int, precision: float, sha256: str) -> Weights:
    """Return a YOLOX as its authors released it, for the 80 classes of COCO.

    Args:
        size: last word of its name.
        side: of the picture that it takes [px].
        precision: AP [%].
        sha256: of the file.
    """
    file = f"yolox_{size}.pth"
    return Weights(
        name=f"yolox_{size}",
        task="detection",
        network=f"yolox_{size}",
        input_size=(side, side),
        classes=80,
        preprocess="yolox",
        file=file,
        reported=f"AP {precision} on COCO val2017",
        licence="Apache-2.0",
        url=f"{YOLOX_RELEASE}/{file}",
        sha256=sha256,
    )


def _rtm(
    group: tuple[str, str], figure: float, archive: str, model: str = "", sha256: str = ""
) -> Weights:
    """Return an RTMPose or RTMW: a graph in an archive.

    Args:
        group: skeleton, and how ``figure`` is shown.
        figure: [%]; 0 where none is stated.
        archive: its name without the ending; the size of the crop is in it.
        model: begin of the entry's name, where it is not that of the archive's.
        sha256: of the archive, where known.
    """
    skeleton, shown = group
    size = (384, 288) if "384x288" in archive else CROP
    model = model or archive.partition("_")[0].replace("-", "_")
    name = f"{model}_{skeleton}{_shown(size)}"
    folder = "rtmw" if model.startswith("rtmw") else "rtmposev1"
    return Weights(
        name=name,
        task="pose",
        network="",
        skeleton=skeleton,
        input_size=size,
        preprocess="simcc",
        onnx=f"{name}.onnx",
        reported=shown.format(figure) if figure else "",
        licence="Apache-2.0",
        url=f"{OPENMMLAB}/{folder}/onnx_sdk/{archive}.zip",
        sha256=sha256,
    )


def _shown(size: tuple[int, int]) -> str:
    return "" if size == CROP else f"_{size[0]}x{size[1]}"


def _osnet(network: str, settings: str) -> Weights:
    """Return an OSNet that its authors trained on MSMT17.

    Args:
        network: name in reid.REID_NETWORKS.
        settings: of the training, in the file's name.
    """
    return Weights(
        name=f"{network}_msmt17",
        task="reid",
        network=network,
        input_size=(256, 128),
        classes=MSMT17_PEOPLE,
        max_distance=0.35,
        file=f"{network}_msmt17_{settings}.pth",
        licence="MIT; trained on MSMT17, which is for research",
        location="https://kaiyangzhou.github.io/deep-person-reid/MODEL_ZOO",
        note="the distance is a guess: below the 0.56 that is usual between two people",
    )


WEIGHTS = (
    *OURS,
    *(_official(group, *row) for group, rows in _OFFICIAL.items() for row in rows),
    *(_unpublished(group, *row) for group, rows in _PAPER.items() for row in rows),
    *(_yolox(*row) for row in _YOLOX),
    *_YOLOV3,
    *(_osnet(*row) for row in _OSNET),
    *(_rtm(group, *row) for group, rows in _RTM.items() for row in rows),
)
