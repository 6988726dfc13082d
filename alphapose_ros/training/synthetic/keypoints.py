"""The 136 keypoints of Halpe on the posed body: ends of bones, and vertices of the skin."""

from __future__ import annotations

import numpy as np

from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.synthetic.assets import Assets

SKELETON = skeleton("halpe_136")
_LIMBS = {
    "eye": "eye",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "hand_wrist": "wrist",
}
_TOES = {"big_toe": "toe1-2", "small_toe": "toe5-3"}  # the far ends of these
_FINGERS = ("thumb", "index", "middle", "ring", "little")
# How far below the visible surface a keypoint may lie and still count as seen [m]: joints lie
# inside the body, and clothes are over it.
_DEPTHS_M = {
    **{"nose": 0.04, "eye": 0.04, "ear": 0.05, "shoulder": 0.14, "elbow": 0.08, "wrist": 0.06},
    **{"hip": 0.17, "knee": 0.11, "ankle": 0.09, "head": 0.08, "neck": 0.14},
    **{"big_toe": 0.06, "small_toe": 0.06, "heel": 0.06, "hand_wrist": 0.06},
}
_FACE_DEPTH_M = 0.025
_FINGER_DEPTH_M = 0.03


class KeypointModel:
    """Finds the keypoints of a posed body."""

    def __init__(self, assets: Assets) -> None:
        bones = {name: row for row, name in enumerate(assets.rig.names)}
        heads, tails = {}, {}
        for side, letter in (("left", "L"), ("right", "R")):
            heads |= {f"{side}_{name}": f"{bone}.{letter}" for name, bone in _LIMBS.items()}
            tails |= {f"{side}_{name}": f"{bone}.{letter}" for name, bone in _TOES.items()}
            for i, finger in enumerate(_FINGERS, 1):
                for j in (1, 2, 3):
                    heads[f"{side}_hand_{finger}_{j}"] = f"finger{i}-{j}.{letter}"
                tails[f"{side}_hand_{finger}_4"] = f"finger{i}-3.{letter}"
        self._heads = _rows(heads, bones)
        self._tails = _rows(tails, bones)
        self._vertices = _skin_vertices(assets)
        self.depths_m = np.array([_depth(name) for name in SKELETON.names], np.float32)

    @property
    def vertices(self) -> np.ndarray:
        """Vertices of the body that are keypoints, in the order that `__call__` takes them."""
        return self._vertices[1]

    def __call__(self, heads: np.ndarray, tails: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """Return the keypoints (136, 3).

        Args:
            heads: (B, 3) where the posed bones begin.
            tails: (B, 3) where they end.
            skin: (P, 3) the posed vertices that `vertices` lists.
        """
        points = np.empty((len(SKELETON.names), 3), np.float32)
        points[self._heads[0]] = heads[self._heads[1]]
        points[self._tails[0]] = tails[self._tails[1]]
        points[self._vertices[0]] = skin
        for middle, name in (("neck", "shoulder"), ("hip", "hip")):
            sides = [SKELETON.index(f"{side}_{name}") for side in ("left", "right")]
            points[SKELETON.index(middle)] = points[sides].mean(axis=0)
        return points


def _rows(table: dict[str, str], bones: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([SKELETON.index(name) for name in table]),
        np.array([bones[bone] for bone in table.values()]),
    )


def _depth(name: str) -> float:
    short = name.split("_", 1)[-1] if name.startswith(("left_", "right_")) else name
    if "hand" in name and short != "hand_wrist":
        return _FINGER_DEPTH_M
    return _DEPTHS_M.get(short, _FACE_DEPTH_M)


def _skin_vertices(assets: Assets) -> tuple[np.ndarray, np.ndarray]:
    """Find nose tip, ears, top of the head and heels on the base mesh; add the face's."""
    body = np.unique(assets.body.triangles)
    at = assets.body.vertices[body]
    x, y, z = at.T
    is_head = (y > 0.63) & (abs(x) < 0.12)
    found = {
        "nose": np.argmax(np.where(is_head, z, -np.inf)),
        "head": np.argmax(np.where(is_head, y, -np.inf)),
    }
    for side, sign in (("left", 1), ("right", -1)):
        outward = np.where(is_head & (y > 0.69) & (y < 0.75), x * sign, -np.inf)
        ear = at[np.argsort(-outward)[:30]].mean(axis=0)  # the rim
        found[f"{side}_ear"] = np.argmin(np.linalg.norm(at - ear, axis=1))
        is_foot = (y < -0.76) & (x * sign > 0)
        back = np.where(is_foot, z + 0.4 * abs(y + 0.81), np.inf)
        found[f"{side}_heel"] = np.argmin(back)
    rows = [SKELETON.index(name) for name in found]
    face = np.arange(*SKELETON.groups["face"])
    return (
        np.concatenate([rows, face]),
        np.concatenate([body[list(found.values())], assets.face_vertices]),
    )
