"""The whole way live: a video as camera, the pose node, the recorder, each in its own process."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphapose_ros.config import Config, leaves, parse_setting, with_values
from alphapose_ros.frame import TrackState
from alphapose_ros.io.bag import BagError, BagReader, remove_bag
from alphapose_ros.io.video import VideoError, read_video
from alphapose_ros.nodes.processes import NodeProcess, ProcessError, environment

STATUS = "pose_node: "  # beginning of the names of its statuses in /diagnostics
START_S = 90.0  # networks may have to be loaded from a slow disk
CAUGHT_UP_S = 3.0  # without news after the last image
LAST_FRAME_S = 60.0
DRAWING_S = 120.0


@dataclass(frozen=True)
class Job:
    """What is to be played and where the outputs go."""

    video: str
    out: Path
    seconds: float  # 0: to the end
    rate_hz: float  # 0: unknown, as of a webcam
    frames: int  # 0: unknown
    settings: dict[str, Any]  # of the pose node, by dotted name

    @property
    def logs(self) -> Path:
        """The folder for what the nodes say."""
        return self.out / "logs"


def parse(arguments: Sequence[str] | None) -> Job:
    """Read the command line; ends the process with a reason where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m alphapose_ros.nodes.demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--video", required=True, help="file, or index of a webcam")
    parser.add_argument("--out", default="out/demo", type=Path, help="folder (%(default)s)")
    parser.add_argument("--seconds", default=0.0, type=float, help="end after so much of the video")
    parser.add_argument(
        "--set",
        dest="settings",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings of the pose node, e.g. detector.score=0.2; all are in config/pose.yaml",
    )
    given = parser.parse_args(arguments)
    try:
        config = with_values(Config(), dict(map(parse_setting, given.settings)))
        rate_hz, frames = look_at(given.video, given.seconds)
    except (KeyError, ValueError, OSError, VideoError) as error:
        parser.exit(2, f"demo: {error.args[0] if isinstance(error, KeyError) else error}\n")
    settings = {name: value for name, (value, _) in leaves(config).items()}
    return Job(given.video, given.out, given.seconds, rate_hz, frames, settings)


def look_at(video: str, seconds: float) -> tuple[float, int]:
    """Return rate [Hz] and number of frames of a video, 0 where unknown, as of a webcam.

    Raises:
        VideoError, OSError: it cannot be read.
        ValueError: ``seconds`` is negative.
    """
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"--seconds {seconds} is negative or not finite")
    if video.isdecimal():
        return 0.0, 0
    with read_video(video) as source:
        rate_hz, frames = source.fps or 0.0, source.frame_count or 0
    return rate_hz, min(frames, math.ceil(seconds * rate_hz)) if seconds else frames


def prepare(out: Path) -> None:
    """Make the folder, and remove the outputs of an earlier run.

    Raises:
        BagError, OSError: something else is in the way.
    """
    (out / "logs").mkdir(parents=True, exist_ok=True)
    remove_bag(out / "demo_bag")
    for name in ("overlay.mp4", "contact_sheet.png", "summary.json"):
        (out / name).unlink(missing_ok=True)
    for file in (out / "logs").glob("*.*"):
        file.unlink()


class Run:
    """The three processes of one run.

    The camera begins when both others have subscribed it; each ends when the one before it has.
    """

    def __init__(self, job: Job, stack: ExitStack, env: dict[str, str]) -> None:
        self._report = job.logs / "recorder.json"

        def start(name: str, **parameters: Any) -> NodeProcess:
            is_shown = name == "recorder"  # has the progress bar
            node = NodeProcess(name, parameters, logs=job.logs, env=env, is_shown=is_shown)
            return stack.enter_context(node)

        self.recorder = start(
            "recorder",
            out=str(job.out),
            bag="demo_bag",
            report=str(self._report),
            rate_hz=float(job.rate_hz),
            expected_frames=job.frames,
            keypoint_score=job.settings["output.keypoint_score"],
            privacy=job.settings["output.privacy"],
            image_reliability="reliable",
        )
        self.pose_node = start("pose_node", **job.settings)
        self.camera = start(
            "video_source",
            video=job.video,
            duration_s=float(job.seconds),
            wait_for_subscribers=2,
            report=str(job.logs / "video_source.json"),
        )

    def play(self) -> None:
        """Wait until the video has ended.

        Raises:
            ProcessError: one of the nodes failed.
        """
        end = time.monotonic() + START_S
        while not self.camera.is_over:
            self.recorder.check()
            self.pose_node.check()
            if not self._figures().get("images"):
                self._check_start(end)
            time.sleep(0.1)
        self.camera.wait(0)

    def _check_start(self, end: float) -> None:
        if "[ERROR]" in self.pose_node.said() or "[FATAL]" in self.pose_node.said():
            raise self.pose_node.failure("cannot start")
        if time.monotonic() > end:
            raise self.pose_node.failure(f"did not take images within {START_S:g} s")

    def complete(self) -> float | None:
        """Let the pose node finish, then the recorder; return the pose node's peak memory [MB].

        Raises:
            ProcessError: one of the nodes failed.
        """
        self._wait(lambda figures: figures["last_tracks_ns"] >= figures["last_image_ns"])
        memory_mb = self.pose_node.peak_memory_mb()
        self.pose_node.stop(LAST_FRAME_S)
        self.recorder.stop(DRAWING_S)
        return memory_mb

    def _wait(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the pose node has caught up, or nothing comes any more."""
        end = time.monotonic() + LAST_FRAME_S
        while time.monotonic() < end:
            self.pose_node.check()
            self.recorder.check()
            figures = self._figures()
            if figures and (condition(figures) or figures["quiet_s"] > CAUGHT_UP_S):
                return
            time.sleep(0.1)

    def _figures(self) -> dict[str, Any]:
        if not self._report.exists():
            return {}
        return json.loads(self._report.read_text(encoding="utf-8"))


def summarise(bag: Path) -> dict[str, Any]:
    """Count what a recorded run found, and add what the pose node last said of itself.

    Raises:
        BagError: the bag cannot be read.
    """
    stamps, people_max, ids, figures = set(), 0, set(), {}
    with BagReader(bag) as reader:
        for message in reader.messages():
            name = message.type_name.rpartition("/")[2]
            if name == "TrackedPersonArray":
                tracks = reader.decode(message)
                stamp_ns = tracks.header.stamp.sec * 10**9 + tracks.header.stamp.nanosec
                if stamp_ns:  # 0: the last word of a node that has processed nothing
                    stamps.add(stamp_ns)
                tracked = [p.track_id for p in tracks.people if p.state == TrackState.TRACKED]
                people_max = max(people_max, len(tracked))
                ids.update(tracked)
            elif name == "DiagnosticArray":
                for status in reader.decode(message).status:
                    if status.name.startswith(STATUS):
                        figures |= {pair.key: pair.value for pair in status.values}
    duration_s = (max(stamps) - min(stamps)) / 1e9 if stamps else 0.0
    return {
        "frames_processed": len(stamps),
        "people_max": people_max,
        "tracks": len(ids),
        "fps": round((len(stamps) - 1) / duration_s, 2) if duration_s else None,
        "latency_ms_p50": _number(figures.get("latency_ms_p50")),
        "latency_ms_p95": _number(figures.get("latency_ms_p95")),
        "device": figures.get("device"),
        "detector": figures.get("detector"),
        "pose_model": figures.get("pose_model"),
        "pose_node": figures,
    }


def _number(text: str | None) -> float | None:
    value = math.nan if text is None else float(text)
    return value if math.isfinite(value) else None


def table(summary: dict[str, Any]) -> str:
    """Return the figures that end a run."""
    rows = {
        "frames in": summary["frames_in"],
        "frames processed": summary["frames_processed"],
        "frames dropped": summary["frames_dropped"],
        "people at once, most": summary["people_max"],
        "tracks": summary["tracks"],
        "frames per second": summary["fps"],
        "latency p50 [ms]": summary["latency_ms_p50"],
        "latency p95 [ms]": summary["latency_ms_p95"],
        "pose_node VmHWM [MB]": summary["pose_node_vmhwm_mb"],
        "device": summary["device"],
        "detector": summary["detector"],
        "pose model": summary["pose_model"],
    }
    shown = {name: "-" if value is None else str(value) for name, value in rows.items()}
    width = max(map(len, shown.values()))
    return "\n".join(f"{name:<22}{value:>{width}}" for name, value in shown.items())


def run(job: Job) -> int:
    """Play a video through the nodes; return the exit code.

    Raises:
        ProcessError: a node failed; the others are ended.
        BagError, OSError: the outputs cannot be written or read.
    """
    prepare(job.out)
    env = environment()
    domain = env["ROS_DOMAIN_ID"]
    _say(f"Playing {job.video}; to look on in another terminal: export ROS_DOMAIN_ID={domain}")
    interrupted = False
    with ExitStack() as stack:
        nodes = Run(job, stack, env)
        try:
            nodes.play()
        except KeyboardInterrupt:
            _say("\nStopping; once more Ctrl-C to give up")
            interrupted = True
            nodes.camera.stop(10.0)
        memory_mb = nodes.complete()
    summary = finish(job, memory_mb)
    _say(f"\n{table(summary)}\n")
    for name in ("demo_bag", "overlay.mp4", "contact_sheet.png", "summary.json"):
        if (job.out / name).exists():
            _say(str(job.out / name))
    return 128 + signal.SIGINT if interrupted else 0


def finish(job: Job, memory_mb: float | None) -> dict[str, Any]:
    """Write summary.json and return it."""
    camera = json.loads((job.logs / "video_source.json").read_text(encoding="utf-8"))
    found = summarise(job.out / "demo_bag")
    summary = {
        "video": job.video,
        "rate_hz": camera["rate_hz"],
        "frames_in": camera["frames"],
        "frames_processed": found["frames_processed"],
        "frames_dropped": camera["frames"] - found["frames_processed"],
        **found,
        "pose_node_vmhwm_mb": memory_mb,
    }
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    (job.out / "summary.json").write_text(f"{text}\n", encoding="utf-8")
    return summary


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo."""
    job = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends it as Ctrl-C does
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = run(job)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except (ProcessError, BagError, OSError) as error:  # its message says what to do
        sys.exit(f"demo: {error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
