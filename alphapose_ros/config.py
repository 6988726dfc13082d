"""Every setting of the package: default, meaning, limits; one declaration for all its doors.

A setting has a dotted name (``tracker.max_age_s``), by which YAML files in ROS parameter form,
the command line (``--set tracker.max_age_s=3``) and ROS parameters reach it. All are checked here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

CROP_SIDES = range(32, 2049, 32)  # [px]


@dataclass(frozen=True)
class Rules:
    """What holds for one setting, besides its type."""

    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False  # may change between two frames; others only while the node is inactive


def setting(
    default: bool | int | float | str,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """Declare one setting of a section."""
    rules = Rules(meaning, low, high, choices, live)
    return field(default=default, metadata={"rules": rules})


@dataclass(frozen=True)
class Section:
    """Base of the sections: checks every value when it is made.

    Raises:
        ValueError: a value has the wrong type, is out of range, or is none of the choices.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            rules = item.metadata.get("rules")
            if rules is not None:
                value = _checked(item.name, getattr(self, item.name), item.default, rules)
                object.__setattr__(self, item.name, value)


def _checked(name: str, value: Any, default: Any, rules: Rules) -> Any:
    wanted = type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"{name}: {value!r} is no {wanted.__name__}")
    if rules.choices and value not in rules.choices:
        raise ValueError(f"{name}: {value!r} is none of {shown_choices(rules)}")
    if rules.low is not None and not rules.low <= value <= rules.high:
        raise ValueError(f"{name}: {value!r} is not in {rules.low} .. {rules.high}")
    return value


def _check_frame(name: str, frame: str) -> None:
    if frame.startswith("/"):
        raise ValueError(f"{name}: {frame!r} begins with a slash, as no frame of TF does")


@dataclass(frozen=True)
class DetectorConfig(Section):
    """How people are found in the image."""

    name: str = setting("yolox", "Detector", choices=("yolox", "yolov3", "hog", "file"))
    model: str = setting(
        "yolox_nano_person",
        "For 'yolox' and 'yolov3': weights by name, see `alphapose models`; auto: the network that "
        "`weights` are for",
    )
    weights: str = setting(
        "", "For 'yolox' and 'yolov3': weights or graph (.onnx) in place of the model's own"
    )
    input_size: int = setting(
        0,
        "Side of the square that networks in PyTorch see [px], a multiple of 32; 0: the weights' "
        "own",
        low=0,
        high=4096,
    )
    score: str = setting(
        "product",
        "What networks say of a box: that there is an object times that it is a person, or the "
        "first alone (boxes are chosen by the product either way)",
        choices=("product", "objectness"),
    )
    boxes_file: str = setting(
        "", "For detector 'file': COCO results or AlphaPose detections (JSON) with boxes per frame"
    )
    score_threshold: float = setting(
        0.1, "Smallest score of a box (paper: 0.1)", low=0.0, high=1.0, live=True
    )
    nms: str = setting(
        "hard",
        "How overlapping boxes are thinned out",
        choices=("hard", "linear", "gaussian"),
        live=True,
    )
    nms_iou: float = setting(
        0.6, "Largest IoU of two boxes that both stay (paper: 0.6)", low=0.0, high=1.0, live=True
    )
    max_people: int = setting(100, "Most boxes kept per frame", low=1, high=1000, live=True)
    hog_smallest_person: float = setting(
        0.14,
        "Detector 'hog': height of the smallest people in parts of the image's",
        low=0.02,
        high=1.0,
    )


@dataclass(frozen=True)
class PoseConfig(Section):
    """How keypoints are found in a box."""

    model: str = setting(
        "fastpose_small_halpe_136",
        "Pose weights by name, see `alphapose models`; 'auto': what the file in weights is for",
    )
    weights: str = setting(
        "", "Weights or graph (.onnx) for the model's network, in place of its own"
    )
    input_size: str = setting(
        "",
        "Height and width of the crops, such as 256x192, by PyTorch; empty: as the model's own, "
        "256x192 where 'auto' does not know it",
    )
    decode: str = setting(
        "",
        "How keypoints are found in heatmaps, by PyTorch; empty: as the model's own",
        choices=(
            "",
            "heatmap",
            "integral",
            "combined",
            "dark",
            "combined_dark",
            "one_step",
            "combined_one_step",
        ),
    )
    flip: bool = setting(
        False, "Flip test: look at mirrored crops too, by PyTorch, at twice the cost"
    )
    batch_size: int = setting(32, "Most crops in one run of the network", low=1, high=512)
    hand_model: str = setting(
        "",
        "Weights by name, or 'auto', that find each hand anew in a crop of its own; empty: none",
    )
    hand_weights: str = setting("", "Weights or graph (.onnx) for the hands, in place of its own")
    face_model: str = setting(
        "",
        "Weights by name, or 'auto', that find each face anew in a crop of its own; empty: none",
    )
    face_weights: str = setting("", "Weights or graph (.onnx) for the faces, in place of its own")

    def __post_init__(self) -> None:
        super().__post_init__()
        sides = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", self.input_size)
        numbers = [int(side) for side in sides.groups()] if sides else [0]
        if self.input_size and not all(side in CROP_SIDES for side in numbers):
            raise ValueError(
                f"input_size: {self.input_size!r} is no HEIGHTxWIDTH of multiples of 32 such as "
                f"256x192, up to {CROP_SIDES[-1]}"
            )


@dataclass(frozen=True)
class SuppressionConfig(Section):
    """Pose NMS: one pose per person (paper 3.4)."""

    name: str = setting(
        "parametric",
        "Pose NMS",
        choices=("parametric", "reference", "oks", "soft_oks", "none"),
    )
    min_score: float = setting(
        0.4,
        "Smallest score of a pose that is a person: mean of the better half of its body; no effect "
        "with suppression 'none' and 'reference'",
        low=0.0,
        high=1.0,
        live=True,
    )
    score_scale: float = setting(
        0.3, "sigma_1 of Eq. 17: scores far above it count fully", low=1e-3, high=10.0, live=True
    )
    distance_scale: float = setting(
        0.04,
        "sigma_2 of Eq. 18, in squared parts of the box's longer side",
        low=1e-6,
        high=1.0,
        live=True,
    )
    distance_weight: float = setting(
        3.0, "lambda of Eq. 19: weight of distances beside scores", low=0.0, high=10.0, live=True
    )
    threshold: float = setting(
        1.57, "eta of Eq. 16: poses more alike than this are one", low=0.0, high=11.0, live=True
    )
    body_weight: float = setting(
        1.0, "Weight of the body's keypoints together", low=0.0, high=10.0, live=True
    )
    feet_weight: float = setting(0.2, "Weight of the feet's", low=0.0, high=10.0, live=True)
    face_weight: float = setting(0.2, "Weight of the face's", low=0.0, high=10.0, live=True)
    hands_weight: float = setting(0.1, "Weight of both hands'", low=0.0, high=10.0, live=True)
    constants: str = setting(
        "regression",
        "For 'reference': those that it takes for models trained by heatmaps or by regression",
        choices=("heatmap", "regression"),
        live=True,
    )
    merge: bool = setting(
        True, "Whether the pose that stays takes in those that go, by score", live=True
    )
    oks_threshold: float = setting(
        0.9, "For 'oks' and 'soft_oks': poses of a larger OKS are one", low=0.0, high=1.0, live=True
    )


@dataclass(frozen=True)
class ReidConfig(Section):
    """What people look like, to know them again (paper 4.1)."""

    name: str = setting(
        "small",
        "Re-identification: the network that comes with the package, another model, or none",
        choices=("small", "model", "none"),
    )
    model: str = setting(
        "auto",
        "For 'model': weights by name, see `alphapose models list`; auto: as reid.weights",
    )
    weights: str = setting("", "Weights or graph (.onnx) in place of the model's own")
    pose_guided: bool = setting(
        True, "Whether poses guide the network's attention, if it has any (paper 4.1)"
    )
    max_distance: float = setting(
        0.0,
        "Largest cosine distance of embeddings of one person; 0: as the weights say",
        low=0.0,
        high=2.0,
    )
    batch_size: int = setting(32, "Most people in one run of the network", low=1, high=512)


@dataclass(frozen=True)
class TrackerConfig(Section):
    """How people are followed from frame to frame (paper 4.2)."""

    name: str = setting(
        "msim",
        "Tracker: multi-stage identity matching (paper 4.2), none, boxes only as SORT (iou) or as "
        "ByteTrack (byte), or tracks from a file",
        choices=("msim", "none", "iou", "byte", "file"),
    )
    tracks_file: str = setting(
        "", "For 'file': tracks in the MOTChallenge's form, whose frames are given one by one"
    )
    association: str = setting(
        "optimal",
        "How pairs are chosen: at least total cost, or as the paper says: every person takes the "
        "cheapest track",
        choices=("optimal", "paper"),
        live=True,
    )
    max_cost: float = setting(
        0.8,
        "Largest cost of a match: 1 - IoU and pose distance, fused (Eq. 22)",
        low=0.0,
        high=1.0,
        live=True,
    )
    relaxed_max_cost: float = setting(
        0.95, "The same in the last, relaxed stage", low=0.0, high=1.0, live=True
    )
    pose_weight: float = setting(
        0.5,
        "Part of the pose distance in the fused cost: lambda_np / (1 + lambda_np) of Eq. 22",
        low=0.0,
        high=1.0,
        live=True,
    )
    max_growth: float = setting(
        2.0,
        "Largest ratio of the heights of a box and of the one expected",
        low=1.0,
        high=100.0,
        live=True,
    )
    min_score: float = setting(
        0.4, "Smallest score of a box that begins a track", low=0.0, high=1.0, live=True
    )
    low_score: float = setting(
        0.15,
        "Boxes of smaller scores only go on with tracks that no other box did, by overlap; "
        "0: all boxes are alike",
        low=0.0,
        high=1.0,
        live=True,
    )
    low_max_cost: float = setting(
        0.5, "Largest 1 - IoU of a match with such a box", low=0.0, high=1.0, live=True
    )
    byte_score: float = setting(
        0.4, "For 'byte': score from which boxes come first", low=0.0, high=1.0, live=True
    )
    confirm_hits: int = setting(
        3, "Frames in which a person must be seen to be confirmed", low=1, high=100, live=True
    )
    tentative_age_s: float = setting(
        0.7, "Seconds until an unconfirmed track ends unseen", low=0.0, high=60.0, live=True
    )
    max_age_s: float = setting(
        4.0, "Seconds until a lost track ends", low=0.0, high=3600.0, live=True
    )
    camera_motion: bool = setting(
        False,
        "Whether the camera's own motion is found and taken out, for cameras that turn or move",
        live=True,
    )
    embedding_max_distance: float = setting(
        0.0,
        "Largest cosine distance of embeddings of one person (mu_emb, Eq. 21); 0: as the weights "
        "of the re-ID network say",
        low=0.0,
        high=2.0,
        live=True,
    )
    embed_all: bool = setting(
        False,
        "Whether everybody is embedded in every frame, and embeddings come first, as in the "
        "paper; otherwise where box and pose leave a doubt",
        live=True,
    )
    ambiguity_margin: float = setting(
        0.15,
        "A match whose fused cost is less than this below that of any other is in doubt",
        low=0.0,
        high=1.0,
        live=True,
    )
    motion_gate: float = setting(
        18.47,
        "Largest squared Mahalanobis distance of a box from where a track should be, for "
        "embeddings to be compared; 18.47 holds 99.9 % of the right ones",
        low=0.0,
        high=1e6,
        live=True,
    )
    embed_interval_s: float = setting(
        1.0, "Seconds after which a track's embedding is renewed", low=0.0, high=3600.0, live=True
    )
    embed_per_frame: int = setting(
        2, "Most tracks whose embeddings are renewed in one frame", low=0, high=1000, live=True
    )
    embed_min_score: float = setting(
        0.3, "Smallest score of a box whose embedding is kept", low=0.0, high=1.0, live=True
    )
    embed_max_covered: float = setting(
        0.3,
        "Largest part of a box that another box covers, for its embedding to be kept",
        low=0.0,
        high=1.0,
        live=True,
    )
    gallery_people: int = setting(
        100, "Most people who are known again by embeddings; 0: nobody is", low=0, high=100000
    )
    gallery_embeddings: int = setting(
        16, "Most embeddings that are kept of one person", low=1, high=1000
    )
    gallery_file: str = setting("", "People known from the beginning, in a file of a gallery")
    gallery_save: bool = setting(
        False,
        "Whether gallery_file is written when the node is deactivated or a run ends; it need not "
        "be there before",
    )
    gallery_max_distance: float = setting(
        0.0,
        "Largest cosine distance to a known person; 0: as for embedding_max_distance",
        low=0.0,
        high=2.0,
        live=True,
    )
    gallery_margin: float = setting(
        0.1,
        "How much nearer somebody must be than the next person, to be known again",
        low=0.0,
        high=2.0,
        live=True,
    )
    gallery_confirmations: int = setting(
        3, "Embeddings in a row that must agree on who it is", low=1, high=100, live=True
    )
    gallery_interval_s: float = setting(
        0.3,
        "Seconds between embeddings of somebody not known yet, and of others that are learnt",
        low=0.0,
        high=3600.0,
        live=True,
    )


def _encloses(corners: Sequence[tuple[float, float]]) -> bool:
    """Whether anything lies in a polygon, of which what is enclosed twice is outside."""
    sides = Counter(map(frozenset, pairwise((*corners, corners[0]))))
    single = [side for side, times in sides.items() if times % 2 and len(side) == 2]
    if not single:
        return False
    lone = frozenset().union(*single)
    x0, y0 = min(lone)
    x1, y1 = max(lone)  # on one line the farthest from it
    return any(abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) > 1e-9 for x, y in lone)


@dataclass(frozen=True)
class FilterConfig(Section):
    """Whom a robot does not care for."""

    region: str = setting(
        "",
        "Where people count: corners of a polygon as x,y x,y ... in parts of the image's width and "
        "height; the middle of a box must lie inside. Empty: everywhere",
        live=True,
    )
    mask: str = setting(
        "",
        "Picture of what to ignore (own arm, mirrors): people whose boxes lie in its white parts "
        "for the most do not count; it is brought to the size of the images. Empty: none",
    )
    max_people: int = setting(
        0,
        "Most people who count: those of confident boxes (score 0.4) first, then of the largest; "
        "at most two boxes more get a pose, for pose NMS may remove some. 0: all",
        low=0,
        high=1000,
        live=True,
    )
    min_keypoints: int = setting(
        0, "Fewest keypoints that must be seen of somebody who counts", low=0, high=1000, live=True
    )
    keypoint_score: float = setting(
        0.3, "Smallest score of a keypoint that is seen", low=0.0, high=1.0, live=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.region.strip() and not _encloses(self.corners):
            raise ValueError(
                f"region: {self.region!r} has no area: its sides lie on one line, or on each other"
            )

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Corners x, y of the region, in [0, 1]; none where it is everywhere."""
        pairs = [corner.split(",") for corner in self.region.split()]
        try:
            corners = tuple((float(x), float(y)) for x, y in pairs)
            is_good = all(0 <= value <= 1 for corner in corners for value in corner)
        except ValueError:  # no numbers, or not two
            is_good = False
        if pairs and not (is_good and len(pairs) >= 3):
            raise ValueError(
                f"region: {self.region!r} is not three or more corners x,y x,y x,y of numbers "
                "from 0 to 1, parts of the image's width and height"
            )
        return corners


@dataclass(frozen=True)
class LiftingConfig(Section):
    """Where people stand, in metres."""

    name: str = setting(
        "none",
        "What positions come from: depth images, the ground plane (camera height and pitch), auto "
        "(depth, and where it says nothing, the ground), or none",
        choices=("none", "depth", "ground", "auto"),
    )
    min_range_m: float = setting(0.3, "Nearest depth that counts", low=0.0, high=100.0, live=True)
    max_range_m: float = setting(
        10.0,
        "Farthest depth that counts, and farthest place that the ground may give",
        low=0.1,
        high=1000.0,
        live=True,
    )
    keypoint_score: float = setting(
        0.3, "Smallest score of a keypoint that is lifted", low=0.0, high=1.0, live=True
    )
    patch: float = setting(
        0.015,
        "Half the side of the patch of depth around a keypoint, in parts of the box's height",
        low=0.0,
        high=0.2,
        live=True,
    )
    depth_noise: float = setting(
        0.004,
        "Largest standard deviation of depth that is assumed, in parts of it at 1 m (it grows with "
        "the square of the range); smaller where the depth on the trunk says so",
        low=0.0,
        high=1.0,
        live=True,
    )
    slop_s: float = setting(
        0.05, "Largest difference of the stamps of image and depth", low=0.0, high=10.0
    )
    wait_s: float = setting(
        0.1, "Longest that an image waits for its depth; then it goes without", low=0.0, high=10.0
    )
    depth_registered: bool = setting(
        True,
        "Whether depth has the pixels of the image; otherwise it is brought there by "
        "depth_camera_info and TF, or depth_offset",
    )
    depth_offset: str = setting(
        "",
        "Place of the depth camera seen from the image's, as x y z roll pitch yaw [m, rad], in "
        "optical frames; empty: by TF",
    )
    camera_height_m: float = setting(
        0.0, "Height of the camera above the ground; 0: by TF", low=0.0, high=100.0, live=True
    )
    camera_pitch_deg: float = setting(
        0.0, "How far the camera looks down", low=-90.0, high=90.0, live=True
    )
    smoothing_hz: float = setting(
        1.5,
        "Cutoff of the one-euro filter of positions at rest; 0: none",
        low=0.0,
        high=100.0,
        live=True,
    )
    smoothing_speed: float = setting(
        0.5, "How much the cutoff grows with speed [Hz per m/s]", low=0.0, high=100.0, live=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_range_m >= self.max_range_m:
            raise ValueError(
                f"min_range_m: {self.min_range_m:g} is not below max_range_m, {self.max_range_m:g}"
            )


@dataclass(frozen=True)
class TargetConfig(Section):
    """The one person whom a robot follows."""

    select: str = setting(
        "service",
        "How the target is chosen: by ~/set_target only, or also by a hand that is held up",
        choices=("service", "raised_hand"),
        live=True,
    )
    raised_hand_s: float = setting(
        3.0, "Seconds that a hand must be held up", low=0.1, high=60.0, live=True
    )
    predict_s: float = setting(
        0.3,
        "Seconds that a lost target's pose is predicted; then silence",
        low=0.0,
        high=5.0,
        live=True,
    )
    confirmations: int = setting(
        5,
        "Frames in a row in which somebody must be the target's person, to be the target again",
        low=1,
        high=1000,
        live=True,
    )
    max_speed_mps: float = setting(
        4.0,
        "Whoever would have had to be faster to get there is not the target",
        low=0.1,
        high=100.0,
        live=True,
    )
    max_range_m: float = setting(
        8.0, "Farthest person who can become the target", low=0.1, high=1000.0, live=True
    )
    file: str = setting(
        "", "Where ~/enroll writes what the target looks like, and where a restarted node finds it"
    )
    tf_frame: str = setting(
        "",
        "Frame that TF shows where the target is, for as long as target/pose tells it; empty: none",
        live=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_frame("tf_frame", self.tf_frame)


@dataclass(frozen=True)
class GestureConfig(Section):
    """What people say with their hands, for gesture_node and target.select: raised_hand."""

    keypoint_score: float = setting(
        0.3, "Smallest score of a keypoint that counts", low=0.0, high=1.0, live=True
    )
    hold_s: float = setting(
        0.5,
        "Seconds that a hand must be held up or out to mean something",
        low=0.05,
        high=60.0,
        live=True,
    )
    gap_s: float = setting(
        0.25, "Longest gap that does not end a gesture [s]", low=0.0, high=5.0, live=True
    )
    raise_height: float = setting(
        0.4,
        "How far above the shoulders a raised hand is at least, in lengths of the trunk",
        low=-1.0,
        high=2.0,
        live=True,
    )
    wave_height: float = setting(
        0.0, "The same of a hand that waves", low=-1.0, high=2.0, live=True
    )
    wave_swing: float = setting(
        0.2,
        "Smallest way of the wrist from side to side, beside the elbow, in lengths of the trunk",
        low=0.01,
        high=2.0,
        live=True,
    )
    wave_turns: int = setting(
        3, "Turns of the wrist from which it is a wave", low=1, high=100, live=True
    )
    wave_window_s: float = setting(
        2.0, "Seconds within which these turns must lie", low=0.1, high=60.0, live=True
    )
    stop_reach: float = setting(
        0.6,
        "Farthest from the shoulder that a hand held towards the camera is seen, in lengths of the "
        "trunk",
        low=0.0,
        high=2.0,
        live=True,
    )
    stop_forward_m: float = setting(
        0.3,
        "How far before the trunk such a hand is at least, where depth tells",
        low=0.0,
        high=2.0,
        live=True,
    )
    straight_deg: float = setting(
        40.0, "Largest bend of a stretched arm's elbow", low=0.0, high=180.0, live=True
    )
    pointing_lift_deg: float = setting(
        40.0, "Smallest angle of a pointing arm with the trunk", low=0.0, high=180.0, live=True
    )
    pointing_from: str = setting(
        "eyes",
        "Where the line of a pointing arm begins that goes through the wrist",
        choices=("eyes", "shoulder", "elbow"),
        live=True,
    )


@dataclass(frozen=True)
class DiagnosticsConfig(Section):
    """When the diagnostics warn."""

    max_latency_s: float = setting(
        1.0,
        "Largest age of images when they come, and largest time from then to publishing, both in "
        "the median since the last report; 0: any",
        low=0.0,
        high=3600.0,
        live=True,
    )
    min_rate_hz: float = setting(
        0.0, "Smallest rate of processed images; 0: any", low=0.0, high=1000.0, live=True
    )


@dataclass(frozen=True)
class OutputConfig(Section):
    """What is shown and told besides poses and tracks."""

    keypoint_score: float = setting(
        0.3, "Smallest score of a keypoint that is drawn", low=0.0, high=1.0, live=True
    )
    marker_lifetime_s: float = setting(
        0.5,
        "Seconds until RViz forgets a marker by itself, at least; 0 = never",
        low=0.0,
        high=60.0,
        live=True,
    )
    embeddings: bool = setting(
        False,
        "Whether `tracks` tells what people look like (re-ID embeddings), where it is known",
        live=True,
    )
    privacy: bool = setting(
        False,
        "Whether overlays cover faces, and neither embeddings nor what is logged tells who "
        "somebody is",
        live=True,
    )


@dataclass(frozen=True)
class Config(Section):
    """All settings of the package."""

    device: str = setting("auto", "Where networks run: auto, cpu, cuda or cuda:N")
    runtime: str = setting(
        "auto",
        "What runs networks; auto: on a processor ONNX Runtime if it is there, else PyTorch",
        choices=("auto", "onnx", "torch"),
    )
    threads: int = setting(
        0, "Processor threads of the networks; 0 = all but one up to 4 cores", low=0, high=256
    )
    autostart: bool = setting(True, "Whether the node configures and activates itself")
    image_reliability: str = setting(
        "auto",
        "Delivery of images: reliable loses nothing and waits longer; auto: as the camera offers",
        choices=("auto", "best_effort", "reliable"),
    )
    image_transport: str = setting(
        "raw",
        "How images come: raw on `image`, or compressed (JPEG, PNG) on `image/compressed`",
        choices=("raw", "compressed"),
    )
    image_rectified: bool = setting(
        False,
        "Whether images are rectified, as image_proc's image_rect: the camera is then P of "
        "camera_info, without distortion",
    )
    image_timeout_s: float = setting(
        5.0, "Seconds without an image until the node warns", low=0.1, high=3600.0, live=True
    )
    target_frame: str = setting(
        "", "Frame in which positions are told (odom, map, base_link), by TF; empty: the camera's"
    )
    tf_timeout_s: float = setting(
        0.1, "Longest that a frame waits for TF", low=0.0, high=10.0, live=True
    )
    process_every_frame: bool = setting(
        False,
        "Whether no image is left out, as for bags: delivery is reliable, images wait for each "
        "other, and results come late where the networks are slower than the images",
    )
    queue_size: int = setting(
        100,
        "With process_every_frame: most images that wait, both in the middleware and in the node",
        low=1,
        high=10000,
    )
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    pose: PoseConfig = field(default_factory=PoseConfig)
    suppression: SuppressionConfig = field(default_factory=SuppressionConfig)
    filter: FilterConfig = field(default_factory=FilterConfig)
    reid: ReidConfig = field(default_factory=ReidConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    gestures: GestureConfig = field(default_factory=GestureConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)


def leaves(section: Section, prefix: str = "") -> dict[str, tuple[Any, Rules]]:
    """Return {dotted name: (value, rules)} of every setting in ``section``, in order."""
    found = {}
    for item in fields(section):
        value = getattr(section, item.name)
        if isinstance(value, Section):
            found.update(leaves(value, f"{prefix}{item.name}."))
        else:
            found[prefix + item.name] = (value, item.metadata["rules"])
    return found


def with_values(config: Section, values: Mapping[str, Any]) -> Any:
    """Return ``config`` with some settings changed.

    Args:
        config: a section or the whole Config.
        values: {dotted name: value}.

    Raises:
        KeyError: there is no setting of that name; the nearest names are given.
        ValueError: a value breaks the rules of its setting.
    """
    known = leaves(config)
    for name in values:
        if name not in known:
            raise KeyError(f"unknown setting {name!r}; {_nearest(name, known)}")
    changes: dict[str, Any] = {}
    for item in fields(config):
        inner = {
            name.split(".", 1)[1]: value
            for name, value in values.items()
            if name.startswith(item.name + ".")
        }
        if inner:
            changes[item.name] = _section_with_values(config, item.name, inner)
        elif item.name in values:
            changes[item.name] = values[item.name]
    return replace(config, **changes)


def _section_with_values(config: Section, name: str, values: Mapping[str, Any]) -> Any:
    try:
        return with_values(getattr(config, name), values)
    except ValueError as error:
        raise ValueError(f"{name}.{error}") from None


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else "see config/pose.yaml for all names"


def load_config(path: str | Path | None = None) -> Config:
    """Read settings from a YAML file in ROS parameter form; what it leaves out keeps its default.

    Args:
        path: the file, or None for the defaults.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no ROS parameter file, or holds a wrong value or an unknown setting.
    """
    if path is None:
        return Config()
    text = Path(path).read_text(encoding="utf-8")
    try:
        tree = yaml.safe_load(text) or {}
        parameters: dict[str, Any] = {}
        for node in tree.values():
            parameters |= _flat(node["ros__parameters"])
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not a ROS parameter file (node name, ros__parameters, settings): {error}"
        ) from None
    parameters.pop("use_sim_time", None)  # every node's own, not ours
    try:
        return with_values(Config(), parameters)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: {error.args[0]}") from None


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[prefix + str(name)] = value
    return found


def parse_setting(text: str) -> tuple[str, Any]:
    """Split ``name=value`` of the command line; the value is read as YAML.

    Raises:
        ValueError: there is no ``=``, or the value is no YAML.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r}: expected name=value, e.g. tracker.max_age_s=3")
    try:
        return name.strip(), yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        problem = str(error).partition("\n")[0]
        raise ValueError(f"{text!r}: the value cannot be read ({problem})") from None


def to_yaml(config: Config) -> str:
    """Return ``config`` as a ROS parameter file with the meaning of every setting."""
    lines = [
        "# Settings of the pose node; made by `alphapose config`.",
        "/**:",
        "  ros__parameters:",
    ]
    section = ""
    for name, (value, rules) in leaves(config).items():
        parent, _, leaf = name.rpartition(".")
        if parent != section:
            section = parent
            lines.append(f"    {parent}:")
        indent = "      " if parent else "    "
        lines.append(f"{indent}# {rules.meaning}{_limits(rules)}")
        lines.append(
            f"{indent}{leaf}: {yaml.safe_dump(value).removesuffix('...' + chr(10)).strip()}"
        )
    return "\n".join(lines) + "\n"


def shown_choices(rules: Rules) -> str:
    """Return the choices of a setting for a reader, the empty one as ""."""
    return ", ".join(choice or '""' for choice in rules.choices)


def _limits(rules: Rules) -> str:
    if rules.choices:
        return f" ({shown_choices(rules)})"
    if rules.low is not None:
        return f" ({rules.low:g} .. {rules.high:g})"
    return ""
