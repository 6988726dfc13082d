"""What another re-ID network says of the pictures of a pack: targets for ours, made once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphapose_ros.reid.crop import resized
from alphapose_ros.runtimes import Graph
from alphapose_ros.training.reid_data import PeoplePack


def find_views(pack: PeoplePack, teacher: Path) -> np.ndarray:
    """Return the teacher's embeddings (N, D) float32 of a pack, unit; made once, kept in it.

    Args:
        pack: what to look at.
        teacher: an ONNX graph of one input (1, h, w, 3) BGR 0..255 float32 and one output (1, D),
            such as Open Model Zoo's person-reidentification-retail.

    Raises:
        FileNotFoundError: there is no such graph.
        GraphError: it is another kind of graph.
    """
    version = zlib.crc32(teacher.read_bytes())
    cache = pack.folder / f"teacher-{version:08x}.npy"
    if not cache.is_file():
        part = cache.with_suffix(".part.npy")
        np.save(part, _look(pack, teacher))
        part.rename(cache)
    return np.load(cache)


def _look(pack: PeoplePack, teacher: Path) -> np.ndarray:
    graph = Graph(teacher, ("inputs:0",), ("Identity:0",), threads=1)
    _, height, width, _ = graph.shape("inputs:0")
    found = []
    for picture, box in zip(pack.pictures, pack.boxes, strict=True):
        x1, y1 = np.maximum(np.floor(box[:2] + 0.5), 0).astype(int)
        x2, y2 = np.maximum(np.ceil(box[2:] + 0.5), (x1 + 1, y1 + 1)).astype(int)
        view = resized(picture[y1:y2, x1:x2, ::-1], (height, width)).astype(np.float32)
        found.append(graph(**{"inputs:0": view[None]})[0][0])
    return unit(np.array(found, np.float32))


def targets(views: Sequence[np.ndarray], dimensions: int) -> list[np.ndarray]:
    """Turn views of several packs into what our embeddings are to be.

    Their common part is taken away, so that strangers are at right angles on average, and the
    directions along which they differ most are kept.

    Args:
        views: (N, D) of each pack, unit.
        dimensions: of our embeddings, at most D.

    Returns:
        (N, dimensions) float32 of each pack, unit.
    """
    whole = np.concatenate(views).astype(np.float64)
    mean = whole.mean(axis=0)
    covariance = np.cov(whole, rowvar=False)
    _, directions = np.linalg.eigh(covariance)  # by rising variance
    kept = directions[:, -dimensions:]
    return [unit((view - mean) @ kept).astype(np.float32) for view in views]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (N, D) to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
