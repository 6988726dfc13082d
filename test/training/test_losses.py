from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from alphapose_ros.pose.heatmap import decode_heatmap, decode_integral
from alphapose_ros.training.losses import (
    GRADIENTS,
    NORMALISATIONS,
    CombinedLoss,
    gaussian_targets,
    heatmap_loss,
    integral_positions,
    score_loss,
    symmetric_integral_loss,
)

NAN = float("nan")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def gradient_of_logits(logits, gradient, normalisation="one-step"):
    """Return the gradient (N, W) of the mean position of heatmaps of one row (N, W)."""
    logits = logits.clone().requires_grad_()
    rows = logits[:, None, None]
    integral_positions(rows, gradient=gradient, normalisation=normalisation)[
        ..., 0
    ].sum().backward()
    return logits.grad


# Symmetric integral regression


@pytest.mark.parametrize(
    ("normalisation", "stored"), [("two-step", "sigmoid"), ("one-step", "softmax")]
)
def test_the_symmetric_gradient_is_that_of_the_reference(data, normalisation, stored):
    vectors = np.load(data / "reference/vectors/sikr_loss_grad.npz")
    logits = torch.tensor(vectors["logits"], requires_grad=True)
    target, weight = (torch.tensor(vectors[name]).view(2, 5, 2) for name in ("target", "weight"))
    amplitude = float(vectors["amplitude"])
    found = integral_positions(
        logits, amplitude=amplitude, gradient="symmetric", normalisation=normalisation
    )
    # The reference weighs x and y apart, has positions in [-.5, .5] and divides by the batch only.
    part = found / torch.tensor([48, 64]) - 0.5
    loss = ((part - target).abs() * weight).sum() / 2
    loss.backward()
    assert loss.item() == pytest.approx(float(vectors[f"loss_{stored}"]), abs=1e-5)
    expected = vectors[f"grad_logits_{stored}"]
    np.testing.assert_allclose(logits.grad, expected, atol=1e-6 * abs(expected).max())


def test_the_loss_is_the_references_but_for_the_mean(data):
    vectors = np.load(data / "reference/vectors/sikr_loss_grad.npz")
    target, weight = (torch.tensor(vectors[name]).view(2, 5, 2) for name in ("target", "weight"))
    both = (weight[..., 0] == weight[..., 1]) * weight[..., 0]  # one weight per keypoint is ours
    logits, positions = torch.tensor(vectors["logits"]), (target + 0.5) * torch.tensor([48, 64])
    part = integral_positions(logits) / torch.tensor([48, 64]) - 0.5
    reference = ((part - target).abs() * both[..., None]).sum() / 2  # the formula checked above
    ours = symmetric_integral_loss(logits, positions, both)
    assert ours.item() * both.sum() / 2 == pytest.approx(reference)


def test_integral_targets_are_those_of_the_reference(data):
    # Pixels of a 256 x 192 crop become heatmap pixels by a quarter, with nothing added.
    vectors = np.load(data / "reference/vectors/train_targets.npz")
    part = vectors["joints"][:, :2, 0] / 4 / [48, 64] - 0.5
    np.testing.assert_allclose(part.ravel(), vectors["int_target"], atol=1e-6)


@pytest.mark.parametrize(("truth", "sign"), [(3.0, -1), (0.0, 1)])
def test_the_gradient_of_equation_3_by_hand(truth, sign):
    # Mean of (0.1, 0.2, 0.4, 0.3) is 1.9: pixels 0 and 1 lie before it, 2 and 3 beyond. A = 4 / 8.
    probability = torch.tensor([0.1, 0.2, 0.4, 0.3], requires_grad=True)
    (GRADIENTS["symmetric"](probability, None) - truth).abs().backward()
    torch.testing.assert_close(probability.grad, sign * torch.tensor([-0.5, -0.5, 0.5, 0.5]))


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_gradient_of_equation_2_by_hand(sign):
    probability = torch.tensor([0.1, 0.2, 0.4, 0.3], requires_grad=True)
    (sign * GRADIENTS["asymmetric"](probability, None)).backward()
    torch.testing.assert_close(probability.grad, sign * torch.tensor([0.0, 1, 2, 3]))


def test_the_amplitude_is_an_eighth_of_each_side_or_as_given():
    for length in (48, 64):
        probability = torch.rand(length, requires_grad=True)
        GRADIENTS["symmetric"](probability, None).backward()
        assert probability.grad.abs().unique().tolist() == [length / 8]
    probability = torch.rand(48, requires_grad=True)
    GRADIENTS["symmetric"](probability, 2.0).backward()
    assert probability.grad.abs().unique().tolist() == [2.0]


def test_a_pixel_at_the_mean_counts_as_beyond():
    probability = torch.tensor([0.25, 0.5, 0.25], requires_grad=True)
    GRADIENTS["symmetric"](probability, 1.0).backward()
    assert probability.grad.tolist() == [-1, 1, 1]


def test_logits_get_the_gradient_of_equation_10():
    # Softmax turns A sgn(x - mean) into A p_x (sgn(x - mean) - sum of p sgn).
    probability = torch.tensor([0.1, 0.2, 0.4, 0.3])
    found = gradient_of_logits(probability.log()[None], "symmetric")[0]
    balance = 0.4 + 0.3 - 0.1 - 0.2
    expected = 0.5 * probability * (torch.tensor([-1.0, -1, 1, 1]) - balance)
    torch.testing.assert_close(found, expected)


def test_the_position_of_a_heatmap_does_not_matter_to_the_symmetric_gradient():
    # 3.1.1: with the true gradient the same error costs more where x is greater.
    peak = torch.tensor([0.2, 0.5, 0.3])
    of = {"symmetric": [], "asymmetric": []}
    for start in (2, 40):
        for name, kept in of.items():
            probability = torch.zeros(48)
            probability[start : start + 3] = peak
            GRADIENTS[name](probability.requires_grad_(), None).backward()
            kept.append(probability.grad[start : start + 3])
    torch.testing.assert_close(*of["symmetric"])
    assert (of["asymmetric"][1] > 5 * of["asymmetric"][0]).all()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_the_largest_gradient_is_a_quarter_of_the_plain_one(normalisation):
    # Eq. 9 and 12: |gradient| <= W p_x and W / 4 p_x, both approached by the sharpest heatmaps.
    # The confidences are small, for sigmoid's own 1 - c_x would shrink both alike.
    width = 48
    logits = torch.randn(5000, width, dtype=torch.float64) * torch.rand(5000, 1) * 6 - 30
    probability = NORMALISATIONS[normalisation](logits[:, None, None])[:, 0, 0]

    def bound(gradient):
        found = gradient_of_logits(logits, gradient, normalisation)
        return (found / probability).abs().max().item() / width

    assert 0.95 < bound("asymmetric") <= 1
    assert 0.245 < bound("symmetric") <= 0.25


def test_mean_gradients_are_of_equal_order():
    # Eq. 11 has W / 4 p_x for the plain gradient of a flat heatmap, and meets it with the bound of
    # Eq. 10, 2 A p_x; the mean there is A p_x, half of it. Sharp heatmaps are the other way round.
    width, flat = 48, torch.zeros(1, 48, dtype=torch.float64)
    means = [(gradient_of_logits(flat, g) * width).abs().mean().item() for g in GRADIENTS]
    assert means == pytest.approx([width / 8, width / 4])

    peak = torch.rand(5000, 1, dtype=torch.float64) * (width - 1)
    spread = 0.5 + torch.rand(5000, 1) * width / 2  # from a pixel to flat
    logits = -(((torch.arange(width) - peak) / spread) ** 2) / 2 + torch.randn(5000, width)
    symmetric, plain = (gradient_of_logits(logits, g).abs().mean() for g in GRADIENTS)
    assert 2 / 3 < symmetric / plain < 3 / 2


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_a_step_along_the_symmetric_gradient_always_shortens_the_way(normalisation):
    # Not the true gradient, but never more than a right angle off: both have the sign of x - mean.
    logits = torch.randn(1000, 48, dtype=torch.float64) * torch.rand(1000, 1) * 8
    symmetric, plain = (gradient_of_logits(logits, g, normalisation) for g in GRADIENTS)
    assert ((symmetric * plain).sum(dim=1) > 0).all()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_the_asymmetric_gradient_is_the_true_one(normalisation):
    logits = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    positions = torch.rand(2, 3, 2, dtype=torch.float64) * 3
    weights = torch.rand(2, 3, dtype=torch.float64)

    def loss(heatmaps):
        return symmetric_integral_loss(
            heatmaps, positions, weights, gradient="asymmetric", normalisation=normalisation
        )

    assert torch.autograd.gradcheck(loss, logits)


def test_errors_count_in_parts_of_the_heatmap():
    # A flat heatmap of 4 x 8 has its mean at (3.5, 1.5).
    positions = torch.tensor([[[3.5 + 2, 1.5 - 1]]])
    loss = symmetric_integral_loss(torch.zeros(1, 1, 4, 8), positions, torch.ones(1, 1))
    assert loss.item() == pytest.approx(2 / 8 + 1 / 4)


def test_both_gradients_belong_to_the_same_loss():
    logits, positions, weights = torch.randn(2, 5, 16, 12), torch.rand(2, 5, 2), torch.rand(2, 5)
    one, other = (
        symmetric_integral_loss(logits, positions, weights, gradient=g) for g in GRADIENTS
    )
    assert one == other


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(dtype):
    logits = (torch.randn(2, 5, 64, 48) * 3).to(dtype)
    torch.testing.assert_close(integral_positions(logits), integral_positions(logits.float()))


@pytest.mark.parametrize("wrong", [{"gradient": "none"}, {"normalisation": "three-step"}])
def test_what_does_not_exist_is_named(wrong):
    with pytest.raises(ValueError, match=r"'(none|three-step)' is none of"):
        integral_positions(torch.zeros(1, 1, 4, 4), **wrong)


# Normalisation


def test_training_and_decoding_find_the_same_positions(data):
    vectors = np.load(data / "reference/vectors/decode_si.npz")
    for logits in (torch.tensor(vectors["logits"])[None], torch.randn(3, 7, 16, 12) * 5):
        expected = decode_integral(logits)[..., :2]
        torch.testing.assert_close(integral_positions(logits), expected, atol=1e-4, rtol=0)


def test_the_score_of_one_step_depends_on_the_size_that_of_two_steps_does_not():
    # 3.1.2: peaks of confidence 0.9 whose area is 4 and 16 times the first one's.
    spreads = (1.5, 3.0, 6.0)
    centre = torch.full((1, 1, 2), 32.0)
    confidences = [0.9 * gaussian_targets(centre, (65, 65), spread) for spread in spreads]
    logits = torch.cat(confidences).clamp_min(1e-9).logit()
    two_step = decode_integral(logits)[:, 0, 2].tolist()
    assert two_step == pytest.approx([0.9] * 3, abs=1e-5)
    log_likelihood = torch.cat(confidences).clamp_min(1e-30).log()
    one_step = NORMALISATIONS["one-step"](log_likelihood).amax(dim=(1, 2, 3)).tolist()
    assert one_step == pytest.approx([1 / (2 * math.pi * s**2) for s in spreads], rel=0.01)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("level", [-300.0, 300.0])
def test_far_logits_stay_finite(normalisation, level):
    logits = torch.full((1, 1, 8, 8), level, requires_grad=True)
    found = integral_positions(logits, gradient="symmetric", normalisation=normalisation)
    found.sum().backward()
    assert found.flatten().tolist() == pytest.approx([3.5, 3.5])
    assert logits.grad.isfinite().all()


# Heatmaps


def test_squared_errors_add_up_over_pixels_and_average_over_weights():
    heatmaps, targets = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    targets[0, 0, 0, 0], heatmaps[0, 0, 1, 1], heatmaps[0, 1, 0, 1] = 1, 0.5, 2
    weights = torch.tensor([[3.0, 1.0]])
    assert heatmap_loss(heatmaps, targets, weights).item() == (3 * 1.25 + 1 * 4) / 4
    # With peak_weight 9 the missed peak counts ten times.
    found = heatmap_loss(heatmaps, targets, weights, peak_weight=9).item()
    assert found == (3 * 10.25 + 1 * 4) / 4


def test_targets_are_those_of_the_reference(data):
    # It rounds the centre and cuts off at 3 sigma, that is at 1.1 % of the peak.
    vectors = np.load(data / "reference/vectors/train_targets.npz")
    centres = np.trunc(vectors["joints"][:26, :2, 0] / 4 + 0.5)
    centres[vectors["joints"][:26, 0, 1] == 0] = np.nan
    found = gaussian_targets(torch.tensor(centres)[None], (64, 48), 2.0)[0].numpy()
    reference = vectors["mse_target"]
    np.testing.assert_allclose(found[reference > 0], reference[reference > 0], atol=1e-6)
    assert found[reference == 0].max() < 0.011
    assert (reference > 0).sum() > 2000


def test_a_target_decodes_to_its_keypoint():
    positions = torch.rand(4, 17, 2) * torch.tensor([30.0, 40]) + 2
    found = decode_heatmap(gaussian_targets(positions, (48, 36), 2.0))
    assert (found[..., :2] - positions).abs().max() <= 0.25 + 1e-3


def test_absent_and_far_keypoints_have_empty_targets():
    positions = torch.tensor([[[NAN, NAN], [NAN, 3.0], [-40.0, 3.0]]])
    assert gaussian_targets(positions, (16, 12), 2.0).max() < 1e-12


# Weights, and what is not labelled


def by_heatmap(heatmaps, positions, weights):
    return heatmap_loss(heatmaps, gaussian_targets(positions, (16, 12), 2.0), weights)


def by_both(heatmaps, positions, weights):
    return sum(CombinedLoss(num_heatmap=2, num_face=2)(heatmaps, positions, weights).values())


LOSSES = pytest.mark.parametrize("loss", [by_heatmap, symmetric_integral_loss, by_both])


@LOSSES
def test_unlabelled_keypoints_contribute_nothing(loss):
    heatmaps = torch.randn(2, 6, 16, 12, requires_grad=True)
    positions, weights = torch.rand(2, 6, 2) * 11, torch.ones(2, 6)
    weights[:, 1::2] = 0
    with_places = loss(heatmaps, positions, weights)
    positions[:, 1::2] = NAN
    without = loss(heatmaps, positions, weights)
    without.backward()
    assert with_places == without > 0
    assert (heatmaps.grad[:, 1::2] == 0).all()
    assert (heatmaps.grad[:, ::2] != 0).any()
    assert heatmaps.grad.isfinite().all()


@LOSSES
@pytest.mark.parametrize("people", [0, 2])
def test_nothing_labelled_costs_nothing(loss, people):
    heatmaps = torch.randn(people, 6, 16, 12, requires_grad=True)
    value = loss(heatmaps, torch.full((people, 6, 2), NAN), torch.zeros(people, 6))
    value.backward()
    assert value == 0
    assert (heatmaps.grad == 0).all()


@LOSSES
def test_a_loss_depends_on_neither_batch_size_nor_scale_of_weights(loss):
    heatmaps, positions, weights = torch.randn(2, 6, 16, 12), torch.rand(2, 6, 2), torch.rand(2, 6)
    twice = loss(
        torch.cat((heatmaps, heatmaps)),
        torch.cat((positions, positions)),
        torch.cat((weights, weights)) / 2,
    )
    torch.testing.assert_close(twice, loss(heatmaps, positions, weights))


# Both combined


def test_the_combined_loss_is_made_of_its_parts():
    heatmaps, positions, weights = torch.randn(2, 9, 16, 12), torch.rand(2, 9, 2), torch.rand(2, 9)
    loss = CombinedLoss(num_heatmap=3, num_face=4, face_weight=5.0, hand_weight=7.0)
    found = loss(heatmaps, positions, weights)
    face, hands = (
        symmetric_integral_loss(heatmaps[:, rows], positions[:, rows], weights[:, rows])
        for rows in (slice(3, 7), slice(7, 9))
    )
    body = by_heatmap(heatmaps[:, :3], positions[:, :3], weights[:, :3])
    expected = {"heatmap": body, "face": 5 * face, "hands": 7 * hands}
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])


def test_a_skeleton_without_face_and_hands_has_heatmaps_only():
    heatmaps = torch.randn(2, 26, 16, 12, requires_grad=True)
    found = CombinedLoss()(heatmaps, torch.rand(2, 26, 2), torch.ones(2, 26))
    sum(found.values()).backward()
    assert found["heatmap"] > 0 == found["face"] == found["hands"]
    assert heatmaps.grad.isfinite().all()


def test_a_known_absence_teaches_an_empty_heatmap():
    heatmaps = torch.ones(1, 6, 16, 12)
    positions, weights = torch.full((1, 6, 2), NAN), torch.ones(1, 6)
    found = CombinedLoss(num_heatmap=2, num_face=2)(heatmaps, positions, weights)
    assert found["heatmap"] == 16 * 12
    assert found["face"] == found["hands"] == 0


@LOSSES
def test_gradient_descent_finds_the_keypoints(loss):
    heatmaps = torch.zeros(1, 6, 16, 12, requires_grad=True)
    positions, weights = torch.rand(1, 6, 2) * 8 + 2, torch.ones(1, 6)
    optimizer = torch.optim.Adam([heatmaps], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss(heatmaps, positions, weights).backward()
        optimizer.step()
    by = {by_heatmap: [decode_heatmap] * 2, symmetric_integral_loss: [decode_integral] * 2}
    first, rest = by.get(loss, [decode_heatmap, decode_integral])
    found = torch.cat((first(heatmaps)[:, :2], rest(heatmaps)[:, 2:]), dim=1)[..., :2]
    assert (found - positions).abs().max() < 0.3


def test_scores_are_taught_to_say_how_good_positions_are():
    # A heatmap of one sharp peak at (2, 1), far above all else: score sigmoid(3), position (2, 1).
    logits = torch.full((1, 3, 4, 4), -30.0)
    logits[..., 1, 2] = 3.0
    positions = torch.tensor([[[2.0, 1.0], [2.0, 3.0], [float("nan")] * 2]])
    for keypoint, quality in enumerate((1.0, np.exp(-2 / 0.5), 0.0)):
        weights = torch.zeros(1, 3)
        weights[0, keypoint] = 0.7
        wanted = -(
            quality * np.log(1 / (1 + np.exp(-3)))
            + (1 - quality) * np.log(1 - 1 / (1 + np.exp(-3)))
        )
        found = score_loss(logits, positions, weights, 0.5)
        assert found.item() == pytest.approx(wanted, rel=1e-4)
    assert score_loss(logits, positions, torch.zeros(1, 3), 0.5) == 0
    assert score_loss(logits[:, :0], positions[:, :0], torch.zeros(1, 0), 0.5) == 0
