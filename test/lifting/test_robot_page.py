"""Every name in docs/robot.md is one that the package has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alphapose_ros.cli import VERBS
from alphapose_ros.config import Config, leaves
from alphapose_ros.nodes.topics import SERVICES, TOPICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/robot.md").read_text("utf-8")
COMMANDS = "\n".join(
    line[4:] for line in PAGE.replace("\\\n", " ").splitlines() if line.startswith("    ")
)
OTHERS = {"align_depth.enable"}  # of the camera's driver
SECTIONS = {name.split(".")[0] for name in leaves(Config()) if "." in name}


def launch_arguments(name):
    text = (ROOT / "launch" / name).read_text("utf-8")
    table = text[text.index("ARGUMENTS") : text.index("def ")]
    return set(re.findall(r'^    "(\w+)": \(', table, re.MULTILINE))


def test_the_page_has_commands():
    assert len(re.findall(r"^(?:ros2|alphapose) ", COMMANDS, re.MULTILINE)) > 10


@pytest.mark.parametrize("launch", ["pose_rgbd.launch.py", "follow.launch.py"])
def test_launch_files_have_the_arguments(launch):
    calls = re.findall(rf"ros2 launch alphapose_ros {launch} (.*)", COMMANDS)
    assert calls
    known = launch_arguments(launch) | launch_arguments("pose.launch.py")
    for call in calls:
        given = set(re.findall(r"(\w+):=", call))
        assert given and given <= known, given - known


def test_settings_and_launch_arguments_in_the_text_exist():
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)(?::[^`=]*)?`", PAGE))
    settings = {name for name in named if name.split(".")[0] in SECTIONS}
    assert {"lifting.depth_registered", "target.predict_s"} <= settings <= set(leaves(Config()))
    given = set(re.findall(r"`([\w.]+):=", PAGE)) - OTHERS
    assert given and given <= launch_arguments("pose.launch.py")


def test_services_are_called_by_their_names_and_types():
    calls = re.findall(r"ros2 service call /pose_node/(\w+) (\S+)", COMMANDS)
    assert {name for name, _ in calls} == {"set_target", "enroll", "clear_target"}
    for name, kind in calls:
        assert SERVICES[f"~/{name}"].type == kind


def test_topics_exist():
    ours = {f"/{name.lstrip('/')}" for name in TOPICS}
    named = set(re.findall(r"ros2 topic \w+ (/\S+)", COMMANDS))
    assert "/target/pose" in named and named <= ours
    assert TOPICS["target/pose"].is_reliable and "PoseStamped" in TOPICS["target/pose"].type


def test_files_and_verbs_exist():
    for path in re.findall(r"(?:share alphapose_ros\)/|`)((?:config|rviz|launch)/[\w./]+)", PAGE):
        assert (ROOT / path).is_file(), path
    for verb in re.findall(r"alphapose (\w+) ", COMMANDS):
        assert verb in VERBS


def test_the_mode_of_the_example_is_the_nearest():
    text = (ROOT / "srv/SetTarget.srv").read_text("utf-8")
    assert re.search(r"NEAREST=(\d)", text).group(1) == re.search(r"{mode: (\d)}", PAGE).group(1)
    states = (ROOT / "msg/TargetStatus.msg").read_text("utf-8")
    assert "TRACKING=2" in states and "`state` 2 is TRACKING" in PAGE


def test_who_drives_is_said_at_the_beginning():
    first = PAGE.partition("## 1.")[0]
    assert "never publishes velocity commands" in first and "collision monitor" in first
