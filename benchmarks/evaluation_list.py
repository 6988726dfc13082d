"""The frozen list of pictures that our networks are measured on, and never trained on.

    python benchmarks/evaluation_list.py DATA                      is DATA what the list says?
    python benchmarks/evaluation_list.py DATA --training FOLDER... is any of it in training data?
    python benchmarks/evaluation_list.py DATA --write              make the list anew

DATA is the folder with lspet/, pose_datasets/ and videos/. The list, `evaluation_list.txt`, holds a
line per picture: name, SHA-256 of its file (of its clip, for a frame), perceptual hashes of the
picture and of its mirror image. Its own SHA-256 names the list as a whole.

A training FOLDER is one with `images/`, a pack of whole pictures, or one with a `hashes.npz`
(`hashes`: (N,) uint64 from picture_hash(), and optionally `names`), which a pack of crops needs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.training.picture_hash import copies, hashes_of_copies, picture_hash

LIST = Path(__file__).with_name("evaluation_list.txt")
SPORTS = 500  # the last names of LSPET
PETS_CLIP = "videos/pets09_s2l1_part1/video.mp4"
PETS_FRAMES = 69  # from the first; later ones have no true boxes
SYNTHETIC_SEEDS = range(9000, 9100)
PICTURES = {".jpg", ".jpeg", ".png"}
HEADER = f"""\
# Pictures for evaluation only; see evaluation_list.py. Name, SHA-256, hash, hash when mirrored.
# Synthetic people of the seeds {SYNTHETIC_SEEDS.start} to {SYNTHETIC_SEEDS.stop - 1} belong to it.
"""


@dataclass(frozen=True)
class EvaluationList:
    """What `evaluation_list.txt` says."""

    text: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the list: equal lists, equal pictures."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def rows(self) -> list[list[str]]:
        """Name, SHA-256, hash and mirrored hash of every picture."""
        return [row.split() for row in self.text.splitlines() if not row.startswith("#")]

    @property
    def names(self) -> list[str]:
        """Names of all pictures, relative to the data folder; frames end in #1, #2, ..."""
        return [row[0] for row in self.rows]

    @property
    def hashes(self) -> np.ndarray:
        """(N, 2) uint64: perceptual hash of each picture, plain and mirrored."""
        return np.array([[int(value, 16) for value in row[2:]] for row in self.rows], np.uint64)

    def copies_in(self, hashes: np.ndarray) -> list[tuple[str, int]]:
        """Return the pictures that are among ``hashes`` (M,), each with the row of its copy."""
        found = np.concatenate([copies(side, hashes) for side in self.hashes.T])
        return sorted({(self.names[own], int(row)) for own, row in found})


def load_list(path: Path = LIST) -> EvaluationList:
    """Read the frozen list."""
    return EvaluationList(path.read_text(encoding="utf-8"))


def make_list(data: Path) -> EvaluationList:
    """Compute the list from the pictures in ``data``.

    Raises:
        FileNotFoundError: a part of the data is missing.
    """
    lines = []
    for name, source, image in pictures(data):
        plain, mirrored = hashes_of_copies(image)
        lines.append(f"{name} {source} {plain:016x} {mirrored:016x}\n")
    return EvaluationList(HEADER + "".join(lines))


def pictures(data: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield name, SHA-256 of the file and picture (H, W, 3) BGR of all that is evaluated on."""
    names = [f"lspet/images/{name}" for name in sports_names(data)]
    found = (data / "pose_datasets").rglob("images/**/*")
    names += sorted(str(p.relative_to(data)) for p in found if p.suffix.lower() in PICTURES)
    for name in names:
        yield name, file_digest(data / name), cv2.imread(str(data / name))
    clip = data / PETS_CLIP
    source = file_digest(clip)
    for number, image in enumerate(clip_frames(clip, PETS_FRAMES), 1):
        yield f"{PETS_CLIP}#{number}", source, image


def sports_names(data: Path) -> list[str]:
    """Return the last 500 file names of LSPET, which nobody trains on."""
    return [str(name) for name in np.load(data / "lspet" / "labels.npz")["names"][-SPORTS:]]


def clip_frames(clip: Path, count: int) -> Iterator[np.ndarray]:
    """Yield the first frames of a clip, (H, W, 3) BGR."""
    capture = cv2.VideoCapture(str(clip))
    for number in range(count):
        is_read, image = capture.read()
        if not is_read:
            raise FileNotFoundError(f"{clip}: frame {number + 1} of {count} cannot be read")
        yield image


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def training_hashes(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Return hashes (N,) uint64 and names of the pictures that a folder of training data holds.

    Raises:
        FileNotFoundError: it has neither hashes.npz nor images/ nor whole pictures.
    """
    stored = folder / "hashes.npz"
    if stored.is_file():
        with np.load(stored) as file:
            hashes = file["hashes"].astype(np.uint64)
            names = (
                file["names"].tolist() if "names" in file else [str(i) for i in range(len(hashes))]
            )
        return hashes, names
    if (folder / "pictures.npy").is_file():
        return pack_hashes(folder)
    if not (folder / "images").is_dir():
        raise FileNotFoundError(f"{folder}: neither hashes.npz nor images/ nor pictures.npy")
    files = sorted(p for p in (folder / "images").rglob("*") if p.suffix.lower() in PICTURES)
    hashes = np.array([picture_hash(cv2.imread(str(file))) for file in files], np.uint64)
    return hashes, [file.name for file in files]


def pack_hashes(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Return hashes and rows of a pack of whole pictures, without the grey beside them."""
    squares = np.load(folder / "pictures.npy", mmap_mode="r")
    with np.load(folder / "labels.npz") as labels:
        sizes = labels["sizes"]
    hashes = [
        picture_hash(np.ascontiguousarray(square[:height, :width]))
        for square, (height, width) in zip(squares, sizes, strict=True)
    ]
    return np.array(hashes, np.uint64), [f"picture {row}" for row in range(len(squares))]


def seed_of(folder: Path) -> int | None:
    """Return the seed that synthetic pictures in a folder were made with, None for others."""
    path = folder / "annotations.json"
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["info"].get("seed")


def check_training(folders: Iterable[Path]) -> bool:
    """Print the list's hash and what of it is in training data; tell whether that is nothing."""
    frozen = load_list()
    print(f"Evaluation list: {len(frozen.rows)} pictures, SHA-256 {frozen.digest}", flush=True)
    is_clean = True
    for folder in folders:
        hashes, names = training_hashes(folder)
        pairs, is_held = frozen.copies_in(hashes), seed_of(folder) in SYNTHETIC_SEEDS
        is_clean &= not pairs and not is_held
        print(f"- {folder.name}: {len(hashes)} training pictures, {len(pairs)} of them in the list")
        if is_held:
            print(f"  - its seed {seed_of(folder)} is for evaluation")
        for name, row in pairs:
            print(f"  - {names[row]} is {name}")
    return is_clean


def main() -> None:
    """Check or make the list; exit 1 where it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--training", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help="make the list anew")
    options = parser.parse_args()
    made = make_list(options.data)
    if options.write:
        LIST.write_text(made.text, encoding="utf-8")
    changed = set(map(tuple, made.rows)) ^ set(map(tuple, load_list().rows))
    is_clean = check_training(options.training)
    for name in sorted({row[0] for row in changed}):
        print(f"not as in the list: {name}")
    sys.exit(bool(changed) or not is_clean)


if __name__ == "__main__":
    main()
