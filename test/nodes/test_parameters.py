"""Settings over the parameter services of a node in another process."""

from __future__ import annotations

import json
import sys
from array import array
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from alphapose_ros.config import Config, leaves
from alphapose_ros.msg import TrackedPersonArray

TYPES = {
    bool: (ParameterType.PARAMETER_BOOL, "bool_value"),
    int: (ParameterType.PARAMETER_INTEGER, "integer_value"),
    float: (ParameterType.PARAMETER_DOUBLE, "double_value"),
    str: (ParameterType.PARAMETER_STRING, "string_value"),
}


CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
PIXELS = array("B", bytes(64 * 48 * 3))


class Settings:
    """A pose node without networks, and its parameters as others see them."""

    def __init__(self, graph, *arguments):
        self.graph = graph
        script = Path(__file__).with_name("scripted_node.py")
        command = [sys.executable, str(script), "--ros-args", *arguments]
        self.process = Popen(command, stdout=PIPE, stderr=STDOUT, text=True)
        graph.processes.append(self.process)
        graph.spin_until(self.is_there, 60)

    def is_there(self):
        """Ask until an answer comes: the service of a node that was killed seems ready for long."""
        client = self.graph.node.create_client(ListParameters, "pose_node/list_parameters")
        future = client.call_async(ListParameters.Request())
        self.graph.spin_for(0.3)
        self.graph.node.destroy_client(client)
        return future.done()

    def call(self, kind, name, **request):
        client = self.graph.node.create_client(kind, f"pose_node/{name}")
        self.graph.spin_until(client.service_is_ready, 60)
        future = client.call_async(kind.Request(**request))
        self.graph.spin_until(future.done, 60)
        self.graph.node.destroy_client(client)
        return future.result()

    def set(self, **values):
        """Set one parameter after the other; return the results."""
        return self.call(SetParameters, "set_parameters", parameters=messages(values)).results

    def set_at_once(self, **values):
        name = "set_parameters_atomically"
        return self.call(SetParametersAtomically, name, parameters=messages(values)).result

    def get(self, *names):
        values = self.call(GetParameters, "get_parameters", names=names).values
        fields = {kind: field for kind, field in TYPES.values()}
        return [getattr(value, fields[value.type]) for value in values]


def messages(values):
    made = []
    for name, value in values.items():
        kind, field = TYPES[type(value)]
        own = ParameterValue(type=kind, **{field: value})
        made.append(Parameter(name=name.replace("__", "."), value=own))
    return made


@pytest.fixture
def settings(graph):
    return Settings(graph)


def test_every_setting_is_described_with_meaning_limits_and_when_it_may_change(settings):
    known = leaves(Config())
    request = list(known)
    described = settings.call(DescribeParameters, "describe_parameters", names=request).descriptors
    assert [one.name for one in described] == request
    for one, (default, rules) in zip(described, known.values(), strict=True):
        assert one.description == rules.meaning
        assert ("only while the node is inactive" in one.additional_constraints) != rules.live
        for choice in rules.choices:
            assert (choice or '""') in one.additional_constraints
        limits = [*one.integer_range, *one.floating_point_range]
        found = [(limit.from_value, limit.to_value) for limit in limits]
        assert found == ([] if rules.low is None else [(rules.low, rules.high)])
        assert not one.read_only
        assert one.dynamic_typing == isinstance(default, float)
    listed = settings.call(ListParameters, "list_parameters").result.names
    assert set(known) <= set(listed)


def test_what_no_setting_is_called_is_told_with_the_nearest_name(graph, tmp_path):
    tree = {"tracker": {"max_ages": 3.0, "max_age_s": 7}, "filter": {"max_poeple": 2}}
    file = tmp_path / "robot.yaml"
    file.write_text(json.dumps({"/**": {"ros__parameters": tree}}))
    override = "qos_overrides./image.subscription.depth:=3"
    settings = Settings(
        graph, *("--params-file", str(file)), *("-p", "confidence:=0.5"), *("-p", override)
    )
    assert settings.get("tracker.max_age_s") == [7.0]
    assert "max_ages" not in str(settings.call(ListParameters, "list_parameters").result.names)
    _, said = graph.end(settings.process)
    ignored = [line for line in said.splitlines() if "parameter ignored" in line]
    assert len(ignored) == 3
    assert "unknown setting 'tracker.max_ages'; did you mean tracker.max_age_s" in said
    assert "unknown setting 'filter.max_poeple'; did you mean filter.max_people" in said
    assert "unknown setting 'confidence'" in said


def test_overrides_of_nothing_are_told_once_the_node_listens(graph):
    wrong = ("/image.subscription.reliabilty:=reliable", "/tracks.publisher.depth:=77")
    given = (*wrong, "/image.subscription.depth:=3")
    arguments = [part for one in given for part in ("-p", f"qos_overrides.{one}")]
    _, said = graph.end(Settings(graph, *arguments).process)
    told = [line for line in said.splitlines() if "overrides nothing" in line]
    assert len(told) == 2
    assert "did you mean qos_overrides./image.subscription.reliability" in told[0]
    assert "/tracks.publisher.depth overrides nothing: only what is received can be" in told[1]


def test_a_filter_that_nobody_can_pass_is_refused_while_the_node_is_active(settings):
    most, more = settings.set(filter__min_keypoints=17), settings.set(filter__min_keypoints=18)
    assert most[0].successful
    assert not more[0].successful
    assert "17" in more[0].reason


def test_a_parameter_without_a_name_is_refused(settings):
    (result,) = settings.set(**{"": 1})
    assert not result.successful


def test_live_settings_change_and_others_wait(settings):
    (good, same, fixed) = settings.set(
        tracker__max_age_s=3.0, image_transport="raw", device="cuda:1"
    )
    assert (good.successful, same.successful, fixed.successful) == (True, True, False)
    assert fixed.reason == "device: deactivate the node first, then set, then activate"
    assert settings.get("tracker.max_age_s", "device") == [3.0, "auto"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"tracker__max_age_s": -1.0}, "tracker.max_age_s"),
        ({"detector__score_threshold": float("nan")}, "detector.score_threshold"),
        ({"detector__nms": "best"}, "'best' is none of hard, linear, gaussian"),
        ({"detector__max_people": 2.5}, "expected 'Type.INTEGER'"),
        ({"filter__region": "0,0 1,1"}, "filter.region"),
        ({"filter__mask": "arm.png"}, "filter.mask: deactivate the node first"),
        ({"max_age_s": 1.0}, "unknown setting 'max_age_s'; did you mean tracker.max_age_s"),
    ],
)
def test_wrong_values_are_refused_with_a_reason_and_change_nothing(graph, values, reason):
    settings = Settings(graph)
    (result,) = settings.set(**values)
    assert not result.successful
    assert reason in result.reason
    (name,) = [name.replace("__", ".") for name in values]
    known = leaves(Config())
    assert name not in known or settings.get(name) == [known[name][0]]
    listed = settings.call(ListParameters, "list_parameters").result.names
    assert (name in listed) == (name in known)


def test_overrides_of_qualities_of_service_are_refused_once_the_node_runs(graph):
    settings = Settings(graph, "-p", "qos_overrides./camera_info.subscription.depth:=3")
    names = [f"qos_overrides./{topic}.subscription.depth" for topic in ("depth_image", "never")]
    for result in settings.set(**dict.fromkeys(names, "5")):
        assert not result.successful
        assert "qos_overrides are taken only when the node starts" in result.reason
    listed = settings.call(ListParameters, "list_parameters").result.names
    assert not set(names) & set(listed)
    (read_only,) = settings.set(**{"qos_overrides./camera_info.subscription.depth": 7})
    assert not read_only.successful
    assert settings.get("qos_overrides./camera_info.subscription.depth") == [3]


def test_settings_set_at_once_change_together_or_not_at_all(settings):
    names = ("tracker.max_cost", "tracker.relaxed_max_cost")
    assert settings.set_at_once(tracker__max_cost=0.1, tracker__relaxed_max_cost=0.2).successful
    assert settings.get(*names) == [0.1, 0.2]
    result = settings.set_at_once(tracker__max_cost=0.3, tracker__relaxed_max_cost=7.0)
    assert not result.successful
    assert settings.get(*names) == [0.1, 0.2]
    mixed = settings.set_at_once(tracker__max_cost=0.3, pose__model="other")
    assert "pose.model: deactivate the node first" in mixed.reason
    assert settings.get(*names) == [0.1, 0.2]


def test_changes_hold_from_the_next_image_on(graph, settings):
    camera = graph.node.create_publisher(Image, "image", CAMERA)
    tracks = graph.listen(TrackedPersonArray, "tracks")

    def pose():
        """Return the person in the next image."""
        count = len(tracks)

        def answered():
            camera.publish(Image(height=48, width=64, encoding="bgr8", step=192, data=PIXELS))
            graph.spin_for(0.05)
            return len(tracks) > count + 3  # those at work before are over

        graph.spin_until(answered)
        return tracks[-1].people[0].pose

    assert list(pose().embedding) == []  # nobody has asked for it
    settings.set_at_once(output__embeddings=True, detector__score_threshold=0.25)
    assert list(pose().embedding) == pytest.approx([0.6, 0.8])
    assert pose().score == 0.25
    settings.set(output__privacy=True)
    assert list(pose().embedding) == []  # whatever else is asked for


@pytest.mark.parametrize(("name", "parameter"), [("recorder", "bag"), ("video_source", "rate_hz")])
def test_a_value_of_another_type_ends_a_helper_node_with_one_line(graph, name, parameter):
    process = graph.start(name, **{parameter: "[1, 2]"})
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.startswith(f"{name}: ")
    assert parameter in said
    assert said.count("\n") == 1
