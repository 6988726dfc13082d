"""How often gestures of rendered people are told, and how often in clips where nobody makes any.

    python benchmarks/gestures.py --assets DIR [--clips DIR] [--people N]

Each person hangs the arms, raises a hand, waves, says stop and points, before a camera with depth.
It prints, by where keypoints come from and by settings: in how many clips each gesture was told,
in how many another one than was made, and in how many frames of ``--clips`` somebody was told to
make any. Without true keypoints or boxes, all is found by the default pipeline.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gesture_scenes import ARMS, clip

from alphapose_ros import Frame, Pipeline, Tracks, load_config
from alphapose_ros.config import GestureConfig, LiftingConfig, with_values
from alphapose_ros.following.gestures import Gesture, GestureReader
from alphapose_ros.io.video import read_video
from alphapose_ros.lifting import build_lifter
from alphapose_ros.training.synthetic.labels import Label
from alphapose_ros.training.synthetic.studio import Sources, Studio

SIZE = (480, 360)  # height and width [px]
COUNT = 18  # frames of a clip, 3 s
CLIPS_HZ = 10.0  # at which real clips are looked at, at most
SCORES = {2: 0.9, 1: 0.5, 0: 0.0}  # of true keypoints: seen, hidden, out of the picture
MADE = {
    "raised": Gesture.HAND_RAISED,
    "waving": Gesture.WAVE,
    "stop": Gesture.STOP,
    "pointing": Gesture.POINTING,
}
SETTINGS = {
    "default": GestureConfig(),
    "keypoint_score 0.05": GestureConfig(keypoint_score=0.05),
    "raise_height 0.2": GestureConfig(raise_height=0.2),
    "raise_height 0": GestureConfig(raise_height=0.0),
    "hold_s 0.3, gap_s 0.5": GestureConfig(hold_s=0.3, gap_s=0.5),
    "straight_deg 60, pointing_lift_deg 30": GestureConfig(straight_deg=60, pointing_lift_deg=30),
    "stop_reach 0.8": GestureConfig(stop_reach=0.8),
}

Stream = Sequence[tuple[int, Tracks]]  # stamps [ns] and people


def found(frames: Iterable[Frame], boxes: Sequence[np.ndarray] = ()) -> Stream:
    """Return who is found by the default pipeline.

    Args:
        frames: of a clip.
        boxes: (4,) of the only person in each, where the detector is not to look for them.
    """
    config = with_values(load_config(None), {"reid.name": "none"})
    lifter = build_lifter(LiftingConfig(name="depth"))
    with TemporaryDirectory() as folder:
        if boxes:
            file = Path(folder) / "boxes.json"
            file.write_text(json.dumps([_entry(*pair) for pair in enumerate(boxes)]))
            given = {"detector.name": "file", "detector.boxes_file": str(file)}
            config = with_values(config, given)
        pipeline = Pipeline(config)
        stream = [(frame.stamp_ns, pipeline(frame), frame) for frame in frames]
    return [
        (stamp_ns, tracks if frame.depth is None else lifter(tracks, frame))
        for stamp_ns, tracks, frame in stream
    ]


def _entry(number: int, box: np.ndarray) -> dict[str, object]:
    x1, y1, x2, y2 = box.tolist()
    return {"image_id": number, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": 1.0}


def with_true_keypoints(stream: Stream, frames: Sequence[Frame], labels: Sequence[Label]) -> Stream:
    """Return the tracks of one person with true keypoints, lifted by the depth of the frames."""
    lifter = build_lifter(LiftingConfig(name="depth"))
    result = []
    for (stamp_ns, tracks), frame, label in zip(stream, frames, labels, strict=True):
        one = tracks[tracks.detection_rows >= 0][:1]
        keypoints = label.keypoints.copy()
        keypoints[:, 2] = [SCORES[int(seen)] for seen in keypoints[:, 2]]
        poses = replace(one.poses, keypoints=np.tile(keypoints, (len(one), 1, 1)))
        result.append((stamp_ns, lifter(replace(one, poses=poses), frame)))
    return result


def told(stream: Stream, config: GestureConfig) -> tuple[set[Gesture], int]:
    """Return which gestures are told at all, and in how many frames any is."""
    reader, gestures, frames = GestureReader(config), set(), 0
    for stamp_ns, tracks in stream:
        says = reader(tracks, stamp_ns).since_ns >= 0
        gestures |= {Gesture(number + 1) for number in np.flatnonzero(says.any(axis=(0, 1)))}
        frames += int(says.any())
    return gestures, frames


def real_clip(path: Path) -> Iterable[Frame]:
    """Yield frames of a video, at CLIPS_HZ or a little more."""
    with read_video(str(path)) as video:
        next_s = 0.0
        for image, time_s in video:
            if time_s >= next_s - 1e-6:
                next_s += 1 / CLIPS_HZ
                yield Frame(image=image, stamp_ns=round(time_s * 1e9))


def report(name: str, config: GestureConfig, streams: dict[tuple[str, int], Stream]) -> list[str]:
    """Return one row of the table of rendered clips."""
    hits, wrong = dict.fromkeys(MADE, 0), 0
    for (arms, _), stream in streams.items():
        gestures, _ = told(stream, config)
        may = {MADE[arms]} if arms in MADE else set()
        hits[arms] = hits.get(arms, 0) + bool(gestures & may)
        if arms == "waving":
            may = may | {Gesture.HAND_RAISED}  # a hand may be raised and wave
        wrong += bool(gestures - may)
    return [name, *(str(hits[arms]) for arms in MADE), str(wrong)]


def say(cells: Iterable[str]) -> None:
    """Print a row of a table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def main() -> None:
    """Render, look, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="of docs/synthetic.md")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="videos without gestures")
    parser.add_argument("--people", type=int, default=4, help="rendered, each in all clips")
    options = parser.parse_args()
    by_boxes: dict[str, dict[tuple[str, int], Stream]] = {}
    for seed in range(1, options.people + 1):
        studio = Studio(Sources(options.assets, seed))
        for arms in ARMS:
            frames, labels = zip(*clip(studio, seed, arms, COUNT, SIZE), strict=True)
            boxes = [label.box for label in labels]
            streams = {"pipeline": found(frames), "true boxes": found(frames, boxes)}
            true = with_true_keypoints(streams["true boxes"], frames, labels)
            for name, stream in (streams | {"true keypoints": true}).items():
                by_boxes.setdefault(name, {})[arms, seed] = stream
    real = [found(real_clip(path)) for path in options.clips]
    say(("found by", "settings", *MADE, "wrong", "frames with alarms"))
    say(["---"] * (len(MADE) + 4))
    for source, streams in by_boxes.items():
        for name, config in SETTINGS.items():
            alarms = sum(told(stream, config)[1] for stream in real)
            last = str(alarms) if source == "pipeline" and real else ""
            say([source, *report(name, config, streams), last])
    seen = sum(map(len, real))
    sys.stdout.write(f"of {options.people} clips each; frames of real clips: {seen}\n")


if __name__ == "__main__":
    main()
