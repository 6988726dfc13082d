"""Telling the format of a result file by what is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from alphapose_ros.evaluation.datasets.wholebody import FEET
from alphapose_ros.io.formats.results import Given

BAG = "bag"
BAGS = {".mcap", ".db3", ".bag"}
RUN = ("results.json", "results.csv", "results.parquet", "results.txt")  # of `alphapose run`
HALPE_COUNTS = {3 * 26, 3 * 68, 3 * 136}
PARQUET = b"PAR1"
HEAD = 4096  # bytes that tell text from anything else
REMEDY = "name its format if it is a result file"


def recognised(given: Given) -> tuple[Given, str]:
    """Return the file to read, which lies in a folder perhaps, and the name of its format.

    Raises:
        ValueError: it is none that is known.
    """
    if given.path.is_dir():
        return _in_folder(given)
    if given.path.suffix in BAGS:
        return given, BAG
    with given.path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(PARQUET):
        return given, "parquet"
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    if text[:1] in ("[", "{"):
        return given, _of_json(given.content, given.path)
    first = text.partition("\n")[0]
    if first.startswith("frame,name,"):
        return given, "csv"
    if _are_numbers(first) or (not text and given.path.suffix == ".txt"):
        return given, "mot"
    raise ValueError(
        f"{given.path}: {'is empty' if not text else 'not a known result file'}; {REMEDY}"
    )


def _in_folder(given: Given) -> tuple[Given, str]:
    folder = given.path
    if (folder / "metadata.yaml").is_file():
        return given, BAG
    for name in RUN:
        if (folder / name).is_file():
            return recognised(replace(given, path=folder / name))
    if (folder / BAG).is_dir():  # of a run that wrote nothing else
        return replace(given, path=folder / BAG), BAG
    first = next(iter(sorted(folder.glob("*.json"))), None)
    if first is not None:
        name = _of_json(replace(given, path=first).content, first)
        if name in ("openpose", "cmu"):
            return given, name
    if any(path.suffix in BAGS for path in folder.iterdir()):
        return given, BAG
    raise ValueError(
        f"{folder}: neither a bag nor a folder with {', '.join(RUN[:-1])}, {RUN[-1]} or OpenPose's "
        "*.json; name a file in it"
    )


def _of_json(content: Any, path: Path) -> str:
    if isinstance(content, list):
        return _of_list(content, path)
    if isinstance(content, dict):
        return _of_object(content, path)
    raise ValueError(f"{path}: not a known result file: holds {type(content).__name__}; {REMEDY}")


def _of_list(content: list, path: Path) -> str:
    if not content:
        return "alphapose"
    first = content[0]
    if not isinstance(first, dict) or "image_id" not in first:
        raise ValueError(f"{path}: entry 0: no person with an image_id; {REMEDY}")
    if FEET in first:
        return "wholebody"
    if isinstance(first["image_id"], str) or "box" in first or "idx" in first:
        return "alphapose"
    keypoints = first.get("keypoints")
    is_halpe = isinstance(keypoints, list) and len(keypoints) in HALPE_COUNTS
    return "halpe" if is_halpe else "coco"


def _of_object(content: dict, path: Path) -> str:
    if "annotations" in content:
        return "posetrack" if _has_ends_of_head(content) else "coco_dataset"
    first = next(iter(content.values()), None)
    inside = first if isinstance(first, dict) else {}
    for field, name in (("people", "openpose"), ("bodies", "cmu")):
        if field in content or field in inside:
            return name
    if not content:
        return "openpose"
    names = ", ".join(map(repr, list(content)[:4]))
    raise ValueError(f"{path}: not a known result file: an object with {names}; {REMEDY}")


def _has_ends_of_head(content: dict) -> bool:
    """Say whether the keypoints are PoseTrack's: the categories name them."""
    categories = content.get("categories")
    named = [one for one in categories if isinstance(one, dict)] if categories else []
    names = [name for one in named for name in one.get("keypoints") or ()]
    info = content.get("info")
    is_ours = isinstance(info, dict) and "skeleton" in info
    return "head_bottom" in names and not is_ours


def _are_numbers(line: str) -> bool:
    """Say whether a line is one of a MOTChallenge file: six numbers or more."""
    cells = line.replace(",", " ").split()
    try:
        return len([float(cell) for cell in cells]) >= 6
    except ValueError:
        return False
