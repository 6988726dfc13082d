from __future__ import annotations

import numpy as np
import pytest
import torch

from alphapose_ros.training.synthetic import lights
from alphapose_ros.training.synthetic.materials import Material, to_table
from alphapose_ros.training.synthetic.rasterizer import Fragments
from alphapose_ros.training.synthetic.shading import Surface, is_solid, shade, vertex_normals
from alphapose_ros.training.synthetic.textures import Texture

TEXELS = torch.tensor(  # a texture of 2 x 2: red and green above, blue and a hole below
    [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [9, 9, 9, 0]], dtype=torch.uint8
)
TEXTURE = Texture(starts=(0,), sizes=((2, 2),), has_holes=True)


def basis(normals):
    return lights.harmonic_basis(torch.from_numpy(np.asarray(normals, float))).numpy()


def surface(*materials, uvs, above=0.0):
    """One triangle in the plane z = 0 that faces +z."""
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    triangles = torch.tensor([[0, 1, 2]])
    return Surface(
        points=points,
        normals=vertex_normals(points, triangles),
        uvs=torch.tensor(uvs).expand(3, 2).contiguous(),
        triangles=triangles,
        uv_triangles=triangles,
        material_of=torch.tensor([0]),
        heights=torch.full((3, 1), above),
        materials=to_table(list(materials), [1.0] * len(materials), torch.device("cpu")),
    )


def fragment():
    return Fragments(
        torch.tensor([0]), torch.tensor([0]), torch.full((1, 3), 1 / 3), torch.tensor([1.0])
    )


def lit(target, light, eye=(0.3, 0.3, 5.0)):
    return shade(fragment(), target, TEXELS, light, np.array(eye))[0].numpy()


def one_lamp(direction, colour=(1.0, 1.0, 1.0)):
    return lights.Lights(np.zeros((9, 3)), np.array([direction]), np.array([colour]))


@pytest.mark.parametrize(
    ("uv", "colour"),
    [
        ((0.25, 0.75), (1, 0, 0)),  # v counts from below, so this is the upper left texel
        ((0.75, 0.75), (0, 1, 0)),
        ((0.25, 0.25), (0, 0, 1)),
        ((1.25, -0.75), (0, 0, 1)),  # repeats
    ],
)
def test_a_lamp_straight_in_front_shows_the_texture(uv, colour):
    seen = lit(surface(Material(TEXTURE, 1.0), uvs=uv), one_lamp((0.0, 0, 1)))
    np.testing.assert_allclose(seen, colour, atol=0.01)


def test_light_falls_off_with_the_cosine_and_adds_up():
    target = surface(Material(TEXTURE, 1.0), uvs=(0.25, 0.75))
    slanting = one_lamp((np.sin(np.radians(60)), 0.0, 0.5))
    # cos 60 degrees is a half, plus the least light of 0.02; displayed, its square root
    assert lit(target, slanting)[0] == pytest.approx(np.sqrt(0.52), abs=1e-3)
    assert lit(target, one_lamp((0.0, 0, -1)))[0] == pytest.approx(np.sqrt(0.02), abs=1e-3)


def test_a_surface_seen_from_behind_is_lit_from_there():
    target = surface(Material(TEXTURE, 1.0), uvs=(0.25, 0.75))
    assert lit(target, one_lamp((0.0, 0, -1)), eye=(0.3, 0.3, -5.0))[0] == pytest.approx(
        1, abs=0.01
    )


def test_holes_are_not_solid():
    solid = surface(Material(TEXTURE, 1.0), uvs=(0.25, 0.75))
    hole = surface(Material(TEXTURE, 1.0), uvs=(0.75, 0.25))
    assert is_solid(fragment(), solid, TEXELS).tolist() == [True]
    assert is_solid(fragment(), hole, TEXELS).tolist() == [False]


def test_above_the_waist_the_next_material_takes_its_place():
    swapped = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0.0]])  # red and green
    pair = (
        Material(TEXTURE, 1.0, has_upper=True),
        Material(TEXTURE, 1.0, colours=swapped),
    )
    lamp = one_lamp((0.0, 0, 1))
    below = lit(surface(*pair, uvs=(0.25, 0.75), above=-0.1), lamp)
    above = lit(surface(*pair, uvs=(0.25, 0.75), above=0.1), lamp)
    np.testing.assert_allclose(below, (1, 0, 0), atol=0.01)
    np.testing.assert_allclose(above, (0, 1, 0), atol=0.01)


def test_a_pattern_covers_the_texture():
    pattern = np.zeros((64, 64, 3), np.uint8)
    pattern[..., 2] = 255
    printed = Material(TEXTURE, 1.0, pattern=pattern, pattern_share=1.0)
    seen = lit(surface(printed, uvs=(0.25, 0.75)), one_lamp((0.0, 0, 1)))
    assert seen[2] > 0.5
    assert seen[0] < 0.01


def test_smaller_textures_serve_smaller_pictures():
    texture = Texture(starts=(0, 100, 200), sizes=((8, 8), (4, 4), (2, 2)), has_holes=False)
    table = to_table(3 * [Material(texture, 400.0)], [400.0, 190.0, 10.0], torch.device("cpu"))
    assert table.starts.tolist() == [0, 100, 200]
    assert table.sizes.tolist() == [[8, 8], [4, 4], [2, 2]]


def test_even_light_from_all_around_is_the_same_everywhere():
    rng = np.random.default_rng(0)
    towards = rng.normal(size=(20000, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    areas = np.full(len(towards), 4 * np.pi / len(towards))
    harmonics = lights.from_environment(np.full((len(towards), 3), 0.6), towards, areas)
    received = basis(towards[:50]) @ harmonics
    np.testing.assert_allclose(received, 0.6, atol=0.02)


def test_light_from_above_reaches_what_faces_up_as_computed_by_summing():
    grid = np.linspace(-1, 1, 201)
    polar, azimuth = np.meshgrid(np.arccos(grid), np.linspace(0, 2 * np.pi, 200, endpoint=False))
    towards = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.cos(polar), np.sin(polar) * np.sin(azimuth)], -1
    ).reshape(-1, 3)
    areas = np.full(len(towards), 4 * np.pi / len(towards))
    radiance = np.repeat(np.maximum(towards[:, 1:2], 0), 3, axis=1)
    harmonics = lights.from_environment(radiance, towards, areas)
    for normal in (np.array([0, 1.0, 0]), np.array([0.6, 0.8, 0]), np.array([0, 0, 1.0])):
        cosine = np.maximum(towards @ normal, 0)[:, None]
        expected = (radiance * cosine * areas[:, None]).sum(axis=0) / np.pi
        np.testing.assert_allclose(basis(normal) @ harmonics, expected, atol=0.03)


def test_lights_are_drawn_from_above_the_ground():
    for seed in range(20):
        drawn = lights.draw_lights(np.random.default_rng(seed))
        np.testing.assert_allclose(np.linalg.norm(drawn.directions, axis=1), 1)
        assert (drawn.directions[:, 1] >= 0).all()
