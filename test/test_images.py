from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros.images import ENCODINGS, to_bgr

BGR = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)
DEEP = BGR.astype(np.uint16) * 256 + 77

# What OpenCV makes of the same picture, as a driver would send it.
SENT = {
    "bgr8": BGR,
    "8UC3": BGR,
    "rgb8": cv2.cvtColor(BGR, cv2.COLOR_BGR2RGB),
    "bgra8": cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA),
    "8UC4": cv2.cvtColor(BGR, cv2.COLOR_BGR2BGRA),
    "rgba8": cv2.cvtColor(BGR, cv2.COLOR_BGR2RGBA),
    "mono8": GREY,
    "8UC1": GREY,
    "bgr16": DEEP,
    "rgb16": DEEP[:, :, ::-1],
    "mono16": GREY.astype(np.uint16) * 256 + 200,
}


def sent(encoding, padding=0, order="<"):
    pixels = np.ascontiguousarray(SENT[encoding])
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(f"{order}u2")
    rows = pixels.reshape(len(pixels), -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return rows.tobytes(), rows.shape[1]


def converted(data, step, encoding, **changes):
    layout = {"height": 5, "width": 7, "encoding": encoding, "step": step, **changes}
    return to_bgr(data, **layout)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("padding", [0, 3])
def test_every_encoding_gives_the_picture_that_was_sent(encoding, padding):
    expected = cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR) if SENT[encoding].ndim == 2 else BGR
    data, step = sent(encoding, padding)
    np.testing.assert_array_equal(converted(data, step, encoding), expected)


def test_big_endian_values_are_read_in_their_order():
    data, step = sent("mono16", order=">")
    picture = converted(data, step, "mono16", is_bigendian=True)
    np.testing.assert_array_equal(picture[..., 0], GREY)


def test_bgr_is_not_copied():
    data, step = sent("bgr8")
    assert np.shares_memory(converted(data, step, "bgr8"), np.frombuffer(data, np.uint8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding": "32FC7"}, "unknown image encoding '32FC7'; convert it to one of bgr8"),
        ({"height": 0}, "empty: 7 x 0"),
        ({"width": 0}, "empty: 0 x 5"),
        ({"step": 20}, "step is 20 bytes, but 7 pixels of bgr8 need 21"),
        ({"height": 6}, "has 105 bytes, but 6 rows of 21 need 126"),
    ],
)
def test_bad_images_are_refused_with_the_reason(changes, message):
    data, step = sent("bgr8")
    with pytest.raises(ValueError, match=message):
        converted(data, **{"step": step, "encoding": "bgr8", **changes})
