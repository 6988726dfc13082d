"""Depth beside the colour image: over real topics, with everything that can be wrong with it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from rgbd_rig import BEHIND_M, NOISE, RANGE_M, Rig, depth_of, info_of, is_at, is_nowhere, plane
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import MarkerArray

from alphapose_ros.config import Config, LiftingConfig, with_values
from alphapose_ros.frame import Camera, Frame
from alphapose_ros.nodes.depth import DepthReader, DepthReception, offset_transform, resized
from alphapose_ros.nodes.reception import DepthArrival
from alphapose_ros.nodes.silence import RAW, reason_of_silence
from alphapose_ros.nodes.space import Space

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_people_stand_where_depth_says_and_without_it_two_dimensions_go_on(
    graph, tmp_path, encoding
):
    rig = Rig(graph, tmp_path)
    assert is_nowhere(rig.show(depth_of(plane(), encoding)))
    rig.tells("no CameraInfo has come yet on `camera_info`")
    rig.send_infos()  # late
    assert is_at(rig.show(depth_of(plane(), encoding)), RANGE_M)
    assert rig.answers[-1].header.frame_id == rig.answers[-1].image_frame_id == "front_camera"
    graph.spin_until(lambda: rig.status().level == DiagnosticStatus.OK)
    graph.spin_until(lambda: rig.figure("frames_with_depth") == "2")

    before = rig.figure("frames_without_depth")
    rig.show()  # nothing comes after it: it does not wait for ever
    graph.spin_until(lambda: rig.figure("frames_without_depth") == str(int(before) + 1))
    half = plane(metres=RANGE_M)
    half[::2] = np.nan
    assert is_at(rig.show(depth_of(half, encoding)), RANGE_M)


def test_calibrations_that_were_published_once_before_give_places_and_markers(graph, tmp_path):
    infos = {"camera_info": info_of(), "depth_camera_info": info_of(160, 120, focal=80.0)}
    for topic, info in infos.items():
        graph.node.create_publisher(CameraInfo, topic, LATCHED).publish(info)
    settings = {"lifting.depth_registered": False, "lifting.depth_offset": '"0 0 0.5 0 0 0"'}
    rig = Rig(graph, tmp_path, info_qos=LATCHED, **settings)
    rig.depth_frame_id = "depth_camera"
    markers = graph.listen(MarkerArray, "markers")

    def person():
        return rig.show(depth_of(plane((120, 160), RANGE_M - 0.5)))

    graph.spin_until(lambda: person().position_valid)
    assert is_at(person(), RANGE_M)
    graph.spin_until(lambda: z_of(markers))
    assert np.median(z_of(markers)) == pytest.approx(RANGE_M, abs=max(BEHIND_M))


def z_of(markers):
    """How far away the last markers put the keypoints [m]."""
    last = markers[-1].markers if markers else []
    return [point.z for marker in last for point in marker.points]


WRONG = {
    "no encoding of depth": depth_of(plane(), encoding="32FC1", step=4 * 128),
    "not the same picture": depth_of(plane((96, 96))),
    "hold no values": depth_of(plane(metres=np.nan)),
    "rows of": depth_of(plane(), height=960),
}
WRONG["no encoding of depth"].encoding = "rgb8"


def test_depth_that_cannot_be_used_is_told_of_and_costs_positions_only(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"image_timeout_s": 600.0})
    rig.send_infos()
    for text, bad in WRONG.items():
        assert is_at(rig.show(depth_of(plane())), RANGE_M)
        assert is_nowhere(rig.show(bad))
        rig.tells(text)
    assert is_nowhere(rig.show(depth_of(plane(metres=0.0), "16UC1")))
    rig.tells("hold no values")
    assert is_at(rig.show(depth_of(plane((48, 64)))), RANGE_M)  # of the same picture
    code, said = graph.end(rig.process)
    assert code == 0
    assert "depth ignored: 'rgb8' is no encoding of depth" in said
    assert said.count("rgb8") == 1  # not once for every image


def test_depth_in_another_frame_or_of_another_lens_is_not_believed(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"image_timeout_s": 600.0})
    rig.send_infos()
    rig.depth_frame_id = "depth_camera"
    assert is_nowhere(rig.show(depth_of(plane((48, 64)))))
    rig.tells("depth ignored: depth is in frame 'depth_camera', the image in 'front_camera'")
    rig.depth_frame_id = "front_camera"
    assert is_at(rig.show(depth_of(plane((48, 64)))), RANGE_M)
    rig.depth_info.publish(info_of(64, 48, focal=35.0))
    graph.spin_for(0.2)
    assert is_nowhere(rig.show(depth_of(plane((48, 64)))))
    rig.tells("`depth_camera_info` is of another lens than `camera_info`")
    rig.depth_info.publish(info_of(64, 48, focal=50.0))
    graph.spin_for(0.2)
    assert is_at(rig.show(depth_of(plane((48, 64)))), RANGE_M)


def test_depth_with_a_copy_of_the_images_calibration_is_registered_to_rectified_images_too():
    reader = DepthReader(LiftingConfig(), lambda *_: None)
    rectified = np.array([[80.0, 0, 64], [0, 80, 48], [0, 0, 1]])  # P, where K is 100
    camera = Camera(matrix=rectified, distortion=np.zeros(5), width=128, height=96)
    frame = Frame(image=NOISE, frame_id="front_camera", camera=camera)
    seen, problem = reader(frame, info_of(), DepthArrival(depth_of(plane()), info_of()))
    assert problem == ""
    np.testing.assert_array_equal(seen.depth, plane())
    _, problem = reader(frame, info_of(), DepthArrival(depth_of(plane()), info_of(focal=120.0)))
    assert "focal length 120 px" in problem


def test_a_silent_depth_camera_is_told_of_by_name(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"image_timeout_s": 1.0})
    rig.send_infos()
    assert is_nowhere(rig.show())
    rig.tells("no depth image on /depth for")


def test_depth_at_another_rate_is_told_of(graph, tmp_path):
    rig = Rig(graph, tmp_path, **{"lifting.wait_s": 0.05})
    rig.send_infos()
    for number in range(14):
        stamp = rig.sec + 2
        person = rig.show(depth_of(plane()) if number % 2 else None, stamp)
        assert is_at(person, RANGE_M) if number % 2 else is_nowhere(person)
    rig.tells("images found no depth image within 0.05 s")


class Waiting:
    """A reception of depth that is told what time it is, and whether there is room."""

    def __init__(self, graph, monkeypatch, **settings):
        self.now_s, self.has_room = 100.0, True
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr("alphapose_ros.nodes.depth.time", clock)
        self.reception = DepthReception(
            graph.node, print, Config(**settings), lambda: self.has_room
        )

    def problem_after(self, seconds, paired=0, alone=0, lost=0):
        self.now_s += seconds
        if paired:
            self.reception._last_s = self.now_s
            self.reception._received += paired
        self.reception._images._on_lost(SimpleNamespace(total_count_change=lost))
        self.reception._pairing.paired += paired
        self.reception._pairing.colour_alone += alone
        return self.reception.problem(timeout_s=5.0)


def test_depth_that_waits_for_room_is_not_called_silent(graph, monkeypatch):
    waiting = Waiting(graph, monkeypatch)
    waiting.has_room = False
    assert waiting.problem_after(60.0) == ""
    waiting.has_room = True
    assert waiting.problem_after(4.0) == ""
    assert "no depth image on /depth for 6 s" in waiting.problem_after(2.0)


def test_depth_is_called_silent_although_images_wait_where_they_go_on_without_it(
    graph, monkeypatch
):
    waiting = Waiting(graph, monkeypatch)
    waiting.has_room = False
    assert waiting.problem_after(3.0, alone=1) == ""
    assert "no depth image on /depth for 6 s" in waiting.problem_after(3.0, alone=1)


def test_images_without_depth_are_not_counted_against_a_camera_that_comes_back(graph, monkeypatch):
    waiting = Waiting(graph, monkeypatch)
    assert "15 of 20 images found no depth" in waiting.problem_after(1.0, paired=5, alone=15)
    assert "no depth image on" in waiting.problem_after(6.0, alone=60)
    assert waiting.problem_after(1.0, paired=1) == ""
    assert waiting.problem_after(1.0, paired=20) == ""


def test_depth_that_dds_loses_is_told_of_as_that(graph, monkeypatch):
    waiting = Waiting(graph, monkeypatch)
    told = waiting.problem_after(1.0, paired=12, alone=18, lost=18)
    assert told.startswith("12 of 30 depth images arrived on /depth: DDS loses them on the way")
    assert waiting.reception.counts.lost == 18
    assert "arrived on /depth" in waiting.problem_after(1.0, paired=5, alone=2, lost=2)
    assert waiting.problem_after(1.0, paired=30) == ""
    assert "15 of 20 images found no depth" in waiting.problem_after(1.0, paired=5, alone=15)


def test_depth_that_a_full_queue_loses_is_told_of_as_that(graph, monkeypatch):
    waiting = Waiting(graph, monkeypatch, process_every_frame=True)
    told = waiting.problem_after(1.0, paired=19, lost=1)
    assert told.startswith("1 depth images were lost on /depth, although process_every_frame")
    assert waiting.problem_after(11.0, paired=10) == ""


def test_depth_of_another_camera_is_brought_to_the_image(graph, tmp_path):
    offset = "0 0 0.5 0 0 0"  # half a metre nearer to what it sees
    settings = {"lifting.depth_registered": False, "lifting.depth_offset": f'"{offset}"'}
    rig = Rig(graph, tmp_path, **settings)
    rig.depth_frame_id = "depth_camera"
    rig.send_infos()
    assert is_nowhere(rig.show(depth_of(plane((120, 160), RANGE_M - 0.5))))
    rig.tells("no CameraInfo has come yet on `depth_camera_info`")
    rig.depth_info.publish(info_of(160, 120, focal=80.0))
    graph.spin_for(0.2)
    assert is_at(rig.show(depth_of(plane((120, 160), RANGE_M - 0.5))), RANGE_M)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"lifting.depth_registered": False}, "tf2_ros cannot be imported"),
        ({"lifting.depth_registered": False, "lifting.depth_offset": "1 2"}, "no x y z roll"),
        ({"target_frame": "odom"}, "tf2_ros cannot be imported"),
    ],
)
def test_what_cannot_work_is_refused_at_once(settings, text, monkeypatch):
    monkeypatch.setattr("alphapose_ros.nodes.transforms.tf2_ros", None)
    config = with_values(Config(), {"lifting.name": "depth", **settings})
    with pytest.raises(ValueError, match=text):
        Space(None, config)


def test_who_waits_for_depth_is_told_of_topics_that_can_be_depth(graph):
    asked = QoSProfile(depth=1)
    graph.node.create_publisher(Image, "camera/depths", 1)
    graph.node.create_publisher(CompressedImage, "camera/depth/compressed", 1)
    watcher = rclpy.create_node("watcher", context=graph.context)
    try:
        graph.spin_until(lambda: watcher.count_publishers("/camera/depth/compressed"))
        told = reason_of_silence(watcher, "/depth", RAW, asked, "depth")
        assert "Remap `depth` to the camera's topic: `-r depth:=/camera/depths`" in told
        assert "compressed" not in told
        told = reason_of_silence(watcher, "/camera/depth/compressed", RAW, asked, "depth")
        assert told.endswith("Remap `depth` to a topic of raw images")
    finally:
        watcher.destroy_node()


def test_an_offset_is_a_place_and_turns_about_fixed_axes():
    matrix = offset_transform("1, 2, 3, 0, 0, 1.5707963267948966")
    np.testing.assert_allclose(matrix @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)
    quarter = offset_transform("0 0 0 1.5707963267948966 1.5707963267948966 0")
    # y goes to z by roll, then pitch takes z to x
    np.testing.assert_allclose(quarter[:3, :3] @ [0, 1, 0], [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("text", ["1 2 3", "a b c d e f", "0 0 0 0 0 nan"])
def test_an_offset_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"lifting\.depth_offset: .* six numbers"):
        offset_transform(text)


def test_depth_of_another_size_keeps_each_pixels_place():
    small = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(resized(small, 6, 4), small.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(resized(small.repeat(3, 0).repeat(3, 1), 3, 2), small)


def test_a_transform_is_looked_up_from_depth_to_image_at_the_images_stamp():
    asked = []

    def find(*what):
        asked.append(what)
        matrix = np.eye(4)
        matrix[2, 3] = 0.5
        return matrix

    reader = DepthReader(LiftingConfig(depth_registered=False), find)
    image = depth_of(plane(metres=2.0))
    image.header.frame_id = "depth_camera"
    matrix = np.array(info_of().k).reshape(3, 3)
    camera = Camera(matrix=matrix, distortion=np.zeros(5), width=128, height=96)
    frame = Frame(image=NOISE, stamp_ns=5, frame_id="front_camera", camera=camera)
    seen, problem = reader(frame, info_of(), DepthArrival(image, info_of()))
    assert problem == ""
    assert asked == [("front_camera", "depth_camera", 5)]
    np.testing.assert_allclose(seen.depth[40:56, 56:72], 2.5)


def test_a_camera_of_another_picture_is_no_camera():
    reader = DepthReader(LiftingConfig(), lambda *_: None)
    camera = Camera(matrix=np.eye(3), distortion=np.zeros(5), width=96, height=96)
    frame = Frame(image=NOISE, camera=camera)
    seen, problem = reader(frame, SimpleNamespace(), None)
    assert seen.camera is None
    assert "the picture has 128 x 96 pixels, its CameraInfo is for 96 x 96" in problem
