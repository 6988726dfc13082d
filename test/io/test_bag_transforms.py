"""Transforms between frames, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from alphapose_ros.io.bag_transforms import StaticTransforms


def transform(parent, child, place, turn=(0, 0, 0, 1)):
    x, y, z = place
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent),
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


def moved(transforms, to_frame, from_frame, point):
    return (transforms.find(to_frame, from_frame) @ [*point, 1])[:3].round(6).tolist()


def tree():
    found = StaticTransforms()
    found.add(SimpleNamespace(transforms=TREE[:2]))
    found.add(SimpleNamespace(transforms=TREE[2:]))
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
    assert tree().find("colour", "lost") is None
    assert tree().find("colour", "nothing") is None


def test_what_is_no_rotation_is_left_out():
    found = StaticTransforms()
    nan = float("nan")
    found.add(SimpleNamespace(transforms=[transform("a", "b", (0, 0, 0), (0, 0, 0, 0))]))
    found.add(SimpleNamespace(transforms=[transform("a", "c", (0, 0, 0), (nan, 0, 0, 1))]))
    found.add(SimpleNamespace(transforms=[transform("a", "d", (nan, 0, 0))]))
    assert [found.find("a", frame) for frame in "bcd"] == [None] * 3
