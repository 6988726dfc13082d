from __future__ import annotations

import numpy as np
import pytest
import torch

from alphapose_ros.training.synthetic.rasterizer import NEAR_M, Fragments, cover, nearest

SIZE = (6, 8)


def tensor(values):
    return torch.tensor(values, dtype=torch.float32)


def test_a_triangle_covers_the_pixel_centres_inside_it():
    # Corners at 0 0, 4 0 and 0 4: the centres with x + y <= 4, which are 5 + 4 + 3 + 2 + 1.
    points = tensor([[0, 0, 2], [4, 0, 2], [0, 4, 2]])
    found = cover(points, torch.tensor([[0, 1, 2]]), SIZE)
    covered = {divmod(pixel, SIZE[1]) for pixel in found.pixels.tolist()}
    assert covered == {(y, x) for y in range(5) for x in range(5) if x + y <= 4}
    at = found.pixels.tolist().index(1 * SIZE[1] + 2)  # x 2, y 1: 2/4 of corner 1, 1/4 of corner 2
    torch.testing.assert_close(found.weights[at], tensor([0.25, 0.5, 0.25]))
    torch.testing.assert_close(found.depths, torch.full((15,), 2.0))


def test_depth_and_weights_are_right_in_perspective():
    # Half-way on the screen between depths 1 and 3 lies 1 / ((1/1 + 1/3) / 2) = 1.5, a quarter of
    # the way in space.
    points = tensor([[0, 0, 1], [4, 0, 3], [0, 4, 1]])
    found = cover(points, torch.tensor([[0, 1, 2]]), SIZE)
    at = found.pixels.tolist().index(2)
    assert found.depths[at].item() == pytest.approx(1.5)
    torch.testing.assert_close(found.weights[at], tensor([0.75, 0.25, 0.0]))


def test_one_sided_triangles_vanish_from_behind():
    points = tensor([[0, 0, 1], [4, 0, 1], [0, 4, 1]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 1]])  # the second runs against the clock on screen
    found = cover(points, triangles, SIZE, torch.tensor([True, True]))
    assert set(found.triangles.tolist()) == {1}
    assert len(cover(points, triangles, SIZE, torch.tensor([False, False])).pixels) == 30


def test_what_is_too_near_or_outside_is_left_out():
    points = tensor([[0, 0, 1], [4, 0, NEAR_M / 2], [0, 4, 1], [-9, -9, 1], [-5, -9, 1]])
    found = cover(points, torch.tensor([[0, 1, 2], [3, 4, 3]]), SIZE)
    assert len(found.pixels) == 0
    assert len(nearest(found, SIZE).pixels) == 0


def test_the_nearest_is_seen_and_the_first_of_equals():
    fragments = Fragments(
        pixels=torch.tensor([3, 3, 3, 5, 5]),
        triangles=torch.tensor([0, 1, 2, 3, 4]),
        weights=torch.zeros(5, 3),
        depths=tensor([2.0, 1.0, 3.0, 4.0, 4.0]),
    )
    assert nearest(fragments, SIZE).triangles.tolist() == [1, 3]


def brute_force(points, triangles, size):
    """Ask for every pixel and triangle, in double precision."""
    depth, owner = np.full(size, np.inf), np.full(size, -1)
    for number, rows in enumerate(triangles):
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[rows].astype(np.float64)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        for y in range(size[0]):
            for x in range(size[1]):
                b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                if min(b, c, 1 - b - c) < 0:
                    continue
                z = 1 / ((1 - b - c) / az + b / bz + c / cz)
                if z < depth[y, x]:
                    depth[y, x], owner[y, x] = z, number
    return depth, owner


def test_many_triangles_are_drawn_as_one_by_one():
    rng = np.random.default_rng(0)
    size = (24, 32)
    points = rng.uniform((-6, -6, 0.5), (38, 30, 5), (60, 3)).astype(np.float32)
    triangles = rng.permutation(60).reshape(20, 3)
    seen = nearest(cover(torch.from_numpy(points), torch.from_numpy(triangles), size), size)
    depth, owner = np.full(size, np.inf), np.full(size, -1)
    depth.reshape(-1)[seen.pixels.numpy()] = seen.depths.numpy()
    owner.reshape(-1)[seen.pixels.numpy()] = seen.triangles.numpy()
    expected_depth, expected_owner = brute_force(points, triangles, size)
    assert (owner != -1).mean() > 0.8
    np.testing.assert_array_equal(owner, expected_owner)
    np.testing.assert_allclose(depth, expected_depth, rtol=1e-4)
