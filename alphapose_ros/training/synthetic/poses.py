"""Random poses: captured motion, changed at random, mapped on the rig's bones; fingers of our own.

A pose is 19 rotations in the world, (19, 3, 3), one for each joint of the CMU capture in the order
of `Assets.pose_joints`, with the hip facing +z and y up.
"""

from __future__ import annotations

import numpy as np

from alphapose_ros.training.synthetic import rotations
from alphapose_ros.training.synthetic.assets import Assets

_ARM = ("Collar", "Shldr", "ForeArm", "Hand")
_LEG = ("Thigh", "Shin", "Foot")
_NOISE_DEG = 7.0  # on every joint
_X, _Y, _Z = np.eye(3)

# Bones and the one or two joints whose mean rotation they take; "l" and "r" are put in front.
_TRUNK = {
    "root": ("hip",),
    "spine05": ("hip",),
    "spine04": ("hip", "abdomen"),
    "spine03": ("abdomen",),
    "spine02": ("abdomen", "chest"),
    "spine01": ("chest",),
    "neck01": ("chest", "neck"),
    "neck02": ("neck",),
    "neck03": ("neck", "head"),
    "head": ("head",),
}
_LIMBS = {
    **dict.fromkeys(("clavicle", "shoulder01"), "Collar"),
    **dict.fromkeys(("upperarm01", "upperarm02"), "Shldr"),
    **dict.fromkeys(("lowerarm01", "lowerarm02"), "ForeArm"),
    "wrist": "Hand",
    **dict.fromkeys(("upperleg01", "upperleg02"), "Thigh"),
    **dict.fromkeys(("lowerleg01", "lowerleg02"), "Shin"),
    "foot": "Foot",
}
# Where the bones of a joint begin and end: the rig's rest pose is not CMU's, so that each of these
# is first turned as CMU's lies.
_SEGMENTS = {
    "Shldr": ("upperarm01", "lowerarm01"),
    "ForeArm": ("lowerarm01", "wrist"),
    "Hand": ("wrist", "finger3-1"),
    "Thigh": ("upperleg01", "lowerleg01"),
    "Shin": ("lowerleg01", "foot"),
}


def draw_pose(assets: Assets, rng: np.random.Generator) -> np.ndarray:
    """Draw a pose: a captured one, sometimes with another's arms or legs, sometimes made up."""
    joints = assets.pose_joints
    pose = _facing_front(_captured(assets, rng), joints)
    if rng.random() < 0.3:
        pose = _with_limbs_of(pose, _captured(assets, rng), joints, rng.choice(["arms", "legs"]))
    kind = rng.random()
    if kind < 0.12:
        pose = _arms_down(pose, joints, rng)
    elif kind < 0.26:
        pose = _seated(pose, joints, rng)
    elif kind < 0.38:
        pose = _reaching(pose, joints, rng)
    if rng.random() < 0.5:
        pose = _looking_about(pose, joints, rng)
    noise = rotations.about(rng.normal(size=(19, 3)), np.radians(rng.normal(0, _NOISE_DEG, 19)))
    noise[joints.index("hip")] = np.eye(3)
    return pose @ noise


def _captured(assets: Assets, rng: np.random.Generator) -> np.ndarray:
    return rotations.nearest(assets.pose_rotations[rng.integers(len(assets.pose_rotations))])


def _facing_front(pose: np.ndarray, joints: tuple[str, ...]) -> np.ndarray:
    front = pose[joints.index("hip")][:, 2]
    return rotations.about(_Y, -np.arctan2(front[0], front[2])) @ pose


def _rows(joints: tuple[str, ...], names: tuple[str, ...], sides: str = "lr") -> list[int]:
    return [joints.index(side + name) for side in sides for name in names]


def _with_limbs_of(
    pose: np.ndarray, other: np.ndarray, joints: tuple[str, ...], limbs: str
) -> np.ndarray:
    """Take both arms or legs from another pose, as they lie to its chest or hip."""
    root, names = ("chest", _ARM) if limbs == "arms" else ("hip", _LEG)
    rows, at = _rows(joints, names), joints.index(root)
    pose = pose.copy()
    pose[rows] = pose[at] @ other[at].T @ other[rows]
    return pose


def _arms_down(pose: np.ndarray, joints: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Let the arms hang, a little bent."""
    pose = pose.copy()
    chest = pose[joints.index("chest")]
    for side, sign in (("l", 1), ("r", -1)):
        shoulder, elbow, hand = _rows(joints, _ARM[1:], side)
        down = rotations.about(_Z, -sign * np.radians(rng.uniform(60, 85)))
        pose[shoulder] = chest @ down @ rotations.about(_X, np.radians(rng.normal(0, 8)))
        bent = rotations.about(_Y, -sign * np.radians(abs(rng.normal(0, 25))))
        pose[elbow] = pose[hand] = pose[shoulder] @ bent
    return pose


def _seated(pose: np.ndarray, joints: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Bend hips and knees as on a chair or in a squat."""
    pose = pose.copy()
    hip = pose[joints.index("hip")]
    lift, bend = np.radians(rng.normal(85, 15)), np.radians(rng.normal(88, 25))
    for side, sign in (("l", 1), ("r", -1)):
        thigh, shin, foot = _rows(joints, _LEG, side)
        spread = rotations.about(_Y, sign * np.radians(rng.normal(12, 10)))
        pose[thigh] = hip @ spread @ rotations.about(_X, -lift)
        pose[shin] = pose[thigh] @ rotations.about(_X, bend)
        pose[foot] = pose[shin] @ rotations.about(_X, np.radians(rng.normal(0, 10)))
    return pose


def _reaching(pose: np.ndarray, joints: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Point one or both arms anywhere in front of, beside or above the body."""
    pose = pose.copy()
    chest = pose[joints.index("chest")]
    for side, sign in (("l", 1), ("r", -1)):
        if rng.random() < 0.3:
            continue
        shoulder, elbow, hand = _rows(joints, _ARM[1:], side)
        raised = rotations.about(_Z, sign * np.radians(rng.uniform(-70, 80)))
        forward = rotations.about(_Y, -sign * np.radians(rng.uniform(-15, 110)))
        pose[shoulder] = chest @ forward @ raised
        bent = rotations.about(_Y, -sign * np.radians(rng.uniform(0, 130)))
        pose[elbow] = pose[shoulder] @ rotations.about(_X, rng.uniform(-1.2, 1.2)) @ bent
        pose[hand] = pose[elbow] @ rotations.about(rng.normal(size=3), rng.normal(0, 0.4))
    return pose


def _looking_about(
    pose: np.ndarray, joints: tuple[str, ...], rng: np.random.Generator
) -> np.ndarray:
    """Turn neck and head."""
    pose = pose.copy()
    turn = rotations.about(_Y, np.radians(rng.normal(0, 22)))
    nod = rotations.about(_X, np.radians(rng.normal(0, 12)))
    for name in ("neck", "head"):
        row = joints.index(name)
        pose[row] = pose[row] @ turn @ nod
    return pose


class Posing:
    """Turns a pose into the bones' positions for any body."""

    def __init__(self, assets: Assets) -> None:
        rig, joints = assets.rig, assets.pose_joints
        self.bones = {name: row for row, name in enumerate(rig.names)}
        self._rig, self._directions = rig, assets.pose_directions
        self._joints = joints
        self._sources = self._joint_weights(joints)
        self._means = np.flatnonzero((self._sources > 0).sum(axis=1) > 1)
        self._is_below = _ancestry(rig.parents)  # (B, B): 1 where the column lies above the row
        self._driver = self._drivers()
        self._alignment = self._alignments()
        self._hands = self._finger_rows()

    def __call__(
        self, rest: np.ndarray, pose: np.ndarray, fingers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pose the bones.

        Args:
            rest: (V, 3) vertices of the body at rest [m].
            pose: (19, 3, 3) rotations of the joints.
            fingers: (2, 5, 3) bending of the joints of each finger [rad], left hand first.

        Returns:
            (B, 3, 4) what moves the vertices of each bone, and the bones' heads and tails (B, 3),
            with the root where it was at rest.
        """
        heads, tails = self.ends(rest)
        turn = (self._sources @ pose.reshape(19, 9)).reshape(-1, 3, 3)
        turn[self._means] = rotations.nearest(turn[self._means])
        turn = self._aligned(turn, heads)
        turn = turn[self._driver]  # bones without a joint follow the next one above
        self._bend_fingers(turn, heads, tails, fingers)
        parents = self._rig.parents
        steps = heads - heads[parents]
        steps[0] = heads[0]
        steps[1:] = (turn[parents[1:]] @ steps[1:, :, None])[..., 0]
        at = self._is_below @ steps
        shift = at - (turn @ heads[..., None])[..., 0]
        ends = at + (turn @ (tails - heads)[..., None])[..., 0]
        return np.concatenate([turn, shift[..., None]], axis=2), at, ends

    def ends(self, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return heads and tails (B, 3) of the bones of a body at rest."""
        rest = rest.astype(np.float64)
        return rest[self._rig.heads].mean(axis=1), rest[self._rig.tails].mean(axis=1)

    def hip_height(self, rest: np.ndarray) -> float:
        """Return the height of the hip joints of a body (V, 3) at rest [m]."""
        return float(rest[self._rig.heads[self.bones["upperleg01.L"]], 1].mean())

    def _joint_weights(self, joints: tuple[str, ...]) -> np.ndarray:
        """Return (B, 19): the joints whose mean each bone takes; rows of others stay 0."""
        sources = {bone: names for bone, names in _TRUNK.items()}
        for side in "LR":
            for bone, name in _LIMBS.items():
                sources[f"{bone}.{side}"] = (side.lower() + name,)
        weights = np.zeros((len(self.bones), len(joints)))
        for bone, names in sources.items():
            for name in names:
                weights[self.bones[bone], joints.index(name)] = 1 / len(names)
        return weights

    def _drivers(self) -> np.ndarray:
        """Return (B,): each bone itself where joints turn it, else the next one above."""
        driver = np.arange(len(self.bones))
        for row, parent in enumerate(self._rig.parents):
            if not self._sources[row].any():
                driver[row] = driver[parent]
        return driver

    def _alignments(self) -> tuple[np.ndarray, ...]:
        """Return the rows of bones to turn, of their segments' ends, and CMU's directions."""
        rows, starts, stops, directions = [], [], [], []
        for side in "LR":
            for bone, name in _LIMBS.items():
                if name in _SEGMENTS:
                    start, stop = _SEGMENTS[name]
                    rows.append(self.bones[f"{bone}.{side}"])
                    starts.append(self.bones[f"{start}.{side}"])
                    stops.append(self.bones[f"{stop}.{side}"])
                    row = self._joints.index(side.lower() + name)
                    directions.append(self._directions[row])
        return np.array(rows), np.array(starts), np.array(stops), np.array(directions)

    def _aligned(self, turn: np.ndarray, heads: np.ndarray) -> np.ndarray:
        """Put the rotation from the rig's rest pose to CMU's before those of arms and legs."""
        turn = turn.copy()
        rows, starts, stops, directions = self._alignment
        turn[rows] = turn[rows] @ rotations.aligning(heads[stops] - heads[starts], directions)
        return turn

    def _finger_rows(self) -> list[tuple[str, np.ndarray]]:
        """Return for either hand its side and the rows (5, 3) of the fingers' bones."""
        return [
            (
                side,
                np.array(
                    [[self.bones[f"finger{f}-{j}.{side}"] for j in (1, 2, 3)] for f in range(1, 6)]
                ),
            )
            for side in "LR"
        ]

    def _bend_fingers(
        self, turn: np.ndarray, heads: np.ndarray, tails: np.ndarray, fingers: np.ndarray
    ) -> None:
        """Bend the fingers towards the palm, joint after joint, in place."""
        for (side, rows), bend in zip(self._hands, fingers, strict=True):
            wrist = self.bones[f"wrist.{side}"]
            index, little = heads[rows[[1, 4], 0]] - heads[wrist]
            palm = np.cross(index, little)
            palm = palm * np.sign(palm @ (tails[rows[0, 2]] - heads[wrist]))  # out of the palm
            axis = np.cross(tails[rows] - heads[rows], palm)
            bends = rotations.about(axis, bend)  # (5, 3, 3, 3)
            total = turn[wrist]
            for joint in range(3):
                total = total @ bends[:, joint]
                turn[rows[:, joint]] = total


def _ancestry(parents: np.ndarray) -> np.ndarray:
    """Return (B, B): 1 where the column's bone is the row's or above it."""
    table = np.eye(len(parents))
    for row, parent in enumerate(parents):  # parents come first
        if parent >= 0:
            table[row] += table[parent]
    return table


def draw_fingers(rng: np.random.Generator) -> np.ndarray:
    """Draw how both hands are bent: (2, 5, 3) [rad], thumb to little finger, root to tip."""
    return np.stack([_draw_hand(rng) for _ in range(2)])


def _draw_hand(rng: np.random.Generator) -> np.ndarray:
    kind = rng.choice(["relaxed", "closing", "gesture"], p=[0.45, 0.3, 0.25])
    if kind == "relaxed":
        bend = rng.normal(14, 10, (5, 1)) + rng.normal(0, 5, (5, 3))
    elif kind == "closing":
        bend = rng.uniform(0, 75) + rng.normal(0, 8, (5, 3))
    else:  # each finger stretched or bent, as in pointing and counting
        bent = rng.random((5, 1)) < 0.5
        bend = np.where(bent, rng.uniform(50, 90), 4) + rng.normal(0, 6, (5, 3))
    bend[0] *= 0.45  # the thumb
    return np.radians(np.clip(bend, -12, 95))
