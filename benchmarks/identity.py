"""Whether people are known again on real frames, and strangers are not.

    python benchmarks/identity.py --data DIR [--tables leave,halves,occlusion,clips]
        [--people 10] [--set NAME=VALUE ...]

DIR holds videos/intel/one_by_one_part1.* (three people, one at a time), pets09_s2l1_part1/ and
others. Detections, poses, embeddings, tracker and gallery are those of the default pipeline.

- leave: one person's first half, another person, the first one's second half, for every ordered
  pair; the empty entrance lies between them for some seconds. Cells are person_ids, with the part
  of the frames in which the person has that id.
- halves: the same of every half with every other: how often in the second one somebody has an id
  of the first one.
- occlusion: an opaque patch hides somebody on PETS who walks alone, for 1, 2 and 3 s: how many keep
  their track and their person_id. It is judged by the tracks of the clip without a patch.
- clips: how many tracks and people are found in clips, and how many pairs of people who are seen in
  one frame ever have the same person_id.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline
from alphapose_ros.boxes import iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import Config, with_values
from alphapose_ros.devices import pick_compute
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.reid import build_reid
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace

ONE_BY_ONE = "videos/intel/one_by_one_part1"
PETS = "videos/pets09_s2l1_part1/video.mp4"
CLIPS = (
    PETS,
    "videos/intel/store_aisle.mp4",
    "videos/intel/face_demographics_walking.mp4",
    "videos/sam2/juggle.mp4",
)
RATE_HZ = 10.0
EMPTY = range(455, 500)  # frames of one_by_one without anybody
PAUSES_S = (0.0, 1.0, 2.0, 6.0)
HIDDEN_S = (1.0, 2.0, 3.0)
LEAD_S = 3.0  # before somebody is hidden: long enough to be known
ALONE_S = 0.5  # of it, without anybody near
AFTER_S = 1.5  # after it
SETTLED_S = 1.0  # at the end of it, when it is asked who is there
MARGIN = 0.15  # of the box that must be free of others for somebody to be alone
PATCH = 0.15  # of the box by which a patch is larger on every side
GREY = (90, 110, 100)
MIN_IOU = 0.4
GAP = 2  # frames in which somebody may be missed


@dataclass(frozen=True)
class Part:
    """Frames of a clip, by number, that show one person or nobody."""

    name: str
    numbers: tuple[int, ...]


class Film:
    """The images of a clip, and the people in them, looked for once.

    Args:
        path: of the video.
        config: how people are looked for.
        span: which frames.
    """

    def __init__(self, path: Path, config: Config, span: slice = slice(None)) -> None:
        video = cv2.VideoCapture(str(path))
        images: list[np.ndarray] = []
        while (frame := video.read())[0]:
            images.append(frame[1])
        self.images = images[span]
        if not self.images:
            raise FileNotFoundError(f"{path} is no video that can be read")
        self._pipeline = Pipeline(with_values(config, {"tracker.name": "none"}))
        self._poses: dict[int, Poses] = {}

    def poses(self, number: int) -> Poses:
        """Return the people of a frame."""
        if number not in self._poses:
            self._poses[number] = self.found(self.images[number])
        return self._poses[number]

    def found(self, image: np.ndarray) -> Poses:
        """Return the people of an image."""
        return self._pipeline.run(Frame(image=image)).poses


Step = Callable[[np.ndarray, Poses], Tracks]


def follower(config: Config, rate_hz: float = RATE_HZ) -> Step:
    """Return what follows people from frame to frame as the pipeline does, beginning anew."""
    compute = pick_compute(config.device, config.runtime, config.threads)
    embedder = build_reid(config.reid, compute)
    space = embedder and EmbeddingSpace(embedder.max_distance, embedder.digest)
    tracker = build_tracker(config.tracker, space=space)
    count = 0

    def step(image: np.ndarray, poses: Poses) -> Tracks:
        nonlocal count
        count += 1
        embed = embedder and (lambda rows: embedder(image, poses[rows]))
        return tracker.update(poses, round(count / rate_hz * 1e9), embed, image)

    return step


# Leave and return


def halves(data: Path) -> dict[tuple[int, int], Part]:
    """Return {(person, half): part} of one_by_one."""
    found = {}
    for span in json.loads((data / f"{ONE_BY_ONE}.persons.json").read_text("utf-8")):
        numbers = range(span["first_frame"], span["last_frame"] + 1)
        middle, person = len(numbers) // 2, span["person"]
        for half, some in enumerate((numbers[:middle], numbers[middle:])):
            found[person, half] = Part(f"{person}{'ab'[half]}", tuple(some))
    return found


def joined(first: Part, second: Part) -> Part:
    """Return two parts as one."""
    return Part(first.name + second.name, first.numbers + second.numbers)


def pause(duration_s: float, rate_hz: float = RATE_HZ) -> Part:
    """Return so many seconds without anybody."""
    count = round(duration_s * rate_hz)
    return Part("", tuple(np.resize(np.array(EMPTY), count).tolist()))


def ids_of(
    film: Film, parts: Sequence[Part], config: Config, rate_hz: float = RATE_HZ
) -> list[Counter[int]]:
    """Return, for each part, in how many frames which person_id is seen (-1: none)."""
    step = follower(config, rate_hz)
    counts = []
    for part in parts:
        count: Counter[int] = Counter()
        for number in part.numbers:
            tracks = step(film.images[number], film.poses(number))
            count.update(set(tracks.person_ids[tracks.detection_rows >= 0].tolist()))
        counts.append(count)
    return counts


def usual(count: Counter[int]) -> int:
    """Return the most frequent person_id, -1 where there is none."""
    known = Counter({number: n for number, n in count.items() if number >= 0})
    return known.most_common(1)[0][0] if known else -1


def share(count: Counter[int], numbers: set[int], part: Part) -> float:
    """Return in which part of the frames one of the ids is seen."""
    return sum(count[number] for number in numbers) / len(part.numbers)


def leave_and_return(film: Film, data: Path, config: Config) -> Iterator[str]:
    """Yield the rows of a table: A, B, A for all ordered pairs."""
    half = halves(data)
    people = sorted({person for person, _ in half})
    yield "| pause | A | B | A at first | B | A again | A is known again | B has A's id |"
    yield "|---|---|---|---|---|---|---|---|"
    for duration_s in PAUSES_S:
        for one, other in permutations(people, 2):
            parts = half[one, 0], joined(half[other, 0], half[other, 1]), half[one, 1]
            gap = pause(duration_s)
            found = ids_of(film, (parts[0], gap, parts[1], gap, parts[2]), config)[::2]
            mine = usual(found[0])
            cells = [
                f"{usual(count)} ({share(count, {usual(count)}, part):.2f})"
                for count, part in zip(found, parts, strict=True)
            ]
            is_back = mine >= 0 and usual(found[2]) == mine
            taken = share(found[1], {mine} - {-1}, parts[1])
            row = (
                f"{duration_s:g} s",
                one,
                other,
                *cells,
                "yes" if is_back else "NO",
                f"{taken:.2f}",
            )
            yield "| " + " | ".join(map(str, row)) + " |"


def all_halves(film: Film, data: Path, config: Config) -> Iterator[str]:
    """Yield the rows of a table: every half after every other, after the longest pause."""
    half = halves(data)
    names = [part.name for part in half.values()]
    table: dict[tuple[str, str], str] = {}
    for one, other in product(half.values(), repeat=2):
        if one is not other:
            found = ids_of(film, (one, pause(PAUSES_S[-1]), other), config)
            table[one.name, other.name] = f"{share(found[2], set(found[0]) - {-1}, other):.2f}"
    yield f"| known, then seen | {' | '.join(names)} |\n|---|{'---|' * len(names)}"
    for name in names:
        yield f"| {name} | {' | '.join(table.get((name, other), '') for other in names)} |"


# Occlusion


@dataclass(frozen=True)
class Walk:
    """Somebody who walks alone."""

    track: int  # id in the clip without a patch
    start: int  # frame in which he or she is hidden first


def reference_boxes(film: Film, config: Config) -> dict[int, dict[int, np.ndarray]]:
    """Return {track: {frame: box (4,)}} of the clip as it is.

    Boxes are predicted where somebody is not seen for up to GAP frames, but for the last ones.
    """
    step = follower(config)
    boxes: dict[int, dict[int, np.ndarray]] = {}
    last: dict[int, int] = {}
    for number, image in enumerate(film.images):
        tracks = step(image, film.poses(number))
        for row, track in enumerate(tracks.ids.tolist()):
            if tracks.detection_rows[row] >= 0:
                last[track] = number
            if number - last[track] <= GAP:
                boxes.setdefault(track, {})[number] = tracks.poses.boxes[row]
    return {
        track: {number: box for number, box in seen.items() if number <= last[track]}
        for track, seen in boxes.items()
    }


def alone(boxes: dict[int, dict[int, np.ndarray]], duration_s: float, most: int) -> list[Walk]:
    """Return when people walk alone long enough to be hidden so long.

    Others may be near until shortly before. Somebody may come several times, but not hidden in the
    same frames.
    """
    early, before, hidden_for, after = (
        round(s * RATE_HZ) for s in (LEAD_S, ALONE_S, duration_s, AFTER_S)
    )
    found: list[Walk] = []
    for track, seen in boxes.items():
        free_from = 0
        for start in sorted(seen):
            end = start + hidden_for + after
            if (
                start >= free_from
                and all(number in seen for number in range(start - early, end))
                and not any(_is_crowded(boxes, track, n) for n in range(start - before, end))
            ):
                found.append(Walk(track, start))
                free_from = end
    picked = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[one] for one in picked]


def _is_crowded(boxes: dict[int, dict[int, np.ndarray]], track: int, number: int) -> bool:
    """Tell whether somebody else is near a track."""
    box = _grown(boxes[track][number], MARGIN)
    others = [seen[number] for one, seen in boxes.items() if one != track and number in seen]
    return bool(others) and bool((iou(box[None], np.array(others)) > 0).any())


def _grown(box: np.ndarray, part: float) -> np.ndarray:
    width, height = box[2:] - box[:2]
    return box + part * np.array([-width, -height, width, height])


def covered(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return an image with a patch over a box."""
    x1, y1, x2, y2 = _grown(box, PATCH).round().astype(int)
    return cv2.rectangle(image.copy(), (x1, y1), (x2, y2), GREY, -1)


def hidden(
    film: Film, boxes: dict[int, np.ndarray], start: int, duration_s: float
) -> dict[int, tuple[np.ndarray, Poses]]:
    """Return {frame: image, people} of a while in which a patch hides somebody."""
    numbers = range(start, start + round(duration_s * RATE_HZ))
    images = {number: covered(film.images[number], boxes[number]) for number in numbers}
    return {number: (image, film.found(image)) for number, image in images.items()}


def kept(
    film: Film,
    boxes: dict[int, np.ndarray],
    patched: dict[int, tuple[np.ndarray, Poses]],
    config: Config,
) -> tuple[bool, bool, bool]:
    """Tell whether who was hidden is found again, and keeps track and person_id.

    The person_id is kept where one was said before and the last one said is the same.
    """
    step = follower(config)
    start, end = min(patched), max(patched) + 1
    last = end + round(AFTER_S * RATE_HZ)
    before = after = (-1, -1)
    for number in range(start - round(LEAD_S * RATE_HZ), last):
        given = patched.get(number) or (film.images[number], film.poses(number))
        who = _at(step(*given), boxes[number])
        if number < start and who[0] >= 0:
            before = _newest(before, who)
        if number >= last - round(SETTLED_S * RATE_HZ) and who[0] >= 0:
            after = _newest(after, who)
    is_found = min(before[0], after[0]) >= 0
    return is_found, is_found and before[0] == after[0], 0 <= before[1] == after[1]


def _newest(last: tuple[int, int], now: tuple[int, int]) -> tuple[int, int]:
    """Return the track of now, and its person_id as it was said last."""
    is_told = now[1] >= 0 or now[0] != last[0]
    return now if is_told else (now[0], last[1])


def _at(tracks: Tracks, box: np.ndarray) -> tuple[int, int]:
    """Return track and person_id of whom is seen in a box; -1, -1 for nobody."""
    seen = tracks[tracks.detection_rows >= 0]
    if not len(seen):
        return -1, -1
    overlap = iou(box[None], seen.poses.boxes)[0]
    best = int(np.argmax(overlap))
    if overlap[best] < MIN_IOU:
        return -1, -1
    return int(seen.ids[best]), int(seen.person_ids[best])


def occlusion(film: Film, configs: dict[str, Config], most: int) -> Iterator[str]:
    """Yield the rows of a table: how many of those who are hidden keep their ids."""
    boxes = reference_boxes(film, configs["with embeddings"])
    yield "| hidden | | times | found again | same track | same person_id |"
    yield "|---|---|---|---|---|---|"
    for duration_s in HIDDEN_S:
        results: dict[str, list[tuple[bool, bool, bool]]] = {name: [] for name in configs}
        for walk in alone(boxes, duration_s, most):
            own = boxes[walk.track]
            patched = hidden(film, own, walk.start, duration_s)
            for name, config in configs.items():
                results[name].append(kept(film, own, patched, config))
        for name, rows in results.items():
            sums = np.sum(rows, axis=0).tolist() if rows else [0, 0, 0]
            cells = (f"{duration_s:g} s", name, len(rows), *sums)
            yield "| " + " | ".join(map(str, cells)) + " |"


# Other clips


def clip_row(film: Film, config: Config) -> tuple[int, int, int, int]:
    """Return tracks, people, pairs of tracks seen together, and those with one person_id."""
    step = follower(config)
    person: dict[int, set[int]] = {}
    together: set[tuple[int, int]] = set()
    for number, image in enumerate(film.images):
        tracks = step(image, film.poses(number))
        seen = tracks[tracks.detection_rows >= 0]
        for track, who in zip(seen.ids.tolist(), seen.person_ids.tolist(), strict=True):
            person.setdefault(track, set()).update({who} - {-1})
        together.update(permutations(sorted(seen.ids.tolist()), 2))
    pairs = {pair for pair in together if pair[0] < pair[1] and all(person[t] for t in pair)}
    merged = sum(bool(person[one] & person[other]) for one, other in pairs)
    return len(person), len(set().union(*person.values())), len(pairs), merged


def other_clips(data: Path, config: Config) -> Iterator[str]:
    """Yield the rows of a table."""
    yield "| clip | tracks | person_ids | pairs seen together | of these with one person_id |"
    yield "|---|---|---|---|---|"
    for clip in CLIPS:
        row = clip_row(Film(data / clip, config), config)
        yield f"| {Path(clip).parent.name}/{Path(clip).name} | {' | '.join(map(str, row))} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", default="leave,halves,occlusion,clips")
    parser.add_argument("--people", type=int, default=12, help="most times that somebody is hidden")
    add_settings(parser)
    options = parser.parse_args()
    config = chosen(options)
    print(f"settings: {' '.join(options.settings) or 'defaults'}")
    wanted = options.tables.split(",")
    both = {"with embeddings": config, "without": with_values(config, {"reid.name": "none"})}
    if {"leave", "halves"} & set(wanted):
        entrance = Film(options.data / f"{ONE_BY_ONE}.mp4", config)
    tables: dict[str, Callable[[], Iterator[str]]] = {
        "leave": lambda: leave_and_return(entrance, options.data, config),
        "halves": lambda: all_halves(entrance, options.data, config),
        "occlusion": lambda: occlusion(Film(options.data / PETS, config), both, options.people),
        "clips": lambda: other_clips(options.data, config),
    }
    for name in wanted:
        print(f"\n{name}\n")
        for line in tables[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
