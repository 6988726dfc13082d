"""Depth of bags: found, paired, registered, or told why not."""

from __future__ import annotations

import cv2
import made_bags as made
import numpy as np
import pytest

from alphapose_ros.io.bag_source import BagTopics

DEPTH = "/camera/depth/image_rect_raw"


def depth_image(number, value=1000, shape=(48, 64), **options):
    pixels = np.full(shape, value, np.uint16)
    return made.raw(pixels, made.at(number, **options), "16UC1")


def with_depth(count=6, later_ns=8_000_000, topic=DEPTH, value=1000, **options):
    sent = made.camera(count)
    for number in range(count):
        message = depth_image(number, value + number, later_ns=later_ns, **options)
        received_ns = made.at(number, later_ns=later_ns)
        sent.append(made.Sent(topic, made.IMAGE, received_ns, message))
    return sent


def middles(items):
    return [
        None if item.frame.depth is None else round(float(item.frame.depth[24, 32]), 3)
        for item in items
    ]


@pytest.mark.parametrize("later_ns", [-40_000_000, -1_000_000, 0, 8_000_000, 40_000_000])
def test_depth_before_and_behind_the_image_is_paired(tmp_path, later_ns):
    source, items = made.frames(made.write(tmp_path / "bag", with_depth(later_ns=later_ns)))
    assert source.topics.depth == DEPTH  # the only topic that is depth by its encoding
    assert middles(items) == [1.0, 1.001, 1.002, 1.003, 1.004, 1.005]
    assert source.problems == []


def test_depth_recorded_long_before_or_behind_its_image_is_still_paired(tmp_path):
    for late_s in (-0.7, 0.7):
        sent = [
            one._replace(received_ns=one.received_ns + round(late_s * 1e9))
            if one.topic == DEPTH
            else one
            for one in with_depth()
        ]
        _, items = made.frames(made.write(tmp_path / f"bag{late_s}", sent))
        assert middles(items) == [1.0, 1.001, 1.002, 1.003, 1.004, 1.005]


def test_depth_beyond_the_slop_is_told_of_and_not_taken(tmp_path):
    path = made.write(tmp_path / "bag", with_depth(later_ns=30_000_000))
    source, items = made.frames(path, slop_s=0.02)
    assert middles(items) == [None] * 6
    (problem,) = source.problems
    assert problem.where == DEPTH and "6 of 6 images have no depth image" in problem.what
    assert middles(made.frames(path, slop_s=0.03)[1])[0] == 1.0


def test_depth_is_left_out_when_asked(tmp_path):
    source, items = made.frames(made.write(tmp_path / "bag", with_depth()), BagTopics(depth="-"))
    assert source.topics.depth == "" and middles(items) == [None] * 6


def test_of_several_depth_topics_the_aligned_one_is_taken_or_none(tmp_path):
    both = with_depth() + with_depth(topic="/camera/aligned_depth_to_color/image_raw", value=2000)
    source, items = made.frames(made.write(tmp_path / "a", both))
    assert "aligned" in source.topics.depth and middles(items)[0] == 2.0
    unclear = with_depth() + with_depth(topic="/other/depth", value=2000)
    path = made.write(tmp_path / "b", unclear)
    assert made.frames(path)[0].topics.depth == ""
    assert middles(made.frames(path, BagTopics(depth="/other/depth"))[1])[0] == 2.0


def test_metres_in_floats_are_depth_too(tmp_path):
    sent = made.camera(2)
    for number in range(2):
        message = made.raw(np.full((48, 64), 1.5, np.float32), made.at(number), "32FC1")
        sent.append(made.Sent("/depth", made.IMAGE, made.at(number), message))
    assert middles(made.frames(made.write(tmp_path / "bag", sent))[1]) == [1.5, 1.5]


def test_compressed_depth_of_image_transport_is_read(tmp_path):
    sent = made.camera(2)
    png = cv2.imencode(".png", np.full((48, 64), 1700, np.uint16))[1].tobytes()
    for number in range(2):
        message = made.TYPES.types[made.COMPRESSED](
            header=made.header(made.at(number)),
            format="16UC1; compressedDepth png",
            data=np.frombuffer(bytes(12) + png, np.uint8),
        )
        sent.append(made.Sent("/depth/compressedDepth", made.COMPRESSED, made.at(number), message))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert middles(items) == [1.7, 1.7] and source.problems == []


def beside(frame_id="depth"):
    """A depth camera of another lens, that sees a near strip in its middle column."""
    sent = made.camera(2)
    for number in range(2):
        pixels = np.full((48, 64), 4000, np.uint16)
        pixels[:, 32] = 1000
        message = made.raw(pixels, made.at(number), "16UC1", frame_id)
        sent.append(made.Sent(DEPTH, made.IMAGE, made.at(number), message))
        message = made.info(made.at(number), fx=100.0, frame_id=frame_id)
        sent.append(made.Sent("/camera/depth/camera_info", made.INFO, made.at(number), message))
    return sent


def test_depth_of_another_camera_is_registered_by_static_transforms(tmp_path):
    # 0.2 m to the right at 1 m, with 50 px: 10 px right of the middle.
    source, items = made.frames(
        made.write(tmp_path / "bag", [*beside(), made.transform("camera", "depth", (0.2, 0, 0))])
    )
    assert source.problems == []
    row = items[0].frame.depth[24]
    assert np.flatnonzero(row == 1.0).tolist() == [42]


def test_depth_in_the_same_place_is_registered_by_the_lenses_alone(tmp_path):
    _, items = made.frames(made.write(tmp_path / "bag", beside(frame_id="camera")))
    assert np.flatnonzero(items[0].frame.depth[24] == 1.0).tolist() == [32]
    assert np.isnan(items[0].frame.depth[24, :15]).all()  # seen by the wider lens alone


def test_depth_of_an_unknown_place_is_left_out_and_told_once(tmp_path):
    source, items = made.frames(made.write(tmp_path / "bag", beside()))
    assert middles(items) == [None, None]
    (problem,) = source.problems
    assert "/tf_static does not tell where 'depth' is" in problem.what


def test_depth_of_the_same_lens_has_the_pixels_of_the_image_wherever_it_says_it_is(tmp_path):
    sent = made.camera(2)
    for number in range(2):
        pixels = np.full((24, 32), 1000 + number, np.uint16)
        message = made.raw(pixels, made.at(number), "16UC1", frame_id="elsewhere")
        sent.append(made.Sent(DEPTH, made.IMAGE, made.at(number), message))
        message = made.info(made.at(number), size=(32, 24), fx=25.0, frame_id="elsewhere")
        beside = "/camera/depth/camera_info"
        sent.append(made.Sent(beside, made.INFO, made.at(number), message))
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert source.topics.depth_camera_info == "/camera/depth/camera_info"
    assert middles(items) == [1.0, 1.001] and source.problems == []


def test_depth_of_an_unknown_lens_in_another_frame_is_left_out_and_told_once(tmp_path):
    sent = [one for one in beside() if one.topic != "/camera/depth/camera_info"]
    source, items = made.frames(made.write(tmp_path / "bag", sent))
    assert middles(items) == [None, None]
    (problem,) = source.problems
    assert "depth is in frame 'depth', the image in 'camera'" in problem.what


def test_depth_of_another_ratio_of_sides_is_registered_or_told(tmp_path):
    sent = made.camera(1)
    message = depth_image(0, shape=(48, 96))
    sent.append(made.Sent(DEPTH, made.IMAGE, made.at(0), message))
    source, items = made.frames(made.write(tmp_path / "a", sent))
    assert middles(items) == [None] and "not the same picture" in source.problems[0].what
    message = made.info(made.at(0), size=(96, 48))
    sent.append(made.Sent("/camera/depth/camera_info", made.INFO, made.at(0), message))
    source, items = made.frames(made.write(tmp_path / "b", sent))
    assert middles(items) == [1.0] and source.problems == []


def rectified(topic="/camera/image_rect", parts=1):
    """Pictures and their depth, both rectified, beside the CameraInfo of the raw ones.

    Depth has one pixel for so many of the image, each way.
    """
    width, height = 64 // parts, 48 // parts
    sent = [*made.camera(2, topic, with_info=False), *with_depth(2, shape=(height, width))]
    sent = [one for one in sent if one.topic in (topic, DEPTH)]
    for folder, size, scale in (("", (64, 48), 1), ("/depth", (width, height), 1 / parts)):
        said = made.info(made.START_NS, fx=50.0 * scale, size=size)
        said.d[0] = -0.3
        said.p[:] = scale * np.array([40, 0, 30, 0, 0, 41, 20, 0, 0, 0, 1 / scale, 0])
        sent.append(made.Sent(f"/camera{folder}/camera_info", made.INFO, made.START_NS, said))
    return sent


@pytest.mark.parametrize("parts", [1, 2])
def test_a_bag_of_rectified_images_is_read_by_p_and_depth_stays_theirs(tmp_path, parts):
    topics = BagTopics(image="/camera/image_rect")
    path = made.write(tmp_path / "bag", rectified(parts=parts))
    source, items = made.frames(path, topics, is_rectified=True)
    camera = items[0].frame.camera
    assert camera.matrix.tolist() == [[40, 0, 30], [0, 41, 20], [0, 0, 1]]
    assert not camera.distortion.any() and source.problems == []
    np.testing.assert_allclose(items[0].frame.depth, np.full((48, 64), 1.0))  # not bent


def test_images_of_a_bag_that_seem_rectified_are_told_of_once(tmp_path):
    topics = BagTopics(image="/camera/image_rect")
    source, items = made.frames(made.write(tmp_path / "bag", rectified()), topics)
    assert items[0].frame.camera.distortion[0] == -0.3
    (problem,) = source.problems
    assert "set image_rectified" in problem.what and "/camera/image_rect" in problem.where
