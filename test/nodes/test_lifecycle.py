"""A node that is taken up and down again and again, interrupted, and asked for the wrong thing."""

from __future__ import annotations

import importlib.util
import sys
import weakref
from array import array
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import Marker, MarkerArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from trend import slope_interval

from alphapose_ros.memory import give_back_memory
from alphapose_ros.msg import PoseArray, TrackedPersonArray
from alphapose_ros.nodes.middleware import is_fast_dds
from alphapose_ros.nodes.pose_node import PoseNode

CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
PIXELS = array("B", bytes(64 * 48 * 3))
STUCK_S, FAILS_S = 1000, 2000  # stamps, as in scripted_node.py
# What the middleware keeps: Fast DDS some 0.2 kB of every subscription that there ever was.
MIDDLEWARE_KB = 0.5 if is_fast_dds() else 12.0
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


def make_image(sec):
    """A small black image with the stamp ``sec``."""
    image = Image(height=48, width=64, encoding="bgr8", step=192, data=PIXELS)
    image.header.stamp.sec = sec
    return image


class Stand:
    """A pose node with a scripted pipeline, its camera and its manager."""

    def __init__(self, graph, *options, autostart):
        self.graph = graph
        script = Path(__file__).with_name("scripted_node.py")
        command = [sys.executable, str(script), "--ros-args", "-p", f"autostart:={autostart}"]
        command += options
        self.process = Popen(command, stdout=PIPE, stderr=STDOUT, text=True)
        graph.processes.append(self.process)
        self.camera = graph.node.create_publisher(Image, "image", CAMERA)
        self.tracks = graph.listen(TrackedPersonArray, "tracks", 100)
        self.reports = graph.listen(DiagnosticArray, "/diagnostics")
        self.clients = {}
        self.sec = 0
        self.graph.spin_until(self.is_there, 60)

    def is_there(self):
        """Ask until an answer comes: the service of a node that was killed seems ready for long."""
        client = self.graph.node.create_client(GetState, "pose_node/get_state")
        future = client.call_async(GetState.Request())
        self.graph.spin_for(0.3)
        self.graph.node.destroy_client(client)
        return future.done()

    def call(self, kind, name, **request):
        if name not in self.clients:
            self.clients[name] = self.graph.node.create_client(kind, f"pose_node/{name}")
        client = self.clients[name]
        self.graph.spin_until(client.service_is_ready, 60)
        future = client.call_async(kind.Request(**request))
        self.graph.spin_until(future.done, 60)
        return future.result()

    def change(self, *transitions):
        """Ask for transitions; return whether all were made."""
        return all(
            self.call(ChangeState, "change_state", transition=Transition(id=one)).success
            for one in transitions
        )

    @property
    def state(self):
        return self.call(GetState, "get_state").current_state.label

    def publish(self, sec=None):
        self.sec += 1
        self.camera.publish(make_image(self.sec if sec is None else sec))

    def answered(self):
        """Publish until an answer comes; True when it is that of the newest image."""
        self.publish()
        self.graph.spin_for(0.02)
        return bool(self.tracks) and self.tracks[-1].header.stamp.sec == self.sec

    def set(self, name, text):
        self.set_value(name, ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text))

    def set_value(self, name, value):
        parameters = [Parameter(name=name, value=value)]
        results = self.call(SetParameters, "set_parameters", parameters=parameters).results
        assert all(result.successful for result in results), results

    def status(self, part):
        """What the node last said of one of its parts."""
        statuses = self.reports[-1].status if self.reports else []
        named = [status for status in statuses if status.name == f"pose_node: {part}"]
        return named[0] if named else DiagnosticStatus()


class Seen:
    """A pose node in this process, its camera and its markers."""

    def __init__(self, graph, build_pipeline):
        self.graph, self.built, self.sec = graph, [], 0
        self._build_pipeline = build_pipeline
        self.node = PoseNode(build_pipeline=self._build, context=graph.context)
        graph.executor.add_node(self.node)
        self.camera = graph.node.create_publisher(Image, "image", CAMERA)
        self.markers = graph.listen(MarkerArray, "markers", 100)
        self.change("configure", "activate")

    def _build(self, *arguments):
        pipeline = self._build_pipeline(*arguments)
        self.built.append(weakref.ref(pipeline))
        return pipeline

    def change(self, *steps):
        for step in steps:
            made = getattr(self.node, f"trigger_{step}")()
            assert made == TransitionCallbackReturn.SUCCESS

    def watch(self, tracks=1):
        """Publish images until so many more tracks are shown."""
        before = set(self.colours())

        def are_shown():
            self.sec += 1
            self.camera.publish(make_image(self.sec))
            self.graph.spin_for(0.02)
            return len(set(self.colours()) - before) >= tracks

        self.graph.spin_until(are_shown)

    def colours(self):
        """The colour of each track's markers."""
        markers = [one for message in self.markers for one in message.markers]
        return {
            one.id: (one.color.r, one.color.g, one.color.b)
            for one in markers
            if one.action == Marker.ADD
        }

    def close(self):
        self.node.finish()
        self.graph.executor.remove_node(self.node)
        self.node.destroy_node()


@pytest.fixture
def stand(graph):
    return Stand(graph, autostart=True)


@pytest.fixture
def idle(graph):
    return Stand(graph, autostart=False)


@pytest.fixture
def scripted_pipeline():
    """The class of that name in scripted_node.py, for a node in this process."""
    path = Path(__file__).with_name("scripted_node.py")
    spec = importlib.util.spec_from_file_location("scripted_node", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.ScriptedPipeline


@pytest.fixture
def seen(graph, scripted_pipeline):
    """A node in this process that sees the same person in every image, each time as a new track."""

    class NewTracks(scripted_pipeline):
        def run(self, frame):
            result = super().run(frame)
            tracks = replace(result.tracks, ids=[next(self._ids.tracks)], person_ids=[4])
            return replace(result, tracks=tracks)

    seen = Seen(graph, NewTracks)
    yield seen
    seen.close()


def usage(pid):
    """Memory [kB], threads and open files of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return int(fields["VmRSS"].split()[0]), int(fields["Threads"]), files


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")
def test_fifty_round_trips_leave_nothing_behind(graph):
    # The last 1000 messages of every log are kept for those who subscribe /rosout later.
    idle = Stand(graph, "--disable-rosout-logs", autostart=False)
    memory, threads, files = [], set(), []
    for _ in range(50):
        assert idle.change(*UP)
        graph.spin_until(lambda: idle.answered() and idle.tracks[-1].people)
        assert idle.change(*DOWN)
        used = [usage(idle.process.pid) for _ in range(20)]  # it opens /proc to report
        memory.append(used[0][0])
        threads.add(used[0][1])
        files.append(min(files for _, _, files in used))
    slope, half = slope_interval(np.array(memory[10:]))
    assert slope - half <= MIDDLEWARE_KB, f"{slope:.2f} +- {half:.2f} kB per round trip: {memory}"
    assert len(threads) == 1, threads
    assert min(files[:10]) == min(files[-10:]), files


@pytest.mark.parametrize(
    ("before", "steps"),
    [
        ((), ("configure", "activate", "deactivate", "cleanup")),
        (("configure",), ("activate", "deactivate")),
    ],
)
def test_rclpy_keeps_nothing_of_what_was_destroyed(graph, scripted_pipeline, before, steps):
    node = PoseNode(build_pipeline=scripted_pipeline, context=graph.context)
    for step in before:
        getattr(node, f"trigger_{step}")()
    counts = []
    for _ in range(4):
        for step in steps:
            getattr(node, f"trigger_{step}")()
        counts.append(len(node.default_callback_group.entities))
    node.destroy_node()
    assert counts[1:] == counts[1:2] * 3


@pytest.mark.parametrize("ending", [("deactivate", "cleanup"), ("shutdown",)])
def test_networks_are_gone_once_memory_is_given_back(monkeypatch, seen, ending):
    left = []

    def give_back():
        give_back_memory()
        left.append([pipeline() is not None for pipeline in seen.built])

    monkeypatch.setattr("alphapose_ros.nodes.pose_node.give_back_memory", give_back)
    seen.watch()
    assert [pipeline() is not None for pipeline in seen.built] == [True]
    seen.change(*ending)
    assert left == [[False]]


def test_whatever_is_still_shown_is_deleted_when_a_node_becomes_active(graph, seen):
    seen.watch()
    seen.change("deactivate")
    graph.spin_until(lambda: seen.markers[-1].markers[0].action == Marker.DELETEALL)
    seen.markers.clear()
    seen.change("activate")
    seen.watch()
    assert seen.markers[0].markers[0].action == Marker.DELETEALL


@pytest.mark.parametrize("between", [(), ("deactivate", "activate")])
def test_a_person_keeps_the_colour_whatever_the_track(seen, between):
    seen.watch(tracks=2)
    seen.change(*between)
    seen.watch(tracks=2)
    colours = seen.colours()
    assert len(colours) >= 4
    assert len(set(colours.values())) == 1, colours


def test_a_node_stuck_in_an_image_is_left_to_recover(graph, stand):
    graph.spin_until(stand.answered)
    stand.publish(STUCK_S)
    graph.spin_for(0.3)  # it is at work on it
    stand.publish(STUCK_S + 1)  # one waits behind it
    graph.spin_for(0.2)
    count = len(stand.tracks)
    assert not stand.change(Transition.TRANSITION_DEACTIVATE)
    assert stand.state == "unconfigured"
    graph.spin_until(lambda: len(stand.tracks) > count)
    assert not stand.tracks[-1].people  # the last word is said all the same
    graph.spin_until(lambda: stand.status("pipeline").level == DiagnosticStatus.ERROR)
    assert stand.change(*UP)
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people)
    graph.spin_for(5.0)  # until the stuck one comes to its end
    assert not {STUCK_S, STUCK_S + 1} & {tracks.header.stamp.sec for tracks in stand.tracks}
    code, said = graph.end(stand.process)
    assert code == 0
    assert "on_deactivate failed: still at work on one image after" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("model", "state", "reason"),
    [
        ("missing", "unconfigured", "cannot be configured: there are no weights"),
        ("broken", "unconfigured", "an error ended the last transition"),
    ],
)
def test_a_node_that_cannot_be_configured_says_why_and_recovers(graph, idle, model, state, reason):
    idle.set("pose.model", model)
    assert not idle.change(Transition.TRANSITION_CONFIGURE)
    assert idle.state == state
    graph.spin_until(lambda: reason in idle.status("pipeline").message)
    assert idle.status("pipeline").level == DiagnosticStatus.ERROR
    idle.set("pose.model", "fastpose_small_halpe_136")
    assert idle.change(*UP)
    graph.spin_until(idle.answered)
    graph.spin_until(lambda: idle.status("pipeline").level == DiagnosticStatus.OK)


def test_a_node_that_cannot_be_activated_stays_inactive_and_recovers(graph, idle):
    assert idle.change(Transition.TRANSITION_CONFIGURE)
    idle.set("pose.model", "missing")
    assert not idle.change(Transition.TRANSITION_ACTIVATE)
    assert idle.state == "inactive"
    idle.set("pose.model", "fastpose_small_halpe_136")  # as it was at first
    assert idle.change(Transition.TRANSITION_ACTIVATE)
    graph.spin_until(idle.answered)


def test_what_could_not_be_done_is_told_until_the_node_is_cleaned_up_or_ends(graph):
    deaf = Stand(graph, "-p", "qos_overrides./image.subscription.depth:=-1", autostart=False)

    def tells(level, message):
        graph.spin_until(lambda: message in deaf.status("input").message)
        assert deaf.status("input").level == level

    assert not deaf.change(*UP)
    tells(DiagnosticStatus.ERROR, "cannot be activated")
    assert deaf.change(Transition.TRANSITION_CLEANUP)
    tells(DiagnosticStatus.OK, "unconfigured")
    assert deaf.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    tells(DiagnosticStatus.OK, "finalized")


def test_transitions_that_do_not_fit_are_refused_and_survived(graph, idle):
    assert not idle.change(Transition.TRANSITION_DEACTIVATE)
    assert idle.state == "unconfigured"
    assert idle.change(*UP)
    assert not idle.change(Transition.TRANSITION_CONFIGURE)
    assert idle.state == "active"
    graph.spin_until(idle.answered)


def test_a_failing_network_costs_its_image_only(graph, stand):
    graph.spin_until(stand.answered)

    def failed():
        stand.publish(FAILS_S)
        graph.spin_for(0.02)
        return stand.status("pipeline").level == DiagnosticStatus.ERROR

    graph.spin_until(failed)
    assert "could not be processed" in stand.status("pipeline").message
    graph.spin_until(stand.answered)
    _, said = graph.end(stand.process)
    assert "RuntimeError: the network fails" in said


def test_a_disabled_node_takes_no_images_until_it_is_enabled(graph, stand):
    markers = graph.listen(MarkerArray, "markers")
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people and markers)
    last = stand.tracks[-1]
    count = len(stand.tracks)
    assert stand.call(SetBool, "enable", data=False).success
    graph.spin_until(lambda: not stand.camera.get_subscription_count())
    graph.spin_until(lambda: len(stand.tracks) > count)
    word = stand.tracks[-1]
    assert (list(word.people), word.header.stamp.sec) == ([], stand.tracks[-2].header.stamp.sec)
    graph.spin_until(lambda: markers[-1].markers[0].action == Marker.DELETEALL)
    assert stand.state == "active"
    graph.spin_until(lambda: stand.status("input").message == "disabled by ~/enable")
    assert stand.status("input").level == DiagnosticStatus.OK

    assert stand.call(SetBool, "enable", data=False).message == "nothing to do"
    assert stand.call(SetBool, "enable", data=True).success
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people)
    assert stand.tracks[-1].people[0].track_id == last.people[0].track_id + 1
    received = {pair.key: pair.value for pair in stand.status("input").values}["frames_received"]
    graph.spin_until(
        lambda: (
            stand.answered()
            and {pair.key: pair.value for pair in stand.status("input").values}["frames_received"]
            > received
        )
    )


def test_a_node_disabled_while_stuck_forgets_people_all_the_same(graph, stand):
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people)
    before = stand.tracks[-1].people[0].track_id
    stand.publish(STUCK_S)
    graph.spin_for(0.3)
    refused = stand.call(SetBool, "enable", data=False)
    assert (refused.success, "still at work" in refused.message) == (False, True)
    graph.spin_until(lambda: stand.status("input").message == "disabled by ~/enable")

    def enabled():
        graph.spin_for(0.5)
        return stand.call(SetBool, "enable", data=True).success

    graph.spin_until(enabled)
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people)
    assert stand.tracks[-1].people[0].track_id == before + 1


def test_privacy_holds_for_the_image_at_work_too(graph):
    stand = Stand(graph, "-p", "output.embeddings:=true", autostart=True)
    poses = graph.listen(PoseArray, "poses", 100)
    graph.spin_until(lambda: stand.answered() and poses)
    assert len(poses[-1].people[0].embedding) == 2
    stand.publish(STUCK_S)
    graph.spin_for(0.3)
    private = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True)
    stand.set_value("output.privacy", private)
    graph.spin_until(lambda: poses[-1].header.stamp.sec == STUCK_S)
    assert not len(poses[-1].people[0].embedding)


def test_a_node_that_is_not_active_is_neither_enabled_nor_reset(idle):
    enabled = idle.call(SetBool, "enable", data=True)
    assert (enabled.success, "not active" in enabled.message) == (False, True)
    assert not idle.call(Trigger, "reset").success


def test_after_a_reset_people_are_new(graph, stand):
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people)
    before = stand.tracks[-1].people[0].track_id
    assert stand.call(Trigger, "reset").success
    graph.spin_until(lambda: stand.answered() and stand.tracks[-1].people[0].track_id != before)
    assert stand.tracks[-1].people[0].track_id == before + 1
