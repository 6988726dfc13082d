"""The demo command: three real processes on a small video, and the ways in which it can fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import torch

from alphapose_ros.io.bag import BagMessage, BagReader, BagWriter, message_types
from alphapose_ros.models import build_official
from alphapose_ros.nodes.demo import STATUS, parse, prepare, summarise, table

TYPES = message_types()
KEYS = {
    *("frames_in", "frames_processed", "frames_dropped", "people_max", "tracks", "fps"),
    *("latency_ms_p50", "latency_ms_p95", "device", "detector", "pose_model"),
    "pose_node_vmhwm_mb",
}


@pytest.fixture
def boxes(tmp_path):
    """Two people per frame, who do not come near each other."""
    file = tmp_path / "boxes.json"
    people = [
        {"image_id": number, "category_id": 1, "bbox": [x + number, 60, 40, 120], "score": 0.9}
        for number in range(300)
        for x in (20, 200)
    ]
    file.write_text(json.dumps(people))
    noise = "suppression.min_score=0"  # there are no people to be seen
    return ["detector.name=file", f"detector.boxes_file={file}", noise]


class Demo:
    """The command in a process of its own."""

    def __init__(self, video, out, settings):
        self.out = out
        command = [sys.executable, "-m", "alphapose_ros.nodes.demo", "--video", video]
        command += ["--out", out, *(["--set", *settings] if settings else [])]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self, seconds=60):
        """Return exit code and all that it said."""
        said, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, said

    def wait_for_images(self, count, seconds=40):
        report, end = self.out / "logs/recorder.json", time.monotonic() + seconds
        while not report.exists() or json.loads(report.read_text())["tracks"] < count:
            assert time.monotonic() < end and self.process.poll() is None
            time.sleep(0.05)

    def nodes(self):
        """Return the process ids of its nodes by name."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        words = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children}
        return {line[2].rpartition(".")[2]: int(pid) for pid, line in words.items()}


@pytest.fixture
def demo(tmp_path):
    """Start the command; whatever happens, nothing of it stays behind."""
    started = []

    def start(video, settings=()):
        started.append(Demo(video, tmp_path / "out", settings))
        return started[-1]

    try:
        yield start
    finally:
        for run in started:
            left = [] if run.process.poll() is not None else list(run.nodes().values())
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            run.process.kill()
            run.process.wait()
            run.process.stdout.close()


def count_frames(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def test_a_video_becomes_bag_film_sheet_and_figures(demo, make_video, boxes, tmp_path):
    code, said = demo(make_video(frames=20, fps=5.0), boxes).end()
    assert code == 0, said
    out = tmp_path / "out"
    summary = json.loads((out / "summary.json").read_text())
    assert set(summary) >= KEYS
    assert summary["frames_in"] == 20
    assert summary["frames_processed"] + summary["frames_dropped"] == 20
    assert summary["frames_processed"] >= 10
    assert (summary["people_max"], summary["tracks"]) == (2, 2)
    assert 2.0 < summary["fps"] <= 5.5
    assert 0 < summary["latency_ms_p50"] <= summary["latency_ms_p95"]
    assert summary["detector"] == "file" and 50 < summary["pose_node_vmhwm_mb"] < 1500
    assert int(summary["pose_node"]["frames_processed"]) == summary["frames_processed"]
    with BagReader(out / "demo_bag") as bag:
        messages = [bag.decode(message) for message in bag.messages(["/tracks"])]
        assert bag.counts["/skeleton"] == 1 and bag.counts["/markers"] > 0
    assert len(messages) == summary["frames_processed"] + 1 and messages[-1].people == []
    assert count_frames(out / "overlay.mp4") in (19, 20)
    assert cv2.imread(str(out / "contact_sheet.png")) is not None
    assert "20/20" in said and "frames processed" in said and "summary.json" in said


def test_the_official_networks_run_live_from_files(demo, make_video, tmp_path):
    torch.manual_seed(0)  # what they find means nothing
    detector, pose = tmp_path / "yolox_s.pth", tmp_path / "fastpose.pth"
    torch.save({"model": build_official("yolox_s").state_dict()}, detector)
    official = "halpe_136/resnet/256x192_res50_lr1e-3_2x-regression"
    torch.save(build_official(official).state_dict(), pose)
    files = [f"detector.weights={detector}", f"pose.weights={pose}"]
    models = ["detector.model=yolox_s", "pose.model=auto", "pose.decode=integral"]
    everybody = ["detector.score_threshold=0", "suppression.min_score=0", "tracker.min_score=0"]
    everybody += ["tracker.tentative_age_s=30", "detector.max_people=2"]
    run = demo(make_video(frames=8, fps=2.0), [*files, *models, *everybody])
    code, said = run.end(90)
    assert code == 0, said
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["frames_processed"] >= 3
    assert (summary["detector"], summary["people_max"]) == ("yolox", 2)
    with BagReader(tmp_path / "out/demo_bag") as bag:
        messages = [bag.decode(message) for message in bag.messages(["/tracks"])]
    people = [person for message in messages for person in message.people]
    lengths = {len(person.pose.keypoints) for person in people}
    assert max(lengths) == 136 * 3 and lengths <= {0, 136 * 3}  # 0: not seen in this image


def test_ctrl_c_ends_it_early_and_in_order(demo, make_video, boxes, tmp_path):
    run = demo(make_video(frames=250, fps=5.0), boxes)
    run.wait_for_images(5)
    run.process.send_signal(signal.SIGINT)
    code, said = run.end()
    assert code == 130 and "Traceback" not in said, said
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert 5 <= summary["frames_processed"] <= summary["frames_in"] < 250
    with BagReader(tmp_path / "out/demo_bag") as bag:
        assert bag.counts["/tracks"] == summary["frames_processed"] + 1


def test_the_end_of_a_node_ends_the_others_and_is_told(demo, make_video, boxes, tmp_path):
    run = demo(make_video(frames=250, fps=5.0), boxes)
    run.wait_for_images(2)
    nodes = run.nodes()
    os.kill(nodes["pose_node"], signal.SIGTERM)  # SIGKILL would leave its shared memory behind
    code, said = run.end()
    assert code == 1 and "pose_node ended too early, with exit code 0" in said, said
    assert set(nodes) == {"recorder", "pose_node", "video_source"}
    assert not any(Path(f"/proc/{pid}").exists() for pid in nodes.values())
    with BagReader(tmp_path / "out/demo_bag") as bag:
        assert bag.counts["/tracks"] >= 2  # what was recorded can be read


def test_a_pose_node_that_cannot_start_says_why(demo, make_video):
    code, said = demo(make_video(), ["pose.weights=missing.safetensors"]).end()
    assert code == 1 and "missing.safetensors" in said and "pose_node.log" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--video", "nowhere.avi"], "nowhere.avi"),
        (["--video", __file__], "cannot read this as a video"),
        (["--video", "0", "--set", "detector.nmae=hog"], "did you mean detector.name"),
        (["--video", "0", "--set", "tracker.max_age_s=soon"], "max_age_s"),
        (["--video", "0", "--set", "tracker.max_age_s"], "expected name=value"),
        (["--video", "0", "--seconds", "-1"], "negative"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(capsys, arguments, words):
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2 and words in capsys.readouterr().err


def test_the_length_is_known_beforehand(make_video):
    video = str(make_video(frames=40, fps=20.0))
    assert (parse(["--video", video]).frames, parse(["--video", video]).rate_hz) == (40, 20.0)
    assert parse(["--video", video, "--seconds", "1.5"]).frames == 30
    assert parse(["--video", video, "--seconds", "9"]).frames == 40
    assert (parse(["--video", "0"]).frames, parse(["--video", "0"]).rate_hz) == (0, 0.0)


def test_settings_take_the_type_that_ros_wants():
    job = parse(["--video", "0", "--set", "tracker.max_age_s=3", "--set", "device=cpu"])
    assert job.settings["tracker.max_age_s"] == 3.0
    assert isinstance(job.settings["tracker.max_age_s"], float)
    assert job.settings["device"] == "cpu"


def test_outputs_of_an_earlier_run_are_removed_and_nothing_else(tmp_path):
    with BagWriter(tmp_path / "demo_bag"):
        pass
    for name in ("overlay.mp4", "contact_sheet.png", "summary.json", "notes.txt"):
        (tmp_path / name).touch()
    prepare(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["logs", "notes.txt"]


def write(bag, topic, type_name, **fields):
    message = TYPES.types[type_name](**fields)
    bag.write(BagMessage(topic, type_name, 1, bytes(TYPES.serialize_cdr(message, type_name))))


def header(sec):
    stamp = TYPES.types["builtin_interfaces/msg/Time"](sec=sec, nanosec=0)
    return TYPES.types["std_msgs/msg/Header"](stamp=stamp, frame_id="")


def write_tracks(bag, sec):
    about = {"image_frame_id": "", "image_width": 9, "image_height": 9, "skeleton_id": "x"}
    type_name = "alphapose_ros/msg/TrackedPersonArray"
    write(bag, "/front/tracks", type_name, header=header(sec), people=[], **about)


def write_diagnostics(bag, name, **figures):
    pair, status = (
        TYPES.types[f"diagnostic_msgs/msg/{n}"] for n in ("KeyValue", "DiagnosticStatus")
    )
    values = [pair(key=key, value=value) for key, value in figures.items()]
    one = status(level=0, name=name, message="", hardware_id="", values=values)
    write(
        bag, "/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", header=header(0), status=[one]
    )


def test_a_summary_counts_frames_once_and_takes_the_last_figures(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        for sec in (1, 2, 4, 5, 5):  # the pose node's last word repeats a stamp
            write_tracks(bag, sec)
        write_diagnostics(bag, STATUS, latency_ms_p50="7.5", device="cpu")
        write_diagnostics(bag, STATUS, latency_ms_p50="8.5", device="cpu", latency_ms_p95="nan")
        write_diagnostics(bag, "camera: lens", latency_ms_p50="99")
    summary = summarise(tmp_path / "bag")
    assert (summary["frames_processed"], summary["fps"]) == (4, 0.75)  # 3 periods in 4 s
    assert (summary["latency_ms_p50"], summary["latency_ms_p95"]) == (8.5, None)
    assert (summary["device"], summary["detector"], summary["people_max"]) == ("cpu", None, 0)


def test_a_run_without_results_has_a_summary_too(tmp_path):
    with BagWriter(tmp_path / "bag"):
        pass
    summary = {**summarise(tmp_path / "bag"), "frames_in": 9, "frames_dropped": 9}
    assert (summary["frames_processed"], summary["fps"], summary["tracks"]) == (0, None, 0)
    assert "frames dropped" in table({**summary, "pose_node_vmhwm_mb": None})
