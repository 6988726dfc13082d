"""Perceptual hashes against bits worked out by hand and copies of real pictures."""

import cv2
import numpy as np
import pytest

from alphapose_ros.training.picture_hash import copies, hashes_of_copies, picture_hash


def steps(*rows):
    """A picture of 9 x 8 grey pixels; the rows repeat until there are eight."""
    grey = np.resize(np.array(rows, np.uint8), (8, 9))
    return np.repeat(grey[..., None], 3, axis=2)


def test_a_bit_is_set_where_it_becomes_brighter_from_left_to_right():
    # Row 0 rises throughout: 11111111; row 1 falls: 00000000; row 2 rises in its first step only.
    rising, falling = range(0, 90, 10), range(90, 0, -10)
    image = steps(rising, falling, [0, 9, *[5] * 7], *[[7] * 9] * 5)
    assert f"{picture_hash(image):016x}" == "ff00800000000000"


def bits_apart(one, other):
    return bin(int(one) ^ int(other)).count("1")


@pytest.fixture(scope="module")
def photographs(data):
    files = sorted((data / "pose_datasets/coco_people/images").glob("*.jpg"))[:40]
    return [cv2.imread(str(file)) for file in files]


COPIES = {
    "stretched": lambda image: cv2.resize(image, (416, 416), interpolation=cv2.INTER_AREA),
    "small": lambda image: cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA),
    "recompressed": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 25])[1], 1),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=0.8, beta=30),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_copies_are_found_and_nothing_else(photographs, name, is_mirrored):
    own = np.array([hashes_of_copies(image) for image in photographs])[:, int(is_mirrored)]
    turned = [image[:, ::-1] if is_mirrored else image for image in photographs]
    other = np.array([picture_hash(COPIES[name](image)) for image in turned], np.uint64)
    rows = np.arange(len(own))
    np.testing.assert_array_equal(copies(own, other), np.column_stack((rows, rows)))


def test_pairs_are_all_that_differ_in_few_bits():
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 2**63, 30, dtype=np.uint64)
    others = np.concatenate((hashes[:10] ^ np.uint64(0b1111), hashes[10:20] ^ np.uint64(0b11111)))
    wanted = [
        (i, j)
        for i, one in enumerate(hashes)
        for j, other in enumerate(others)
        if bits_apart(one, other) <= 4
    ]
    assert wanted == [(i, i) for i in range(10)]
    assert [tuple(pair) for pair in copies(hashes, others)] == wanted


def test_no_pictures_no_copies():
    nothing = np.empty(0, np.uint64)
    assert copies(nothing, nothing).shape == copies(nothing, np.uint64([1])).shape == (0, 2)
