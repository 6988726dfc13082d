"""Packs of people for re-ID: pictures, body keypoints and, where they are known, identities."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import from_xywh, scale_about_centre
from alphapose_ros.reid.crop import crop_regions, resized
from alphapose_ros.reid.heatmaps import BODY
from alphapose_ros.training.annotated import AnnotatedPictures, read_annotated
from alphapose_ros.training.datasets import held_out

SIZE = (160, 80)  # height, width of stored pictures [px]
SCALE = 1.25  # of the picture against the box, where the image goes on
HELD_OUT = 11  # one group in so many is never trained on
HIDDEN = 0.5  # score of a keypoint that is labelled but not seen
_MIN_SIDES_PX = (16, 64)  # width and height of a box
_MIN_KEYPOINTS = 4  # of the body


@dataclass(frozen=True, eq=False)
class PeoplePack:
    """N pictures of people, each of which shows more than the network will see."""

    name: str
    folder: Path
    pictures: np.ndarray  # (N, h, w, 3) uint8 RGB, memory-mapped
    boxes: np.ndarray  # (N, 4) float32 x1 y1 x2 y2 [px of the picture]
    keypoints: np.ndarray  # (N, 12, 3) float32 x y [px of the picture], score; 0 = not known
    identities: np.ndarray  # (N,) int64, -1 where it is not known
    groups: np.ndarray  # (N,) int64: clip or source

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def is_held_out(self) -> np.ndarray:
        """Which rows (N,) are for figures only; whole groups."""
        return held_out(self.groups, HELD_OUT)


def pack_people(source: str | Path, out: str | Path) -> PeoplePack:
    """Cut the people out of annotated pictures; ``track_id`` of an annotation is the identity.

    People marked as crowds, people smaller than 16 x 64 pixels and those of whom less than four
    keypoints of the body are labelled are left out.

    Args:
        source: folder with ``images/`` and ``annotations.json``.
        out: folder to make; it appears when it is complete.

    Raises:
        FileExistsError: ``out`` is there already.
        FileNotFoundError: there are no annotations, or a picture is missing.
        ValueError: there is nobody.
    """
    out = Path(out)
    if out.exists():
        raise FileExistsError(f"{out} exists; remove it or choose another folder for the pack")
    annotated = read_annotated(source)
    keypoints = _body(annotated)
    is_usable = (annotated.boxes[:, 2:] >= _MIN_SIDES_PX).all(axis=1) & ~annotated.is_ignored
    rows = np.flatnonzero(is_usable & ((keypoints[..., 2] > 0).sum(axis=1) >= _MIN_KEYPOINTS))
    if not len(rows):
        raise ValueError(f"{source}: nobody with a box and labelled keypoints")
    boxes, keypoints = from_xywh(annotated.boxes[rows]), keypoints[rows]
    pictures_of, regions = annotated.rows[rows], np.empty((len(rows), 4))
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shape = (len(rows), *SIZE, 3)
    pictures = np.lib.format.open_memmap(part / "pictures.npy", "w+", np.uint8, shape)
    for picture, same in groupby(range(len(rows)), key=pictures_of.__getitem__):
        image = annotated.read(picture)
        for row in same:
            grown = scale_about_centre(boxes[row : row + 1], SCALE, SCALE)
            x1, y1, x2, y2 = region = crop_regions(grown, image.shape[:2])[0]
            pictures[row], regions[row] = resized(image[y1:y2, x1:x2], SIZE)[..., ::-1], region
    pictures.flush()
    identities = [int(annotated.people[row].get("track_id", -1)) for row in rows]
    np.savez(
        part / "labels.npz",
        boxes=_moved(boxes.reshape(-1, 2, 2) - 0.5, regions).reshape(-1, 4),  # edges of pixels
        keypoints=np.concatenate((_moved(keypoints[..., :2], regions), keypoints[..., 2:]), -1),
        identities=np.array(identities, np.int64),
        groups=annotated.groups[pictures_of],
    )
    about = {"kind": "people", "source": Path(source).name, "count": len(rows)}
    (part / "pack.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    part.rename(out)
    return open_people(out)


def _moved(points: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Move points (N, P, 2) from the image to pictures that show ``regions`` (N, 4) of it."""
    steps = (regions[:, None, 2:] - regions[:, None, :2]) / SIZE[::-1]
    return ((points - regions[:, None, :2] + 0.5) / steps - 0.5).astype(np.float32)


def open_people(folder: str | Path) -> PeoplePack:
    """Open a pack; pixels are read when they are used.

    Raises:
        FileNotFoundError: a file of it is missing.
        ValueError: it is another kind of pack.
    """
    folder = Path(folder)
    about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    if about.get("kind") != "people":
        raise ValueError(f"{folder} is a pack of {about.get('kind')}, not of people")
    with np.load(folder / "labels.npz") as labels:
        columns = {name: labels[name] for name in ("boxes", "keypoints", "identities", "groups")}
    return PeoplePack(
        folder.name, folder, np.load(folder / "pictures.npy", mmap_mode="r"), **columns
    )


def _body(annotated: AnnotatedPictures) -> np.ndarray:
    """Return the body's keypoints (M, 12, 3) of all people: x y [px], score."""
    rows = [annotated.skeleton.index(name) for name in BODY]
    count = len(annotated.skeleton.names)
    found = np.zeros((len(annotated.people), len(BODY), 3), np.float32)
    for row, person in enumerate(annotated.people):
        table = np.array(person["keypoints"], np.float32).reshape(count, 3)[rows]
        weights = np.array(person.get("weights", np.ones(count)), np.float32)[rows]
        found[row] = table
        found[row, :, 2] = weights * np.choose(table[:, 2].astype(int), [0, HIDDEN, 1])
    return found


class Identities:
    """Rows of several packs by identity; equal numbers of two packs are two people.

    Args:
        packs: of which those without identities add nothing.
    """

    def __init__(self, packs: Sequence[PeoplePack]) -> None:
        self.rows = []  # of each identity: (pack, row) pairs, (R, 2)
        for number, pack in enumerate(packs):
            rows = np.flatnonzero(~pack.is_held_out & (pack.identities >= 0))
            rows = rows[np.argsort(pack.identities[rows], kind="stable")]
            bounds = np.flatnonzero(np.diff(pack.identities[rows])) + 1
            for same in np.split(rows, bounds):
                if len(same) > 1:
                    self.rows.append(np.column_stack((np.full(len(same), number), same)))

    def __len__(self) -> int:
        return len(self.rows)

    def draw(
        self, rng: np.random.Generator, people: int, each: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw several pictures of several people.

        Returns:
            (people * each, 2) pack and row, and (people * each,) the identities' numbers.
        """
        chosen = rng.choice(len(self.rows), people, replace=people > len(self.rows))
        found = []
        for identity in chosen:
            rows = self.rows[identity]
            found.append(rows[rng.choice(len(rows), each, replace=each > len(rows))])
        return np.concatenate(found), np.repeat(chosen, each)
