"""Try every argument of the launch files in earnest; started by check_launch.sh.

Prints a line for every check and their sum; fails where one fails, and where a launch file has an
argument that nothing here is about.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from launched import PATIENCE_S, Launched, Onlooker, until
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import Image

from alphapose_ros.config import Config, Rules, leaves
from alphapose_ros.msg import PoseArray

ROOT = Path(__file__).resolve().parents[1]
PROFILES = (
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "CYCLONEDDS_URI",
)
POSE, DEMO = "pose.launch.py", "demo.launch.py"
RGBD, FOLLOW = "pose_rgbd.launch.py", "follow.launch.py"
QUICK = {"device": "cpu", "threads": 1, "detector.name": "hog"}
WAITING = "active, waiting for images on "
SHORT = 300  # characters of what was found that are shown
EXAMPLE = "two_cameras.launch.py"  # of docs/launch.md
FORMS = {"pose.input_size": "256x192", "filter.region": "0,0 1,0 1,1"}  # texts of a certain form
REFUSED = {
    "use_composition:=true": "nodes in Python cannot be composed",
    "container_name:=box": "nodes in Python cannot be composed",
    "use_tracking:=perhaps": "neither true nor false",
    "use_reid:=perhaps": "neither true nor false",
    "use_depth:=perhaps": "neither true nor false",
    "use_respawn:=perhaps": "neither true nor false",
    "use_sim_time:=perhaps": "neither true nor false",
    "rviz:=maybe": "neither true nor false",
    "log_level:=loud": "none of debug, info",
    "image_transport:=theora": "none of raw, compressed",
    "device:=gpu": "none of auto, cpu",
    "params_file:=/none.yaml": "no such file",
}
ABOVE = """from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description():
    source = PythonLaunchDescriptionSource({file!r})
    include = IncludeLaunchDescription(source, launch_arguments={arguments}.items())
    return LaunchDescription([include])
"""
REFUSED_BY_OTHERS = {  # launch file: argument, what else must be given
    FOLLOW: ("gestures:=maybe", {}),
    DEMO: ("loop:=maybe", {"video": "0"}),
}


class Bench:
    """What the runs need: a place, a node that looks on, and the sum of what was found."""

    def __init__(self, folder: Path, graph: Onlooker) -> None:
        self.folder, self.graph = folder, graph
        self.passed = self.failed = self.launches = 0
        self.log = folder  # of the last launch
        self.checked: set[tuple[str, str]] = set()  # (launch file, argument)

    def check(self, about: str, what: str, holds: bool, seen: object = "") -> None:
        """Count and print one finding.

        Args:
            about: launch file and the argument that this is about, if any.
            what: is so, if all is well.
            holds: whether it is.
            seen: what was found in its place.
        """
        file, _, argument = about.partition(" ")
        self.checked.add((file, argument))
        self.passed += bool(holds)
        self.failed += not holds
        found = f"found {seen}" if len(str(seen)) <= SHORT else "found other things"
        found = "" if holds else f"; {found}, see {self.log}"
        say(f"{'ok  ' if holds else 'FAIL'} {file:<22} {argument:<24} {what}{found}")

    @contextmanager
    def launch(self, file: str, **arguments: object) -> Iterator[Launched]:
        """Run a launch file for as long as the context lasts."""
        words = [f"{name}:={value}" for name, value in arguments.items()]
        self.log = self.folder / f"launch_{self.launches:02}.log"
        self.launches += 1
        launched = Launched(file, words, self.log)
        try:
            yield launched
        finally:
            launched.end()

    def parameter_file(self, values: dict[str, Any]) -> Path:
        """Write parameters for every node by their dotted names."""
        path = self.folder / "parameters.yaml"
        path.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
        return path

    def parameters(self, node: str) -> dict[str, Any]:
        """Return all settings of a pose node."""
        self.graph.sees(node)
        return self.graph.parameters(node, ["use_sim_time", *leaves(Config())])


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def differing(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return those of ``wanted`` that ``found`` has otherwise, as found."""
    return {name: found.get(name) for name, value in wanted.items() if found.get(name) != value}


def other(name: str, value: Any, rules: Rules) -> Any:
    """Return a legal value of a setting that is not its default."""
    if isinstance(value, bool):
        return not value
    if rules.choices:
        return next(choice for choice in reversed(rules.choices) if choice != value)
    if isinstance(value, str):
        return FORMS.get(name, "other")
    return next(type(value)(limit) for limit in (rules.low, rules.high) if limit != value)


# The runs


def defaults(bench: Bench) -> None:
    """Nothing given: what the files that come with the package say."""
    graph = bench.graph
    settings = {name: value for name, (value, _) in leaves(Config()).items()}
    with bench.launch(POSE) as run:
        bench.check(POSE, "the node activates itself", run.says(f"{WAITING}/image"), run.said)
        found = bench.parameters("/pose_node")
        wrong = differing(found, settings)
        bench.check(f"{POSE} params_file", "by default config/pose.yaml", not wrong, wrong)
        bench.check(f"{POSE} use_sim_time", "false by default", found["use_sim_time"] is False)
        names = graph.names()
        bench.check(f"{POSE} namespace", "none by default", "/pose_node" in names, names)
        bench.check(f"{POSE} rviz", "not opened by default", not run.pids("rviz2"))
        env = run.environment("pose_node")
        for name in PROFILES:
            path = Path(env.get(name, "").removeprefix("file://"))
            is_ours = path.name in ("fastdds_images.xml", "cyclonedds_images.xml")
            bench.check(POSE, f"{name} is ours", is_ours and path.is_file(), env)
        seen = env.get("RCUTILS_LOGGING_BUFFERED_STREAM")
        bench.check(POSE, "RCUTILS_LOGGING_BUFFERED_STREAM is 1", seen == "1", seen)


def names_and_topics(bench: Bench) -> None:
    """Names, topics, clock and logs, and the lifecycle as a manager drives it."""
    graph, node = bench.graph, "/front/pose_node"
    arguments = {
        "namespace": "front",
        "image_topic": "/camera/image_raw",
        "camera_info_topic": "camera/info",
        "image_transport": "compressed",
        "use_sim_time": "true",
        "autostart": "false",
        "log_level": "error",
        "use_composition": "False",  # as Nav2's files write it
        "params_file": bench.parameter_file(QUICK),
    }
    with bench.launch(POSE, **arguments) as run:
        seen = graph.sees(node)
        bench.check(f"{POSE} namespace", f"the node is {node}", seen, graph.names())
        bench.check(f"{POSE} use_composition", "False is accepted", seen, run.said)
        found = bench.parameters(node)
        bench.check(f"{POSE} params_file", "is read", not differing(found, QUICK), found)
        is_sim = found["use_sim_time"] is True
        bench.check(f"{POSE} use_sim_time", "is a parameter", is_sim)
        bench.check(f"{POSE} use_sim_time", "/clock", "/clock" in graph.subscriptions(node))
        state = graph.state(node)
        bench.check(f"{POSE} autostart", "false: unconfigured", state == "unconfigured", state)
        steps = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
        done = [graph.change_state(node, step) for step in steps]
        state = graph.state(node)
        bench.check(f"{POSE} autostart", "a manager activates it", state == "active", (done, state))
        topics = {"/camera/image_raw/compressed", "/front/camera/info"}
        until(lambda: topics <= graph.subscriptions(node), 10)
        seen = graph.subscriptions(node)
        for argument, topic in zip(
            ("image_topic", "camera_info_topic"), sorted(topics), strict=True
        ):
            bench.check(f"{POSE} {argument}", f"{topic} is subscribed to", topic in seen, seen)
        has_suffix = "/camera/image_raw" not in seen
        bench.check(f"{POSE} image_transport", "and not the raw images", has_suffix, seen)
        outputs = {f"/front/{name}" for name in ("poses", "tracks", "markers", "skeleton")}
        sent = graph.publications(node)
        bench.check(f"{POSE} namespace", "is that of the outputs", outputs <= sent, sent)
        silent = "[INFO]" not in "".join(re.findall(r"\[pose_node-1\].*", run.said))
        bench.check(f"{POSE} log_level", "error: no INFO from the node", silent, run.said)
    bench.check(POSE, "ends cleanly on Ctrl-C", "finished cleanly" in run.said, run.said)


def empty_arguments(bench: Bench) -> None:
    """What is not given leaves every value of the file; what is given changes one."""
    others = {name: other(name, *leaf) for name, leaf in leaves(Config()).items()}
    others |= {"autostart": False, "detector.score_threshold": 0.77}
    file = bench.parameter_file(others)
    with bench.launch(POSE, params_file=file):
        wrong = differing(bench.parameters("/pose_node"), others)
        what = f"all {len(others)} values stay where no argument is given"
        bench.check(f"{POSE} params_file", what, not wrong, wrong)
    given = {  # argument: its value, parameter, value there
        "image_transport": ("raw", "image_transport", "raw"),
        "device": ("cuda:3", "device", "cuda:3"),
        "model": ("another", "pose.model", "another"),
        "use_tracking": ("true", "tracker.name", "msim"),
        "use_reid": ("true", "reid.name", "small"),
        "use_depth": ("false", "lifting.name", "none"),
        "target_frame": ("map", "target_frame", "map"),
        "target_file": ("me.npz", "target.file", "me.npz"),
    }
    arguments = {argument: value for argument, (value, _, _) in given.items()}
    with bench.launch(POSE, params_file=file, **arguments):
        found = bench.parameters("/pose_node")
        for argument, (value, parameter, wanted) in given.items():
            what = f"{value}: {parameter} is {wanted}"
            seen = found[parameter]
            bench.check(f"{POSE} {argument}", what, seen == wanted, seen)
        rest = others | {parameter: wanted for _, parameter, wanted in given.values()}
        wrong = differing(found, rest)
        bench.check(f"{POSE} params_file", "all other values stay", not wrong, wrong)


def handed_on_empty(bench: Bench) -> None:
    """What a launch file above hands on empty has its default; the clock is as the file says."""
    share = bench.folder / "install/alphapose_ros/share/alphapose_ros/launch"
    above, kept = bench.folder / "above.launch.py", ("params_file", "namespace")
    command = ["ros2", "launch", "alphapose_ros", POSE, "--show-args"]
    shown = subprocess.check_output(command, text=True, timeout=PATIENCE_S)
    names = sorted(set(re.findall(r"^\s+'(\w+)':", shown, re.MULTILINE)) - set(kept))
    settings = bench.parameter_file(QUICK | {"autostart": True, "use_sim_time": True})
    unmade = {"autostart": "false"}  # active in odom it needs TF
    for file, node, arguments in (
        (POSE, "/above/pose_node", {"params_file": str(settings), "namespace": "above"}),
        (FOLLOW, "/pose_node", dict.fromkeys(["gestures", *kept], "") | unmade),
        (DEMO, "/pose_node", dict.fromkeys(["loop", *kept], "") | {"video": "none.mp4"}),
    ):
        given = dict.fromkeys(names, "") | arguments
        above.write_text(ABOVE.format(file=str(share / file), arguments=given))
        with bench.launch(str(above)) as run:
            if file != FOLLOW:
                topic = node.replace("pose_node", "image")
                active = run.says(WAITING + topic)
                bench.check(f"{file} image_topic", f"empty: {topic}, active", active, run.said)
            found = bench.parameters(node)
            what, wanted = "empty: as params_file says", file == POSE
            seen = found["use_sim_time"]
            bench.check(f"{file} use_sim_time", what, seen is wanted, seen)
            what, wanted = "empty: its default", "odom" if file == FOLLOW else ""
            seen = found["target_frame"]
            bench.check(f"{file} target_frame", what, seen == wanted, seen)
            started = [name for name in ("rviz2", "gesture_node") if run.pids(name)]
            bench.check(f"{file} rviz", "empty: not opened", not started, started)


def switches_off(bench: Bench) -> None:
    """What can be switched off, and on where the file has it off."""
    file = bench.parameter_file(QUICK | {"autostart": False})
    arguments = {"autostart": "true", "use_tracking": "false", "use_reid": "false"}
    with bench.launch(POSE, params_file=file, **arguments) as run:
        active = run.says(f"{WAITING}/image")
        bench.check(f"{POSE} autostart", "true: active, though the file says false", active)
        found = bench.parameters("/pose_node")
        for argument, parameter in (("use_tracking", "tracker.name"), ("use_reid", "reid.name")):
            what = f"false: {parameter} is none"
            bench.check(f"{POSE} {argument}", what, found[parameter] == "none", found[parameter])


def respawn(bench: Bench) -> None:
    """A node that dies is there again where this is wanted."""
    own = bench.folder / "own.xml"
    shutil.copy(ROOT / "config/fastdds_images.xml", own)
    os.environ[PROFILES[0]] = str(own)
    # Namespaces of their own: for a while the others still see the dead.
    arguments = {"params_file": bench.parameter_file(QUICK), "namespace": "mortal"}
    with bench.launch(POSE, **arguments) as run:
        run.says(WAITING)
        seen = run.environment("pose_node")[PROFILES[0]]
        bench.check(POSE, f"a {PROFILES[0]} that is set stays", seen == str(own), seen)
        os.kill(run.pids("pose_node")[-1], signal.SIGKILL)
        ended = until(run.has_ended) and len(run.pids("pose_node")) == 1
        bench.check(f"{POSE} use_respawn", "by default a dead node stays dead", ended, run.said)
    with bench.launch(POSE, **arguments | {"namespace": "reborn"}, use_respawn="true") as run:
        run.says(WAITING)
        os.kill(run.pids("pose_node")[-1], signal.SIGKILL)
        again = until(lambda: run.said.count(WAITING) == 2)
        bench.check(f"{POSE} use_respawn", "true: a dead node is active again", again, run.said)
    del os.environ[PROFILES[0]]


def rviz(bench: Bench) -> None:
    """RViz, for which a program stands in that says how it was called."""
    file = bench.parameter_file(QUICK | {"autostart": False})
    share = bench.folder / "install/alphapose_ros/share/alphapose_ros"
    mine = {"rviz": "true", "rviz_config": "/tmp/mine.rviz", "namespace": "front"}
    mine["rviz_fixed_frame"] = "front_optical"
    with bench.launch(POSE, params_file=file, rviz="true", use_sim_time="true") as run:
        run.says("called: rviz2")
        (call,) = re.findall(r"called: rviz2 (.*)", run.said)
        is_ours = f"-d {share.resolve()}/rviz/pose.rviz" in call
        bench.check(f"{POSE} rviz", "true: it is opened", bool(call))
        bench.check(f"{POSE} rviz_config", "by default that of the package", is_ours, call)
        is_left = " -f " not in call
        bench.check(f"{POSE} rviz_fixed_frame", "by default that of the layout", is_left, call)
        bench.check(f"{POSE} use_sim_time", "RViz has it too", "use_sim_time: true" in run.said)
    with bench.launch(POSE, params_file=file, **mine) as run:
        run.says("called: rviz2")
        (call,) = re.findall(r"called: rviz2 (.*)", run.said)
        bench.check(f"{POSE} rviz_config", "is opened", "-d /tmp/mine.rviz" in call, call)
        is_given = " -f front_optical " in call
        bench.check(f"{POSE} rviz_fixed_frame", "is given to RViz", is_given, call)
        bench.check(f"{POSE} namespace", "RViz is in it", "__ns:=/front" in call, call)


def depth(bench: Bench) -> None:
    """A camera with depth, and one that a robot follows somebody by."""
    topics = {"depth_topic": "/camera/depth", "depth_camera_info_topic": "/camera/depth_info"}
    settings = {"params_file": bench.parameter_file(QUICK)}
    for file in (POSE, RGBD):
        given = settings | topics | ({"use_depth": "true"} if file == POSE else {})
        with bench.launch(file, **given) as run:
            run.says(WAITING)
            bench.graph.sees("/pose_node")
            until(lambda: set(topics.values()) <= bench.graph.subscriptions("/pose_node"), 10)
            seen = bench.graph.subscriptions("/pose_node")
            for argument, topic in topics.items():
                bench.check(f"{file} {argument}", f"{topic} is subscribed to", topic in seen, seen)
            found = bench.parameters("/pose_node")["lifting.name"]
            bench.check(f"{file} use_depth", "lifting.name is auto", found == "auto", found)
    settings = {"params_file": bench.parameter_file(QUICK | {"autostart": False})}
    wanted = {  # argument of follow.launch.py: parameter, value by default, another, value then
        "use_depth": ("lifting.name", "auto", "false", "none"),
        "target_frame": ("target_frame", "odom", "map", "map"),
        "target_file": ("target.file", "", "me.npz", "me.npz"),
    }
    changed = {name: value for name, (_, _, value, _) in wanted.items()}
    for arguments in ({}, changed):
        with bench.launch(FOLLOW, **settings, **arguments):
            found = bench.parameters("/pose_node")
        for name, (parameter, default, value, then) in wanted.items():
            right, seen = (then if arguments else default), found[parameter]
            what = f"{value if arguments else 'not given'}: {parameter} is {right!r}"
            bench.check(f"{FOLLOW} {name}", what, seen == right, seen)
    said = {"autostart": False, "target_frame": "map", "lifting.name": "ground"}
    own = {"params_file": bench.parameter_file(QUICK | said)}
    copy = {"params_file": ROOT / "config/pose.yaml", "device": "cpu", "autostart": "false"}
    for file, arguments, frame, lifting in (
        (FOLLOW, own, "map", "ground"),
        (FOLLOW, own | {"target_frame": "base_link", "use_depth": "true"}, "base_link", "auto"),
        (FOLLOW, copy, "odom", "auto"),
        (RGBD, own, "map", "ground"),
        (RGBD, copy, "", "auto"),
    ):
        with bench.launch(file, **arguments):
            found = bench.parameters("/pose_node")
        for name, parameter, right in (
            ("target_frame", "target_frame", frame),
            ("use_depth", "lifting.name", lifting),
        ):
            what, seen = f"{parameter} is {right!r} beside params_file", found[parameter]
            bench.check(f"{file} {name}", what, seen == right, seen)
    settings = {"params_file": bench.parameter_file(QUICK | {"autostart": False})}
    for value, wanted in (("false", False), ("true", True)):
        given = {} if value == "false" else {"gestures": value, "namespace": "hands"}
        with bench.launch(FOLLOW, **settings, **given) as run:
            bench.graph.sees("/hands/pose_node" if wanted else "/pose_node")
            seen = until(lambda: run.pids("gesture_node"), PATIENCE_S if wanted else 2)
            what = f"{value}: gesture_node is {'there' if wanted else 'not started'}"
            bench.check(f"{FOLLOW} gestures", what, bool(seen) == wanted, run.said)
            if wanted:
                node = "/hands/gesture_node"
                seen = bench.graph.sees(node) and "/hands/gestures" in bench.graph.publications(
                    node
                )
                bench.check(f"{FOLLOW} gestures", "it shares the namespace", seen, run.said)
    share = bench.folder / "install/alphapose_ros/share/alphapose_ros"
    for file in (RGBD, FOLLOW):
        with bench.launch(file, **settings, rviz="true", rviz_fixed_frame="map") as run:
            run.says("called: rviz2")
            (call,) = re.findall(r"called: rviz2 (.*)", run.said)
            is_ours = f"-d {share.resolve()}/rviz/pose_3d.rviz" in call
            bench.check(f"{file} rviz_config", "by default that of space", is_ours, call)
            is_given = " -f map " in call
            bench.check(f"{file} rviz_fixed_frame", "is given to RViz", is_given, call)


def refusals(bench: Bench) -> None:
    """What would have no effect stops the launch with the reason."""
    for argument, reason in REFUSED.items():
        name, _, value = argument.partition(":=")
        with bench.launch(POSE, **{name: value}) as run:
            until(run.has_ended)
            refused = run.end() != 0 and f"{argument}: {reason}" in run.said
            bench.check(f"{POSE} {name}", f"{value}: refused, {reason}", refused, run.said)
            bench.check(f"{POSE} {name}", "and no node starts", not run.pids("pose_node"))
    for file, (argument, others) in REFUSED_BY_OTHERS.items():
        name, _, value = argument.partition(":=")
        with bench.launch(file, **{name: value}, **others) as run:
            until(run.has_ended)
            refused = run.end() != 0 and f"{argument}: neither true nor false" in run.said
            bench.check(f"{file} {name}", f"{value}: refused", refused, run.said)
            bench.check(f"{file} {name}", "and no node starts", not run.pids("pose_node"))


def demo(bench: Bench) -> None:
    """A video in place of the camera, with the arguments of the pose node's launch file."""
    video, frames = bench.folder / "video.avi", 10
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 240))
    for brightness in range(frames):
        writer.write(np.full((240, 320, 3), brightness, np.uint8))
    writer.release()
    given = {
        "params_file": bench.parameter_file(QUICK),
        "namespace": "shop",
        "image_topic": "camera/image",
        "camera_info_topic": "camera/info",
    }
    node, source = "/shop/pose_node", "/shop/video_source"
    seen = bench.graph.listen(Image, "/shop/camera/image")
    with bench.launch(DEMO, video=video, **given) as run:
        bench.check(f"{DEMO} video", "its images arrive", until(lambda: seen), run.said)
        more = until(lambda: len(seen) > 2 * frames)
        bench.check(f"{DEMO} loop", "by default it begins again", more, len(seen))
        there = bench.graph.sees(node) and bench.graph.sees(source)
        bench.check(f"{DEMO} namespace", "is that of both nodes", there, bench.graph.names())
        until(lambda: "/shop/camera/image" in bench.graph.subscriptions(node))
        for argument, topic in (("image_topic", "image"), ("camera_info_topic", "info")):
            name = f"/shop/camera/{topic}"
            ends = bench.graph.publications(source), bench.graph.subscriptions(node)
            joined = all(name in end for end in ends)
            bench.check(f"{DEMO} {argument}", f"{name} joins both nodes", joined, ends)
    with bench.launch(DEMO, video=video, loop="false", autostart="false", **given) as run:
        ended = run.says(f"published {frames} frames")
        bench.check(f"{DEMO} loop", "false: it ends after the last frame", ended, run.said)
        state = bench.graph.state(node)
        what = "false goes on to pose.launch.py"
        bench.check(f"{DEMO} autostart", what, state == "unconfigured", state)
    with bench.launch(DEMO) as run:
        until(run.has_ended)
        asked = "video" in run.said and run.end() != 0
        bench.check(f"{DEMO} video", "must be given", asked and not run.pids("pose_node"), run.said)


def two_cameras(bench: Bench) -> None:
    """The example of docs/launch.md: two cameras below a launch file with arguments of its own."""
    text = (ROOT / "docs/launch.md").read_text()
    (code,) = re.findall(rf"```python\n# {EXAMPLE}\n(.*?)```", text, re.DOTALL)
    file = bench.folder / EXAMPLE
    file.write_text(code)
    settings = bench.parameter_file(QUICK | {"tracker.name": "byte"})
    sides = ("front", "rear")
    publishers = {
        side: bench.graph.node.create_publisher(Image, f"/{side}_camera/image_raw", 5)
        for side in sides
    }
    heard = {side: bench.graph.listen(PoseArray, f"/{side}/poses") for side in sides}
    with bench.launch(str(file), pose_settings=settings, use_composition="True") as run:
        end = time.monotonic() + PATIENCE_S
        while not all(heard.values()) and time.monotonic() < end:
            for side, publisher in publishers.items():
                publisher.publish(black_image(f"{side}_optical"))
            time.sleep(0.2)
        for side in sides:
            frames = {message.header.frame_id for message in heard[side]}
            own = frames == {f"{side}_optical"}
            bench.check(EXAMPLE, f"/{side}/poses come from its own camera", own, frames or run.said)
            found = bench.parameters(f"/{side}/pose_node")["tracker.name"]
            bench.check(EXAMPLE, f"the {side} one has its parameters", found == "byte", found)
        used = {name: bench.parameters(f"/{name}/pose_node")["reid.name"] for name in sides}
        wanted = {"front": "small", "rear": "none"}
        bench.check(EXAMPLE, "arguments of one are not the other's", used == wanted, used)


def black_image(frame_id: str) -> Image:
    """Return a small image."""
    image = Image(width=64, height=48, encoding="mono8", step=64, data=bytes(64 * 48))
    image.header.frame_id = frame_id
    return image


RUNS: tuple[Callable[[Bench], None], ...] = (
    defaults,
    names_and_topics,
    empty_arguments,
    handed_on_empty,
    switches_off,
    respawn,
    rviz,
    depth,
    refusals,
    demo,
    two_cameras,
)


def every_argument_was_tried(bench: Bench) -> None:
    """Compare what `--show-args` lists with what was checked."""
    for file in sorted(path.name for path in (ROOT / "launch").glob("*.launch.py")):
        command = ["ros2", "launch", "alphapose_ros", file, "--show-args"]
        shown = subprocess.check_output(command, text=True, timeout=PATIENCE_S)
        listed = set(re.findall(r"^\s+'(\w+)':", shown, re.MULTILINE))
        # What comes from pose.launch.py is tried there.
        tried = {name for of, name in bench.checked if of in (file, POSE)}
        left = sorted(listed - tried)
        bench.check(file, f"all {len(listed)} arguments were tried", listed and not left, left)


def run_all(folder: Path, only: str) -> int:
    """Do the runs whose names hold ``only``; return the exit code."""
    graph = Onlooker()
    for name in PROFILES:  # they were for the onlooker; the launch files set their own
        os.environ.pop(name, None)
    bench = Bench(folder, graph)
    try:
        for run in RUNS:
            if only in run.__name__:
                say(f"--- {run.__doc__.splitlines()[0]}")
                try:
                    run(bench)
                except (TimeoutError, ValueError) as error:  # the other runs go on
                    bench.check(run.__name__, "ends", False, error)
        if not only:
            every_argument_was_tried(bench)
    finally:
        graph.close()
    say(f"{bench.passed} checks passed, {bench.failed} failed")
    return 1 if bench.failed or not bench.passed else 0


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the package is built")
    parser.add_argument("only", nargs="?", default="", help="a part of the names of the runs")
    options = parser.parse_args()
    return run_all(options.folder, options.only)


if __name__ == "__main__":
    sys.exit(main())
