from __future__ import annotations

import os
import subprocess
import sys
from array import array

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Vector3
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from alphapose_ros.lifting.camera_info import read_camera
from alphapose_ros.lifting.camera_reader import CameraReader
from alphapose_ros.messages import rows_of
from alphapose_ros.nodes.conversions import (
    fields_of,
    flat,
    to_frame,
    to_image,
    to_ns,
)

HEADER = Header(stamp=Time(sec=12, nanosec=345), frame_id="camera")
BGR = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
K = [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0]


def info(model="plumb_bob", d=(), **fields):
    said = {"header": HEADER, "width": 640, "height": 480, "k": K, **fields}
    return CameraInfo(distortion_model=model, d=list(map(float, d)), **said)


def test_an_image_message_becomes_a_frame_and_back():
    message = to_image(BGR, HEADER)
    assert (message.header, message.encoding, message.step) == (HEADER, "bgr8", 18)
    frame = to_frame(message, 7, info())
    np.testing.assert_array_equal(frame.image, BGR)
    assert np.shares_memory(frame.image, np.frombuffer(message.data, np.uint8))
    assert (frame.stamp_ns, frame.frame_id, frame.index) == (12_000_000_345, "camera", 7)
    np.testing.assert_array_equal(frame.camera.matrix, np.reshape(K, (3, 3)))


def test_the_layout_of_an_image_message_is_taken_from_it():
    padded = np.pad(BGR[:, :, ::-1].reshape(4, 18), ((0, 0), (0, 2)))
    message = Image(header=HEADER, height=4, width=6, encoding="rgb8", step=20, data=flat(padded))
    np.testing.assert_array_equal(to_frame(message, 0).image, BGR)
    deep = (BGR.astype(np.uint16) * 256 + 99).astype(">u2").view(np.uint8)
    message = Image(
        header=HEADER,
        height=4,
        width=6,
        encoding="bgr16",
        step=36,
        data=flat(deep),
        is_bigendian=1,
    )
    np.testing.assert_array_equal(to_frame(message, 0).image, BGR)


def test_a_file_in_a_message_becomes_a_frame_or_is_refused():
    data = array("B", cv2.imencode(".png", BGR)[1].tobytes())
    message = CompressedImage(header=HEADER, format="bgr8; png compressed bgr8", data=data)
    np.testing.assert_array_equal(to_frame(message, 0).image, BGR)
    cut = CompressedImage(header=HEADER, format="png", data=data[:-20])
    with pytest.raises(ValueError, match="format 'png', breaks off before its end"):
        to_frame(cut, 0)


def test_a_frame_without_camera_info_has_no_camera():
    assert to_frame(to_image(BGR, HEADER), 0).camera is None


def test_a_camera_that_was_never_calibrated_is_none():
    assert read_camera(CameraInfo(width=640, height=480)) is None


@pytest.mark.parametrize(
    ("model", "d", "is_model", "is_d"),
    [
        ("plumb_bob", [0.1, -0.2, 0.01, 0.02, 0.3], "plumb_bob", [0.1, -0.2, 0.01, 0.02, 0.3]),
        ("plumb_bob", [0.1, -0.2, 0.01, 0.02], "plumb_bob", [0.1, -0.2, 0.01, 0.02]),
        ("rational_polynomial", range(1, 9), "rational_polynomial", range(1, 9)),
        ("rational_polynomial", range(1, 13), "rational_polynomial", range(1, 13)),
        ("rational_polynomial", range(1, 15), "rational_polynomial", range(1, 15)),
        ("thin_prism", range(1, 13), "rational_polynomial", range(1, 13)),
        ("equidistant", [0.1, 0.2, 0.3, 0.4], "equidistant", [0.1, 0.2, 0.3, 0.4]),
        ("fisheye", [0.1, 0.2, 0.3, 0.4], "equidistant", [0.1, 0.2, 0.3, 0.4]),
        # Surplus zeros say nothing.
        ("equidistant", [0.1, 0.2, 0.3, 0.4, 0.0], "equidistant", [0.1, 0.2, 0.3, 0.4]),
        ("plumb_bob", [0.1, 0.2, 0, 0, 0, 0, 0, 0], "plumb_bob", [0.1, 0.2, 0, 0, 0]),
        # Simulated cameras often leave it out.
        ("", [], "plumb_bob", [0, 0, 0, 0]),
        ("plumb_bob", [], "plumb_bob", [0, 0, 0, 0]),
        ("equidistant", [], "equidistant", [0, 0, 0, 0]),
    ],
)
def test_every_distortion_model_is_read(model, d, is_model, is_d):
    camera = read_camera(info(model, d))
    assert camera.distortion_model == is_model
    np.testing.assert_array_equal(camera.distortion, list(is_d))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (info("plumb_bob", range(1, 9)), "D = .1.0, 2.0, .* plumb_bob has 4 or 5 coefficients"),
        (info("plumb_bob", [1, 2, 3]), "D = .1.0, 2.0, 3.0., .* calibrate the camera again"),
        (info("equidistant", [1, 2, 3, 4, 5]), "but equidistant has 4 coefficients"),
        (info("rational_polynomial", range(1, 16)), "has 4 or 5 or 8 or 12 or 14 coefficients"),
        (info("plumb_bob", [1, 2, np.nan, 0]), "nan, .*calibrate the camera again"),
        (info("mirror_ball", [1]), "model 'mirror_ball', which is none of plumb_bob, rational_pol"),
        (info(k=[0.0, *K[1:]]), r"K = \[0.0, 0.0, 320.0.* no camera matrix; calibrate"),
        (info(k=[*K[:4], np.nan, *K[5:]]), "no camera matrix"),
    ],
)
def test_what_cannot_be_a_camera_is_refused_with_the_remedy(said, message):
    with pytest.raises(ValueError, match=message):
        read_camera(said)


def test_a_part_of_the_sensor_has_its_own_camera():
    roi = RegionOfInterest(x_offset=100, y_offset=50, width=320, height=200)
    camera = read_camera(info(roi=roi))
    assert (camera.width, camera.height) == (320, 200)
    np.testing.assert_array_equal(camera.matrix, [[600, 0, 220], [0, 610, 190], [0, 0, 1]])


def test_pixels_put_together_make_a_smaller_camera():
    roi = RegionOfInterest(x_offset=100, y_offset=48, width=320, height=200)
    camera = read_camera(info(roi=roi, binning_x=2, binning_y=4))
    assert (camera.width, camera.height) == (160, 50)
    np.testing.assert_array_equal(camera.matrix, [[300, 0, 110], [0, 152.5, 48], [0, 0, 1]])
    whole = read_camera(info(binning_x=2, binning_y=2))
    assert (whole.width, whole.height) == (320, 240)


def test_reading_a_camera_leaves_the_message_as_it_is():
    said = info(d=[1, 2, 3, 4], binning_x=2, roi=RegionOfInterest(x_offset=9))
    read_camera(said)
    assert list(said.k) == K
    assert list(said.d) == [1, 2, 3, 4]


def test_a_bad_camera_costs_no_image():
    reports = []
    read = CameraReader(reports.append)
    frame = to_frame(to_image(BGR, HEADER), 0, info("plumb_bob", [1, 2, 3]), read)
    assert frame.camera is None and len(reports) == 1
    frame = to_frame(to_image(BGR, HEADER), 1, info(), read)
    np.testing.assert_array_equal(frame.camera.matrix, np.reshape(K, (3, 3)))


def test_a_camera_is_read_anew_only_when_a_message_says_something_else():
    read = CameraReader(pytest.fail)
    camera = read(info())
    assert read(info(header=Header(stamp=Time(sec=13), frame_id="camera"))) is camera
    assert read(info(roi=RegionOfInterest(x_offset=1))) is not camera


def test_stamps_are_nanoseconds():
    assert to_ns(HEADER.stamp) == 12_000_000_345


def test_messages_made_field_by_field_are_those_of_the_constructor():
    columns = {"x": [1.0, 4.0], "y": [2.0, 5.0], "z": [3.0, 6.0]}
    made = fields_of(Vector3, **columns)
    assert made == rows_of(Vector3, **columns) == [Vector3(x=1, y=2, z=3), Vector3(x=4, y=5, z=6)]
    assert serialize_message(made[1]) == serialize_message(Vector3(x=4.0, y=5.0, z=6.0))
    assert fields_of(Vector3, x=[], y=[], z=[]) == []


def test_messages_made_field_by_field_are_checked_where_that_is_asked_for():
    code = (
        "from geometry_msgs.msg import Vector3\n"
        "from alphapose_ros.nodes.conversions import fields_of\n"
        "fields_of(Vector3, x=['one'], y=[2.0], z=[3.0])"
    )
    env = {**os.environ, "ROS_PYTHON_CHECK_FIELDS": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    assert "The 'x' field must be of type 'float'" in done.stderr


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"Vector3: .* one length, got {'x': 1, 'y': 2, 'z': 1}"):
        fields_of(Vector3, x=[1.0], y=[2.0, 3.0], z=iter([4.0]))


@pytest.mark.parametrize("columns", [{"x": [1.0], "y": [2.0]}, {name: [1.0] for name in "xyzw"}])
def test_fields_that_are_missing_or_unknown_are_named(columns):
    with pytest.raises(TypeError, match=r"Vector3: \['[zw]'\] missing or unknown"):
        fields_of(Vector3, **columns)
