"""The example of docs/gestures.md, as it stands there, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

import pytest

from alphapose_ros.msg import Gesture, GestureArray

LINES = 15


@pytest.fixture
def code(root):
    text = (root / "docs/gestures.md").read_text()
    (found,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return found


def test_the_example_is_short(code):
    assert len([line for line in code.splitlines() if line.strip()]) <= LINES


def test_the_example_reacts_once_to_each_hand_that_is_raised(graph, code, tmp_path):
    file = tmp_path / "waiter.py"
    file.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    graph.processes.append(process)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    publisher = graph.node.create_publisher(GestureArray, "gestures", 50)
    graph.spin_until(publisher.get_subscription_count, 40.0)

    def publish(track_id, is_new, gesture=Gesture.HAND_RAISED):
        row = Gesture(track_id=track_id, gesture=gesture, is_new=is_new)
        publisher.publish(GestureArray(gestures=[row]))

    def printed():
        publish(0, True)
        graph.spin_for(0.1)
        return lines

    graph.spin_until(printed, 40.0)
    publish(7, True)
    publish(7, False)
    publish(8, True, Gesture.WAVE)
    publisher.publish(GestureArray())
    publish(9, True)
    graph.spin_until(lambda: "person 9 raised a hand\n" in lines)
    process.kill()
    process.wait()
    reader.join()
    assert [line for line in lines if "person 0" not in line] == [
        "person 7 raised a hand\n",
        "person 9 raised a hand\n",
    ]
