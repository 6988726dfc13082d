"""What a user names, as sources: pictures, videos, cameras, streams and bags."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import cv2

from alphapose_ros.io.bag_salvage import STORAGES, is_bag, storage_of
from alphapose_ros.io.bag_source import BagSource, BagTopics
from alphapose_ros.io.ends import Source
from alphapose_ros.io.pictures import PICTURES, PictureSource, natural
from alphapose_ros.io.video import VideoError
from alphapose_ros.io.video_sources import video_source

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts"),
    *(".mts", ".m2ts", ".3gp", ".ogv", ".gif", ".mjpg", ".mjpeg", ".h264", ".h265", ".hevc"),
)
LIST = ".txt"
UNDERSTOOD = (
    f"pictures ({' '.join(PICTURES)}), a folder or a quoted glob of them, "
    f"videos ({' '.join(VIDEOS)} and what else OpenCV reads), bags (a folder, {STORAGES[0]}, "
    f"{STORAGES[1]}, {STORAGES[2]}), lists of these ({LIST}, one a line), camera numbers, and "
    "addresses (rtsp://, http://)"
)

Kinds = dict[str, tuple[str, ...]]
KINDS: Kinds = {"picture": PICTURES, "video": VIDEOS, "bag": STORAGES, "list": (LIST,)}


class Found(NamedTuple):
    """One thing that an argument stands for."""

    kind: str  # picture, video (file, address or camera) or bag
    place: Path | str | int


def open_sources(
    arguments: Sequence[str],
    *,
    rate_hz: float | None = None,
    is_sequence: bool | None = None,
    topics: BagTopics | None = None,
    target_frame: str = "",
    is_rectified: bool = False,
) -> list[Source]:
    """Find what the arguments name; each video, bag, stream and camera is a source of its own.

    All pictures together are one source, in the place of the first. Files, bags and addresses are
    looked into at once, so that a long run does not end at the last one; cameras are opened when
    they are entered.

    Args:
        arguments: files, folders, quoted globs (** for all folders below), lists, numbers of
            cameras, addresses.
        rate_hz: of pictures that are a sequence, and of videos that do not say theirs.
        is_sequence: whether pictures follow each other in time; None: see PictureSource.
        topics: of bags.
        target_frame: of bags, for people in metres; other sources know no transforms.
        is_rectified: whether the images of bags have been rectified; others have no CameraInfo.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: it is there but not understood, or holds nothing.
        OSError: a video or bag cannot be read.
    """
    found = [one for argument in arguments for one in _find(argument, Path(), ())]
    if not found:
        raise ValueError(f"no source given; understood are {UNDERSTOOD}")
    pictures = [Path(one.place) for one in found if one.kind == "picture"]
    sources: list[Source] = []
    for one in found:
        if one.kind == "bag":
            sources.append(
                BagSource(one.place, topics, target_frame=target_frame, is_rectified=is_rectified)
            )
        elif one.kind == "video":
            sources.append(_video(one.place, rate_hz))
        elif pictures:
            sources.append(PictureSource(pictures, rate_hz=rate_hz, is_sequence=is_sequence))
            pictures = []
    return sources


def _video(place: Path | str | int, rate_hz: float | None) -> Source:
    try:
        return video_source(str(place) if isinstance(place, Path) else place, rate_hz=rate_hz)
    except VideoError as error:
        if not isinstance(place, Path) or place.suffix.lower() in VIDEOS:
            raise
        raise ValueError(
            f"{place}: neither picture, video nor bag; understood are {UNDERSTOOD}"
        ) from error


def _find(argument: str, folder: Path, lists: tuple[Path, ...]) -> Iterator[Found]:
    """Give what an argument stands for; a relative path is taken from ``folder``."""
    if argument.startswith("file://"):
        argument = unquote(urlsplit(argument).path)
    if "://" in argument:
        yield Found("video", argument)
        return
    path = folder / Path(argument).expanduser()
    if device := re.fullmatch(r"/dev/video(\d+)", str(path)):
        yield Found("video", int(device[1]))
    elif path.exists():
        yield from _look_into(path, lists)
    elif argument.isdecimal():
        yield Found("video", int(argument))
    elif glob.has_magic(argument):
        yield from _matching(path)
    else:
        raise FileNotFoundError(
            f"{argument}: no such file or folder (from {folder.resolve()}); "
            f"understood are {UNDERSTOOD}"
        )


def _look_into(path: Path, lists: tuple[Path, ...]) -> Iterable[Found]:
    if path.is_dir():
        return _in_folder(path)
    kind = _kind(path)
    if kind == "list":
        return _in_list(path, lists)
    return [Found(kind or "video", path)]  # OpenCV may know it, or says that it does not


def _in_folder(path: Path) -> list[Found]:
    if _is_bag_folder(path):
        return [Found("bag", path)]
    files = sorted((file for file in path.iterdir() if file.is_file()), key=natural)
    pictures = [Found("picture", file) for file in files if _kind(file) == "picture"]
    if not pictures:
        others = sorted({file.suffix or file.name for file in files})
        raise ValueError(
            f"{path}: a folder without pictures and no bag (metadata.yaml); it holds "
            f"{', '.join(others) or 'no files'}. Name the files, or a glob such as "
            f"'{path}/**/*.jpg'"
        )
    return pictures


def _is_bag_folder(path: Path) -> bool:
    """Tell whether a folder is a bag, rather than one that holds bags beside other things."""
    if (path / "metadata.yaml").is_file():
        return True
    return is_bag(path) and {_kind(file) for file in path.iterdir()} <= {"bag", ""}


def _matching(pattern: Path) -> list[Found]:
    """Return the pictures, videos and bags that a glob matches; other files are passed over."""
    paths = sorted(map(Path, glob.glob(str(pattern), recursive=True)), key=natural)  # noqa: PTH207
    bags = {path for path in paths if path.is_dir() and _is_bag_folder(path)}
    found = [Found("bag", path) if path in bags else Found(_kind(path), path) for path in paths]
    found = [
        one
        for one in found
        if one.kind in ("picture", "video") or (one.kind == "bag" and one.place.parent not in bags)
    ]
    if not found:
        what = (
            f"matches {len(paths)} files, none of them understood" if paths else "matches nothing"
        )
        raise FileNotFoundError(f"{pattern}: {what}; understood are {UNDERSTOOD}")
    return found


def _in_list(path: Path, lists: tuple[Path, ...]) -> Iterator[Found]:
    """Give what the lines of a list stand for; paths are relative to the list."""
    if path.resolve() in lists:
        raise ValueError(f"{path}: this list names itself, by way of {lists[-1].name}")
    lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    for number, line in enumerate(lines, 1):
        name = re.sub(r"(^|\s)#.*", "", line).strip()
        if not name:
            continue
        try:
            yield from _find(name, path.parent, (*lists, path.resolve()))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path}, line {number}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error


def _kind(path: Path) -> str:
    """Return what a file is by its name, else by its first bytes; "" if neither tells."""
    suffix = Path(path.name.lower().removesuffix(".zstd")).suffix
    for kind, suffixes in KINDS.items():
        if suffix in suffixes:
            return kind
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        if storage_of(file.read(16)):
            return "bag"
    return "picture" if cv2.haveImageReader(str(path)) else ""
