"""The messages are those of foxglove_msgs, by its definitions, of the first version and of today.

Where the package is installed its own classes are used as well.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header
from tracked import tracked

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.colours import colour_of
from alphapose_ros.nodes.annotations import (
    AVAILABLE,
    LINE_LIST,
    LINE_LOOP,
    POINTS,
    annotations,
    foxglove,
)
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
FIRST = {  # of foxglove_msgs 2.0 and later, comments left out
    "Point2": "float64 x\nfloat64 y",
    "Color": "float64 r\nfloat64 g\nfloat64 b\nfloat64 a",
    "CircleAnnotation": (
        "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nfloat64 diameter\n"
        "float64 thickness\nfoxglove_msgs/Color fill_color\nfoxglove_msgs/Color outline_color"
    ),
    "PointsAnnotation": (
        "builtin_interfaces/Time timestamp\nuint8 UNKNOWN=0\nuint8 POINTS=1\nuint8 LINE_LOOP=2\n"
        "uint8 LINE_STRIP=3\nuint8 LINE_LIST=4\nuint8 type\nfoxglove_msgs/Point2[] points\n"
        "foxglove_msgs/Color outline_color\nfoxglove_msgs/Color[] outline_colors\n"
        "foxglove_msgs/Color fill_color\nfloat64 thickness"
    ),
    "TextAnnotation": (
        "builtin_interfaces/Time timestamp\nfoxglove_msgs/Point2 position\nstring text\n"
        "float64 font_size\nfoxglove_msgs/Color text_color\nfoxglove_msgs/Color background_color"
    ),
    "ImageAnnotations": (
        "foxglove_msgs/CircleAnnotation[] circles\nfoxglove_msgs/PointsAnnotation[] points\n"
        "foxglove_msgs/TextAnnotation[] texts"
    ),
}
PAIRS = "\nfoxglove_msgs/KeyValuePair[] metadata"
TODAY = {
    **{name: text + "\nstring uuid" for name, text in FIRST.items()},
    "KeyValuePair": "string key\nstring value",
    "PointsAnnotation": FIRST["PointsAnnotation"] + PAIRS,
    "TextAnnotation": FIRST["TextAnnotation"] + PAIRS,
}


class Package:
    """Stands in for foxglove_msgs: classes by its definitions, made with defaults as rclpy's."""

    def __init__(self, definitions):
        self.store = get_typestore(Stores.ROS2_JAZZY)
        for name, text in definitions.items():
            self.store.register(get_types_from_msg(text, f"foxglove_msgs/msg/{name}"))
        names = {name: self._maker(f"foxglove_msgs/msg/{name}") for name in definitions}
        self.classes = SimpleNamespace(**names)

    def _maker(self, name):
        def make(**values):
            fields = {field: kind for field, kind in self.store.fielddefs[name][1]}
            assert set(values) <= set(fields), f"{name} has no {set(values) - set(fields)}"
            default = {field: self._default(kind) for field, kind in fields.items()}
            return self.store.types[name](**(default | values))

        return make

    def _default(self, kind):
        number, detail = kind
        if number.name == "BASE":
            return "" if detail[0] == "string" else 0
        return self._maker(detail)() if number.name == "NAME" else []

    def through(self, message):
        """Write and read a message, as a subscriber gets it."""
        name = "foxglove_msgs/msg/ImageAnnotations"
        return self.store.deserialize_cdr(self.store.serialize_cdr(message, name), name)


class Installed:
    """The package itself."""

    classes = foxglove

    def through(self, message):
        return deserialize_message(serialize_message(message), type(message))


@pytest.fixture(params=["first", "today", "installed"])
def package(request):
    if request.param == "installed" and not AVAILABLE:
        pytest.skip("foxglove_msgs is not installed")
    made = {"first": lambda: Package(FIRST), "today": lambda: Package(TODAY)}
    return made.get(request.param, Installed)()


HEADER = Header(stamp=Time(sec=12, nanosec=34), frame_id="camera")


def people(*states):
    n = len(states)
    ones = np.ones(n)
    keypoints = np.zeros((n, 17, 3))
    keypoints[..., 0], keypoints[..., 1] = 10 * np.arange(17), 200
    keypoints[..., 2] = 0.9
    keypoints[:, BODY.index("left_wrist"), 2] = 0.1
    keypoints[[state == TrackState.LOST for state in states]] = (np.nan, np.nan, 0)
    boxes = np.tile((5, 100, 165, 300), (n, 1))
    poses = Poses(skeleton=BODY, keypoints=keypoints, boxes=boxes, box_scores=ones, scores=ones)
    return tracked(poses, states=states)


def made(package, tracks, **config):
    message = annotations(tracks, HEADER, OutputConfig(**config), classes=package.classes)
    return package.through(message)


def xy(annotation):
    return [(point.x, point.y) for point in annotation.points]


def test_each_person_has_a_box_lines_dots_and_a_label(package):
    message = made(package, people(TrackState.TRACKED))
    box, lines, dots = message.points
    assert [p.type for p in message.points] == [LINE_LOOP, LINE_LIST, POINTS]
    assert xy(box) == [(5, 100), (165, 100), (165, 300), (5, 300)]
    hidden = BODY.index("left_wrist")
    edges = [edge for edge in BODY.edge_rows.tolist() if hidden not in edge]
    assert xy(lines) == [(10.0 * row, 200.0) for edge in edges for row in edge]
    assert xy(dots) == [(10.0 * row, 200.0) for row in range(17) if row != hidden]
    (text,) = message.texts
    assert (text.text, text.position.x, text.position.y) == ("1 tracked", 5, 100)
    assert text.font_size > 0
    blue, green, red = colour_of(1)
    for colour in (*(p.outline_color for p in message.points), text.background_color):
        np.testing.assert_allclose(
            [colour.r, colour.g, colour.b, colour.a], [red / 255, green / 255, blue / 255, 1]
        )
    for part in (*message.points, text):
        assert (part.timestamp.sec, part.timestamp.nanosec) == (12, 34)
    assert all(p.thickness > 0 for p in message.points)
    assert len(message.circles) == 0


def test_lost_people_are_faded_boxes_and_removed_ones_are_nothing(package):
    message = made(package, people(TrackState.LOST, TrackState.REMOVED))
    (box,), (text,) = message.points, message.texts
    assert box.type == LINE_LOOP
    assert 0 < box.outline_color.a < 0.5
    assert text.text == "1 lost"


def test_nobody_gives_an_empty_message_that_wipes_the_last(package):
    message = made(package, Tracks.empty(BODY))
    assert not len(message.points) and not len(message.texts)


def test_nothing_is_nan(package):
    tracks = people(TrackState.TRACKED)
    keypoints = tracks.poses.keypoints.copy()
    keypoints[0, ::2, :2] = np.nan
    poses = replace(tracks.poses, keypoints=keypoints, boxes=np.full((1, 4), np.nan))
    message = made(package, replace(tracks, poses=poses), keypoint_score=0.0)
    assert not len(message.texts)
    assert np.isfinite([place for part in message.points for place in xy(part)]).all()


def test_colours_may_be_given(package):
    message = annotations(
        people(TrackState.TRACKED), HEADER, OutputConfig(), [(0, 0, 255)], package.classes
    )
    assert message.points[0].outline_color.r == 1.0


def test_without_the_package_the_module_says_so():
    code = (
        "import sys; sys.modules['foxglove_msgs'] = None\n"
        "from alphapose_ros.nodes.annotations import AVAILABLE\nassert not AVAILABLE"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
