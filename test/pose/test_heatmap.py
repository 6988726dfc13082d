from __future__ import annotations

import numpy as np
import pytest
import torch

from alphapose_ros.pose import heatmap
from alphapose_ros.pose.heatmap import (
    DECODERS,
    decode,
    decode_combined,
    decode_heatmap,
    decode_integral,
    decode_one_step,
    highest_pixels,
)


def test_heatmaps_decode_as_in_the_reference(data):
    vectors = np.load(data / "reference/vectors/decode_hm.npz")
    found = decode(torch.from_numpy(vectors["heatmaps"])[None], vectors["bbox"][None])[0]
    raw = vectors["scores"][:, 0]
    np.testing.assert_allclose(found[:, 2], np.clip(raw, 0, 1), atol=1e-6)
    np.testing.assert_allclose(found[raw > 0, :2], vectors["keypoints"][raw > 0], atol=1e-3)
    assert np.isnan(found[raw <= 0, :2]).all()
    assert (raw <= 0).any()


def test_integrals_decode_as_in_the_reference(data):
    vectors = np.load(data / "reference/vectors/decode_si.npz")
    logits, box = torch.from_numpy(vectors["logits"])[None], vectors["bbox"][None]
    found = decode(logits, box, "integral")[0]
    np.testing.assert_allclose(found[:, :2], vectors["keypoints_sigmoid"], atol=1e-3)
    np.testing.assert_allclose(found[:, 2], vectors["scores_sigmoid"][:, 0], atol=1e-6)


def test_with_the_flip_test_averaged_heatmaps_decode_as_in_the_reference(data):
    vectors = np.load(data / "reference/vectors/decode_hm.npz")
    heatmaps = torch.from_numpy((vectors["heatmaps"] + vectors["hms_flip"]) / 2)[None]
    found = decode(heatmaps, vectors["bbox"][None])[0]
    np.testing.assert_allclose(found[:, :2], vectors["keypoints_flip"], atol=1e-3)
    np.testing.assert_allclose(found[:, 2], vectors["scores_flip"][:, 0], atol=1e-6)


@pytest.mark.parametrize(("method", "name"), [("integral", "sigmoid"), ("one_step", "softmax")])
def test_with_the_flip_test_means_are_those_of_the_reference(data, method, name):
    # Its evaluation averages what it decodes from both, its demo the heatmaps, as we do; both maps
    # of a pair decode right if their mean is right, in x and y and score.
    vectors = np.load(data / "reference/vectors/decode_si.npz")
    heatmaps = torch.from_numpy(np.stack((vectors["logits"], vectors["hms_flip"])))
    found = decode(heatmaps, np.tile(vectors["bbox"], (2, 1)), method).mean(axis=0)
    np.testing.assert_allclose(found[:, :2], vectors[f"keypoints_{name}_flip"], atol=1e-3)
    if method == "integral":  # the reference's other scores are all 1
        np.testing.assert_allclose(found[:, 2], vectors["scores_sigmoid_flip"][:, 0], atol=1e-6)


def test_body_and_feet_decode_as_heatmaps_face_and_hands_as_integrals(data):
    hm, si = (np.load(data / f"reference/vectors/decode_{name}.npz") for name in ("hm", "si"))
    last = np.arange(110) % 26  # of 136 keypoints: the 26 of one file, then those of the other
    heatmaps = torch.from_numpy(np.concatenate((hm["heatmaps"], si["logits"][last])))[None]
    body = decode(heatmaps, hm["bbox"][None], "combined")[0, :26]
    rest = decode(heatmaps, si["bbox"][None], "combined")[0, 26:]
    is_there = hm["scores"][:, 0] > 0
    np.testing.assert_allclose(body[is_there, :2], hm["keypoints"][is_there], atol=1e-3)
    np.testing.assert_allclose(rest[:, :2], si["keypoints_sigmoid"][last], atol=1e-3)
    np.testing.assert_allclose(rest[:, 2], si["scores_sigmoid"][last, 0], atol=1e-6)


def test_one_step_means_are_those_of_the_reference_s_softmax(data):
    vectors = np.load(data / "reference/vectors/decode_si.npz")  # whose scores then are all 1
    logits, box = torch.from_numpy(vectors["logits"])[None], vectors["bbox"][None]
    found = decode(logits, box, "one_step")[0]
    np.testing.assert_allclose(found[:, :2], vectors["keypoints_softmax"], atol=1e-3)


@pytest.mark.parametrize(("count", "first"), [(136, 26), (133, 23), (68, 26)])
def test_the_last_keypoints_are_those_of_face_and_hands(count, first):
    heatmaps = torch.zeros(1, count, 8, 8)
    heatmaps[..., 2, 5] = 4.0  # the highest pixel, and hardly any of the mean
    found = decode_combined(heatmaps)[0, :, 0]
    assert (found[:first] == 5).all()
    assert (found[first:] < 4).all()


def test_a_skeleton_without_face_and_hands_has_nothing_to_combine():
    with pytest.raises(ValueError, match="skeletons of 136, 133, 68 keypoints, not of 17"):
        decode_combined(torch.zeros(1, 17, 8, 8))


def test_mean_of_the_normalised_confidences():
    # One row of confidences (0.2, 0.6, 0.2): x = (0.2*0 + 0.6*1 + 0.2*2) / 1 = 1, score 0.6.
    heatmap = torch.logit(torch.tensor([[[[0.2, 0.6, 0.2]]]]))
    torch.testing.assert_close(decode_integral(heatmap), torch.tensor([[[1.0, 0.0, 0.6]]]))


def test_mean_of_the_softmax_over_pixels():
    # One row of logits (0, ln 3, 0): probabilities (0.2, 0.6, 0.2), x = 1, score 0.6; with
    # (0, ln 3, ln 4): (1, 3, 4) / 8, x = 11 / 8, score 0.5.
    heatmaps = torch.log(torch.tensor([[[[1.0, 3, 1]], [[1.0, 3, 4]]]]))
    expected = torch.tensor([[[1.0, 0.0, 0.6], [1.375, 0.0, 0.5]]])
    torch.testing.assert_close(decode_one_step(heatmaps), expected)


def test_one_step_scores_fall_with_the_size_of_what_is_seen_and_two_step_scores_do_not():
    heatmaps = torch.full((1, 2, 32, 32), -12.0)
    heatmaps[0, 0, 16, 16] = 3.0  # a nose: one pixel
    heatmaps[0, 1, 13:20, 13:20] = 3.0  # a hip: 49 pixels, equally sure
    one, two = decode_one_step(heatmaps)[0], decode_integral(heatmaps)[0]
    torch.testing.assert_close(one[:, :2], torch.full((2, 2), 16.0), atol=0.05, rtol=0)
    assert one[0, 2] > 40 * one[1, 2]
    assert two[0, 2] == two[1, 2] == torch.tensor(3.0).sigmoid()


def test_one_step_means_stand_any_size_of_logits():
    heatmaps = torch.zeros(1, 1, 8, 8)
    heatmaps[0, 0, 3, 5] = 1e4
    torch.testing.assert_close(decode_one_step(heatmaps), torch.tensor([[[5.0, 3.0, 1.0]]]))


def test_the_peak_moves_a_quarter_to_the_higher_neighbours():
    heatmap = torch.zeros(1, 1, 8, 8)
    heatmap[0, 0, 3, 4] = 0.8
    heatmap[0, 0, 3, 5] = heatmap[0, 0, 2, 4] = 0.4
    torch.testing.assert_close(decode_heatmap(heatmap), torch.tensor([[[4.25, 2.75, 0.8]]]))


def test_peaks_at_the_border_and_flat_ones_stay():
    heatmap = torch.zeros(1, 2, 8, 8)
    heatmap[0, 0, 0, 7] = 0.5
    heatmap[0, 1, 4, 4] = 2.0
    expected = torch.tensor([[[7.0, 0.0, 0.5], [4.0, 4.0, 1.0]]])
    torch.testing.assert_close(decode_heatmap(heatmap), expected)


def test_a_heatmap_pixel_is_as_high_as_it_is_wide_around_the_middle_of_the_box():
    # Box 40 wide, its middle at (120, 230); heatmap 8 x 8, so 5 px to a pixel and no half-pixel
    # shift: pixel (6, 3) lies 2 right of and 1 above the middle pixel (4, 4).
    heatmaps = torch.zeros(1, 1, 8, 8)
    heatmaps[..., 3, 6] = 1.0
    for height in (40, 60):
        box = np.array([[100, 230 - height / 2, 140, 230 + height / 2]])
        np.testing.assert_allclose(decode(heatmaps, box), [[[130, 225, 1]]], atol=1e-4)


@pytest.mark.parametrize("size", [(64, 48), (48, 36), (7, 5), (6, 9), (1, 4), (3, 1)])
def test_of_equal_pixels_the_first_is_the_highest(size):
    values = np.random.default_rng(2).integers(-3, 3, (3, 5, *size)).astype(np.float32)
    score, place = highest_pixels(torch.from_numpy(values))
    np.testing.assert_array_equal(place, values.reshape(3, 5, -1).argmax(axis=2))
    np.testing.assert_array_equal(score, values.max(axis=(2, 3)))


@pytest.mark.parametrize("method", DECODERS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_scores_are_from_0_to_1_and_positions_in_the_crop(method, scale):
    heatmaps = torch.randn(3, 68, 16, 12, generator=torch.Generator().manual_seed(1)) * scale
    heatmaps[0, :40] -= 5
    found = decode(heatmaps, np.tile([0, 0, 12, 16], (3, 1)), method)
    assert found[..., 2].min() >= 0
    assert found[..., 2].max() <= 1
    assert np.nanmin(found[..., :2]) >= 0
    assert (found[..., 0][np.isfinite(found[..., 0])] <= 11).all()
    assert (found[..., 1][np.isfinite(found[..., 1])] <= 15).all()
    np.testing.assert_array_equal(np.isnan(found[..., 0]), np.isnan(found[..., 1]))


@pytest.mark.parametrize("method", DECODERS)
def test_a_heatmap_of_nan_is_no_keypoint_and_harms_no_other(method):
    heatmaps = torch.rand(2, 68, 16, 12, generator=torch.Generator().manual_seed(1))
    boxes = np.tile([0, 0, 12, 16], (2, 1))
    clean = decode(heatmaps, boxes, method)
    heatmaps[1, [3, 67], 4, 5] = torch.nan
    found = decode(heatmaps, boxes, method)
    assert np.isnan(found[1, [3, 67], :2]).all()
    assert found[1, [3, 67], 2].tolist() == [0, 0]
    clean[1, [3, 67]] = found[1, [3, 67]]
    np.testing.assert_array_equal(found, clean)


def test_confidences_that_vanish_are_no_keypoint():
    found = decode_integral(torch.full((1, 1, 4, 4), -200.0))
    assert torch.isnan(found[..., :2]).all()
    assert found[0, 0, 2] == 0


@pytest.mark.parametrize("method", DECODERS)
def test_a_crowd_that_is_decoded_in_parts_is_decoded_as_one(method, monkeypatch):
    heatmaps = torch.randn(7, 68, 16, 12, generator=torch.Generator().manual_seed(0))
    boxes = np.random.default_rng(0).random((7, 1)) * 100 + [0, 0, 120, 160]
    whole = decode(heatmaps, boxes, method)
    monkeypatch.setattr(heatmap, "CACHED", 2 * heatmaps[0].numel())
    np.testing.assert_allclose(decode(heatmaps, boxes, method), whole, atol=1e-4)
    monkeypatch.setattr(heatmap, "CACHED", 1)  # less than one person
    np.testing.assert_allclose(decode(heatmaps, boxes, method), whole, atol=1e-4)


@pytest.mark.parametrize("method", DECODERS)
def test_heatmaps_of_any_layout_and_precision_are_left_as_they_are(method):
    heatmaps = torch.randn(2, 68, 16, 12, generator=torch.Generator().manual_seed(0)).half()
    boxes = np.tile([0, 0, 120, 160], (2, 1))
    expected = decode(heatmaps.float(), boxes, method)
    other = heatmaps.to(memory_format=torch.channels_last)
    before = other.clone()
    found = decode(other, boxes, method)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert torch.equal(other, before)


def test_a_network_s_output_need_not_be_detached():
    heatmaps = torch.rand(1, 2, 8, 8, requires_grad=True)
    assert decode(heatmaps, np.array([[0, 0, 8, 8]])).shape == (1, 2, 3)


@pytest.mark.parametrize("method", DECODERS)
def test_people_of_a_batch_do_not_mix(method):
    heatmaps = torch.randn(5, 136, 16, 12, generator=torch.Generator().manual_seed(0))
    boxes = np.random.default_rng(0).random((5, 4)) * 100 + [0, 0, 100, 100]
    together = decode(heatmaps, boxes, method)
    alone = [decode(heatmaps[[row]], boxes[[row]], method)[0] for row in range(5)]
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("method", DECODERS)
def test_nobody_decodes_to_nobody(method):
    assert decode(torch.empty(0, 136, 16, 12), np.empty((0, 4)), method).shape == (0, 136, 3)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'argmax' is none of heatmap, integral"):
        decode(torch.zeros(1, 1, 4, 4), np.zeros((1, 4)), "argmax")
