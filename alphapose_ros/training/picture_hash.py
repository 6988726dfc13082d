"""Perceptual hashes: is a picture that results are measured on among those that one trains on?

A hash says in 64 bits where a picture becomes brighter from left to right. Copies that were scaled,
stretched, compressed again or slightly recoloured keep nearly all bits; mirrored copies have those
of the mirrored picture. Cut-out or rotated copies are not found.
"""

from __future__ import annotations

import cv2
import numpy as np

ROWS, COLUMNS = 8, 8
MAX_DISTANCE = 4  # bits in which a copy may differ


def picture_hash(image: np.ndarray) -> np.uint64:
    """Return the difference hash of a picture (H, W, 3) BGR uint8.

    The picture is stretched to 9 x 8 grey values; bit by bit, rows first, the most significant
    first: is the pixel brighter than the one to its left?

    Source: Krawetz, "Kind of Like That", 2013 (dHash).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (COLUMNS + 1, ROWS), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).view(">u8")[0].astype(np.uint64)


def hashes_of_copies(image: np.ndarray) -> np.ndarray:
    """Return (2,) uint64: the hash of a picture and of its mirror image."""
    return np.array([picture_hash(image), picture_hash(image[:, ::-1])], np.uint64)


def copies(hashes: np.ndarray, others: np.ndarray, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Find the pictures that are nearly alike.

    Args:
        hashes: (N,) uint64.
        others: (M,) uint64.
        max_distance: most bits in which two copies of one picture differ.

    Returns:
        (P, 2) integers: rows of ``hashes`` and of ``others``, in order.
    """
    pairs = [np.empty((0, 2), np.intp)]
    for row, own in enumerate(hashes):
        bits = np.unpackbits((others ^ own).view(np.uint8).reshape(-1, 8), axis=1)
        near = np.flatnonzero(bits.sum(axis=1) <= max_distance)
        pairs.append(np.column_stack((np.full(len(near), row), near)))
    return np.concatenate(pairs)
