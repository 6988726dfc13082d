from __future__ import annotations

import math
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from alphapose_ros.images import (
    ENCODINGS,
    decompress,
    read_depth,
    read_image,
    to_bgr,
    to_metres,
)

WIDTH, HEIGHT = 12, 8  # [px]


def picture(block):
    """Return (H, W, 3) BGR: evenly changing colours, alike in each square of ``block`` pixels."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] // block * block
    return np.stack((30 + 10 * x, 200 - 12 * y, 90 + 4 * x + 6 * y), axis=-1).astype(np.uint8)


BGR = picture(block=2)  # so that nothing is lost where pixels share their colour
SMOOTH = picture(block=1)  # so that a pixel is the mean of its neighbours
RGB = BGR[:, :, ::-1]
GREY = BGR[:, :, 1]
ALPHA = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
COLOURS = {"r": SMOOTH[:, :, 2], "g": SMOOTH[:, :, 1], "b": SMOOTH[:, :, 0]}


def deep(values):
    """Return 16-bit values whose upper byte is the one of ``values``."""
    lower = np.arange(values.size).reshape(values.shape) * 37 % 256
    return (values.astype(int) * 256 + lower).astype(np.uint16)


def mosaic(pattern):
    """Return what a sensor sees through filters: ``pattern`` is rows 0 and 1, columns 0 and 1."""
    seen = np.empty((HEIGHT, WIDTH), np.uint8)
    for place, colour in enumerate(pattern):
        rows, columns = slice(place // 2, None, 2), slice(place % 2, None, 2)
        seen[rows, columns] = COLOURS[colour][rows, columns]
    return seen


def yuv():
    """Return (H, W) of each of Y, U, V, as BT.601 has them for R, G, B in 0..1."""
    r, g, b = np.moveaxis(RGB / 255, -1, 0)
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    return [np.rint(plane).astype(np.uint8) for plane in (y, u, v)]


def packed(order):
    """Return (H, 2 W) bytes, in which two pixels share their U and V."""
    y, u, v = yuv()
    parts = {"y0": y[:, ::2], "y1": y[:, 1::2], "u": u[:, ::2], "v": v[:, ::2]}
    return np.stack([parts[name] for name in order.split()], axis=-1).reshape(HEIGHT, -1)


def pairs(first, second, every):
    """Return the second plane: of each ``every``-th pixel both ways, one colour and the other."""
    return np.stack((first[::every, ::every], second[::every, ::every]), axis=-1)


Y, U, V = yuv()
SENT = {
    "bgr8": BGR,
    "8UC3": BGR,
    "rgb8": RGB,
    "bgra8": np.dstack((BGR, ALPHA)),
    "8UC4": np.dstack((BGR, ALPHA)),
    "rgba8": np.dstack((RGB, ALPHA)),
    "mono8": GREY,
    "8UC1": GREY,
    "bgr16": deep(BGR),
    "16UC3": deep(BGR),
    "rgb16": deep(RGB),
    "bgra16": deep(np.dstack((BGR, ALPHA))),
    "16UC4": deep(np.dstack((BGR, ALPHA))),
    "rgba16": deep(np.dstack((RGB, ALPHA))),
    "mono16": deep(GREY),
    "uyvy": packed("u y0 v y1"),
    "yuv422": packed("u y0 v y1"),
    "yuyv": packed("y0 u y1 v"),
    "yuv422_yuy2": packed("y0 u y1 v"),
    "nv12": np.vstack((Y, pairs(U, V, 2).reshape(-1, WIDTH))),
    "nv21": np.vstack((Y, pairs(V, U, 2).reshape(-1, WIDTH))),
    "nv24": np.vstack((Y, pairs(U, V, 1).reshape(-1, WIDTH))),
}
for colours in ("rggb", "bggr", "gbrg", "grbg"):
    SENT[f"bayer_{colours}8"] = mosaic(colours)
    SENT[f"bayer_{colours}16"] = deep(mosaic(colours))


def raw(pixels, padding=0, order="<"):
    """Return the bytes of an array, and how many a row has."""
    if pixels.dtype.itemsize > 1:
        pixels = pixels.astype(pixels.dtype.newbyteorder(order))
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return rows.tobytes(), rows.shape[1]


def sent(encoding, padding=0, order="<"):
    if encoding == "nv24" and padding:  # rows of the second plane are two of these
        luma, chroma = SENT[encoding][:HEIGHT], SENT[encoding][HEIGHT:]
        chroma = chroma.reshape(HEIGHT, -1)
        step = WIDTH + padding
        return raw(luma, padding)[0] + raw(chroma, 2 * padding)[0], step
    return raw(SENT[encoding], padding, order)


def converted(data, step, encoding, **changes):
    layout = {"height": HEIGHT, "width": WIDTH, "encoding": encoding, "step": step, **changes}
    return to_bgr(data, **layout)


def assert_is_the_picture(image, encoding):
    """Compare with what was sent: exactly, or as exactly as the encoding allows."""
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    if SENT[encoding].ndim == 2 and encoding in ("mono8", "8UC1", "mono16"):
        np.testing.assert_array_equal(image, cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR))
    elif "bayer" in encoding:  # at the border there are no neighbours on one side
        inside = slice(1, -1), slice(1, -1)
        np.testing.assert_allclose(image[inside].astype(int), SMOOTH[inside], atol=1)
    elif encoding in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21", "nv24"):
        np.testing.assert_allclose(image.astype(int), BGR, atol=2)
    else:
        np.testing.assert_array_equal(image, BGR)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("padding", [0, 3, 4])
def test_every_encoding_gives_the_picture_that_was_sent(encoding, padding):
    data, step = sent(encoding, padding)
    assert_is_the_picture(converted(data, step, encoding), encoding)


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if "16" in name])
def test_big_endian_values_are_read_in_their_order(encoding):
    data, step = sent(encoding, order=">")
    assert_is_the_picture(converted(data, step, encoding, is_bigendian=True), encoding)


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if "16" not in name])
def test_the_byte_order_says_nothing_where_values_are_bytes(encoding):
    data, step = sent(encoding)
    np.testing.assert_array_equal(
        converted(data, step, encoding, is_bigendian=True), converted(data, step, encoding)
    )


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_pattern_is_told_from_the_others(pattern):
    plain = np.array([40, 120, 200], np.uint8)  # blue, green, red
    values = dict(zip("bgr", plain, strict=True))
    rows = [[values[pattern[0]], values[pattern[1]]], [values[pattern[2]], values[pattern[3]]]]
    data, step = raw(np.tile(np.array(rows, np.uint8), (HEIGHT // 2, WIDTH // 2)))
    image = converted(data, step, f"bayer_{pattern}8")
    np.testing.assert_array_equal(image, np.tile(plain, (HEIGHT, WIDTH, 1)))


@pytest.mark.parametrize("encoding", ["bgr8", "8UC3"])
@pytest.mark.parametrize("padding", [0, 3])
def test_bgr_is_not_copied_and_cannot_be_written_to(encoding, padding):
    data, step = sent(encoding, padding)
    image = converted(bytearray(data), step, encoding)  # as a message's, which may be written to
    assert not image.flags.owndata
    assert not image.flags.writeable
    assert np.shares_memory(converted(data, step, encoding), np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_last_row_without_its_padding_is_enough(encoding):
    data, step = sent(encoding, padding=4)
    whole = converted(data, step, encoding)
    np.testing.assert_array_equal(converted(data[:-4], step, encoding), whole)
    with pytest.raises(ValueError, match=f"rows of {step} need .* in {encoding}; check the camera"):
        converted(data[:-9], step, encoding)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding": "32FC7"}, "unknown image encoding '32FC7'; convert it to one of bgr8"),
        ({"encoding": "16UC1"}, "16UC1 is depth and no picture; remap `image` to the colour"),
        ({"encoding": "32FC1"}, "32FC1 is depth and no picture"),
        ({"height": 0}, f"empty: {WIDTH} x 0"),
        ({"width": 0}, f"empty: 0 x {HEIGHT}"),
        ({"step": 35}, "step is 35 bytes, but 12 pixels of bgr8 need 36"),
        ({"height": 9}, "has 288 bytes, but 9 rows of 36 need 324"),
        ({"encoding": "yuv422", "width": 11}, "yuv422 .* 11 x 8 .* an even width, or bgr8"),
        ({"encoding": "yuyv", "width": 11}, "yuyv .* an even width, or bgr8"),
        ({"encoding": "nv12", "width": 11}, "nv12 .* an even width and height, or bgr8"),
        ({"encoding": "nv21", "height": 7}, "nv21 .* 12 x 7 .* an even width and height"),
        ({"encoding": "nv12", "height": 8, "step": 36}, "12 rows of 36 need 432 in nv12"),
        ({"encoding": "nv24", "height": 8, "step": 36}, "24 rows of 36 need 864 in nv24"),
        ({"encoding": "bayer_rggb8", "height": 2}, "bayer_rggb8 .* 12 x 2 pixels, too few"),
    ],
)
def test_bad_images_are_refused_with_the_reason(changes, message):
    data, step = sent("bgr8")
    with pytest.raises(ValueError, match=message):
        converted(data, **{"step": step, "encoding": "bgr8", **changes})


def metres(values, encoding, padding=0, order="<"):
    data, step = raw(np.asarray(values), padding, order)
    height, width = np.shape(values)
    return to_metres(
        data,
        height=height,
        width=width,
        encoding=encoding,
        step=step,
        is_bigendian=order == ">",
    )


@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("order", "<>")
def test_millimetres_become_metres_and_0_no_value(encoding, padding, order):
    depth = metres(np.array([[0, 1, 1500], [65535, 0, 256]], np.uint16), encoding, padding, order)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, [[np.nan, 0.001, 1.5], [65.535, np.nan, 0.256]], rtol=1e-6)


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("order", "<>")
def test_metres_stay_and_what_is_no_distance_becomes_no_value(padding, order):
    sent_m = np.array([[0.25, math.nan, math.inf], [-math.inf, 0.0, -1.5]], np.float32)
    depth = metres(sent_m, "32FC1", padding, order)
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(depth, [[0.25] + [np.nan] * 2, [np.nan] * 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding": "rgb8"}, "'rgb8' is no encoding of depth; .* 16UC1, mono16, 32FC1, or remap"),
        ({"height": 0}, "empty: 3 x 0"),
        ({"step": 5}, "step is 5 bytes, but 3 pixels of 16UC1 need 6"),
        ({"height": 3}, "has 12 bytes, but 3 rows of 6 need 18 in 16UC1"),
    ],
)
def test_bad_depth_is_refused_with_the_reason(changes, message):
    layout = {"height": 2, "width": 3, "encoding": "16UC1", "step": 6, **changes}
    with pytest.raises(ValueError, match=message):
        to_metres(bytes(12), **layout)


def large():
    """Return (H, W, 3): evenly changing, so that JPEG hardly changes it."""
    return cv2.resize(BGR, (320, 240), interpolation=cv2.INTER_LINEAR)


def encoded(image, ending=".jpg", *options):
    ok, file = cv2.imencode(ending, image, options)
    assert ok
    return file.tobytes()


@pytest.mark.parametrize(
    ("ending", "options", "name"),
    [
        (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 98], "jpeg"),
        (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 98], "rgb8; jpeg compressed bgr8"),
        (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 98], "bayer_rggb8; jpeg compressed bgr8"),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 98], "jpg"),
        (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 4, cv2.IMWRITE_JPEG_QUALITY, 98], ""),
        (".png", [], "bgr8; png compressed bgr8"),
    ],
)
def test_files_in_memory_are_read(ending, options, name):
    image = decompress(encoded(large(), ending, *options), name)
    assert image.shape == (240, 320, 3)
    np.testing.assert_allclose(image.astype(int), large(), atol=0 if ending == ".png" else 4)


def test_a_photograph_is_not_turned(tmp_path):
    """The calibration of a camera is for pictures as they are stored, whatever EXIF says."""
    turned = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01"
    turned += b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    file = encoded(large())
    with_exif = file[:2] + turned + file[2:]
    assert cv2.imdecode(np.frombuffer(with_exif, np.uint8), cv2.IMREAD_COLOR).shape == (320, 240, 3)
    assert decompress(with_exif, "jpeg").shape == (240, 320, 3)


@pytest.mark.parametrize(
    "name",
    [
        "mono16; png compressed ",
        "bgr16; png compressed bgr16",
        "bayer_rggb16; png compressed bgr16",
    ],
)
def test_16_bit_files_keep_their_upper_byte(name):
    grey = "mono" in name
    image = decompress(encoded(deep(GREY if grey else BGR), ".png"), name)
    np.testing.assert_array_equal(image, cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR) if grey else BGR)


def test_colours_that_were_stored_the_other_way_round_are_put_right():
    file = encoded(np.ascontiguousarray(RGB), ".png")
    np.testing.assert_array_equal(decompress(file, "bgr8; png compressed rgb8"), BGR)


@pytest.mark.parametrize("encoding", ["bayer_gbrg8", "bayer_gbrg16"])
def test_a_mosaic_that_was_stored_as_it_is_becomes_a_picture(encoding):
    image = decompress(encoded(SENT[encoding], ".png"), f"{encoding}; png compressed ")
    assert_is_the_picture(image, encoding)


@pytest.mark.parametrize(("ending", "name"), [(".jpg", "jpeg"), (".png", "png")])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_a_file_that_breaks_off_is_refused(ending, name, share):
    file = encoded(large(), ending)
    message = f"of {int(share * len(file))} bytes, format '{name}', breaks off .* camera driver"
    with pytest.raises(ValueError, match=message):
        decompress(file[: int(share * len(file))], name)


def test_the_end_of_a_preview_inside_the_file_is_not_that_of_the_picture():
    preview, file = encoded(BGR), encoded(large())
    application = b"\xff\xe1" + (2 + len(preview)).to_bytes(2, "big") + preview
    whole = file[:2] + application + b"\xff" + file[2:]  # and a filling byte before a marker
    assert decompress(whole, "jpeg").shape == (240, 320, 3)
    with pytest.raises(ValueError, match="breaks off"):
        decompress(whole[:-200], "jpeg")


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_what_follows_the_end_of_a_file_is_no_harm(ending):
    assert decompress(encoded(large(), ending) + bytes(100), "x").shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("file", "name", "message"),
    [
        (b"", "jpeg", "of 0 bytes, format 'jpeg', is no JPEG or PNG; check the camera driver"),
        (b"GIF89a" + bytes(99), "gif", "format 'gif', is no JPEG or PNG"),
        (b"\xff\xd8\xff", "jpeg", "breaks off"),
        (b"\xff\xd8\xff\xda\x00\x02\xff\xd9", "jpeg", "format 'jpeg', is damaged"),
        (bytes(9), "16UC1; png compressed ", "16UC1 is depth and no picture"),
        (bytes(9), "32FC1; compressedDepth png", "32FC1 is depth and no picture"),
    ],
)
def test_bad_files_are_refused_with_the_reason(file, name, message):
    with pytest.raises(ValueError, match=message):
        decompress(file, name)


def test_a_header_that_tells_of_absurdly_many_pixels_is_bad_input():
    def chunk(kind, data):
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    sides = (40000).to_bytes(4, "big")
    header = chunk(b"IHDR", sides + sides + bytes((8, 2, 0, 0, 0)))
    data = chunk(b"IDAT", zlib.compress(bytes(10)))
    file = b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")
    message = f"of {len(file)} bytes, format 'png', is damaged or too large; check the camera"
    with pytest.raises(ValueError, match=message):
        decompress(file, "png")


# Messages


def as_message(**fields):
    return SimpleNamespace(**fields)


def test_messages_are_read_as_their_bytes_are():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    size = {"height": 4, "width": 6, "step": 18, "is_bigendian": 0}
    for data in (pixels.tobytes(), np.frombuffer(pixels.tobytes(), np.uint8)):  # rclpy, rosbags
        found = read_image(as_message(encoding="rgb8", data=data, **size))
        assert np.array_equal(found, pixels[..., ::-1])
    file = np.frombuffer(cv2.imencode(".png", pixels)[1].tobytes(), np.uint8)
    assert np.array_equal(read_image(as_message(format="png", data=file)), pixels)


def test_depth_messages_are_metres():
    values = np.array([[0, 1500], [2000, 65535]], np.uint16)
    size = {"height": 2, "width": 2, "step": 4, "is_bigendian": 0}
    found = read_depth(as_message(encoding="16UC1", data=values.tobytes(), **size))
    np.testing.assert_allclose(found, [[np.nan, 1.5], [2.0, 65.535]])


def compressed_depth(values, name, head=bytes(12)):
    png = cv2.imencode(".png", values)[1].tobytes()
    return as_message(format=name, data=np.frombuffer(head + png, np.uint8))


@pytest.mark.parametrize("name", ["16UC1; compressedDepth", "16UC1; compressedDepth png"])
def test_compressed_millimetres_are_read(name):
    values = np.array([[0, 1500], [2000, 65535]], np.uint16)
    found = read_depth(compressed_depth(values, name))
    np.testing.assert_allclose(found, [[np.nan, 1.5], [2.0, 65.535]])


def test_quantised_inverse_depth_is_read():
    # The plug-in's own: v = a / depth + b; here a = 3000, b = 10: 1.5 m is 2010, 3 m is 1010.
    values = np.array([[0, 2010], [1010, 10]], np.uint16)
    head = struct.pack("<iff", 0, 3000.0, 10.0)
    found = read_depth(compressed_depth(values, "32FC1; compressedDepth png", head))
    np.testing.assert_allclose(found[:, 0], [np.nan, 3.0])
    np.testing.assert_allclose(found[0, 1], 1.5)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (as_message(format="jpeg", data=b"x"), "'jpeg' is no depth"),
        (as_message(format="16UC1; compressedDepth rvl", data=bytes(50)), "no PNG"),
        (as_message(format="16UC1; compressedDepth png", data=b""), "no PNG"),
        (
            compressed_depth(np.zeros((4, 4, 3), np.uint8), "16UC1; compressedDepth png"),
            "is damaged",
        ),
    ],
)
def test_what_is_no_compressed_depth_is_told(message, text):
    with pytest.raises(ValueError, match=text):
        read_depth(message)


def test_compressed_depth_that_breaks_off_is_told():
    whole = compressed_depth(np.full((9, 9), 800, np.uint16), "16UC1; compressedDepth png")
    with pytest.raises(ValueError, match="breaks off"):
        read_depth(as_message(format=whole.format, data=whole.data[:-8]))
