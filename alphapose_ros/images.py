"""Image bytes and an encoding, as ROS carries them, to BGR or to metres of depth."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import cv2
import numpy as np

Bytes = bytes | bytearray | memoryview


class Layout(NamedTuple):
    """How the values of an encoding lie in memory, and what makes BGR of them."""

    channels: int  # values of a pixel in its row; of the first plane where there are two
    to_bgr: int | None  # OpenCV's conversion of 8-bit values; None: they are BGR already
    value_bytes: int = 1
    multiple: tuple[int, int] = (1, 1)  # of which width and height must be one
    chroma_rows: float = 0.0  # rows of the second plane, in `step` bytes, to a row of pixels


def _bayer(code: int, value_bytes: int = 1) -> Layout:
    return Layout(1, code, value_bytes)


# OpenCV names a Bayer pattern by the second and third pixel of its second row: ROS's RGGB,
# named by the first two of the first two rows, is its BG.
BAYER = {
    "bayer_rggb8": _bayer(cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": _bayer(cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": _bayer(cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": _bayer(cv2.COLOR_BayerGB2BGR),
    "bayer_rggb16": _bayer(cv2.COLOR_BayerBG2BGR, 2),
    "bayer_bggr16": _bayer(cv2.COLOR_BayerRG2BGR, 2),
    "bayer_gbrg16": _bayer(cv2.COLOR_BayerGR2BGR, 2),
    "bayer_grbg16": _bayer(cv2.COLOR_BayerGB2BGR, 2),
}

ENCODINGS = {
    "bgr8": Layout(3, None),
    "rgb8": Layout(3, cv2.COLOR_RGB2BGR),
    "bgra8": Layout(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Layout(4, cv2.COLOR_RGBA2BGR),
    "mono8": Layout(1, cv2.COLOR_GRAY2BGR),
    "8UC1": Layout(1, cv2.COLOR_GRAY2BGR),
    "8UC3": Layout(3, None),
    "8UC4": Layout(4, cv2.COLOR_BGRA2BGR),
    "bgr16": Layout(3, None, 2),
    "rgb16": Layout(3, cv2.COLOR_RGB2BGR, 2),
    "bgra16": Layout(4, cv2.COLOR_BGRA2BGR, 2),
    "rgba16": Layout(4, cv2.COLOR_RGBA2BGR, 2),
    "mono16": Layout(1, cv2.COLOR_GRAY2BGR, 2),
    "16UC3": Layout(3, None, 2),
    "16UC4": Layout(4, cv2.COLOR_BGRA2BGR, 2),
    **BAYER,
    "uyvy": Layout(2, cv2.COLOR_YUV2BGR_UYVY, multiple=(2, 1)),
    "yuv422": Layout(2, cv2.COLOR_YUV2BGR_UYVY, multiple=(2, 1)),
    "yuyv": Layout(2, cv2.COLOR_YUV2BGR_YUY2, multiple=(2, 1)),
    "yuv422_yuy2": Layout(2, cv2.COLOR_YUV2BGR_YUY2, multiple=(2, 1)),
    "nv12": Layout(1, cv2.COLOR_YUV2BGR_NV12, multiple=(2, 2), chroma_rows=0.5),
    "nv21": Layout(1, cv2.COLOR_YUV2BGR_NV21, multiple=(2, 2), chroma_rows=0.5),
    "nv24": Layout(1, None, chroma_rows=2.0),
}

METRES = {  # of depth: the values as they are sent, and metres to one of them (REP-118)
    "16UC1": ("u2", 1e-3),
    "mono16": ("u2", 1e-3),
    "32FC1": ("f4", 1.0),
}
ONLY_DEPTH = [name for name in METRES if name not in ENCODINGS]

# BGR of (Y, U, V, 1) after BT.601, Y in 16..235, U and V in 16..240 about 128.
_GAIN = 255 / 219
_BLUE, _RED = 1.772 * 255 / 224, 1.402 * 255 / 224
_GREEN = (-0.114 / 0.587 * _BLUE, -0.299 / 0.587 * _RED)
BT601 = np.array(
    [
        [_GAIN, _BLUE, 0.0, -16 * _GAIN - 128 * _BLUE],
        [_GAIN, *_GREEN, -16 * _GAIN - 128 * sum(_GREEN)],
        [_GAIN, 0.0, _RED, -16 * _GAIN - 128 * _RED],
    ]
)

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
JPEG_SCAN = 0xDA  # marker of the segment that the picture's data follow
DEPTH_HEADER = struct.Struct("<iff")  # of compressedDepth: form, gain and offset of inverse depth
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read_image(message: Any) -> np.ndarray:
    """Return an image message as (H, W, 3) uint8 BGR, without a copy where it is bgr8 already.

    Args:
        message: with the fields of sensor_msgs/Image or sensor_msgs/CompressedImage, whatever made
            it: rclpy, or a reader of bags.

    Raises:
        ValueError: it is empty, damaged or of an unknown encoding.
    """
    if hasattr(message, "format"):
        return decompress(message.data, message.format)
    return to_bgr(message.data, **_layout_of(message))


def read_depth(message: Any) -> np.ndarray:
    """Return a depth message as (H, W) float32 [m], NaN where there is no value.

    Args:
        message: with the fields of sensor_msgs/Image, or of the sensor_msgs/CompressedImage that
            compressed_depth_image_transport makes of one.

    Raises:
        ValueError: it is no depth image, or empty or damaged.
    """
    if hasattr(message, "format"):
        return decompress_depth(message.data, message.format)
    return to_metres(message.data, **_layout_of(message))


def to_bgr(
    data: Bytes, *, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> np.ndarray:
    """Return an image as (height, width, 3) uint8 BGR; a view of ``data`` where it is so already.

    Args:
        data: the bytes, row after row; for nv12, nv21 and nv24 the plane of Y, then that of the
            colours, whose rows have ``step`` bytes (twice as many in nv24).
        height: rows.
        width: pixels of a row.
        encoding: one of ENCODINGS; 16-bit values lose their lower byte, a fourth channel is left
            out, YUV is that of BT.601 in its narrow range, as video sends it.
        step: bytes from one row to the next.
        is_bigendian: byte order of values of more than one byte.

    Raises:
        ValueError: the encoding is unknown or depth, the image is empty, its size does not go with
            the encoding, or ``data`` is too short.
    """
    layout = _layout(encoding)
    _check_size(width, height, encoding, layout)
    count = int(height * (1 + layout.chroma_rows))
    row_bytes = width * layout.channels * layout.value_bytes
    rows = _rows(data, (count, row_bytes), step, encoding, width)
    if encoding == "nv24":
        return _from_nv24(rows, height, step)
    if layout.value_bytes == 2:
        rows = _upper_bytes(rows.view("<u2"), is_bigendian)
    pixels = rows.reshape(count, width, layout.channels)
    return pixels if layout.to_bgr is None else cv2.cvtColor(pixels, layout.to_bgr)


def to_metres(
    data: Bytes, *, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> np.ndarray:
    """Return a depth image as (height, width) float32 [m], NaN where there is no value.

    Args:
        data: the bytes, row after row.
        height: rows.
        width: pixels of a row.
        encoding: 16UC1 or mono16, millimetres, 0 where there is no value; or 32FC1, metres, where
            what is not finite and above 0 is no value.
        step: bytes from one row to the next.
        is_bigendian: byte order of the values.

    Raises:
        ValueError: the encoding is none of these, the image is empty or ``data`` is too short.

    Source: REP-118 (encodings and units), REP-117 (infinities and NaN).
    """
    if encoding not in METRES:
        raise ValueError(
            f"{encoding!r} is no encoding of depth; have the driver send one of "
            f"{', '.join(METRES)}, or remap `depth` to the depth image"
        )
    kind, unit_m = METRES[encoding]
    _check_size(width, height, encoding, Layout(1, None))
    values = np.dtype(f"{'>' if is_bigendian else '<'}{kind}")
    rows = _rows(data, (height, width * values.itemsize), step, encoding, width)
    sent = rows.view(values)
    with np.errstate(invalid="ignore"):  # comparing NaN is what it is about
        is_value = (sent > 0) & (sent < np.inf)
    return np.where(is_value, sent * np.float32(unit_m), np.float32(np.nan)).astype(np.float32)


def decompress(data: Bytes, name: str) -> np.ndarray:
    """Read a JPEG or PNG file in memory as (H, W, 3) uint8 BGR.

    Args:
        data: the file.
        name: what the message says of it: "jpeg", "png", or as image_transport writes it, for
            instance "rgb8; jpeg compressed bgr8": encoding of the raw image, and the one stored.

    Raises:
        ValueError: it is neither, or cut short, or otherwise damaged, or depth. A file that breaks
            off is refused although half of it might be read: people would vanish in its grey part.
    """
    original, _, stored = name.partition(";")
    if original in ONLY_DEPTH:
        raise ValueError(_not_a_picture(original))
    what = f"compressed image of {len(data)} bytes, format {name!r},"
    file = bytes(data)
    if not file.startswith((PNG_START, JPEG_START)):
        raise ValueError(f"{what} is no JPEG or PNG; check the camera driver")
    if not is_whole(file):
        raise ValueError(f"{what} breaks off before its end; check the camera driver")
    is_mosaic = original in BAYER and "bgr" not in stored and "rgb" not in stored
    # Not turned as EXIF says: the camera's calibration is for the picture as it is stored.
    in_colour = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    flag = cv2.IMREAD_UNCHANGED if is_mosaic else in_colour
    try:
        picture = cv2.imdecode(np.frombuffer(file, np.uint8), flag)
    except cv2.error:  # more pixels than OpenCV reads, as a damaged header may say
        raise ValueError(f"{what} is damaged or too large; check the camera driver") from None
    if picture is None:
        raise ValueError(f"{what} is damaged; check the camera driver")
    if is_mosaic and picture.ndim == 2:
        values = _upper_bytes(picture) if picture.dtype == np.uint16 else picture
        return cv2.cvtColor(values, BAYER[original].to_bgr)
    return picture[:, :, ::-1].copy() if "compressed rgb" in stored else picture


def decompress_depth(data: Bytes, name: str) -> np.ndarray:
    """Read depth as compressed_depth_image_transport sends it, as (H, W) float32 [m].

    Args:
        data: the plug-in's header, then a PNG file: millimetres, or quantised inverse depth.
        name: what the message says of it: "16UC1; compressedDepth png" or 32FC1.

    Raises:
        ValueError: it is something else, cut short or damaged.

    Source: compressed_depth_image_transport (ConfigHeader; its codec for the inverse depth).
    """
    encoding, _, stored = (part.strip() for part in name.partition(";"))
    file = bytes(data)
    picture = file[DEPTH_HEADER.size :]
    if encoding not in METRES or "compressedDepth" not in stored:
        raise ValueError(f"compressed image of format {name!r} is no depth; use the depth topic")
    if not picture.startswith(PNG_START):
        raise ValueError(f"compressed depth of format {name!r} is no PNG; have it sent as PNG")
    if not is_whole(picture):
        raise ValueError(f"compressed depth of {len(file)} bytes breaks off before its end")
    values = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 2:
        raise ValueError(f"compressed depth of {len(file)} bytes is damaged")
    if encoding == "32FC1":
        _, gain, offset = DEPTH_HEADER.unpack_from(file)
        with np.errstate(divide="ignore"):
            metres = np.float32(gain) / (values - np.float32(offset))
        return np.where((values > 0) & (metres > 0), metres, np.nan).astype(np.float32)
    height, width = values.shape
    return to_metres(values.tobytes(), height=height, width=width, encoding="16UC1", step=2 * width)


def is_whole(file: bytes) -> bool:
    """Tell whether the end of a JPEG or PNG file is there."""
    if file.startswith(PNG_START):
        return PNG_END in file
    # Within a picture's data an end marker cannot occur; before, a preview may have its own.
    return file.find(JPEG_END, _scan_start(file)) >= 0


def _layout_of(message: Any) -> dict[str, Any]:
    return {
        "height": message.height,
        "width": message.width,
        "encoding": message.encoding,
        "step": message.step,
        "is_bigendian": bool(message.is_bigendian),
    }


def _layout(encoding: str) -> Layout:
    if encoding in ONLY_DEPTH:
        raise ValueError(_not_a_picture(encoding))
    if encoding not in ENCODINGS:
        raise ValueError(
            f"unknown image encoding {encoding!r}; convert it to one of {', '.join(ENCODINGS)}"
        )
    return ENCODINGS[encoding]


def _not_a_picture(encoding: str) -> str:
    return f"{encoding} is depth and no picture; remap `image` to the colour or grey image"


def _check_size(width: int, height: int, encoding: str, layout: Layout) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"image is empty: {width} x {height} pixels; check the camera driver")
    if width % layout.multiple[0] or height % layout.multiple[1]:
        sides = "width" if layout.multiple[1] == 1 else "width and height"
        raise ValueError(
            f"{encoding} image has {width} x {height} pixels, of which two share a colour; have "
            f"the driver send an even {sides}, or bgr8"
        )
    if encoding in BAYER and min(width, height) < 3:
        raise ValueError(
            f"{encoding} image has {width} x {height} pixels, too few to find their colours; "
            "check the camera driver"
        )


def _rows(data: Bytes, shape: tuple[int, int], step: int, encoding: str, width: int) -> np.ndarray:
    """Return (rows, bytes of a row) uint8, a view of ``data``."""
    raw = np.frombuffer(data, np.uint8)
    count, row_bytes = shape
    if step < row_bytes:
        raise ValueError(
            f"image step is {step} bytes, but {width} pixels of {encoding} need {row_bytes}; "
            "check the camera driver"
        )
    if raw.size < (count - 1) * step + row_bytes:
        raise ValueError(
            f"image data has {raw.size} bytes, but {count} rows of {step} need {count * step} "
            f"in {encoding}; check the camera driver"
        )
    rows = np.ndarray(shape, np.uint8, raw, strides=(step, 1))  # as_strided() takes far longer
    rows.setflags(write=False)
    return rows


def _upper_bytes(values: np.ndarray, is_swapped: bool = False) -> np.ndarray:
    """Return 16-bit values as 8 bits; ``is_swapped``: they were read in the wrong byte order."""
    upper = np.empty(values.shape, np.uint8)
    return np.right_shift(values, 0 if is_swapped else 8, out=upper, casting="unsafe")


def _from_nv24(rows: np.ndarray, height: int, step: int) -> np.ndarray:
    """Return (H, W, 3) BGR from H rows of Y and 2 H of colours; OpenCV does not know this one."""
    width = rows.shape[1]
    colours = np.lib.stride_tricks.as_strided(
        rows[height:], (height, width, 2), (2 * step, 2, 1), writeable=False
    )
    yuv = cv2.merge((rows[:height], *cv2.split(colours)))
    return cv2.transform(yuv, BT601)


def _scan_start(file: bytes) -> int:
    """Return where the data of a JPEG's picture begin; its length if they do not."""
    place = 2
    while place + 4 <= len(file) and file[place] == 0xFF:
        if file[place + 1] == 0xFF:  # a marker may be preceded by any number of these
            place += 1
            continue
        length = int.from_bytes(file[place + 2 : place + 4], "big")
        if file[place + 1] == JPEG_SCAN:
            return place + 2 + length
        place += 2 + length
    return len(file)
