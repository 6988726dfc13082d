"""Telling the format of a result file by what is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alphapose_ros.evaluation.datasets.wholebody import FEET
from alphapose_ros.io.formats.results import Given

BAG = "bag"
BAGS = {".mcap", ".db3", ".bag"}
RUN = (  # what `alphapose run` leaves, that which tells most first
    "results.parquet",
    "results.csv",
    BAG,
    "results.json",
    "results.txt",
)
SUMMARY = "summary.json"  # of a run
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


def files_of_run(folder: Path) -> list[Path]:
    """Return the results in the folder of a run, those that tell most first.

    Where the summary of the run lists its outputs, others in the folder are of another run.
    """
    if not folder.is_dir() or (folder / "metadata.yaml").is_file():
        return []
    told = told_of_run(folder)
    files = [folder / name for name in RUN if is_output(name, told)]
    there = [path for path in files if (is_bag(path) if path.name == BAG else path.is_file())]
    can_read = find_spec("pyarrow") is not None
    others = [path for path in there if path.suffix != ".parquet"]
    return there if can_read or not others else others


def is_bag(folder: Path) -> bool:
    """Say whether a folder is a bag, or holds a file of one."""
    if not folder.is_dir():
        return False
    return (folder / "metadata.yaml").is_file() or any(p.suffix in BAGS for p in folder.iterdir())


def told_of_run(folder: Path) -> dict[str, Any]:
    """Return what the summary in a folder of a run says; nothing where there is none."""
    try:
        told = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def is_output(name: str, told: Mapping[str, Any]) -> bool:
    """Say whether a file is of the run whose summary says this; older summaries do not tell."""
    outputs = told.get("outputs")
    return not isinstance(outputs, list) or name in outputs


def _in_folder(given: Given) -> tuple[Given, str]:
    folder = given.path
    if (folder / "metadata.yaml").is_file():
        return given, BAG
    for path in files_of_run(folder):
        found = replace(given, path=path)
        return (found, BAG) if path.name == BAG else recognised(found)
    others = sorted(path for path in folder.glob("*.json") if path.name != SUMMARY)
    if others:
        name = _of_json(replace(given, path=others[0]).content, others[0])
        if name in ("openpose", "cmu"):
            return given, name
    if is_bag(folder):
        return given, BAG
    raise ValueError(
        f"{folder} holds no results: neither a bag, nor {', '.join(RUN[:-1])} or {RUN[-1]}, nor "
        f"OpenPose's *.json; `alphapose run SOURCE --out {folder}` makes some; or name a file"
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
