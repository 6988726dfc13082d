"""The example of docs/subscribing.md, as it stands there, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from std_msgs.msg import Header

from alphapose_ros import Person, Poses, Tracks, TrackState, from_numpy, skeleton
from alphapose_ros.msg import PoseArray, TrackedPersonArray

HALPE = skeleton("halpe_136")
LINES = 20


def blocks(root):
    """The Python of the page, block by block."""
    text = (root / "docs/subscribing.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def two_people():
    keypoints = np.full((2, 136, 3), 0.5, np.float32)
    keypoints[0, HALPE.index("nose")] = [312.2, 84.4, 0.91]
    keypoints[1] = [np.nan, np.nan, 0]
    poses = replace(
        Poses.empty(HALPE),
        keypoints=keypoints,
        boxes=np.tile([0, 0, 10, 20], (2, 1)),
        box_scores=[1, 1],
        scores=[1, 1],
    )
    return Tracks(
        poses=poses,
        ids=[7, 8],
        states=[TrackState.TRACKED, TrackState.LOST],
        ages_s=[1, 1],
        unseen_s=[0, 1],
        hits=[9, 9],
        detection_rows=[0, -1],
        velocities_px=np.zeros((2, 2)),
        person_ids=[-1, -1],
        identity_scores=[np.nan] * 2,
    )


@pytest.fixture
def example(root, graph, tmp_path):
    """Start the example; return the list of the lines that it prints."""
    file = tmp_path / "who_is_where.py"
    file.write_text(blocks(root)[0])
    process = subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    graph.processes.append(process)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    yield lines
    process.kill()
    process.wait()
    reader.join()


def test_the_example_prints_who_is_where(graph, example):
    publisher = graph.node.create_publisher(TrackedPersonArray, "tracks", 5)
    graph.spin_until(publisher.get_subscription_count, 40.0)

    def printed():
        publisher.publish(from_numpy(two_people(), TrackedPersonArray, Header()))
        graph.spin_for(0.1)
        return example

    graph.spin_until(printed, 40.0)
    assert set(example) == {"person 7: nose at 312, 84 px, score 0.91\n"}


def test_the_example_is_short(root):
    code = [line for line in blocks(root)[0].splitlines() if line.strip()]
    assert len(code) <= LINES


def test_the_way_back_is_shown_as_it_is(root):
    """Run the block that publishes, with what it takes for granted."""

    class Image:
        header, width, height = Header(frame_id="camera"), 640, 480

    sent = []

    class Publisher:
        publish = staticmethod(sent.append)

    given = {
        "Poses": Poses,
        "PoseArray": PoseArray,
        "skeleton": skeleton,
        "from_numpy": from_numpy,
        "keypoints": np.ones((2, 17, 3)),
        "boxes": np.ones((2, 4)),
        "box_scores": [1, 1],
        "scores": [1, 1],
        "image": Image,
        "publisher": Publisher,
    }
    exec(blocks(root)[-1], given)
    assert len(sent[0].people) == 2
    assert sent[0].header.frame_id == "camera"


def test_the_table_names_what_there_is(root):
    """Every field that the page lists is one of the record."""
    text = (root / "docs/subscribing.md").read_text()
    records = {
        "Poses": Poses.empty(HALPE),
        "Tracks": Tracks.empty(HALPE),
        "Person": Person(keypoints=np.ones((1, 3)), box=np.ones(4)),
        "Skeleton": HALPE,
    }
    rows = re.findall(r"^\| `\w+` \| `(\w+)`.*? \| (.*) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == ["Poses", "Tracks", "Person", "Skeleton"]
    for name, fields in rows:
        for field in re.findall(r"`(\w+)", fields):
            assert hasattr(records[name], field), f"{name}.{field}"
