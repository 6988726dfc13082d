"""Readers of MakeHuman's text files: meshes, shape targets, clothes, bones, skin weights.

All lengths become metres; MakeHuman counts in decimetres.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

METRES = 0.1  # of one MakeHuman unit
BONES_PER_VERTEX = 8


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh with texture coordinates of its own count."""

    vertices: np.ndarray  # (V, 3) float32 [m]
    uvs: np.ndarray  # (U, 2) float32, origin at the lower left
    triangles: np.ndarray  # (T, 3) int32 rows of vertices
    uv_triangles: np.ndarray  # (T, 3) int32 rows of uvs
    groups: np.ndarray  # (T,) str


@dataclass(frozen=True)
class Garment:
    """Clothes, hair and the like, fastened to the body.

    Each of its vertices is a weighted mean of three vertices of the body plus an offset.
    """

    mesh: Mesh
    anchors: np.ndarray  # (V, 3) int32 rows of the body's vertices
    weights: np.ndarray  # (V, 3) float32
    offsets: np.ndarray  # (V, 3) float32, to be multiplied by the scales of the body
    scales: np.ndarray  # (3, 3) float64: two body vertices and their distance, per axis; 0 = none
    hidden: np.ndarray  # (D,) int32 vertices of the body that this garment covers
    material: str  # name of the material file


@dataclass(frozen=True)
class Rig:
    """Bones in an order in which parents come first."""

    names: tuple[str, ...]
    parents: np.ndarray  # (B,) int32, -1 at the root
    heads: np.ndarray  # (B, 48) int32 vertices whose mean is where the bone begins
    tails: np.ndarray  # (B, 48) int32


def read_mesh(text: str) -> Mesh:
    """Read a Wavefront OBJ; quadrangles become two triangles."""
    vertices, uvs, corners, uv_corners, groups = [], [], [], [], []
    group = ""
    for line in text.splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append(values[:3])
        elif kind == "vt":
            uvs.append(values[:2])
        elif kind == "g":
            group = values[0] if values else ""
        elif kind == "f":
            face = [value.split("/") for value in values]
            at = [int(corner[0]) - 1 for corner in face]
            uv_at = [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in face]
            for k in range(1, len(face) - 1):
                corners.append((at[0], at[k], at[k + 1]))
                uv_corners.append((uv_at[0], uv_at[k], uv_at[k + 1]))
                groups.append(group)
    return Mesh(
        np.array(vertices, np.float32) * np.float32(METRES),
        np.array(uvs or [(0, 0)], np.float32),
        np.array(corners, np.int32),
        np.array(uv_corners, np.int32),
        np.array(groups),
    )


def read_target(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a shape target.

    Returns:
        (N,) int32 vertices that move and (N, 3) float32 how far [m].
    """
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    table = np.array(" ".join(lines).split(), np.float32).reshape(-1, 4)
    return table[:, 0].astype(np.int32), table[:, 1:] * np.float32(METRES)


def read_garment(text: str, mesh: Mesh) -> Garment:
    """Read a .mhclo file, whose mesh has been read already."""
    rows, hidden, material = [], [], ""
    scales = np.zeros((3, 3))
    mode = ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("verts", "delete_verts"):
            mode = words[0]
        elif words[0] in ("x_scale", "y_scale", "z_scale"):
            # The distance stays in decimetres, for so are the offsets.
            scales["xyz".index(words[0][0])] = [float(word) for word in words[1:4]]
        elif words[0] == "material":
            material = words[1]
        elif mode == "verts" and words[0].isdigit():
            rows.append(_anchor(words))
        elif mode == "delete_verts" and words[0].isdigit():
            hidden += _ranges(line)
    table = np.array(rows)
    return Garment(
        mesh=mesh,
        anchors=table[:, :3].astype(np.int32),
        weights=table[:, 3:6].astype(np.float32),
        offsets=table[:, 6:].astype(np.float32),
        scales=scales,
        hidden=np.unique(np.array(hidden, np.int32)),
        material=material,
    )


def _anchor(words: list[str]) -> list[float]:
    """Return three vertices, three weights, three offsets; one number alone is one vertex."""
    if len(words) == 1:
        return [float(words[0]), 0, 0, 1, 0, 0, 0, 0, 0]
    return [float(word) for word in (words + 3 * ["0"])[:9]]


def _ranges(line: str) -> list[int]:
    """Read "3 5 - 7" as 3, 5, 6, 7."""
    words = line.replace("-", " - ").split()
    numbers: list[int] = []
    for at, word in enumerate(words):
        if word != "-":
            start = numbers[-1] + 1 if at and words[at - 1] == "-" else int(word)
            numbers += range(start, int(word) + 1)
    return numbers


def read_rig(text: str) -> Rig:
    """Read the bones of a .mhskel file."""
    content = json.loads(text)
    bones = content["bones"]
    # Groups of 1, 4, 8, 16 or 24 vertices, repeated to one length that keeps their mean.
    joints = {name: np.resize(rows, 48) for name, rows in content["joints"].items()}
    order: list[str] = []
    waiting = list(bones)
    while waiting:
        ready = [name for name in waiting if bones[name]["parent"] in (None, *order)]
        order += ready
        waiting = [name for name in waiting if name not in ready]
    return Rig(
        names=tuple(order),
        parents=np.array(
            [order.index(p) if (p := bones[name]["parent"]) else -1 for name in order], np.int32
        ),
        heads=np.stack([joints[bones[name]["head"]] for name in order]).astype(np.int32),
        tails=np.stack([joints[bones[name]["tail"]] for name in order]).astype(np.int32),
    )


def read_skin_weights(text: str, rig: Rig, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Read which bones move each of ``count`` vertices.

    Returns:
        (V, 8) int32 bones and (V, 8) float32 weights of sum 1, the largest first.
    """
    dense = np.zeros((count, len(rig.names)), np.float32)
    for bone, pairs in json.loads(text)["weights"].items():
        at, weight = np.array(pairs, np.float64).reshape(-1, 2).T
        dense[at.astype(int), rig.names.index(bone)] = weight
    return largest_weights(dense)


def largest_weights(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the eight largest of (V, B) skin weights, as bones (V, 8) and weights of sum 1."""
    bones = np.argsort(-dense, axis=1, kind="stable")[:, :BONES_PER_VERTEX]
    weights = np.take_along_axis(dense, bones, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return bones.astype(np.int32), weights.astype(np.float32)
