"""The layouts of RViz ask for what the node offers: topics, types, quality of service."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from alphapose_ros.nodes.topics import TOPICS

FOLDER = Path(__file__).resolve().parents[2] / "rviz"
LAYOUTS = sorted(path.name for path in FOLDER.glob("*.rviz"))
SHOWN_AS = {  # what the displays of RViz subscribe to
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}


def manager(name):
    return yaml.safe_load((FOLDER / name).read_text())["Visualization Manager"]


def displays(name):
    return [display for display in manager(name)["Displays"] if "Topic" in display]


def test_there_is_a_layout_for_pictures_and_one_for_space():
    assert LAYOUTS == ["pose.rviz", "pose_3d.rviz"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_that_subscribes_is_known_and_shown(name):
    assert {display["Topic"]["Value"] for display in displays(name)} == {"overlay", "markers"}
    for display in manager(name)["Displays"]:
        assert display["Enabled"] is display["Value"] is True
        has_topic = any("Topic" in key for key in display)
        assert has_topic == (display["Class"] in SHOWN_AS), display["Class"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_topics_and_types_are_those_of_the_node(name):
    for display in displays(name):
        topic = TOPICS[display["Topic"]["Value"]]
        assert not topic.is_input
        assert topic.type == SHOWN_AS[display["Class"]]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_quality_of_service_is_that_of_the_node(name):
    for display in displays(name):
        asked, topic = display["Topic"], TOPICS[display["Topic"]["Value"]]
        assert asked["Depth"] == topic.depth
        assert asked["History Policy"] == "Keep Last"
        assert asked["Reliability Policy"] == ("Reliable" if topic.is_reliable else "Best Effort")
        assert asked["Durability Policy"] == ("Transient Local" if topic.is_latched else "Volatile")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_namespace_of_markers_is_shown(name):
    (markers,) = (display for display in displays(name) if display["Topic"]["Value"] == "markers")
    assert markers["Namespaces"] == {}  # none is switched off


@pytest.mark.parametrize(("name", "frame"), [("pose.rviz", "camera"), ("pose_3d.rviz", "odom")])
def test_frames_are_shown_and_the_view_follows_the_fixed_one(name, frame):
    layout = manager(name)
    assert layout["Global Options"]["Fixed Frame"] == frame
    assert "rviz_default_plugins/TF" in {display["Class"] for display in layout["Displays"]}
    assert layout["Views"]["Current"]["Target Frame"] == "<Fixed Frame>"
