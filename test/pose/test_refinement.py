from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from alphapose_ros.pose.heatmap import (
    decode_combined,
    decode_combined_dark,
    decode_dark,
    decode_heatmap,
)
from alphapose_ros.pose.refinement import MODULATION, REACH

HEIGHT, WIDTH = 64, 48


def rendered(places, sigma=2.0, height=HEIGHT, width=WIDTH):
    """Draw a Gaussian at each of places (N, 2): (N, 1, height, width)."""
    rows, columns = np.mgrid[:height, :width]
    x, y = np.asarray(places, float)[:, :, None, None].swapaxes(0, 1)
    heatmaps = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return torch.from_numpy(heatmaps[:, None].astype(np.float32))


def errors(decoder, places, heatmaps):
    return np.abs(decoder(heatmaps)[:, 0, :2].numpy() - places).max()


def anywhere(count=300, margin=0.5):
    """Return places at least ``margin`` inside of the outermost columns and rows."""
    ends = np.array([WIDTH - 1, HEIGHT - 1]) - margin
    return np.random.default_rng(0).uniform(margin + 0.01, ends - 0.01, (count, 2))


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_gaussians_are_found_between_the_pixels_up_to_the_border(sigma):
    places = anywhere()
    heatmaps = rendered(places, sigma)
    assert errors(decode_dark, places, heatmaps) < 0.02  # heatmap px
    assert errors(decode_heatmap, anywhere(margin=3), rendered(anywhere(margin=3), sigma)) > 0.24


@pytest.mark.parametrize("factor", [1e-3, 0.2, 5.0])
def test_the_height_of_a_peak_changes_nothing(factor):
    places = anywhere(50)
    assert errors(decode_dark, places, factor * rendered(places)) < 0.02


def test_gaussians_longer_than_wide_and_aslant_are_found():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for x, y in anywhere(20, margin=12):
        u, v = columns - x, rows - y
        heatmap = np.exp(-(0.1 * u**2 + 0.12 * u * v + 0.08 * v**2))
        heatmaps = torch.from_numpy(heatmap.astype(np.float32))[None, None]
        assert errors(decode_dark, [[x, y]], heatmaps) < 0.02


def reference(heatmap):
    """Refine as the paper says, step by step, for one heatmap (h, w), in float64, with OpenCV."""
    heatmap = heatmap.astype(np.float64)
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    around = cv2.BORDER_CONSTANT
    smooth = cv2.GaussianBlur(heatmap, (2 * REACH + 1,) * 2, MODULATION, borderType=around)
    smooth *= heatmap.max() / smooth.max()  # Eq. 12, which leaves the place as it is
    log = np.log(np.maximum(smooth, 1e-10))
    down, right = np.gradient(log)
    gradient = np.array([right[y, x], down[y, x]])
    second = log[y, x + 1] - 2 * log[y, x] + log[y, x - 1]
    second_down = log[y + 1, x] - 2 * log[y, x] + log[y - 1, x]
    mixed = np.gradient(right, axis=0)[y, x]
    hessian = np.array([[second, mixed], [mixed, second_down]])
    return np.array([x, y]) - np.linalg.solve(hessian, gradient)


def test_noisy_heatmaps_are_refined_as_by_opencv_in_double_precision():
    rng = np.random.default_rng(1)
    places = rng.uniform([10, 10], [WIDTH - 10, HEIGHT - 10], (100, 2))
    noise = rng.normal(0, 0.02, (100, 1, HEIGHT, WIDTH)).astype(np.float32)
    heatmaps = rendered(places) + torch.from_numpy(noise)
    found = decode_dark(heatmaps)[:, 0].numpy()
    expected = np.stack([reference(heatmap) for heatmap in heatmaps[:, 0].numpy()])
    np.testing.assert_allclose(found[:, :2], expected, atol=1e-3)
    highest = heatmaps.amax((2, 3))[:, 0].numpy()
    np.testing.assert_array_equal(found[:, 2], np.minimum(highest, 1))
    by_quarters = decode_heatmap(heatmaps)[:, 0, :2].numpy()
    distances = [np.linalg.norm(way[:, :2] - places, axis=1).mean() for way in (found, by_quarters)]
    assert distances[0] < 0.5 * distances[1]


def test_a_flat_heatmap_has_its_peak_at_its_first_pixel():
    heatmaps = torch.full((1, 1, HEIGHT, WIDTH), 0.5)
    assert decode_dark(heatmaps).flatten().tolist() == [0, 0, 0.5]


def test_on_a_plateau_rounding_is_no_peak():
    generator = torch.Generator().manual_seed(0)
    heatmaps = 0.5 + 1e-6 * torch.rand(1, 300, HEIGHT, WIDTH, generator=generator)
    assert torch.equal(decode_dark(heatmaps), decode_heatmap(heatmaps))


def test_two_equally_high_neighbours_have_their_peak_between_them():
    heatmaps = rendered([[20.5, 30.0]])
    assert heatmaps[0, 0, 30, 20] == heatmaps[0, 0, 30, 21]
    found = decode_dark(heatmaps)[0, 0, :2]
    torch.testing.assert_close(found, torch.tensor([20.5, 30.0]), atol=1e-3, rtol=0)


def test_of_two_equally_high_peaks_the_first_is_refined():
    heatmaps = torch.maximum(rendered([[35.3, 45.0]]), rendered([[12.3, 20.0]]))
    found = decode_dark(heatmaps)[0, 0, :2]
    torch.testing.assert_close(found, torch.tensor([12.3, 20.0]), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("x", "y"), [(0, 0), (0, 30), (WIDTH - 1, HEIGHT - 1), (20, HEIGHT - 1), (20, 0)]
)
def test_a_peak_in_the_outermost_pixels_stays(x, y):
    heatmaps = rendered([[x, y]])
    assert decode_dark(heatmaps)[0, 0, :2].tolist() == [x, y]


def test_where_the_surroundings_are_no_peak_it_is_the_quarter_pixel():
    saddle = torch.full((1, 1, HEIGHT, WIDTH), 0.2)
    saddle[0, 0, 30, 10:31] = 0.6  # the highest pixel stands on a slope that goes on to the right
    saddle[0, 0, :, 21:] += 2 * torch.arange(27) / 27
    saddle[0, 0, 30, 20] = 3.0
    torch.testing.assert_close(decode_dark(saddle)[..., :2], decode_heatmap(saddle)[..., :2])


def test_below_zero_there_is_no_keypoint_and_no_warning():
    heatmaps = torch.stack((torch.zeros(8, 8), torch.full((8, 8), -3.0)))[None]
    found = decode_dark(heatmaps)[0]
    assert torch.isnan(found[:, :2]).all()
    assert found[:, 2].tolist() == [0, 0]


def test_negative_pixels_beside_a_peak_stand_for_nothing():
    heatmaps = rendered([[20.3, 30.4]]) - 0.3
    found = decode_dark(heatmaps)[0, 0]
    assert torch.isfinite(found).all()
    assert (found[:2] - torch.tensor([20.3, 30.4])).abs().max() < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 3), (5, 4)])
def test_small_heatmaps_are_no_trouble(size):
    heatmaps = torch.zeros(2, 3, *size)
    heatmaps[..., size[0] // 2, size[1] // 2] = 0.7
    found = decode_dark(heatmaps)
    expected = torch.tensor([size[1] // 2, size[0] // 2, 0.7]).expand(2, 3, 3)
    torch.testing.assert_close(found, expected)


def test_combined_heads_are_refined_at_body_and_feet_only():
    places = anywhere(136, margin=5)
    heatmaps = rendered(places).transpose(0, 1)
    found = decode_combined_dark(heatmaps)[0]
    assert np.abs(found[:26, :2].numpy() - places[:26]).max() < 0.02
    assert torch.equal(found[26:], decode_combined(heatmaps)[0, 26:])
