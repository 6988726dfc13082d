"""Writes folders of labelled pictures and sequences, in one process or several."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from alphapose_ros.training.synthetic.crops import Crops
from alphapose_ros.training.synthetic.entries import document, image_entry, subject_entry
from alphapose_ros.training.synthetic.identities import Identities
from alphapose_ros.training.synthetic.scenes import Scenes
from alphapose_ros.training.synthetic.sequences import Sequences
from alphapose_ros.training.synthetic.studio import Sources, Studio

IMAGES, DEPTH, MASKS = "images", "depth", "masks"
ANNOTATIONS = "annotations.json"
_LOG = "made.jsonl"  # what has been asked for, then the entries of each picture made so far
SIZES = {  # height and width
    "crops": (256, 192),
    "identities": (160, 80),
    "scenes": (480, 640),
    "sequences": (240, 320),
}
_PICTURES = {"crops": Crops, "identities": Identities, "scenes": Scenes}
_CHUNK = 16


@dataclass(frozen=True)
class Job:
    """What to make."""

    kind: str  # one of SIZES
    out: Path
    count: int  # pictures, or sequences
    size: tuple[int, int]  # height and width
    start: int = 0  # number of the first one
    quality: int = 92  # of JPEG files
    frames: int = 24  # of a sequence
    depth_step: int = 1  # a sequence's depth has every so many pixels of the picture


def write(job: Job, sources: Sources, workers: int = 0) -> None:
    """Make the folder ``job.out``, or go on where an interrupted call for the same left off.

    All but sequences become images/ and one annotations.json; each sequence becomes a folder with
    images/, depth/, masks/ and an annotations.json of its own.

    Args:
        job: what to make.
        sources: of what.
        workers: processes; 0 works in this one.

    Raises:
        ValueError: unknown kind, or a size that is too small.
        FileExistsError: there is something else already.
    """
    if job.kind not in SIZES:
        raise ValueError(f"kind {job.kind!r} is none of {', '.join(SIZES)}")
    if min(job.size) < 32:
        raise ValueError(f"size {job.size}: pictures need at least 32 pixels a side")
    log = job.out / _LOG
    head = json.dumps([asdict(job), asdict(sources)], default=str)
    done = _resume(log, head)
    if job.kind != "sequences":
        (job.out / IMAGES).mkdir(exist_ok=True)
    numbers = range(job.start + len(done), job.start + job.count)
    with log.open("a", encoding="utf-8") as file:
        made = _run(job, sources, numbers, workers)
        for entries in tqdm(made, total=job.count, initial=len(done), unit=job.kind):
            file.write(json.dumps(entries) + "\n")
            file.flush()
            done.append(entries)
    if job.kind != "sequences":
        images, people = [image for image, _ in done], [people for _, people in done]
        _write_json(job.out / ANNOTATIONS, document(images, people, sources.seed))
    log.unlink()


def _resume(log: Path, head: str) -> list:
    """Return what an interrupted call has logged; begin a log where there is nothing.

    Raises:
        FileExistsError: the folder holds something else.
    """
    if log.exists():
        first, *lines = log.read_text("utf-8").splitlines(keepends=True)
        if first.strip() != head:
            raise FileExistsError(
                f"{log} belongs to a call with other options: {first.strip()}; repeat that one, "
                "or name another folder"
            )
        whole = [line for line in lines if line.endswith("\n")]  # the last may be torn
        log.write_text("".join([first, *whole]), "utf-8")
        return [json.loads(line) for line in whole]
    if log.parent.exists() and any(log.parent.iterdir()):
        raise FileExistsError(f"{log.parent} is not empty: name another folder, or remove it")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(head + "\n", "utf-8")
    return []


def _run(
    job: Job, sources: Sources, numbers: range, workers: int
) -> Iterator[tuple[dict, list[dict]] | None]:
    """Yield what `_make` returns for each number, in order."""
    make = partial(_make, job=job, sources=sources)
    if not workers:
        yield from map(make, numbers)
        return
    context = multiprocessing.get_context("spawn")  # a GPU does not survive a fork
    chunk = min(_CHUNK, max(1, job.count // (4 * workers)))
    with ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(make, numbers, chunksize=chunk)


@lru_cache(maxsize=1)  # a process works on one job, and a studio takes seconds to open
def _maker(job: Job, sources: Sources) -> Crops | Identities | Scenes | Sequences:
    torch.set_num_threads(1)  # processes share the work, not threads; and sums stay the same
    cv2.setNumThreads(1)
    studio = Studio(sources)
    if job.kind == "sequences":
        return Sequences(studio, job.size, job.frames)
    return _PICTURES[job.kind](studio, job.size)


def _make(number: int, job: Job, sources: Sources) -> tuple[dict, list[dict]] | None:
    """Draw and write one picture or sequence; return a picture's entries."""
    maker = _maker(job, sources)
    if isinstance(maker, Sequences):
        _write_sequence(maker, number, job, sources.seed)
        return None
    sample = maker(number)
    name = f"{number:07d}.jpg"
    _write_image(job.out / IMAGES / name, sample.image, job.quality)
    group = f"body_{sample.subjects[0].body}" if sample.subjects else "nobody"
    return (
        image_entry(sample, number, name, group),
        [subject_entry(subject, number) for subject in sample.subjects],
    )


def _write_sequence(maker: Sequences, number: int, job: Job, seed: int) -> None:
    kind = maker.kind(number)
    folder = job.out / f"{number:04d}_{kind}"
    for name in (IMAGES, DEPTH, MASKS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    images, people = [], []
    for frame, sample in enumerate(maker(number)):
        name = f"{frame:06d}"
        _write_image(folder / IMAGES / f"{name}.jpg", sample.image, job.quality)
        depth = to_millimetres(sample.depths[:: job.depth_step, :: job.depth_step])
        _write_image(folder / DEPTH / f"{name}.png", depth)
        _write_image(folder / MASKS / f"{name}.png", sample.owners)
        entry = image_entry(sample, frame, f"{name}.jpg", folder.name)
        entry |= {"frame": frame, "stamp_s": round(float(maker.stamps_s[frame]), 6)}
        images.append(entry)
        seen = (subject for subject in sample.subjects if subject.label.area)
        people.append([subject_entry(subject, frame) for subject in seen])
    content = document(images, people, seed, kind=kind, depth_step=job.depth_step)
    _write_json(folder / ANNOTATIONS, content)


def to_millimetres(depths: np.ndarray) -> np.ndarray:
    """Turn metres into uint16 millimetres, as depth cameras do: 0 where there is no value."""
    millimetres = np.where(depths < 65.5, depths, 0) * 1000
    return np.rint(millimetres).astype(np.uint16)


def _write_image(path: Path, image: np.ndarray, quality: int = 92) -> None:
    """Write a picture; the quality matters to JPEG only.

    Raises:
        OSError: it cannot be written.
    """
    is_png = path.suffix == ".png"
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9] if is_png else [cv2.IMWRITE_JPEG_QUALITY, quality]
    if not cv2.imwrite(str(path), image, options):
        raise OSError(f"{path} cannot be written: is the disk full?")


def _write_json(path: Path, content: dict) -> None:
    """Write a file that is whole as soon as it is there."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
    part.rename(path)
