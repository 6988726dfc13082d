"""Bags: time that a clock tells and that goes back, and images of which none may be left out."""

from __future__ import annotations

import itertools
from array import array

import pytest
from programs import Diagnosed, start_program
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from alphapose_ros.msg import TrackedPersonArray
from alphapose_ros.nodes.middleware import is_cyclone

LOGS = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MANY = QoSProfile(depth=1000)
PIXELS = array("B", bytes(64 * 48 * 3))
STEP_S = 0.125  # between images


class Replay(Diagnosed):
    """Plays images as a bag does, with their own stamps and perhaps a clock."""

    def __init__(self, graph, process):
        super().__init__(graph)
        self.graph, self.process = graph, process
        self.answers = graph.listen(TrackedPersonArray, "tracks", MANY)
        self.logs = graph.listen(Log, "/rosout", LOGS)
        self.clock = graph.node.create_publisher(Clock, "/clock", 10)
        self.images = graph.node.create_publisher(Image, "image", MANY)
        graph.spin_until(self.images.get_subscription_count)

    def log(self):
        return "\n".join(log.msg for log in self.logs)

    def show(self, stamp_s, clock_s=None):
        if clock_s is not None:
            message = Clock()
            message.clock.sec, message.clock.nanosec = split(clock_s)
            self.clock.publish(message)
            self.graph.spin_for(0.02)
        image = Image(height=48, width=64, encoding="bgr8", step=192, data=PIXELS)
        image.header.stamp.sec, image.header.stamp.nanosec = split(stamp_s)
        self.images.publish(image)

    def show_and_wait(self, stamp_s, clock_s):
        """Show an image until it is answered."""
        count = len(self.answers)

        def answered():
            self.show(stamp_s, clock_s)
            self.graph.spin_for(0.05)
            return stamp_s in self.stamps()[count:]

        self.graph.spin_until(answered)

    def begin(self):
        """Wait until an image comes through, so that from now on every one is received."""
        seconds = itertools.count(1)

        def answered():
            self.show(next(seconds))
            self.graph.spin_for(0.4)
            return self.answers

        self.graph.spin_until(answered)

    def stamps(self):
        stamps = (answer.header.stamp for answer in self.answers)
        return [stamp.sec + stamp.nanosec / 1e9 for stamp in stamps]


def split(time_s):
    return int(time_s), round(time_s % 1 * 1e9)


def start_slow(graph, **parameters):
    return start_program(graph, "slow_node", "mailbox", **parameters)


def test_ages_are_told_by_the_clock_of_the_simulation(graph):
    replay = Replay(graph, start_slow(graph, use_sim_time=True, image_timeout_s=0.5))
    clock_s = (1000 + STEP_S * count for count in itertools.count())

    def told():
        now_s = next(clock_s)
        replay.show(now_s - 0.5, now_s)
        graph.spin_for(0.05)
        return replay.figures["frames_processed"] not in ("", "0")

    graph.spin_until(told)
    assert 500 <= float(replay.figures["callback_age_ms_p50"]) < 60_000
    assert 500 <= float(replay.figures["latency_ms_p50"]) < 60_000


def test_silence_is_noticed_although_the_clock_stands_still(graph):
    replay = Replay(graph, start_slow(graph, use_sim_time=True, image_timeout_s=0.5))
    graph.spin_until(lambda: "no image on /image" in replay.status.message)


@pytest.fixture
def boxes_file(tmp_path):
    """The same box in every frame, so that somebody is there."""
    path = tmp_path / "boxes.json"
    entry = '{"image_id": %d, "bbox": [10, 5, 30, 40], "score": 0.9}'
    path.write_text(f"[{', '.join(entry % index for index in range(2000))}]")
    return path


def test_every_round_of_a_bag_is_tracked_afresh_with_new_ids(graph, boxes_file):
    settings = {"detector.name": "file", "detector.boxes_file": boxes_file}
    settings |= {"suppression.min_score": 0.0, "use_sim_time": True}
    replay = Replay(graph, graph.start("pose_node", **settings))
    ids = []
    for _ in range(3):
        first = len(replay.answers)
        for count in range(12):
            stamp_s = 1000 + STEP_S * count
            replay.show_and_wait(stamp_s, stamp_s + 0.01)
        people = [person for answer in replay.answers[first:] for person in answer.people]
        ids.append({person.track_id for person in people})
        assert people[-1].age.sec < 2  # since the round began
    assert ids == [{1}, {2}, {3}]
    code, said = graph.end(replay.process)
    assert code == 0
    assert "tracking starts afresh" in replay.log()  # as the node's own words
    assert "Traceback" not in said


def test_images_without_a_stamp_count_as_taken_when_they_come(graph, boxes_file):
    settings = {"detector.name": "file", "detector.boxes_file": boxes_file}
    settings |= {"suppression.min_score": 0.0}
    replay = Replay(graph, graph.start("pose_node", **settings))

    def is_followed():
        replay.show(0)
        graph.spin_for(0.05)
        ages = [person.age for answer in replay.answers for person in answer.people]
        return ages and ages[-1].sec + ages[-1].nanosec / 1e9 > 0.3

    graph.spin_until(is_followed)
    assert {answer.header.stamp.sec for answer in replay.answers} == {0}
    graph.spin_until(lambda: is_followed() and "carry no stamp" in replay.status.message)
    assert float(replay.figures["latency_ms_p50"]) < 60_000


def test_every_frame_is_processed_in_order_however_slow_the_networks_are(graph):
    settings = {"process_every_frame": True, "queue_size": 30}
    replay = Replay(graph, start_slow(graph, **settings))
    replay.begin()
    stamps = [100 + STEP_S * count for count in range(25)]
    for stamp_s in stamps:
        replay.show(stamp_s)
    graph.spin_until(lambda: stamps[-1] in replay.stamps(), 60)
    assert [stamp_s for stamp_s in replay.stamps() if stamp_s >= 100] == stamps
    told = counts(graph, replay)
    assert (told["dropped"], told["lost"], told["failed"]) == (0, 0, 0)
    assert told["received"] == told["processed"] >= len(stamps)


@pytest.mark.skipif(is_cyclone(), reason="CycloneDDS does not number its messages")
def test_frames_beyond_what_may_wait_are_counted_and_told(graph):
    replay = Replay(graph, start_slow(graph, process_every_frame=True, queue_size=3))
    replay.begin()
    stamps = [100 + STEP_S * count for count in range(20)]
    for stamp_s in stamps:
        replay.show(stamp_s)
    graph.spin_until(lambda: stamps[-1] in replay.stamps(), 60)
    graph.spin_until(lambda: "although process_every_frame is set" in replay.log())
    answered = [stamp_s for stamp_s in replay.stamps() if stamp_s >= 100]
    assert answered == sorted(answered)
    lost = counts(graph, replay)["lost"]
    assert 0 < lost == len(stamps) - len(answered)


def test_a_node_with_a_full_queue_ends_soon_and_counts_what_it_leaves(graph):
    replay = Replay(graph, start_slow(graph, process_every_frame=True, queue_size=100))
    replay.begin()
    for count in range(90):  # 18 seconds of work
        replay.show(100 + STEP_S * count)
    graph.spin_until(lambda: 100 in replay.stamps())
    told = counts(graph, replay)
    assert told["received"] == told["processed"] + told["dropped"]
    assert told["dropped"] > 50


def counts(graph, replay):
    """End the node; return what it says became of the images."""
    code, said = graph.end(replay.process, seconds=10)
    assert code == 0, said
    line = said.split("inactive; images: ")[1].splitlines()[0]
    return {name: int(number) for number, name in (part.split() for part in line.split(", "))}
