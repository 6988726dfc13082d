"""The doctor on pose nodes: their state, what they listen to, and what they draw."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from doctor_rig import TRIALS, always, endpoint, having, rig_with, serve
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool

from alphapose_ros.io.findings import FAIL, LEVELS, OK, WARN
from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes import doctor_images, doctor_pose_node, silence

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(scope="module")
def rig(domains):
    with rig_with(next(domains), "plain", "small", "compressed compressed") as rig:
        yield rig


@pytest.fixture
def domain(rig):
    """The one in which the doctor looks."""
    return rig.domain


@pytest.fixture
def spinning(rig):
    with rig.spinning() as spin:
        yield spin


def test_of_pose_nodes_it_says_only_what_it_sees(rig):
    found = rig.examine("/plain/image", seconds=0.1, until=having("pose node", OK))
    assert found["pose node"].text == "none is seen"


@pytest.mark.parametrize(
    ("topic", "way"),
    [
        ("/plain/image", "image_topic:=/plain/image camera_info_topic:=/plain/camera_info"),
        ("/plain/imagee", "image_topic:=/plain/image camera_info_topic:=/plain/camera_info"),
        (
            "/compressed/image",
            "image_transport:=compressed image_topic:=/compressed/image "
            "camera_info_topic:=/compressed/camera_info",
        ),
    ],
)
def test_a_pose_node_is_offered_for_a_camera_that_is_there(rig, topic, way):
    found = rig.examine(topic, 0.1, until=having("pose node", OK))["pose node"]
    assert found.remedy == f"To start one: ros2 launch alphapose_ros pose.launch.py {way}"


@pytest.mark.parametrize(
    ("topic", "there", "nearest"),
    [
        ("/a", ["/a", "/ab"], "/a"),
        ("/a", ["/ab", "/a/compressed"], "/a/compressed"),
        ("/cam/raw", ["/lidar/picture", "/cam/left/raw"], "/cam/left/raw"),
        ("/a", [], "/a"),  # of a camera to come
    ],
)
def test_a_camera_is_meant_by_its_own_topic_or_the_nearest(topic, there, nearest):
    assert doctor_pose_node._nearest(topic, there) == nearest


def change_state(graph, transition):
    client = graph.node.create_client(ChangeState, "pose_node/change_state")
    graph.spin_until(client.service_is_ready, 60.0)
    future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
    graph.spin_until(future.done, 60.0)
    assert future.result().success


def test_a_pose_node_is_found_with_its_state_its_input_and_its_health(rig, graph, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    settings = {"detector.name": "file", "detector.boxes_file": boxes}
    graph.start("pose_node", autostart=False, image_reliability="reliable", **settings)
    change_state(graph, Transition.TRANSITION_CONFIGURE)
    found = rig.examine("/image", seconds=0.1, until=having("pose node", WARN))
    assert found["pose node"].level == WARN
    assert found["pose node"].remedy == "ros2 lifecycle set /pose_node activate"

    change_state(graph, Transition.TRANSITION_ACTIVATE)
    found = rig.examine("/other", seconds=0.3, until=having("its health", OK))
    assert found["pose node"].level == OK
    assert found["its health"].values
    assert found["its input"].level == WARN
    assert "listens to /image, where nobody publishes the images" in found["its input"].text
    assert found["its camera info"].level == WARN
    assert "listens to /camera_info, where nobody" in found["its camera info"].text

    infos = graph.node.create_publisher(CameraInfo, "camera_info", BEST_EFFORT)
    camera = graph.node.create_publisher(Image, "image", BEST_EFFORT)
    found = rig.examine("/image", seconds=0.1, until=having("its input", FAIL, "its camera info"))
    assert found["its input"].level == FAIL
    assert "asks for reliable, volatile on /image, /tester offers best_effort" in (
        found["its input"].text
    )
    assert "its camera info" not in found
    assert "Let the publisher be reliable" in found["its input"].remedy
    assert "process_every_frame false" in found["its input"].remedy
    graph.node.destroy_publisher(camera)
    graph.node.destroy_publisher(infos)


def test_a_pose_node_that_is_switched_off_is_no_failure(rig, graph, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[]")
    graph.start("pose_node", **{"detector.name": "file", "detector.boxes_file": boxes})
    rig.examine("/image", seconds=0.3, until=having("pose node", OK))
    client = graph.node.create_client(SetBool, "pose_node/enable")
    graph.spin_until(client.service_is_ready, 60.0)
    graph.spin_until(lambda: call(graph, client, SetBool.Request(data=False)).success, 60.0)
    found = rig.examine("/image", seconds=1.2, until=having("its health", OK, "its camera info"))
    assert found["its input"].level == WARN
    assert found["its input"].text == "/pose_node takes no images: disabled by ~/enable"
    assert "ros2 service call /pose_node/enable std_srvs/srv/SetBool" in found["its input"].remedy
    assert "{data: true}" in found["its input"].remedy


def call(graph, client, request):
    future = client.call_async(request)
    graph.spin_until(future.done, 60.0)
    return future.result()


def test_without_a_word_of_it_a_node_without_input_may_be_switched_off():
    found = doctor_pose_node._judge_deafness("/pose_node", {})
    assert (found.level, "perhaps disabled by ~/enable" in found.text) == (WARN, True)
    status = SimpleNamespace(message="no image on /image for 5 s")
    assert doctor_pose_node._judge_deafness("/pose_node", {"input": status}).level == FAIL


def test_who_publishes_tracks_is_no_pose_node_for_that(rig):
    """Such as a filter, or a bag that is played."""
    node = rig.node("people_filter")
    node.create_publisher(TrackedPersonArray, "/near/tracks", 1)
    for _ in range(TRIALS):
        found = rig.findings("", 0.3)
        told = [one for one in found if "pose node" in one.subject or "people" in one.text]
        assert [one.text for one in told] == ["none is seen"]
        if rig.keeper.count_publishers("/near/tracks"):
            break
    node.destroy_node()


def services(*names, kind="alphapose_ros/srv/SetTarget"):
    """Stand in for the services of a node, or of one whose name has not come."""
    if not names:
        raise RuntimeError("unknown")
    kinds = {"change_state": "lifecycle_msgs/srv/ChangeState", "set_target": kind}
    return [(f"/front/{name}", [kinds[name.rpartition("/")[2]]]) for name in names]


@pytest.mark.parametrize(
    ("name", "seen", "is_one"),
    [
        ("eyes", ["eyes/change_state", "eyes/set_target"], True),
        ("eyes", ["eyes/change_state"], False),
        ("eyes", ["eyes/set_target"], False),
        ("eyes", ["other/change_state", "other/set_target"], False),
        ("eyes", [], False),
        ("pose_node", [], True),  # as far as can be told
        ("pose_node", ["pose_node/change_state"], False),  # of another package
    ],
)
def test_a_pose_node_is_known_by_its_services(name, seen, is_one):
    node = SimpleNamespace(
        get_node_names_and_namespaces=lambda: [(name, "/front")],
        get_service_names_and_types_by_node=lambda name, namespace: services(*seen),
    )
    assert doctor_pose_node.pose_nodes(node) == ([f"/front/{name}"] if is_one else [])


@pytest.fixture
def pose_node(rig, spinning):
    """Have a node listen and draw as a pose node does, where it is told to."""
    node = rig.node("eyes")
    serve(node)
    node.create_publisher(Image, "/eyes/overlay", 1)

    def listen(topic, info, kind=Image):
        node.create_subscription(kind, topic, ignore, BEST_EFFORT)
        node.create_subscription(CameraInfo, info, ignore, BEST_EFFORT)
        spinning(node)

    return listen


def ignore(message):
    pass


def inputs(rig, topic, until):
    """Return what is told of the inputs of pose nodes, the worst, once that is complete."""
    for _ in range(TRIALS):
        found = [one for one in rig.findings(topic, 0.1) if one.subject.startswith("its ")]
        found.sort(key=lambda one: LEVELS.index(one.level))
        told = {one.subject: one for one in found if one.subject != "its health"}
        if "its input" in told and until(told):
            return told
    raise AssertionError(f"never as it should be: {told}")


def test_a_node_of_another_camera_is_told_how_to_take_a_compressed_one(rig, pose_node):
    pose_node("/nobody/image", "/nobody/camera_info")
    told = inputs(rig, "/compressed/image/compressed", always)["its input"]
    assert told.level == WARN
    assert told.remedy == (
        "If it is to, start it with image_transport:=compressed image_topic:=/compressed/image "
        "camera_info_topic:=/compressed/camera_info"
    )


def test_a_node_of_the_raw_form_is_told_that_there_is_only_the_compressed_one(rig, pose_node):
    pose_node("/compressed/image", "/compressed/camera_info")
    way = "image_transport:=compressed image_topic:=/compressed/image"
    told = inputs(rig, "/compressed/image", knows_infos)["its input"]
    assert (told.level, told.remedy) == (WARN, f"If it is to, start it with {way}")
    told = inputs(rig, "", knows_infos)["its input"]
    assert told.level == WARN
    assert told.text == (
        "/eyes listens to /compressed/image, where nobody publishes the images that it takes"
    )
    assert told.remedy == f"Start the camera driver, or the pose node with {way}"


def knows_infos(told):
    return "camera_info_topic" not in told["its input"].remedy


@pytest.mark.parametrize(
    ("there", "ears"), [({"/cam": []}, ("/image", "/depth")), ({}, ("/depth",))]
)
def test_where_a_driver_is_all_that_can_be_told_of_no_other_topic_is(there, ears):
    """Of two inputs nobody knows which is that of the depth."""
    asked = doctor_pose_node.Asked("", there)
    found = doctor_pose_node._judge_vacancy("/eyes", "/depth", asked, ears, ())
    assert (found.level, found.remedy) == (WARN, "Start the camera driver")


def test_a_camera_that_is_compressed_only_is_good_where_it_is_taken_so(rig, pose_node):
    pose_node("/compressed/image/compressed", "/compressed/camera_info", CompressedImage)
    found = rig.examine("/compressed/image", until=having("publishers", OK))
    assert found["publishers"].remedy == ""
    assert found["its input"].level == OK


def test_a_node_that_takes_compressed_images_is_told_how_to_take_raw_ones(rig, pose_node):
    pose_node("/nobody/image/compressed", "/plain/camera_info", CompressedImage)
    told = inputs(rig, "/plain/image", lambda told: "its camera info" not in told)["its input"]
    assert told.remedy.endswith("with image_transport:=raw image_topic:=/plain/image")


def test_the_other_form_of_the_same_camera_is_no_other_camera(rig, pose_node):
    pose_node("/plain/image", "/plain/camera_info")
    jpegs = rig.keeper.create_publisher(CompressedImage, "/plain/image/compressed", 1)
    told = inputs(rig, "/plain/image/compressed", lambda told: len(told) == 1)["its input"]
    rig.keeper.destroy_publisher(jpegs)
    assert (told.level, told.remedy) == (OK, "")
    assert told.text.endswith(
        "listens to /plain/image (best_effort, volatile): raw, of the same camera"
    )


def test_a_node_is_left_with_its_own_camera_where_another_node_has_this_one(
    rig, pose_node, spinning
):
    pose_node("/small/image", "/small/camera_info")
    found = inputs(rig, "/plain/image", always)["its input"]
    assert found.level == WARN  # nobody has this one
    assert "listens to /small/image, not to /plain/image" in found.text
    other = rig.node("other_eyes")
    serve(other)
    other.create_subscription(Image, "/plain/image", ignore, BEST_EFFORT)
    spinning(other)
    inputs(rig, "/plain/image", lambda told: told["its input"].level == OK)


@pytest.mark.parametrize(
    ("ear", "topic", "is_taken", "may_stay"),
    [
        ("/rear/image", "/front/image", True, True),
        ("/rear/image", "/front/image", False, False),
        ("/rear/image", "/nowhere", False, True),  # no better one
        ("/nobody/image", "/front/image", True, False),
        ("/nobody/image", "/nowhere", False, False),
    ],
)
def test_when_a_node_is_left_with_its_camera(ear, topic, is_taken, may_stay):
    there = {"/front/image": [], "/rear/image": []}
    asked = doctor_pose_node.Asked(topic, there, is_taken)
    assert asked.may_be_left_for({ear: None}) == may_stay


def test_the_camera_info_beside_the_images_is_named(rig, pose_node):
    pose_node("/plain/image", "/elsewhere/infos")
    found = inputs(rig, "", lambda told: len(told) == 2)["its camera info"]
    assert found.remedy == "camera_info_topic:=/plain/camera_info, in the launch file"


def test_no_camera_info_is_named_where_there_is_none(graph, monkeypatch):
    told = doctor_pose_node._judge_info(graph.node, "/eyes", "/a/image", ("/a/camera_info",))
    assert told[0].remedy == "Have the camera driver publish it there"
    monkeypatch.setattr(doctor_pose_node, "info_topics", lambda node: ["/a/info", "/b/info"])
    told = doctor_pose_node._judge_info(graph.node, "/eyes", "/a/image", ("/a/infos",))
    assert told[0].remedy.endswith("or, if of this camera, camera_info_topic:=/a/info")


def test_camera_info_that_nobody_publishes_is_wanted_beside_the_images(graph):
    def remedy(info):
        return doctor_pose_node._judge_info(graph.node, "/eyes", "/cam/image", (info,))[0].remedy

    assert remedy("/camera_info") == (
        "Have the camera driver publish /cam/camera_info, and set "
        "camera_info_topic:=/cam/camera_info"
    )
    assert remedy("/depth/camera_info") == "Have the camera driver publish it there"


def test_a_compressed_topic_without_the_suffix_is_remapped_itself():
    jpegs = [SimpleNamespace(topic_type=silence.COMPRESSED)]
    way = doctor_pose_node._way(doctor_pose_node.Asked("/cam/jpeg", {"/cam/jpeg": jpegs}))
    assert way == (
        "--ros-args -p image_transport:=compressed -r image/compressed:=/cam/jpeg "
        "-r camera_info:=/cam/camera_info"
    )


def test_what_pose_nodes_draw_is_no_camera(rig, graph, pose_node):
    pose_node("/plain/image", "/plain/camera_info")
    inputs(rig, "", lambda told: len(told) == 1)
    topics = doctor_images.image_topics(rig.keeper)
    assert "/plain/image" in topics
    assert rig.keeper.count_publishers("/eyes/overlay") == 1
    assert "/eyes/overlay" not in topics
    (found,) = doctor_images.judge_publishers("/eyes/overlayy", [], topics)
    assert "/eyes/overlay" not in found.remedy
    asked = QoSProfile(depth=1)
    told = silence.reason_of_silence(rig.keeper, "/eyes/overlayy", silence.RAW, asked)
    assert "`-r image:=/" in told
    assert "/eyes/overlay`" not in told


@pytest.mark.parametrize(
    ("ear", "kind"),
    [("/plain/image", Image), ("/compressed/image/compressed", CompressedImage)],
)
def test_the_overlay_of_a_pose_node_is_told_from_a_camera(rig, pose_node, ear, kind):
    pose_node(ear, "/plain/camera_info", kind)
    found = rig.examine("/eyes/overlay", 0.1, lambda found: "its input" in found)
    assert found["publisher"].level == FAIL
    assert found["publisher"].text == (
        "/eyes/overlay is the overlay of the pose node /eyes, not a camera"
    )
    assert found["publisher"].remedy == f"Examine what /eyes listens to: alphapose doctor {ear}"
    assert "rate" not in found
    assert found["images"].level == found["its input"].level == OK


EYES = {"/overlay": ["eyes"]}
CAMERA = {"/cam": ["camera"]}
SOMEWHERE = "There are images on /cam: name one of these"


@pytest.mark.parametrize(
    ("publishers", "ears", "remedy"),
    [
        (EYES | CAMERA, {"/cam": ["eyes"]}, "Examine what /eyes listens to: alphapose doctor /cam"),
        (
            EYES,  # the cameras are yet to be started
            {"/cam": ["eyes"], "/depth": ["eyes"]},
            "Examine what /eyes listens to: alphapose doctor /cam or alphapose doctor /depth",
        ),
        (EYES | CAMERA, {}, f"/eyes listens to no camera by now. {SOMEWHERE}"),
        (EYES | CAMERA, {"/cam": ["ears"]}, f"/eyes listens to no camera by now. {SOMEWHERE}"),
        (EYES | CAMERA, EYES, f"/eyes listens to no camera by now. {SOMEWHERE}"),  # to itself
        (EYES, {}, f"/eyes listens to no camera by now. No images anywhere. {doctor_images.START}"),
        ({"/overlay": ["camera"]}, {"/overlay": ["eyes"]}, None),
        ({"/overlay": ["eyes", "camera"]}, {}, None),  # two publishers, of which the rest tells
        (CAMERA, {"/overlay": ["eyes"]}, None),
    ],
)
def test_what_to_examine_in_place_of_an_overlay(publishers, ears, remedy):
    marks = [(f"/eyes/{service}", [kind]) for service, kind in silence.MARKS.items()]
    node = SimpleNamespace(
        get_topic_names_and_types=lambda: [(topic, [silence.RAW]) for topic in publishers | ears],
        get_publishers_info_by_topic=lambda topic: endpoints(publishers, topic),
        get_subscriptions_info_by_topic=lambda topic: endpoints(ears, topic),
        get_service_names_and_types_by_node=lambda name, _: marks if name == "eyes" else [],
    )
    found = doctor_pose_node.judge_overlay(node, "/overlay")
    assert (found and found.remedy) == remedy


def endpoints(names, topic):
    return [endpoint(silence.RAW, name) for name in names.get(topic, [])]
