"""Our image decoder beside cv_bridge, our pairing beside message_filters: right or wrong, how fast.

    [PYTHONPATH=FOLDERS] python benchmarks/inputs.py [--rounds N] [--json FILE]

PYTHONPATH names the folders in which the packages cv_bridge and message_filters are, unless a
sourced ROS 2 has them; where one cannot be imported, ours is measured alone.

Decoders: messages of every encoding are made of a known picture by the formulas of the encodings;
`error` is the largest difference of a value from the picture (Bayer: but for the border). 1 or 2
is rounding. Times are the median of many calls, in turns, on one core.

Pairing: streams with known partners; `right` and `wrong` count pairs, `possible` is what could be
right, `alone` colour images that were handed on without depth.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from pairing_streams import after_an_exception, during_a_slow_callback, pairing_rows, pairings
from sensor_msgs.msg import CompressedImage, Image

from alphapose_ros.images import ENCODINGS
from alphapose_ros.nodes.conversions import to_frame

try:
    from cv_bridge import CvBridge

    BRIDGE = CvBridge()
except ImportError:
    BRIDGE = None

SIZES = {"VGA": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
CALLS = 3  # of one decoder, until it is the other one's turn
GREY = ("mono8", "mono16", "8UC1")

Decoder = Callable[[Any], np.ndarray]  # a message -> (H, W, 3) BGR


class Case(NamedTuple):
    """One kind of message."""

    name: str
    encoding: str
    padding: int = 0  # bytes after each row
    is_bigendian: bool = False


CASES = [
    *(Case(name, name) for name in ENCODINGS),
    Case("bgr8, 2 bytes after each row", "bgr8", padding=2),
    Case("mono16, 2 bytes after each row", "mono16", padding=2),
    Case("mono16, big-endian", "mono16", is_bigendian=True),
    Case("rgb16, big-endian", "rgb16", is_bigendian=True),
]


def picture(width: int, height: int, block: int) -> np.ndarray:
    """Return (H, W, 3) BGR: colours that change slowly, alike in each square of ``block`` px."""
    y, x = np.mgrid[:height, :width] // block * block
    waves = (np.sin(x / 97 + 1), np.cos(y / 83), np.sin((x + y) / 131))
    return np.rint(128 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def pixels_of(encoding: str, bgr: np.ndarray) -> np.ndarray:
    """Return the rows of an encoding, (rows, values of a row) uint8 or uint16."""
    if encoding.startswith("bayer"):
        values = mosaic(encoding[6:10], bgr)
    elif encoding[:4] in ("uyvy", "yuyv", "yuv4") or encoding.startswith("nv"):
        return yuv_of(encoding, bgr)
    else:
        of_opencv = {"C1": [1], "C3": [0, 1, 2], "C4": [0, 1, 2, 0]}
        letters = encoding.rstrip("0123456789")
        places = of_opencv.get(encoding[-2:]) or (
            [1] if letters == "mono" else ["bgra".index(letter) % 3 for letter in letters]
        )
        values = bgr[:, :, places].reshape(len(bgr), -1)
    return values.astype(np.uint16) * 257 if "16" in encoding else values


def mosaic(pattern: str, bgr: np.ndarray) -> np.ndarray:
    """Return (H, W): of each pixel the colour that its filter lets through."""
    values = bgr[:, :, 1].copy()
    for place, letter in enumerate(pattern):
        part = slice(place // 2, None, 2), slice(place % 2, None, 2)
        values[part] = bgr[:, :, "bgr".index(letter)][part]
    return values


def yuv_of(encoding: str, bgr: np.ndarray) -> np.ndarray:
    """Return the rows of BT.601 in its narrow range, colours shared as the encoding does it."""
    b, g, r = np.moveaxis(bgr / 255, -1, 0)
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    y, u, v = (np.rint(plane).astype(np.uint8) for plane in (y, u, v))
    height, width = y.shape
    if encoding in ("uyvy", "yuv422"):
        return np.dstack((u[:, ::2], y[:, ::2], v[:, ::2], y[:, 1::2])).reshape(height, -1)
    if encoding in ("yuyv", "yuv422_yuy2"):
        return np.dstack((y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2])).reshape(height, -1)
    every = 1 if encoding == "nv24" else 2
    first, second = (v, u) if encoding == "nv21" else (u, v)
    colours = np.dstack((first[::every, ::every], second[::every, ::every]))
    return np.vstack((y, colours.reshape(-1, width)))


def message_of(case: Case, bgr: np.ndarray) -> Image:
    """Return a picture as a camera's driver would send it."""
    pixels = pixels_of(case.encoding, bgr)
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(">u2" if case.is_bigendian else "<u2").view(np.uint8)
    rows = np.pad(pixels, ((0, 0), (0, case.padding)))
    data = array("B")
    data.frombytes(np.ascontiguousarray(rows).tobytes())
    return Image(
        height=bgr.shape[0],
        width=bgr.shape[1],
        encoding=case.encoding,
        step=rows.shape[1],
        is_bigendian=int(case.is_bigendian),
        data=data,
    )


def ours(message: Image | CompressedImage) -> np.ndarray:
    """Decode with the package."""
    return to_frame(message, 0).image


def theirs(message: Image | CompressedImage) -> np.ndarray:
    """Decode with cv_bridge."""
    if isinstance(message, CompressedImage):
        return BRIDGE.compressed_imgmsg_to_cv2(message)
    return BRIDGE.imgmsg_to_cv2(message, "bgr8")


def decoders() -> dict[str, Decoder]:
    """Return the ways that are there to make BGR of an image message."""
    ways: dict[str, Decoder] = {"ours": ours}
    if BRIDGE is not None:
        ways["cv_bridge"] = theirs
    return ways


def said(error: Exception) -> str:
    """Return what went wrong, in a few words."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:46]}".replace("|", "/")


def judged(way: Decoder, message: Image | CompressedImage, encoding: str, bgr: np.ndarray) -> str:
    """Return the largest error of a decoder, or what it says."""
    try:
        image = way(message)
    except Exception as error:  # noqa: BLE001  whatever it is, it is the result
        return said(error)
    if image is None or image.shape != bgr.shape:
        return f"gives {'None' if image is None else image.shape}"
    true = np.repeat(bgr[:, :, 1:2], 3, 2) if encoding in GREY else bgr
    inside = slice(1, -1) if encoding.startswith("bayer") else slice(None)
    errors = np.abs(image.astype(int) - true)[inside, inside]
    return str(errors.max())


def times_ms(ways: dict[str, Decoder], message: Image, rounds: int) -> dict[str, float]:
    """Return the median time of each decoder, measured in turns."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(CALLS):
                start_s = time.perf_counter()
                way(message)
                spent[name].append(1e3 * (time.perf_counter() - start_s))
    return {name: statistics.median(values) for name, values in spent.items()}


def decoder_rows(rounds: int) -> Iterator[dict[str, Any]]:
    """Measure every case."""
    ways = decoders()
    for case in CASES:
        row: dict[str, Any] = {"encoding": case.name}
        for size, (width, height) in SIZES.items():
            bgr = picture(width, height, 1 if case.encoding.startswith("bayer") else 2)
            message = message_of(case, bgr)
            if "errors" not in row:
                row["errors"] = {
                    name: judged(way, message, case.encoding, bgr) for name, way in ways.items()
                }
            able = {name: way for name, way in ways.items() if row["errors"][name].isdigit()}
            row[size] = times_ms(able, message, rounds)
        yield row


def damage_rows() -> Iterator[dict[str, Any]]:
    """Try what no decoder should take for a picture."""
    bgr = picture(640, 480, 2)
    short = message_of(Case("", "bgr8"), bgr)
    short.data = short.data[: len(short.data) // 2]
    file = cv2.imencode(".jpg", bgr)[1].tobytes()
    cut = CompressedImage(format="jpeg", data=array("B", file[: len(file) // 2]))
    flags = message_of(Case("", "bgr8"), bgr)
    flags.encoding = "bgr9"
    for name, message in {
        "raw, half of the bytes": short,
        "JPEG, half of the file": cut,
        "unknown encoding": flags,
    }.items():
        row = {"case": name}
        for way_name, way in decoders().items():
            said_or_error = judged(way, message, "bgr8", bgr)
            is_picture = said_or_error.isdigit()
            row[way_name] = f"a picture, wrong by {said_or_error}" if is_picture else said_or_error
        yield row


def decoder_table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Return one line for each encoding."""
    titles = ["encoding", *(f"{name}: error" for name in names)]
    titles += [f"{size}: {' / '.join(names)}, ms" for size in SIZES] + ["times faster, 720p"]
    lines = [titles, ["---"] * len(titles)]
    for row in rows:
        cells = [row["encoding"], *(row["errors"][name] for name in names)]
        for size in SIZES:
            found = (f"{row[size][name]:.2f}" if name in row[size] else "-" for name in names)
            cells.append(" / ".join(found))
        both = [row["720p"].get(name) for name in names]
        cells.append(f"{both[-1] / both[0]:.1f}" if len(both) == 2 and all(both) else "-")
        lines.append(cells)
    return as_text(lines)


def damage_table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Return one line for each kind of damage."""
    lines = [["damage", *names], ["---"] * (1 + len(names))]
    return as_text(lines + [[row["case"], *(row[name] for name in names)] for row in rows])


def pairing_table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Return one line for each pair of streams and slop."""
    titles = ["colour : depth", "slop, s", "possible"]
    titles += [f"{name}: right / wrong / alone" for name in names]
    titles += [f"{name}, us" for name in names]
    lines = [titles, ["---"] * len(titles)]
    for row in rows:
        cells = [row["streams"], f"{row['slop_s']:g}", str(row["possible"])]
        cells += ["{right} / {wrong} / {alone}".format(**row[name]) for name in names]
        lines.append([*cells, *(f"{row[name]['us']:.0f}" for name in names)])
    return as_text(lines)


def behaviour_table(names: dict[str, type]) -> str:
    """Return how each pairing bears exceptions and slow callbacks."""
    tests = {
        "after an exception in the callback": after_an_exception,
        "an image that comes during the callback": during_a_slow_callback,
    }
    lines = [["", *names], ["---"] * (1 + len(names))]
    lines += [[title, *(test(way) for way in names.values())] for title, test in tests.items()]
    return as_text(lines)


def as_text(lines: list[list[str]]) -> str:
    """Return the lines of a table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


@contextmanager
def one_core() -> Iterator[None]:
    """Work on one core: each decoder has an OpenCV with threads of its own."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    print(f"NumPy {np.__version__}, OpenCV {cv2.__version__}")
    for name, ways in (("cv_bridge", decoders()), ("message_filters", pairings())):
        if name not in ways:
            print(f"{name} cannot be imported: ours alone. PYTHONPATH may say where it is.")
    with one_core():
        decoded, damaged = list(decoder_rows(options.rounds)), list(damage_rows())
        paired_rows = list(pairing_rows(max(1, options.rounds // 3)))
    names = list(decoders())
    print(f"\n{decoder_table(decoded, names)}\n\n{damage_table(damaged, names)}")
    print(f"\n{pairing_table(paired_rows, list(pairings()))}\n\n{behaviour_table(pairings())}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        everything = {"decoders": decoded, "damage": damaged, "pairing": paired_rows}
        options.json.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
