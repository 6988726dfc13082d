"""The doctor on what belongs to a camera besides its images: CameraInfo and TF."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from doctor_rig import having, rig_with
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from alphapose_ros.io.findings import OK, WARN
from alphapose_ros.nodes import doctor_camera

INFO = "sensor_msgs/msg/CameraInfo"
K = [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]
VGA = {"width": 640, "height": 480}


def test_the_place_of_the_camera_is_followed_to_the_root():
    parents = {"lens": "head", "head": "base", "base": "odom"}
    assert doctor_camera.chain_of("lens", parents) == ["lens", "head", "base", "odom"]
    assert doctor_camera.chain_of("lens", {"lens": "head", "head": "lens"}) == ["lens", "head"]
    assert doctor_camera.chain_of("other", parents) == ["other"]


def test_transforms_are_read_from_child_to_parent():
    def transform(child, parent):
        return SimpleNamespace(child_frame_id=child, header=SimpleNamespace(frame_id=parent))

    places = doctor_camera.Places()
    places.add(SimpleNamespace(transforms=[transform("lens", "head"), transform("head", "base")]))
    places.add(SimpleNamespace(transforms=[transform("base", "odom")]))
    assert places.parents == {"lens": "head", "head": "base", "base": "odom"}


class OneTransformPublisher:
    """Stands in for a node that sees TF."""

    @staticmethod
    def count_publishers(topic):
        return int(topic == "/tf")


def test_tf_knows_the_camera_or_not(monkeypatch):
    monkeypatch.setattr(doctor_camera, "TFMessage", object)
    places = doctor_camera.Places({"lens": "base"})
    assert doctor_camera.judge_tf(OneTransformPublisher, places, "lens").level == OK
    assert doctor_camera.judge_tf(OneTransformPublisher, places, "base").level == OK
    found = doctor_camera.judge_tf(OneTransformPublisher, places, "eye")
    assert (found.level, "none of 1 transforms names 'eye'") == (WARN, found.text)


@pytest.fixture
def rig(domain):
    with rig_with(domain, "plain") as rig:
        yield rig


@pytest.mark.skipif(doctor_camera.TFMessage is None, reason="tf2_msgs is not installed")
def test_the_place_of_the_camera_is_read_from_real_transforms(rig, graph):
    message_class = doctor_camera.TFMessage
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = graph.node.create_publisher(message_class, "/tf_static", latched)
    place = TransformStamped(child_frame_id="lens")
    place.header.frame_id = "base"
    publisher.publish(message_class(transforms=[place]))
    found = rig.examine("/plain/image", until=having("TF", OK))
    assert found["TF"].values["chain"] == ["lens", "base"]


def test_camera_info_that_was_published_once_before_is_heard(rig):
    with rig.running("latched info=latched"):
        found = rig.examine("/latched/image", until=having("camera info", OK))
    assert found["camera info"].values["fx"] == 60


@pytest.mark.parametrize(
    ("topic", "info"),
    [
        ("/camera/image_raw", "/camera/camera_info"),
        ("/camera/image_raw/compressed", "/camera/camera_info"),
        ("/image", "/camera_info"),
    ],
)
def test_camera_info_is_beside_the_images(topic, info):
    assert doctor_camera.info_topic(topic) == info


@pytest.mark.parametrize(
    ("fields", "picture", "problem"),
    [
        ({"distortion_model": "plumb_bob", "d": [0.1, 0.2, 0.3, 0.4]}, VGA, ""),
        ({"distortion_model": "radtan", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "fisheye", "d": [0.1] * 4}, VGA, ""),
        ({"distortion_model": "kannala_brandt", "d": [0.1] * 4}, VGA, ""),
        ({"distortion_model": "rational_polynomial", "d": [0.1] * 5}, VGA, ""),
        ({"distortion_model": "plumb_bob", "d": [0.1] * 5 + [0.0] * 3}, VGA, ""),
        ({"distortion_model": "double_sphere", "d": [0.1] * 2}, VGA, "'double_sphere', which is"),
        ({"distortion_model": "fov"}, VGA, "'fov', which is none of"),
        ({"k": [600.0, *K[1:4], -1.0, *K[5:]]}, VGA, "which is no camera matrix"),
        ({"k": [0.0, *K[1:]]}, VGA, "which is no camera matrix"),
        ({"k": [0.0] * 9}, VGA, "not calibrated, all of K is 0"),
        ({"binning_x": 2, "binning_y": 2}, {"width": 320, "height": 240}, ""),
        ({"binning_x": 2, "binning_y": 2}, VGA, "images are 640 x 480, expected 320 x 240"),
        ({"roi": RegionOfInterest(width=300, height=200)}, {"width": 300, "height": 200}, ""),
        ({"roi": RegionOfInterest(width=300, height=200)}, VGA, "expected 300 x 200 by its size"),
    ],
)
def test_a_camera_is_judged_as_the_pose_node_reads_it(fields, picture, problem):
    info = CameraInfo(**{**VGA, "k": K, "distortion_model": "plumb_bob", **fields})
    found = doctor_camera.judge_info(None, "", info, picture)
    assert found.level == (WARN if problem else OK), found.text
    assert problem in found.text


@pytest.mark.parametrize(
    ("there", "remedy"),
    [
        ([], "Have the camera driver publish it"),
        (
            ["/rear/camera_info", "/front/depth/camera_info"],
            "Have the driver publish it; or, if of this camera, "
            "camera_info_topic:=/front/depth/camera_info",
        ),
    ],
)
def test_without_camera_info_the_nearest_is_named_with_care(there, remedy):
    """It may be that of another camera."""
    node = SimpleNamespace(
        count_publishers=lambda topic: 0,
        get_topic_names_and_types=lambda: [(topic, [INFO]) for topic in there],
        get_publishers_info_by_topic=lambda topic: [SimpleNamespace(topic_type=INFO)],
    )
    found = doctor_camera.judge_info(node, "/front/camera_info", None, VGA)
    assert (found.level, found.remedy) == (WARN, remedy)
