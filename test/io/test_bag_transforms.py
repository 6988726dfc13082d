"""Transforms between frames, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alphapose_ros.io.bag_transforms import BagTransforms


def transform(parent, child, place, turn=(0, 0, 0, 1), stamp_ns=0, fraction="nanosec"):
    x, y, z = place
    stamp = SimpleNamespace(sec=stamp_ns // 10**9, **{fraction: stamp_ns % 10**9})
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent, stamp=stamp),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=z),
            rotation=SimpleNamespace(**dict(zip("xyzw", turn, strict=True))),
        ),
    )


# The body 1 m above the base, turned left by a quarter; two cameras on it.
HALF = np.sqrt(0.5)
TREE = [
    transform("base", "body", (0, 0, 1), (0, 0, HALF, HALF)),
    transform("body", "colour", (1, 0, 0)),
    transform("body", "depth", (1, 0.1, 0), (0, 0, 1, 0)),  # turned by a half
    transform("elsewhere", "lost", (0, 0, 0)),
]


def moved(transforms, to_frame, from_frame, point, stamp_ns=5):
    return (transforms.find(to_frame, from_frame, stamp_ns) @ [*point, 1])[:3].round(6).tolist()


def tree():
    found = BagTransforms()
    found.add(SimpleNamespace(transforms=TREE[:2]), is_static=True)
    found.add(SimpleNamespace(transforms=TREE[2:]), is_static=True)
    return found


def with_drive(order=(0, 1, 2)):
    """The tree on a robot that drives 2 m ahead in 1 s, then turns left by a quarter in 1 s."""
    second = 10**9
    drive = [
        transform("odom", "base", (0, 0, 0), stamp_ns=3 * second),
        transform("odom", "base", (2, 0, 0), stamp_ns=4 * second, fraction="nsec"),
        transform("odom", "base", (2, 0, 0), (0, 0, HALF, HALF), stamp_ns=5 * second),
    ]
    found = tree()
    for row in order:
        found.add(SimpleNamespace(transforms=[drive[row]]), is_static=False)
    return found


def test_points_are_carried_up_and_down_the_tree():
    assert moved(tree(), "body", "depth", (2, 0, 0)) == [-1, 0.1, 0]
    assert moved(tree(), "base", "depth", (2, 0, 0)) == [-0.1, -1, 1]  # x of the body is y
    assert moved(tree(), "colour", "depth", (2, 0, 0)) == [-2, 0.1, 0]
    assert moved(tree(), "depth", "colour", (-2, 0.1, 0)) == [2, 0, 0]
    assert moved(tree(), "depth", "base", (-0.1, -1, 1)) == [2, 0, 0]


def test_a_frame_is_where_it_is_and_slashes_do_not_count():
    assert moved(tree(), "colour", "colour", (1, 2, 3)) == [1, 2, 3]
    assert moved(tree(), "/body", "/colour", (0, 0, 0)) == [1, 0, 0]


def test_what_is_not_connected_is_not_known():
    assert tree().find("colour", "lost", 5) is None
    assert tree().find("colour", "nothing", 5) is None


def test_what_is_no_rotation_is_left_out():
    found, nan = BagTransforms(), float("nan")
    for one in (
        transform("a", "b", (0, 0, 0), (0, 0, 0, 0)),
        transform("a", "c", (0, 0, 0), (nan, 0, 0, 1)),
        transform("a", "d", (nan, 0, 0)),
        transform("a", "e", (0, 0, 0), (1e-200, 0, 0, 0)),
    ):
        found.add(SimpleNamespace(transforms=[one]), is_static=True)
    assert [found.find("a", frame, 5) for frame in "bcde"] == [None] * 4


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 2, 0, 0)])
def test_between_two_transforms_the_robot_is_on_its_way(order):
    drive, second = with_drive(order), 10**9
    for stamp_ns, there in (
        (3 * second, [0, 0, 1]),
        (3 * second + second // 4, [0.5, 0, 1]),
        (4 * second, [2, 0, 1]),
        (5 * second, [2, 0, 1]),
    ):
        assert moved(drive, "odom", "body", (0, 0, 0), stamp_ns) == there
    # Half of the quarter: what is 1 m ahead of the base lies ahead and to the left.
    ahead = moved(drive, "odom", "base", (1, 0, 0), 4 * second + second // 2)
    assert ahead == [round(2 + HALF, 6), round(HALF, 6), 0]
    assert moved(drive, "base", "odom", ahead, 4 * second + second // 2) == [1, 0, 0]


def test_before_the_first_transform_and_after_the_last_nothing_is_known():
    assert with_drive().find("odom", "body", 3 * 10**9 - 1) is None
    assert with_drive().find("odom", "body", 5 * 10**9 + 1) is None
    assert with_drive().find("base", "body", 1) is not None  # that never moves


def test_a_frame_has_the_parent_that_was_told_last():
    found = tree()
    arm = [transform("base", "arm", (5, 0, 0)), transform("arm", "colour", (2, 0, 0))]
    found.add(SimpleNamespace(transforms=arm), is_static=True)
    assert moved(found, "base", "colour", (0, 0, 0)) == [7, 0, 0]
    assert moved(found, "body", "depth", (0, 0, 0)) == [1, 0.1, 0]


def test_nothing_is_known_in_a_long_gap_or_from_one_parent_to_another():
    found, second = BagTransforms(), 10**9
    for sec, parent in ((0, "map"), (10, "map"), (21, "map"), (22, "odom")):
        one = transform(parent, "base", (sec, 0, 0), stamp_ns=sec * second)
        found.add(SimpleNamespace(transforms=[one]), is_static=False)
    assert moved(found, "map", "base", (0, 0, 0), 5 * second) == [5, 0, 0]
    assert found.find("map", "base", 15 * second) is None
    assert found.find("map", "base", 21 * second + 1) is None
    assert moved(found, "odom", "base", (0, 0, 0), 22 * second) == [22, 0, 0]


def test_transforms_that_turn_in_a_circle_end():
    found = BagTransforms()
    circle = [transform(*pair, (1, 0, 0)) for pair in (("a", "b"), ("b", "c"), ("c", "a"))]
    found.add(SimpleNamespace(transforms=circle), is_static=True)
    assert found.find("nowhere", "b", 5) is None
