"""How well trackers tell people apart, with boxes and poses fixed: one table.

    python benchmarks/tracking.py [--data DIR] [--sequences DIR] [--seeds 5] [--cache DIR]
        [--trackers msim,iou,byte] [--first-seed N] [--set tracker.NAME=VALUE] [--json FILE]

--data DIR      folder with mot_metrics/ and videos/pets09_s2l1_part1/
--sequences DIR what `alphapose synth --sequences` made
--cache DIR     where the poses that the pipeline finds in PETS are kept

What is followed:
- PETS frames 1-69: boxes and poses of the default pipeline, found once; then, by seed, with a
  tenth of them missing.
- Rendered sequences: true boxes and poses that are jittered, missed, invented and of low score
  where people are hidden, by seed; then the true ones.
- MOT17-09 and TUD-Campus: boxes that public trackers gave, their identities taken away, some
  missing and all jittered, by seed; without poses.

msim looks at the pictures through the re-ID network of the settings where there are any, that is,
but for MOT17 and TUD; the other trackers never do. `--set reid.name=none` takes its eyes away.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline, skeleton
from alphapose_ros.boxes import from_xywh
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config, TrackerConfig, with_values
from alphapose_ros.devices import pick_compute
from alphapose_ros.evaluation.mot import evaluate_mot, read_truth
from alphapose_ros.evaluation.mot_rules import LabelledSequence
from alphapose_ros.frame import Poses
from alphapose_ros.io.mot import FIRST_PIXEL, TrackedBoxes, read_mot
from alphapose_ros.reid import build_reid
from alphapose_ros.reid.embedder import Embedder
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace

FIGURES = ("IDF1", "HOTA", "MOTA", "IDSW")
WHOLE_BODY, BODY = skeleton("halpe_136"), skeleton("coco_17")
PETS_LENGTH, PETS_HZ = 69, 10.0  # frames with ground truth
RATES_HZ = {"MOT17-09-FRCNN": 30.0, "TUD-Campus": 25.0}
OUTPUTS = (("MOT17-09-FRCNN", "MPNTrack"), ("MOT17-09-FRCNN", "Lif_T"), ("TUD-Campus", "test"))
SURE = (0.0, 0.4, 0.9)  # score of keypoints outside, hidden, seen
TRUE = "rendered, true boxes"  # how cases without faults begin
MISSING = 0.1  # part of the boxes that is taken away


@dataclass(frozen=True)
class Clip:
    """One sequence: who is there, and what is found of them in each frame."""

    group: str
    truth: LabelledSequence
    frames: tuple[Poses, ...]
    rate_hz: float
    images: tuple[np.ndarray, ...] = ()  # BGR, for trackers that look at them


def followed(clip: Clip, config: TrackerConfig, embedder: Embedder | None) -> TrackedBoxes:
    """Return what a tracker makes of a clip: everybody whom it sees, frame by frame.

    Args:
        clip: with or without images.
        config: of the tracker.
        embedder: what people look like, asked where there are images.
    """
    space = embedder and EmbeddingSpace(embedder.max_distance, embedder.digest)
    tracker = build_tracker(config, space=space)
    parts = []
    for number, people in enumerate(clip.frames, start=1):
        image = clip.images[number - 1] if clip.images else None
        embed = None
        if image is not None and embedder is not None:
            embed = partial(_looks, embedder, image, people)
        tracks = tracker.update(people, round(number / clip.rate_hz * 1e9), embed, image)
        seen = tracks[tracks.detection_rows >= 0]
        parts.append((np.full(len(seen), number), seen.ids, seen.poses.boxes))
    frames, ids, boxes = map(np.concatenate, zip(*parts, strict=True))
    return boxes_of(frames, ids, boxes + FIRST_PIXEL)


def _looks(embedder: Embedder, image: np.ndarray, people: Poses, rows: np.ndarray) -> np.ndarray:
    """Return what some rows of people look like, (M, D)."""
    return embedder(image, people[rows])


def boxes_of(frames: np.ndarray, ids: np.ndarray, boxes: np.ndarray) -> TrackedBoxes:
    """Return a table of pedestrians, in pixels counted from 1."""
    ones = np.ones(len(frames))
    return TrackedBoxes(
        frames=frames, ids=ids, boxes=boxes, scores=ones, classes=ones, visibilities=ones
    )


# What is followed


def pets(data: Path, cache: Path | None, config: Config) -> Clip:
    """Return PETS as the default pipeline finds it."""
    folder = data / "videos/pets09_s2l1_part1"
    truth = read_mot(folder / "gt_480x360.txt")
    images = _first_images(folder / "video.mp4")
    kept = cache / "pets.npz" if cache else None
    if kept is None or not kept.is_file():
        found = _found_in(images, config)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, **found)
    else:
        found = dict(np.load(kept))
    frames = tuple(
        Poses(
            skeleton=WHOLE_BODY,
            **{
                name: values[found["frame"] == number]
                for name, values in found.items()
                if name != "frame"
            },
        )
        for number in range(PETS_LENGTH)
    )
    sequence = LabelledSequence(name="PETS", boxes=truth[truth.frames <= PETS_LENGTH])
    return Clip("PETS", sequence, frames, PETS_HZ, images)


def _first_images(video: Path) -> tuple[np.ndarray, ...]:
    capture = cv2.VideoCapture(str(video))
    return tuple(capture.read()[1] for _ in range(PETS_LENGTH))


def _found_in(images: Sequence[np.ndarray], config: Config) -> dict[str, np.ndarray]:
    pipeline = Pipeline(with_values(config, {"tracker.name": "none"}))
    parts: dict[str, list[np.ndarray]] = {}
    for number, image in enumerate(images):
        poses = pipeline.run(Frame(image=image, index=number)).poses
        for name in ("keypoints", "boxes", "box_scores", "scores"):
            parts.setdefault(name, []).append(getattr(poses, name))
        parts.setdefault("frame", []).append(np.full(len(poses), number))
    return {name: np.concatenate(values) for name, values in parts.items()}


def rendered(folder: Path) -> Clip:
    """Return a rendered sequence with true boxes and poses; scores are how much is seen.

    People of whom less than a tenth is seen do not count and are not found.
    """
    labels = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    people = [one for one in labels["annotations"] if not one["iscrowd"]]
    order = {image["id"]: number for number, image in enumerate(labels["images"])}
    frame = np.array([order[one["image_id"]] for one in people])
    ids = np.array([one["track_id"] for one in people])
    boxes = from_xywh(np.array([one["bbox"] for one in people], float))
    keypoints = np.array([one["keypoints"] for one in people], float).reshape(-1, 136, 3)
    keypoints[..., 2] = np.array(SURE)[keypoints[..., 2].astype(int)]
    keypoints[keypoints[..., 2] == 0] = (np.nan, np.nan, 0)
    visible = np.array([one["visible"] for one in people])
    frames = tuple(
        Poses(
            skeleton=WHOLE_BODY,
            keypoints=keypoints[frame == number],
            boxes=boxes[frame == number],
            box_scores=visible[frame == number],
            scores=visible[frame == number],
        )
        for number in range(len(labels["images"]))
    )
    truth = boxes_of(frame + 1, ids, boxes + FIRST_PIXEL)
    sequence = LabelledSequence(name=folder.name, boxes=truth)
    stamps = [image["stamp_s"] for image in labels["images"]]
    kind = labels["info"]["kind"]
    names = [str(folder / "images" / image["file_name"]) for image in labels["images"]]
    images = tuple(map(cv2.imread, names))
    return Clip(f"rendered: {kind}", sequence, frames, 1 / (stamps[1] - stamps[0]), images)


def outputs(data: Path) -> Iterator[Clip]:
    """Yield the boxes of public trackers, without identities."""
    for name, tracker in OUTPUTS:
        folder = data / "mot_metrics" / name
        truth = read_truth(folder / "gt.txt")[0]
        found = read_mot(folder / f"{tracker}.txt", first_pixel=0)
        length = int(max(truth.boxes.frames.max(), found.frames.max()))
        frames = tuple(_blind(found.boxes[found.frames == n]) for n in range(1, length + 1))
        yield Clip(f"{name} {tracker}", truth, frames, RATES_HZ[name])


def _blind(boxes: np.ndarray) -> Poses:
    """Return people of whom only boxes are known."""
    return Poses(
        skeleton=BODY,
        keypoints=np.tile([np.nan, np.nan, 0.0], (len(boxes), len(BODY.names), 1)),
        boxes=boxes,
        box_scores=np.full(len(boxes), 0.9),
        scores=np.zeros(len(boxes)),
    )


# What goes wrong


def with_gaps(clip: Clip, rng: np.random.Generator) -> Clip:
    """Take a tenth of the boxes away."""
    frames = tuple(people[rng.random(len(people)) >= MISSING] for people in clip.frames)
    return replace(clip, frames=frames)


def with_jitter(clip: Clip, rng: np.random.Generator) -> Clip:
    """Take a tenth of the boxes away and move the sides of the others by 2 % of their height."""

    def moved(people: Poses) -> Poses:
        height = people.boxes[:, 3:] - people.boxes[:, 1:2]
        return replace(
            people, boxes=people.boxes + 0.02 * height * rng.normal(size=(len(people), 4))
        )

    return replace(clip, frames=tuple(map(moved, with_gaps(clip, rng).frames)))


def as_detected(clip: Clip, rng: np.random.Generator) -> Clip:
    """Find true people as a detector and a pose network would: badly, the less is to be seen."""

    def found(people: Poses) -> Poses:
        visible = people.box_scores
        is_found = rng.random(len(people)) < 0.95 - 0.5 * (1 - visible)
        people, visible = people[is_found], visible[is_found]
        height = people.boxes[:, 3:] - people.boxes[:, 1:2]
        boxes = people.boxes + 0.03 * height * rng.normal(size=(len(people), 4))
        scores = np.clip(0.2 + 0.5 * visible + rng.normal(0, 0.1, len(people)), 0.05, 1)
        keypoints = people.keypoints.copy()
        blur = (0.02 + 0.08 * (keypoints[..., 2:] < 0.5)) * height[:, None]
        keypoints[..., :2] += blur * rng.normal(size=keypoints[..., :2].shape)
        true = replace(people, boxes=boxes, keypoints=keypoints, box_scores=scores, scores=scores)
        return _joined(true, _invented(rng))

    return replace(clip, frames=tuple(map(found, clip.frames)))


def _invented(rng: np.random.Generator) -> Poses:
    """Return people who are not there, one in five frames, with scores as false boxes have."""
    count = rng.poisson(0.2)
    height = rng.uniform(60, 180, (count, 1))
    corners = rng.uniform(0, [240, 120], (count, 2))
    boxes = np.concatenate((corners, corners + height * [0.4, 1]), axis=1)
    places = rng.random((count, 136, 2)) * (height * [0.4, 1])[:, None] + corners[:, None]
    scores = rng.uniform(0.1, 0.5, (count, 136, 1))
    keypoints = np.concatenate((places, scores), axis=2)
    rating = np.minimum(0.1 + rng.exponential(0.2, count), 1)
    return Poses(
        skeleton=WHOLE_BODY, keypoints=keypoints, boxes=boxes, box_scores=rating, scores=rating
    )


def _joined(one: Poses, other: Poses) -> Poses:
    return Poses(
        skeleton=one.skeleton,
        keypoints=np.concatenate((one.keypoints, other.keypoints)),
        boxes=np.concatenate((one.boxes, other.boxes)),
        box_scores=np.concatenate((one.box_scores, other.box_scores)),
        scores=np.concatenate((one.scores, other.scores)),
    )


# The table

Spoil = Callable[[Clip, np.random.Generator], Clip]


def measured(
    clips: Sequence[Clip],
    spoil: Spoil | None,
    seeds: Sequence[int],
    config: TrackerConfig,
    embedder: Embedder | None,
) -> np.ndarray:
    """Return the figures of clips taken together, (seeds, 4); without ``spoil`` (1, 4)."""
    rows = []
    for seed in seeds if spoil else [0]:
        rng = np.random.default_rng(seed)
        given = [spoil(clip, rng) if spoil else clip for clip in clips]
        found = [followed(clip, config, embedder) for clip in given]
        result = evaluate_mot([clip.truth for clip in given], found)
        rows.append([result.figures[name].value() for name in FIGURES])
    return np.array(rows)


def cases(
    options: argparse.Namespace, config: Config
) -> Iterator[tuple[str, list[Clip], Spoil | None]]:
    """Yield name, clips and what goes wrong in them."""
    if options.data:
        clip = pets(options.data, options.cache, config)
        yield "PETS 1-69", [clip], None
        yield "PETS 1-69, a tenth missing", [clip], with_gaps
    if options.sequences:
        folders = sorted(path.parent for path in options.sequences.glob("**/annotations.json"))
        clips = [rendered(folder) for folder in folders]
        for kind in sorted({clip.group for clip in clips}):
            yield kind, [clip for clip in clips if clip.group == kind], as_detected
        yield f"{TRUE} and poses", clips, None
    if options.data:
        for clip in outputs(options.data):
            yield clip.group, [clip], with_jitter


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sequences", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--trackers", default="msim,iou,byte")
    parser.add_argument("--json", type=Path)
    add_settings(parser)
    options = parser.parse_args()
    config = chosen(options)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    names = options.trackers.split(",")
    print(f"seeds {seeds[0]}-{seeds[-1]}; settings: {' '.join(options.settings) or 'defaults'}\n")
    print(f"| | tracker | {' | '.join(FIGURES)} |\n|---|---|{'---|' * len(FIGURES)}")
    embedder = build_reid(config.reid, pick_compute(config.device, config.runtime))
    table: dict[str, dict[str, np.ndarray]] = {}
    for case, clips, spoil in cases(options, config):
        for name in names:
            tracker = replace(config.tracker, name=name)
            figures = measured(clips, spoil, seeds, tracker, embedder)
            table.setdefault(case, {})[name] = figures
            print(f"| {case} | {name} | {' | '.join(map(_cell, FIGURES, figures.T))} |", flush=True)
    means = {
        name: np.mean(
            [row[name].mean(axis=0) for case, row in table.items() if not case.startswith(TRUE)],
            axis=0,
        )
        for name in names
    }
    for name, mean in means.items():
        cells = " | ".join(map(_cell, FIGURES, mean[:, None]))
        print(f"| mean of cases with faults | {name} | {cells} |")
    if options.json:
        values = {case: {n: f.tolist() for n, f in row.items()} for case, row in table.items()}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _cell(figure: str, values: np.ndarray) -> str:
    """Write the mean over seeds, and their standard deviation."""
    digits = 1 if figure == "IDSW" else 3
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


if __name__ == "__main__":
    main()
