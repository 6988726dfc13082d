"""Image bytes and an encoding, as ROS carries them, to BGR."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How the pixels of an encoding lie in memory."""

    dtype: type
    channels: int
    to_bgr: tuple[int, int, int]  # channel of blue, green, red


ENCODINGS = {
    "bgr8": Layout(np.uint8, 3, (0, 1, 2)),
    "rgb8": Layout(np.uint8, 3, (2, 1, 0)),
    "bgra8": Layout(np.uint8, 4, (0, 1, 2)),
    "rgba8": Layout(np.uint8, 4, (2, 1, 0)),
    "mono8": Layout(np.uint8, 1, (0, 0, 0)),
    "8UC1": Layout(np.uint8, 1, (0, 0, 0)),
    "8UC3": Layout(np.uint8, 3, (0, 1, 2)),
    "8UC4": Layout(np.uint8, 4, (0, 1, 2)),
    "bgr16": Layout(np.uint16, 3, (0, 1, 2)),
    "rgb16": Layout(np.uint16, 3, (2, 1, 0)),
    "mono16": Layout(np.uint16, 1, (0, 0, 0)),
}


def to_bgr(
    data: bytes | bytearray | memoryview,
    *,
    height: int,
    width: int,
    encoding: str,
    step: int,
    is_bigendian: bool = False,
) -> np.ndarray:
    """Return an image as (height, width, 3) uint8 BGR; a view of ``data`` where it is so already.

    Args:
        data: the bytes, row after row.
        height: rows.
        width: pixels of a row.
        encoding: one of ENCODINGS; 16-bit values lose their lower byte.
        step: bytes from one row to the next.
        is_bigendian: byte order of values of more than one byte.

    Raises:
        ValueError: the encoding is unknown, the image is empty, or ``data`` is too short.
    """
    if encoding not in ENCODINGS:
        raise ValueError(
            f"unknown image encoding {encoding!r}; convert it to one of {', '.join(ENCODINGS)}"
        )
    layout = ENCODINGS[encoding]
    pixel_size = np.dtype(layout.dtype).itemsize * layout.channels
    raw = np.frombuffer(data, np.uint8)
    if height < 1 or width < 1:
        raise ValueError(f"image is empty: {width} x {height} pixels; check the camera driver")
    if step < width * pixel_size:
        raise ValueError(
            f"image step is {step} bytes, but {width} pixels of {encoding} need "
            f"{width * pixel_size}; check the camera driver"
        )
    if raw.size < (height - 1) * step + width * pixel_size:
        raise ValueError(
            f"image data has {raw.size} bytes, but {height} rows of {step} need {height * step}; "
            "check the camera driver"
        )
    rows = np.lib.stride_tricks.as_strided(
        raw, (height, width * pixel_size), (step, 1), writeable=False
    )
    pixels = _pixels(rows, layout, is_bigendian)
    if layout.to_bgr == (0, 1, 2):
        return pixels[:, :, :3]
    return np.ascontiguousarray(pixels[:, :, layout.to_bgr])


def _pixels(rows: np.ndarray, layout: Layout, is_bigendian: bool) -> np.ndarray:
    """Return (H, W, C) uint8 from rows of bytes (H, W * bytes of a pixel)."""
    if layout.dtype is np.uint16:  # the upper byte is the value in 8 bits
        rows = rows[:, 0 if is_bigendian else 1 :: 2]
    return rows.reshape(len(rows), -1, layout.channels)
