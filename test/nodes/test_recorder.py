"""The recorder in a process of its own, fed over real topics by a stand-in for the pose node."""

from __future__ import annotations

import json
import signal

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from alphapose_ros.io.bag import BagReader, OfferedQos
from alphapose_ros.msg import PersonPose, PoseArray, SkeletonDefinition, TrackedPerson
from alphapose_ros.msg import TrackedPersonArray as Tracks
from alphapose_ros.nodes.conversions import flat, to_image, to_ns
from alphapose_ros.nodes.recorder import Pairing
from alphapose_ros.nodes.topics import TOPICS

SIZE = (320, 240)
CLASSES = {
    "poses": PoseArray,
    "tracks": Tracks,
    "skeleton": SkeletonDefinition,
    "markers": MarkerArray,
    "/diagnostics": DiagnosticArray,
}


def header(number, rate_hz=10):
    nanoseconds = 10**18 + number * 10**9 // rate_hz
    stamp = Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    return Header(stamp=stamp, frame_id="camera")


def image(number):
    return to_image(np.full((*SIZE[::-1], 3), 40, np.uint8), header(number))


def compressed(number):
    picture = np.full((*SIZE[::-1], 3), 40, np.uint8)
    data = cv2.imencode(".png", picture)[1].tobytes()
    return CompressedImage(header=header(number), format="png", data=data)


def tracks(number, people=1):
    """One person, whose box moves to the right by 3 pixels a frame."""
    keypoints = np.full((17, 3), (150, 120, 0.9), np.float32)
    pose = PersonPose(
        bbox=np.float32([20 + 3 * number, 60, 50, 120]), keypoints=flat(keypoints), score=0.9
    )
    person = TrackedPerson(track_id=7, state=TrackedPerson.STATE_TRACKED, pose=pose)
    return Tracks(header=header(number), skeleton_id="coco_17", people=[person] * people)


class Stand:
    """A camera and a pose node that publish what the test says."""

    def __init__(self, graph, topic="image", make=image):
        self.graph, self.make = graph, make
        kind = type(make(0))
        self.camera = graph.node.create_publisher(kind, topic, QoSProfile(depth=30))
        self.outputs = {
            name: graph.node.create_publisher(kind, name, TOPICS[name].qos)
            for name, kind in CLASSES.items()
        }
        self.outputs["skeleton"].publish(SkeletonDefinition(id="coco_17"))  # before anyone listens

    def wait(self):
        publishers = [self.camera, *self.outputs.values()]
        self.graph.spin_until(lambda: all(p.get_subscription_count() for p in publishers))
        self.graph.spin_for(0.3)

    def frame(self, number, is_processed=True):
        self.camera.publish(self.make(number))
        self.graph.spin_for(0.02)
        if is_processed:
            self.outputs["poses"].publish(PoseArray(header=header(number)))
            self.outputs["tracks"].publish(tracks(number))
            self.outputs["markers"].publish(MarkerArray())
        self.graph.spin_for(0.02)

    def last_word(self, number):
        self.outputs["tracks"].publish(tracks(number, people=0))
        self.outputs["/diagnostics"].publish(DiagnosticArray())


@pytest.fixture
def stand(graph):
    return Stand(graph)


def start(graph, stand, out, **parameters):
    given = {
        "out": out,
        "report": out / "recorder.json",
        "rate_hz": 10.0,
        "image_reliability": "reliable",
        **parameters,
    }
    process = graph.start("recorder", **given)
    stand.wait()
    return process


def film(out):
    capture = cv2.VideoCapture(str(out / "overlay.mp4"))
    images = []
    while (read := capture.read())[0]:
        images.append(read[1])
    return images


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_bag_film_and_sheet_hold_what_was_published(graph, stand, tmp_path, sign):
    process = start(graph, stand, tmp_path, expected_frames=20)
    for number in range(20):
        stand.frame(number, is_processed=number % 2 == 0)
    stand.last_word(18)
    code, said = graph.end(process, sign)
    assert code == 0, said

    with BagReader(tmp_path / "bag") as bag:
        assert bag.topics == {
            topic.name if topic.name[0] == "/" else f"/{topic.name}": topic.type
            for topic in TOPICS.values()
            if topic.name in CLASSES
        }
        assert bag.counts == {
            "/poses": 10,
            "/tracks": 11,
            "/markers": 10,
            "/skeleton": 1,
            "/diagnostics": 1,
        }
        assert bag.qos["/skeleton"] == OfferedQos(depth=1, latched=True)
        heard = [bag.decode(message) for message in bag.messages(["/tracks"])]
    assert [to_ns(m.header.stamp) for m in heard[:10]] == [
        to_ns(header(number).stamp) for number in range(0, 20, 2)
    ]
    assert [len(m.people) for m in heard] == [1] * 10 + [0]

    images = film(tmp_path)
    assert len(images) == 19  # 1.8 s at 10 Hz and the last frame: those not processed are held
    assert np.abs(images[0].astype(int) - 40).max() > 60  # something was drawn
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None
    report = json.loads((tmp_path / "recorder.json").read_text())
    counted = {key: report[key] for key in ("images", "tracks", "drawn", "not_drawn")}
    assert counted == {"images": 20, "tracks": 10, "drawn": 10, "not_drawn": 0}
    assert "20/20" in said  # the progress bar


def test_the_film_covers_faces_where_it_is_asked_to(graph, stand, tmp_path):
    process = start(graph, stand, tmp_path, privacy=True)
    for number in range(5):
        stand.frame(number)
    stand.last_word(4)
    code, said = graph.end(process)
    assert code == 0, said
    # Where no face is found (all keypoints lie in one place), the upper part of the box is covered.
    face = film(tmp_path)[0][70:84, 30:60].astype(int)
    assert np.abs(face - 40).min() > 10  # no pixel of the picture is left


@pytest.mark.parametrize(
    "remapping",
    [("image:=/camera/image_raw",), ("image/compressed:=/camera/image_raw/compressed",)],
)
def test_compressed_images_are_drawn(graph, tmp_path, remapping):
    stand = Stand(graph, "/camera/image_raw/compressed", compressed)
    process = graph.start(
        *("recorder", "--ros-args", "-r", *remapping, "-p", "image_transport:=compressed"),
        **{"out": tmp_path, "rate_hz": 10.0, "image_reliability": "reliable"},
    )
    stand.wait()
    for number in range(5):
        stand.frame(number)
    stand.last_word(4)
    code, said = graph.end(process)
    assert code == 0, said
    images = film(tmp_path)
    assert len(images) == 5
    assert np.abs(images[0].astype(int) - 40).max() > 60  # something was drawn
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None
    assert "no film" not in said


def test_tracks_without_any_image_are_told_with_the_remedy(graph, tmp_path):
    stand = Stand(graph, "/camera/image_raw/compressed", compressed)
    process = graph.start(
        *("recorder", "--ros-args", "-r", "image:=/camera/image_raw"), out=tmp_path
    )
    graph.spin_until(stand.outputs["tracks"].get_subscription_count)
    graph.spin_for(0.5)
    for number in range(3):
        stand.frame(number)
    code, said = graph.end(process)
    assert code == 0, said
    assert "no film and no contact sheet: no image on /camera/image_raw: " in said
    assert "`-r image:=/camera/image_raw -p image_transport:=compressed`" in said


def test_images_that_the_pose_node_does_not_take_are_told(graph, tmp_path):
    stand = Stand(graph)
    process = graph.start("recorder", out=tmp_path, image_reliability="reliable")
    stand.wait()
    for number in range(3):
        stand.frame(number, is_processed=False)
        stand.outputs["tracks"].publish(tracks(1000 + number))
    graph.spin_for(0.5)
    code, said = graph.end(process)
    assert code == 0, said
    assert (
        "no film and no contact sheet: no image on /image has the stamp of any tracks (the last: "
        "1000000000.200 s and 1000000100.200 s)"
    ) in said


def test_that_nothing_can_be_drawn_is_told_early_and_kept_until_the_camera_has_ended(
    graph, tmp_path
):
    stand = Stand(graph, "/camera/image_raw/compressed", compressed)
    process = graph.start("recorder", out=tmp_path, report=tmp_path / "recorder.json")
    graph.spin_until(stand.outputs["tracks"].get_subscription_count)
    graph.spin_for(0.5)
    stand.frame(0)
    graph.spin_for(4.0)
    graph.node.destroy_publisher(stand.camera)
    graph.spin_for(0.5)
    code, said = graph.end(process)
    assert code == 0, said
    assert said.count("no image on /image: ") == 2
    assert said.count("`-r image:=/camera/image_raw -p image_transport:=compressed`") == 2


def test_a_camera_that_promises_less_than_is_asked_for_is_told_with_the_remedy(graph, tmp_path):
    stand = Stand(graph)
    graph.node.destroy_publisher(stand.camera)
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    stand.camera = graph.node.create_publisher(Image, "image", qos)
    process = graph.start("recorder", out=tmp_path, image_reliability="reliable")
    graph.spin_until(stand.outputs["tracks"].get_subscription_count)
    graph.spin_for(0.5)
    stand.frame(0)
    _, said = graph.end(process)
    assert "no film" in said
    assert "Start with `-p image_reliability:=best_effort`" in said


def test_an_unknown_transport_is_refused_with_those_there_are(graph, tmp_path):
    process = graph.start("recorder", out=tmp_path, image_transport="theora")
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "image_transport: 'theora' is none of raw, compressed" in said


def test_the_type_hashes_in_the_bag_are_those_of_the_topics(graph, stand, tmp_path):
    process = start(graph, stand, tmp_path)
    stand.frame(0)
    stand.last_word(0)
    assert graph.end(process)[0] == 0
    with BagReader(tmp_path / "bag") as bag:
        hashes = bag.type_hashes
    for topic, found in hashes.items():
        (info,) = graph.node.get_publishers_info_by_topic(topic)
        if not hasattr(info, "topic_type_hash"):
            pytest.skip("ROS 2 Humble knows no type hashes")
        assert found == str(info.topic_type_hash)


def test_tracks_that_come_before_their_image_are_drawn_on_it(graph, stand, tmp_path):
    process = start(graph, stand, tmp_path)
    for number in range(3):
        stand.outputs["tracks"].publish(tracks(number))
        graph.spin_for(0.1)
        stand.camera.publish(image(number))
        graph.spin_for(0.1)
    code, said = graph.end(process)
    assert code == 0, said
    assert json.loads((tmp_path / "recorder.json").read_text())["drawn"] == 3


def test_a_bad_image_and_an_unknown_skeleton_are_survived(graph, stand, tmp_path):
    process = start(graph, stand, tmp_path)
    broken, strange = image(0), tracks(1)
    broken.encoding, strange.skeleton_id = "32FC7", "octopus_8"
    for picture, people in [(broken, tracks(0)), (image(1), strange), (image(2), tracks(2))]:
        stand.camera.publish(picture)
        graph.spin_for(0.1)
        stand.outputs["tracks"].publish(people)
        graph.spin_for(0.1)
    code, said = graph.end(process)
    assert code == 0, said
    report = json.loads((tmp_path / "recorder.json").read_text())
    assert (report["drawn"], report["not_drawn"]) == (1, 2)
    assert "32FC7" in said
    with BagReader(tmp_path / "bag") as bag:
        assert bag.counts["/tracks"] == 3


def test_the_camera_is_subscribed_only_once_the_results_can_be_heard(graph, tmp_path):
    graph.start("recorder", out=tmp_path)
    graph.spin_until(lambda: graph.node.count_subscribers("tracks"))
    graph.spin_for(0.5)
    assert graph.node.count_subscribers("image") == 0
    graph.node.create_publisher(Tracks, "tracks", TOPICS["tracks"].qos)
    graph.spin_until(lambda: graph.node.count_subscribers("image") == 1)


def test_nothing_heard_leaves_a_readable_bag(graph, tmp_path):
    process = graph.start("recorder", out=tmp_path, report=tmp_path / "recorder.json")
    graph.spin_until((tmp_path / "recorder.json").exists)
    code, said = graph.end(process)
    assert code == 0, said
    with BagReader(tmp_path / "bag") as bag:
        assert list(bag.messages()) == []
    assert not (tmp_path / "overlay.mp4").exists()


def test_mistyped_parameters_are_told_with_the_nearest_names(graph, tmp_path):
    report = tmp_path / "recorder.json"
    process = graph.start("recorder", out=tmp_path, report=report, privcy=True, use_sim_time=False)
    graph.spin_until(report.exists)
    code, said = graph.end(process)
    assert code == 0, said
    assert "parameter ignored: unknown parameter 'privcy'; did you mean privacy?" in said
    assert said.count("parameter ignored") == 1


def test_an_old_bag_is_kept_and_the_reason_given(graph, tmp_path):
    (tmp_path / "bag").mkdir()
    process = graph.start("recorder", out=tmp_path)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert (
        "bag exists; delete it, give another path or set overwrite:=true" in said
        and "Traceback" not in said
    )


def test_images_that_wait_take_bounded_memory():
    size = len(image(0).data)
    pairing = Pairing(most_bytes=3 * size)
    for number in range(10):
        assert pairing.add_image(image(number)) is None
    assert pairing.add_tracks(tracks(6)) is None  # forgotten: only 7, 8 and 9 are there
    for number in (8, 9):
        found, people = pairing.add_tracks(tracks(number))
        assert found.header == people.header == header(number)
    assert pairing.add_tracks(tracks(7)) is None  # older than what was processed
    assert pairing.add_tracks(tracks(9)) is None  # a pair comes once
