"""Made videos in PoseTrack18's form, and what poseval (the fork for Python 3) says about them.

    python make_cases.py write FOLDER
    for case in FOLDER/*; do
        python -m poseval.evaluate --groundTruth $case/gt/ --predictions $case/pred/ \\
            --evalPoseEstimation --evalPoseTracking --saveEvalPerSequence \\
            --outputDir $case/out > $case/printed.txt
    done
    python make_cases.py gather FOLDER expected.json

The figures come from poseval as of 4258a15 with motmetrics 1.4.0. All numbers of the videos come
from random.Random, whose sequence is the same in every version of Python.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

SLOTS = (
    *("nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
NEVER = ("left_ear", "right_ear")  # have a slot and are never labelled
BODY = {  # in parts of the height of a person, from the middle of the body
    **{"nose": (0.02, -0.40), "head_bottom": (0.0, -0.32), "head_top": (0.0, -0.5)},
    **{"left_shoulder": (0.1, -0.3), "right_shoulder": (-0.1, -0.3), "left_elbow": (0.14, -0.15)},
    **{"right_elbow": (-0.14, -0.15), "left_wrist": (0.16, 0.0), "right_wrist": (-0.16, 0.0)},
    **{"left_hip": (0.07, 0.02), "right_hip": (-0.07, 0.02), "left_knee": (0.08, 0.25)},
    **{"right_knee": (-0.08, 0.25), "left_ankle": (0.08, 0.48), "right_ankle": (-0.08, 0.48)},
}
HEIGHT_PX = 200.0
HEAD_PX = (30.0, 40.0)  # box of the head: diagonal 50, size 30

Person = dict[str, Any]
Frame = list[Person]
Video = list[Frame]


def head_size_px(person: Person) -> float:
    """Return what distances are divided by."""
    return 0.6 * math.hypot(*HEAD_PX) * person["scale"]


def made_video(random: Random, people: int, frames: int, gap_px: float = 260.0) -> Video:
    """Return people who walk side by side, each keypoint trembling a little."""
    video: Video = []
    speeds = [2 + 6 * random.random() for _ in range(people)]
    scales = [0.8 + 0.6 * random.random() for _ in range(people)]
    for number in range(frames):
        video.append([])
        for track in range(people):
            middle = (150 + gap_px * track + speeds[track] * number, 300.0)
            points = {
                name: [
                    round(middle[0] + HEIGHT_PX * scales[track] * x + 4 * random.random(), 2),
                    round(middle[1] + HEIGHT_PX * scales[track] * y + 4 * random.random(), 2),
                    1.0,
                ]
                for name, (x, y) in BODY.items()
            }
            video[-1].append({"track_id": track, "scale": scales[track], "points": points})
    return video


def found_in(random: Random, video: Video, tremble: float = 0.3) -> Video:
    """Return what a good network finds: keypoints off by up to ``tremble`` head sizes."""
    found = deepcopy(video)
    for frame in found:
        for person in frame:
            reach = tremble * head_size_px(person) / math.sqrt(2)
            for point in person["points"].values():
                point[0] = round(point[0] + reach * (2 * random.random() - 1), 2)
                point[1] = round(point[1] + reach * (2 * random.random() - 1), 2)
                point[2] = round(0.3 + 0.7 * random.random(), 9)
    return found


def moved(person: Person, names: tuple[str, ...], sizes: float) -> None:
    """Shift some keypoints to the right by so many head sizes."""
    for name in names:
        person["points"][name][0] = round(
            person["points"][name][0] + sizes * head_size_px(person), 2
        )


def document(
    video: Video,
    sequence: str,
    unlabelled: frozenset[int] = frozenset(),
    regions: dict[int, list[list[tuple[int, int]]]] | None = None,
) -> dict:
    """Return a video in PoseTrack18's form; ignored regions are polygons by frame."""
    number = int(sequence[:6])
    images, annotations = [], []
    for index, frame in enumerate(video):
        ignored = (regions or {}).get(index, [])
        image = 10_000_000_000 + number * 10_000 + index
        images.append(
            {
                "id": image,
                "frame_id": image,
                "vid_id": f"{number:06d}",
                "nframes": len(video),
                "is_labeled": index not in unlabelled,
                "file_name": f"images/val/{sequence}/{index:06d}.jpg",
                "width": 1280,
                "height": 720,
                "ignore_regions_x": [[x for x, _ in polygon] for polygon in ignored],
                "ignore_regions_y": [[y for _, y in polygon] for polygon in ignored],
            }
        )
        for person in frame if index not in unlabelled else ():
            annotations.append(annotation(person, image))
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(SLOTS)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def annotation(person: Person, image: int) -> dict:
    """Return one person of a video in PoseTrack18's form; keypoints that lack are 0 0 0."""
    points = [person["points"].get(name, [0.0, 0.0, 0.0]) for name in SLOTS]
    there = [point for point in points if point[2] > 0] or [[0.0, 0.0, 0.0]]
    left, top = min(point[0] for point in there), min(point[1] for point in there)
    right, bottom = max(point[0] for point in there), max(point[1] for point in there)
    head = [left, top, *(size * person["scale"] for size in HEAD_PX)]
    return {
        "id": image * 100 + person["track_id"],
        "image_id": image,
        "track_id": person["track_id"],
        "category_id": 1,
        "bbox": [left, top, right - left, bottom - top],
        "bbox_head": [round(value, 6) for value in head],
        "keypoints": [number for point in points for number in point],
        "scores": [point[2] for point in points],
    }


FIRST, SECOND = "000342_mpii_test", "000524_mpii_test"  # poseval knows names of this form only
Case = dict[str, tuple[dict, dict]]  # video -> labelled, found


def alone(video: Video, found: Video) -> Case:
    """Return a case of one video."""
    return {FIRST: (document(video, FIRST), document(found, FIRST))}


def perfect(random: Random) -> Case:
    """Everything is found where it is."""
    video = made_video(random, 2, 6)
    return alone(video, video)


def trembling(random: Random) -> Case:
    """Keypoints are off by less than the threshold, all are right."""
    video = made_video(random, 3, 8)
    return alone(video, found_in(random, video))


def shifted_keypoint(random: Random) -> Case:
    """One wrist is wrong in every picture, one knee nearly so."""
    video = made_video(random, 2, 8)
    found = found_in(random, video, 0.05)
    for frame in found:
        for person in frame:
            moved(person, ("right_wrist",), 1.2)
            moved(person, ("left_knee",), 0.4)
    return alone(video, found)


def misses(random: Random) -> Case:
    """Some people are not found, in one picture nobody is."""
    video = made_video(random, 3, 12)
    found = found_in(random, video, 0.6)
    for frame in found:
        frame[:] = [person for person in frame if random.random() < 0.7]
    found[4].clear()
    return alone(video, found)


def false_positives(random: Random) -> Case:
    """Poses where nobody is, and second poses of the same people."""
    video = made_video(random, 2, 8)
    found = found_in(random, video, 0.6)
    for number, frame in enumerate(found):
        ghost = deepcopy(frame[0])
        shift = 900 if number % 2 else 9
        for point in ghost["points"].values():
            point[0] = round(point[0] + shift, 2)
            point[2] = round(0.2 + 0.7 * random.random(), 9)
        frame.append({**ghost, "track_id": 7 + number // 3})
    return alone(video, found)


def swapped_halfway(random: Random) -> Case:
    """Two people exchange their identities for good."""
    video = made_video(random, 2, 10)
    found = found_in(random, video)
    for frame in found[5:]:
        for person in frame:
            person["track_id"] = 1 - person["track_id"]
    return alone(video, found)


def fragmented(random: Random) -> Case:
    """Tracks end and begin anew under other identities; one comes back to its first."""
    video = made_video(random, 2, 14)
    found = found_in(random, video)
    for number, frame in enumerate(found):
        frame[0]["track_id"] = (0, 10, 11, 0)[number // 4]
        if number in (5, 6):
            del frame[1]
        elif number > 6:
            frame[1]["track_id"] = 21
    return alone(video, found)


def crossing(random: Random) -> Case:
    """Two people walk through each other; their tracks go on with the other."""
    video = made_video(random, 2, 16, gap_px=0.0)
    for number, frame in enumerate(video):
        for person, direction in zip(frame, (1, -1), strict=True):
            person["scale"] = 1.0
            for point in person["points"].values():
                point[0] = round(point[0] + direction * (8 * number - 60), 2)
    found = found_in(random, video, 0.5)
    for frame in found[9:]:
        for person in frame:
            person["track_id"] = 1 - person["track_id"]
    return alone(video, found)


def low_scores(random: Random) -> Case:
    """Scores of right keypoints are low, of wrong ones high; some scores are 0 or negative."""
    video = made_video(random, 3, 8)
    found = found_in(random, video, 0.9)
    for frame in found:
        for person in frame:
            for name, point in person["points"].items():
                point[2] = round(random.random() * (0.05 if "left" in name else 1) - 0.01, 9)
    return alone(video, found)


def unlabelled(random: Random) -> Case:
    """Keypoints, people and pictures without labels, in which much is found."""
    video = made_video(random, 3, 12)
    found = found_in(random, video, 0.6)
    for frame in video:
        for person in frame:
            drop_some(random, person, 0.3)
    video[3][1]["points"].clear()
    without = frozenset({0, 5, 6, 11})
    return {FIRST: (document(video, FIRST, without), document(found, FIRST))}


def absent(random: Random) -> Case:
    """Keypoints are not found, one never; one pose has none at all."""
    video = made_video(random, 2, 10)
    found = found_in(random, video, 0.6)
    for frame in found:
        for person in frame:
            drop_some(random, person, 0.3)
            person["points"].pop("left_elbow", None)
    found[2][0]["points"].clear()
    return alone(video, found)


def never_labelled(random: Random) -> Case:
    """A keypoint is never labelled but found, another neither."""
    video = made_video(random, 2, 6)
    found = found_in(random, video, 0.6)
    for frame, frame_found in zip(video, found, strict=True):
        for person, person_found in zip(frame, frame_found, strict=True):
            del person["points"]["nose"], person["points"]["left_hip"]
            del person_found["points"]["left_hip"]
    return alone(video, found)


def ignored_regions(random: Random) -> Case:
    """Polygons take away keypoints, people and whole pictures, on either side."""
    video = made_video(random, 3, 9)
    found = found_in(random, video, 0.6)
    for frame in found:
        ghost = deepcopy(frame[0])
        for point in ghost["points"].values():
            point[0] = round(point[0] + 700, 2)
            point[2] = round(random.random(), 9)
        frame.append({**ghost, "track_id": 9})
    right = [(700, 100), (1300, 100), (1300, 700), (700, 700)]
    spike = [(100, 200), (500, 260), (100, 330), (260, 260)]  # not convex
    bow = [(100, 150), (400, 450), (400, 150), (100, 450)]  # crosses itself
    everything = [(-500, -500), (3000, -500), (3000, 3000), (-500, 3000)]
    regions = {1: [right], 2: [right, spike], 3: [spike], 4: [bow], 5: [everything], 7: [right]}
    return {FIRST: (document(video, FIRST, regions=regions), document(found, FIRST))}


def crowded(random: Random) -> Case:
    """People stand in each other's way; poses are told apart by little."""
    video = made_video(random, 4, 10, gap_px=22.0)
    found = found_in(random, video, 0.9)
    for frame in found:
        for person in frame:
            if random.random() < 0.25:
                person["track_id"] += 5
        rival = deepcopy(frame[random.randrange(4)])
        for point in rival["points"].values():
            point[0] = round(point[0] + 9 * random.random(), 2)
            point[2] = round(random.random(), 9)
        frame.append({**rival, "track_id": 20})
        random.shuffle(frame)
    return alone(video, found)


def nobody_found(random: Random) -> Case:
    """There are people, and none is found."""
    video = made_video(random, 2, 6)
    return alone(video, [[] for _ in video])


def two_videos(random: Random) -> Case:
    """Two videos of different length; identities mean different people in each."""
    case = {}
    for sequence, people, frames in ((FIRST, 2, 9), (SECOND, 3, 6)):
        video = made_video(random, people, frames)
        found = found_in(random, video, 0.7)
        for frame in found[frames // 2 :]:
            for person in frame:
                person["track_id"] = (person["track_id"] + 1) % people
        for frame in found:
            for person in frame:
                drop_some(random, person, 0.1)
        case[sequence] = (document(video, sequence), document(found, sequence))
    return case


def drop_some(random: Random, person: Person, share: float) -> None:
    """Take away some keypoints."""
    person["points"] = {
        name: point for name, point in person["points"].items() if random.random() >= share
    }


CASES: dict[str, Callable[[Random], Case]] = {
    make.__name__: make
    for make in (
        *(perfect, trembling, shifted_keypoint, misses, false_positives, swapped_halfway),
        *(fragmented, crossing, low_scores, unlabelled, absent, never_labelled),
        *(ignored_regions, crowded, nobody_found, two_videos),
    )
}


def write(case: str, folder: Path) -> None:
    """Write a case to folder/gt and folder/pred."""
    videos = CASES[case](Random(case))
    for number, side in enumerate(("gt", "pred")):
        (folder / side).mkdir(parents=True, exist_ok=True)
        for sequence, documents in videos.items():
            (folder / side / f"{sequence}.json").write_text(json.dumps(documents[number]))


def gather(folder: Path) -> dict[str, Any]:
    """Return poseval's figures of a case in percent, None where it has NaN, and its two tables.

    Those of single videos are left out where there is one only.
    """
    figures: dict[str, Any] = {}
    for path in sorted((folder / "out").glob("*_metrics.json")):
        scope, kind = path.name.removesuffix("_metrics.json").rsplit("_", 1)
        figures.setdefault(scope, {})[kind] = {
            name: [None if math.isnan(value) else value for value in values]
            for name, values in json.loads(path.read_text()).items()
            if name != "names"
        }
    if len(figures) == 2:
        figures = {"total": figures["total"]}
    printed = (folder / "printed.txt").read_text().splitlines()
    numbers = [line for line in printed if line.startswith("&") and line == line.lower()]
    tables = [[float(cell) for cell in line.strip("& \\").split("&")] for line in numbers]
    return {**figures, "printed": [[None if math.isnan(x) else x for x in row] for row in tables]}


def names_of(path: Path) -> list[str]:
    """Return the order of the keypoints in a file of poseval's."""
    names = json.loads(path.read_text())["names"]
    return [names[str(row)] for row in range(len(names))]


def main() -> None:
    """Write all cases, or gather what poseval says about them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("write", "gather"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("expected", type=Path, nargs="?", default=Path("expected.json"))
    options = parser.parse_args()
    if options.what == "write":
        for case in CASES:
            write(case, options.folder / case)
    else:
        lines = [json.dumps({case: gather(options.folder / case)})[1:-1] for case in CASES]
        names = json.dumps(names_of(next(options.folder.glob("*/out/*_metrics.json"))))
        content = f'{{"keypoints": {names},\n"cases": {{\n' + ",\n".join(lines) + "\n}}\n"
        options.expected.write_text(content)


if __name__ == "__main__":
    main()
