"""The node in a process of its own, over real topics."""

from __future__ import annotations

import signal
from array import array
from collections import defaultdict

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log, Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros.msg import PoseArray, SkeletonDefinition, TrackedPersonArray

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NOISE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)


def make_image(sec, **changes):
    """A small bgr8 image with the stamp ``sec``."""
    fields = {"height": 96, "width": 128, "encoding": "bgr8", "step": 384, **changes}
    image = Image(data=array("B", NOISE.tobytes()), **fields)
    image.header.stamp.sec, image.header.frame_id = sec, "front_camera"
    return image


class Camera:
    """Publishes images to a pose node and hears what it says."""

    def __init__(self, graph, **parameters):
        self.graph = graph
        settings = {  # noise in which nobody is to be seen, and stamps seconds apart
            "suppression.min_score": 0.0,
            "tracker.tentative_age_s": 60.0,
            "tracker.max_age_s": 600.0,
        }
        self.process = graph.start("pose_node", **settings, **parameters)
        self.publisher = graph.node.create_publisher(Image, "image", CAMERA)
        self.tracks = graph.listen(TrackedPersonArray, "tracks")
        self.poses = graph.listen(PoseArray, "poses")
        self.sec = 0

    def wait_until_active(self):
        self.graph.spin_until(self.publisher.get_subscription_count)

    def publish(self, **changes):
        self.sec += 1
        self.publisher.publish(make_image(self.sec, **changes))
        return self.sec

    def answered(self):
        """Publish until an answer comes; True when it is that of the newest image."""
        self.publish()
        self.graph.spin_for(0.1)
        return bool(self.tracks) and self.tracks[-1].header.stamp.sec == self.sec


@pytest.fixture
def boxes_file(tmp_path):
    """The same box in each of the first frames, so that somebody is there."""
    path = tmp_path / "boxes.json"
    entry = '{"image_id": %d, "bbox": [30, 10, 40, 80], "score": 0.9}'
    path.write_text(f"[{', '.join(entry % index for index in range(2000))}]")
    return path


@pytest.fixture
def camera(graph, boxes_file):
    one = Camera(graph, **{"detector.name": "file", "detector.boxes_file": boxes_file})
    one.wait_until_active()
    return one


def call(graph, kind, name, request):
    client = graph.node.create_client(kind, name)
    graph.spin_until(client.service_is_ready)
    future = client.call_async(request)
    graph.spin_until(future.done)
    graph.node.destroy_client(client)
    return future.result()


def change_state(graph, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return call(graph, ChangeState, "pose_node/change_state", request).success


def test_every_output_carries_the_header_of_its_image(graph, camera):
    skeletons = graph.listen(SkeletonDefinition, "skeleton", LATCHED)
    overlays = graph.listen(Image, "overlay")
    graph.spin_until(lambda: graph.node.count_subscribers("overlay") and camera.answered())
    graph.spin_until(lambda: camera.answered() and overlays and len(camera.tracks) > 3)

    sent = make_image(camera.tracks[-1].header.stamp.sec).header
    assert camera.tracks[-1].header == sent
    assert camera.tracks[-1].image_frame_id == "front_camera"
    assert sent in [poses.header for poses in camera.poses]
    assert overlays[-1].header.frame_id == "front_camera"
    assert (overlays[-1].width, overlays[-1].height) == (128, 96)

    (skeleton,) = skeletons  # although it was published before we were there
    (person,) = camera.tracks[-1].people
    assert person.track_id == 1
    assert person.pose.bbox.tolist() == [30, 10, 40, 80]
    assert len(person.pose.keypoints) == 3 * len(skeleton.keypoint_names)
    assert camera.tracks[-1].skeleton_id == skeleton.id == "halpe_136"
    ids = [person.detection_id for poses in camera.poses for person in poses.people]
    assert ids == list(range(1, len(ids) + 1))


BAD_IMAGES = [
    {"encoding": "32FC7"},
    {"height": 0},
    {"width": 0},
    {"step": 10},
    {"height": 960},
    {"encoding": "mono16", "step": 200, "is_bigendian": 1},
]


def test_bad_images_are_survived_explained_and_counted(graph, camera):
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.spin_until(camera.answered)
    broken = []
    for bad in BAD_IMAGES:
        broken.append(camera.publish(**bad))
        graph.spin_for(0.5)  # or the next image would replace it unseen
    graph.spin_until(camera.answered)
    assert not {tracks.header.stamp.sec for tracks in camera.tracks} & set(broken)
    graph.spin_until(lambda: figures(reports)["frames_failed"] == str(len(BAD_IMAGES)))
    code, said = graph.end(camera.process)
    assert code == 0
    assert "image ignored: unknown image encoding '32FC7'; convert it to one of bgr8" in said


def figures(reports):
    """What the node last said of itself."""
    statuses = reports[-1].status if reports else []
    return defaultdict(str, {pair.key: pair.value for one in statuses for pair in one.values})


def test_compressed_images_are_taken_from_the_topic_beside(graph, boxes_file):
    settings = {"detector.name": "file", "detector.boxes_file": boxes_file}
    graph.start("pose_node", **settings, image_transport="compressed")
    camera = graph.node.create_publisher(CompressedImage, "image/compressed", CAMERA)
    answers = graph.listen(TrackedPersonArray, "tracks")
    graph.spin_until(camera.get_subscription_count)

    def answered():
        image = CompressedImage(format="bgr8; jpeg compressed bgr8")
        image.header.frame_id = "front_camera"
        image.data = array("B", cv2.imencode(".jpg", NOISE)[1].tobytes())
        camera.publish(CompressedImage(format="jpeg", data=array("B", b"broken")))
        graph.spin_for(0.2)
        camera.publish(image)
        graph.spin_for(0.2)
        return bool(answers)

    graph.spin_until(answered)
    assert {answer.header.frame_id for answer in answers} == {"front_camera"}
    assert (answers[-1].image_width, answers[-1].image_height) == (128, 96)


def test_big_endian_images_are_understood(graph, camera):
    graph.spin_until(camera.answered)
    camera.publish(encoding="mono16", step=256, is_bigendian=1)
    graph.spin_until(lambda: camera.tracks[-1].header.stamp.sec == camera.sec)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_last_word_is_one_empty_message_and_everything_deleted(graph, camera, sign):
    markers = graph.listen(MarkerArray, "markers")
    graph.spin_until(lambda: camera.answered() and len(camera.tracks) > 3)
    last, count = camera.tracks[-1], len(camera.tracks)
    assert last.people
    camera.process.send_signal(sign)
    graph.spin_until(lambda: camera.process.poll() is not None and len(camera.tracks) > count)
    graph.spin_for(0.2)
    assert camera.process.returncode == 0
    (word,) = camera.tracks[count:]
    assert (list(word.people), word.header) == ([], last.header)
    assert markers[-1].markers[0].action == Marker.DELETEALL


def test_markers_follow_people_and_vanish_with_them(graph, tmp_path):
    path = tmp_path / "boxes.json"  # somebody is there for the first hundred images only
    entry = '{"image_id": %d, "bbox": [30, 10, 40, 80], "score": 0.9}'
    path.write_text(f"[{', '.join(entry % index for index in range(100))}]")
    settings = {"detector.name": "file", "output.keypoint_score": 0.0}
    camera = Camera(graph, **settings, **{"detector.boxes_file": path})
    camera.wait_until_active()
    markers = graph.listen(MarkerArray, "markers")
    graph.spin_until(lambda: camera.answered() and of_kind(markers, Marker.ADD))
    for marker in of_kind(markers, Marker.ADD):
        assert marker.header.frame_id == "front_camera"
        assert marker.ns in ("skeleton", "keypoints", "label")
        assert marker.pose.orientation.w == 1
    graph.spin_until(lambda: camera.answered() and of_kind(markers, Marker.DELETE), 60)
    assert {marker.id for marker in of_kind(markers, Marker.DELETE)} == {1}


def test_a_camera_info_that_cannot_be_right_costs_no_image_and_is_told_once(graph, camera):
    infos = graph.node.create_publisher(CameraInfo, "camera_info", CAMERA)
    graph.spin_until(infos.get_subscription_count)
    wrong = CameraInfo(width=128, height=96, k=[100.0, 0.0, 64.0, 0.0, 100.0, 48.0, 0.0, 0.0, 1.0])
    wrong.distortion_model, wrong.d = "plumb_bob", [0.1, 0.2, 0.3]
    logs = graph.listen(Log, "/rosout", 100)

    def answered():
        infos.publish(wrong)
        return camera.answered()

    graph.spin_until(lambda: answered() and any("plumb_bob" in log.msg for log in logs), 40)
    for _ in range(3):
        graph.spin_until(answered)
    code, said = graph.end(camera.process)
    assert code == 0
    assert said.count("plumb_bob") == 1, said
    assert "image ignored" not in said


def of_kind(messages, action):
    return [m for message in messages for m in message.markers if m.action == action]


def test_missing_weights_are_explained_and_the_node_lives_on(graph):
    process = graph.start("pose_node", **{"pose.weights": "/nowhere/weights.pth"})
    state = call(graph, GetState, "pose_node/get_state", GetState.Request())
    assert state.current_state.label == "unconfigured"
    request = SetParameters.Request(parameters=[text("pose.weights", "")])
    (result,) = call(graph, SetParameters, "pose_node/set_parameters", request).results
    assert result.successful
    assert change_state(graph, Transition.TRANSITION_CONFIGURE)
    assert change_state(graph, Transition.TRANSITION_ACTIVATE)
    code, said = graph.end(process)
    assert code == 0
    assert "/nowhere/weights.pth does not exist; `alphapose models`" in said


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("tracker.name", "magic", "tracker.name: 'magic' is none of msim"),
        ("detector.score_threshold", 2.0, "detector.score_threshold"),
        ("threads", "many", "threads"),
    ],
)
def test_a_wrong_value_ends_the_node_with_one_error(graph, name, value, reason):
    process = graph.start("pose_node", **{name: value})
    said, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert reason in said
    assert "Traceback" not in said
    graph.processes.remove(process)


def text(name, value):
    return Parameter(
        name=name, value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    )


def number(name, value):
    return Parameter(
        name=name, value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    )


def test_parameters_have_meanings_ranges_and_the_checks_of_the_settings(graph, camera):
    names = ["detector.score_threshold", "detector.nms"]
    request = DescribeParameters.Request(names=names)
    reply = call(graph, DescribeParameters, "pose_node/describe_parameters", request)
    threshold, nms = reply.descriptors
    assert threshold.floating_point_range[0].to_value == 1.0
    assert "Smallest score of a box" in threshold.description
    assert "gaussian" in nms.additional_constraints

    changes = [number(names[0], 0.95), text(names[1], "best"), text("pose.model", "other")]
    request = SetParameters.Request(parameters=changes)
    good, bad, fixed = call(graph, SetParameters, "pose_node/set_parameters", request).results
    assert good.successful
    assert "'best' is none of hard, linear, gaussian" in bad.reason
    assert "deactivate the node first" in fixed.reason
    graph.spin_until(lambda: camera.answered() and not camera.poses[-1].people)


def test_the_node_can_be_deactivated_and_activated_again(graph, camera):
    graph.spin_until(camera.answered)
    assert change_state(graph, Transition.TRANSITION_DEACTIVATE)
    graph.spin_until(lambda: camera.publisher.get_subscription_count() == 0)
    assert change_state(graph, Transition.TRANSITION_ACTIVATE)
    graph.spin_until(lambda: camera.publisher.get_subscription_count() == 1)
    camera.tracks.clear()
    graph.spin_until(camera.answered)
    assert camera.tracks[-1].people[0].track_id > 1  # an id is never used twice


def test_settings_changed_while_inactive_hold_from_the_next_activation(graph, camera):
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.spin_until(camera.answered)
    assert change_state(graph, Transition.TRANSITION_DEACTIVATE)
    set_parameters(graph, text("pose.model", "nonsense"))
    assert not change_state(graph, Transition.TRANSITION_ACTIVATE)
    set_parameters(
        graph, text("pose.model", "fastpose_small_halpe_136"), text("tracker.name", "none")
    )
    assert change_state(graph, Transition.TRANSITION_ACTIVATE)
    camera.tracks.clear()
    graph.spin_until(lambda: camera.answered() and camera.poses[-1].people)
    assert not any(tracks.people for tracks in camera.tracks)
    assert figures(reports)["pose_model"] == "fastpose_small_halpe_136"
    _, said = graph.end(camera.process)
    assert "cannot be configured: unknown pose model 'nonsense'" in said


def set_parameters(graph, *parameters):
    request = SetParameters.Request(parameters=list(parameters))
    results = call(graph, SetParameters, "pose_node/set_parameters", request).results
    assert all(result.successful for result in results), results


@pytest.mark.parametrize(
    "transitions",
    [
        [Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP],
        [Transition.TRANSITION_ACTIVE_SHUTDOWN],
    ],
)
def test_a_node_taken_down_by_its_manager_ends_in_order(graph, camera, transitions):
    graph.spin_until(camera.answered)
    for transition in transitions:
        assert change_state(graph, transition)
    graph.spin_until(lambda: camera.publisher.get_subscription_count() == 0)
    code, said = graph.end(camera.process)
    assert code == 0, said
    assert "Traceback" not in said


def test_ids_go_on_after_the_networks_were_built_anew(graph, camera):
    graph.spin_until(lambda: camera.answered() and camera.tracks[-1].people)
    for name in ("DEACTIVATE", "CLEANUP", "CONFIGURE", "ACTIVATE"):
        assert change_state(graph, getattr(Transition, f"TRANSITION_{name}"))
    camera.tracks.clear()
    graph.spin_until(lambda: camera.answered() and camera.tracks[-1].people)
    assert camera.tracks[-1].people[0].track_id == 2
    assert graph.node.count_publishers("tracks") == 1


def test_diagnostics_tell_figures_once_a_second(graph, camera):
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.spin_until(lambda: camera.answered() and reports and len(camera.tracks) > 3)
    graph.spin_for(1.2)
    names = [status.name for status in reports[-1].status]
    assert names == ["pose_node: input", "pose_node: pipeline", "pose_node: memory"]
    told = figures(reports)
    known = int(told["frames_processed"]) + int(told["frames_dropped"])
    assert 0 < known <= int(told["frames_received"])
    assert float(told["pose_ms_p50"]) > 0
    assert told["detector"] == "file"
    assert told["pose_model"] == "fastpose_small_halpe_136"


def test_silence_is_explained(graph):
    process = graph.start("pose_node", image_timeout_s=0.5)
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.spin_until(lambda: reports and "no image on /image" in reports[-1].status[0].message)
    _, said = graph.end(process)
    assert "0 publishers there. Remap `image`" in said


def test_silence_is_told_again_after_the_timeout_and_not_before(graph):
    logs = graph.listen(Log, "/rosout", 100)
    graph.start("pose_node", image_timeout_s=2.5)  # judged once a second: told every three

    def times_s():
        stamps = [log.stamp for log in logs if "no image on /image" in log.msg]
        return [stamp.sec + stamp.nanosec / 1e9 for stamp in stamps]

    graph.spin_until(lambda: len(times_s()) >= 2, 40)
    first, second = times_s()[:2]
    assert second - first > 2.0


@pytest.mark.parametrize("is_rectified", [False, True])
def test_camera_info_places_the_markers(graph, boxes_file, is_rectified):
    settings = {"detector.name": "file", "output.keypoint_score": 0.0}
    settings["image_rectified"] = is_rectified
    camera = Camera(graph, **settings, **{"detector.boxes_file": boxes_file})
    camera.wait_until_active()
    infos = graph.node.create_publisher(CameraInfo, "camera_info", 1)
    markers = graph.listen(MarkerArray, "markers")
    info = CameraInfo(width=128, height=96, k=[1e4, 0, 64, 0, 1e4, 48, 0, 0, 1])
    if is_rectified:  # then it is P that counts
        info.k[[0, 4]] = 100
        info.p[[0, 2, 5, 6, 10]] = [1e4, 64, 1e4, 48, 1]

    def shown():
        infos.publish(info)
        points = camera.answered() and markers and points_of(markers[-1])
        return points and all(abs(point.x) < 0.01 for point in points)  # a very long lens

    graph.spin_until(shown)
    assert {point.z for point in points_of(markers[-1])} == {1.0}


def points_of(message):
    return [point for marker in message.markers for point in marker.points]
