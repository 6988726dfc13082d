"""What training minimises: heatmaps, symmetric integral regression, both combined, and scores.

Positions are in heatmap pixels, (0, 0) being the centre of the first pixel, as `pose.heatmap`
decodes them. Every loss is a weighted mean over keypoints, so it depends neither on the batch size
nor on how many keypoints a data set labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from alphapose_ros.pose.heatmap import decode_integral

AMPLITUDE = 1 / 8  # A_grad of Eq. 3, in parts of the heatmap's width or height (paper, 3.1.1)


@dataclass(frozen=True, kw_only=True)
class CombinedLoss:
    """Heatmaps for body and feet, symmetric integral regression for the finer face and hands.

    Channels in the order of the skeleton: ``num_heatmap`` keypoints by heatmap, then ``num_face``
    and the hands by integral, which "combined" decoding expects. The weights put the losses on one
    scale: an untrained keypoint costs about 12 by heatmap and 0.4 by integral.

    Source: the paper regresses all keypoints by integral; the mixture and its proportions are the
        reference's ("combined loss" of its model zoo).
    """

    num_heatmap: int = 26
    num_face: int = 68
    sigma: float = 2.0  # of the Gaussian targets [heatmap px]
    peak_weight: float = 0.0
    heatmap_weight: float = 1.0
    face_weight: float = 10.0
    hand_weight: float = 10.0
    amplitude: float | None = None
    gradient: str = "symmetric"

    def __call__(self, heatmaps: Tensor, positions: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """Return the scalars "heatmap", "face" and "hands"; their sum is to be minimised.

        Args:
            heatmaps: (N, K, h, w), what the network gives.
            positions: (N, K, 2) x y [heatmap px]; NaN where absent.
            weights: (N, K), 0 where nothing is known. NaN with a weight teaches a heatmap to be
                empty, and an integral nothing: it has no value for absence.
        """
        face = slice(self.num_heatmap, self.num_heatmap + self.num_face)
        hands = slice(face.stop, None)

        def integral(rows: slice) -> Tensor:
            return symmetric_integral_loss(
                heatmaps[:, rows],
                positions[:, rows],
                weights[:, rows],
                amplitude=self.amplitude,
                gradient=self.gradient,
            )

        first = slice(self.num_heatmap)
        targets = gaussian_targets(positions[:, first], tuple(heatmaps.shape[2:]), self.sigma)
        by_heatmap = heatmap_loss(
            heatmaps[:, first], targets, weights[:, first], peak_weight=self.peak_weight
        )
        return {
            "heatmap": self.heatmap_weight * by_heatmap,
            "face": self.face_weight * integral(face),
            "hands": self.hand_weight * integral(hands),
        }


def heatmap_loss(
    heatmaps: Tensor, targets: Tensor, weights: Tensor, *, peak_weight: float = 0.0
) -> Tensor:
    """Squared difference from the targets, summed over the pixels of a keypoint.

    Args:
        heatmaps: (N, K, h, w).
        targets: (N, K, h, w), from gaussian_targets().
        weights: (N, K), 0 where a keypoint is not to be taught.
        peak_weight: how much more a pixel counts where its target is 1 than where it is 0; the
            few pixels of a peak stand against a thousand of background.

    Returns:
        Scalar: weighted mean over keypoints; 0 if none has a weight.
    """
    error = (heatmaps.float() - targets).square() * (1 + peak_weight * targets)
    return _weighted_mean(error.sum(dim=(2, 3)), weights)


def gaussian_targets(positions: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Heatmaps that are 1 at the keypoint and fall off as a Gaussian.

    A keypoint outside leaves the part of its Gaussian that reaches into the heatmap; whether
    it is to be taught at all is the weights' affair. Centres are not rounded to a pixel as in the
    reference, for the quarter-pixel decoding reads the neighbours of the peak.

    Args:
        positions: (N, K, 2) x y [px]; NaN where absent, which gives an empty heatmap.
        size: height h and width w.
        sigma: standard deviation [px].

    Returns:
        (N, K, h, w) in [0, 1].
    """

    def along(centres: Tensor, length: int) -> Tensor:
        pixels = torch.arange(length, device=centres.device)
        return torch.exp(-0.5 * ((pixels - centres[..., None]) / sigma).square()).nan_to_num(0)

    height, width = size
    columns, rows = along(positions[..., 0], width), along(positions[..., 1], height)
    return rows[..., :, None] * columns[..., None, :]


def symmetric_integral_loss(
    heatmaps: Tensor,
    positions: Tensor,
    weights: Tensor,
    *,
    amplitude: float | None = None,
    gradient: str = "symmetric",
    normalisation: str = "two-step",
) -> Tensor:
    """Distance of the mean of the heatmap from the keypoint: SIKR of the paper.

    Args:
        heatmaps: logits (N, K, h, w).
        positions: (N, K, 2) x y [heatmap px]; NaN counts as weight 0.
        weights: (N, K), 0 where a keypoint is not to be taught.
        amplitude: A_grad of Eq. 3 [heatmap px]; None is the paper's eighth of width and height.
            The reference has 2.
        gradient: "symmetric" (Eq. 3) or "asymmetric" (Eq. 2, the true one).
        normalisation: "two-step" or "one-step", see integral_positions().

    Returns:
        Scalar: weighted mean over keypoints of |dx|/w + |dy|/h, that is in parts of the heatmap as
        in the reference, which sums over keypoints where we take the mean; 0 if none has a weight.

    Source: paper 3.1.1.
    """
    found = integral_positions(
        heatmaps, amplitude=amplitude, gradient=gradient, normalisation=normalisation
    )
    is_known = positions.isfinite().all(dim=-1)
    height, width = heatmaps.shape[2:]
    # Replaced before the difference is taken: NaN times a weight of 0 would be NaN.
    difference = found - positions.where(is_known[..., None], 0)
    error = (difference / difference.new_tensor([width, height])).abs().sum(dim=-1)
    return _weighted_mean(error, weights * is_known)


def score_loss(logits: Tensor, positions: Tensor, weights: Tensor, distance: float) -> Tensor:
    """Cross-entropy of the scores that integral keypoints are decoded with.

    The integral loss moves the mean of a heatmap and leaves its height free, whose maximum is the
    score. Here the maximum is taught to say how good the position is: exp(-error / distance), and
    0 where the keypoint is nowhere in the crop.

    Args:
        logits: (N, K, h, w).
        positions: (N, K, 2) x y [heatmap px]; NaN for nowhere.
        weights: (N, K), 0 where nothing is known.
        distance: error at which the score should be 1/e [heatmap px].

    Returns:
        Scalar: weighted mean over keypoints; 0 if none has a weight.
    """
    if logits.shape[1] == 0:
        return logits.new_zeros(())
    found = decode_integral(logits.detach())[..., :2]
    quality = torch.exp(-(found - positions).norm(dim=-1) / distance).nan_to_num(0)
    highest = logits.flatten(2).max(dim=2).values
    loss = binary_cross_entropy_with_logits(highest, quality, reduction="none")
    return _weighted_mean(loss, weights)


def integral_positions(
    heatmaps: Tensor,
    *,
    amplitude: float | None = None,
    gradient: str = "asymmetric",
    normalisation: str = "two-step",
) -> Tensor:
    """Mean positions of normalised heatmaps, to be differentiated.

    Args:
        heatmaps: logits (N, K, h, w).
        amplitude: A_grad [px] of the symmetric gradient; None is an eighth of width and height.
        gradient: "symmetric" or "asymmetric"; the positions are the same.
        normalisation: "two-step", as decode_integral() has it, or "one-step" (softmax).

    Returns:
        (N, K, 2) x y [heatmap px], float32 or wider.

    Raises:
        ValueError: there is no such gradient or normalisation.

    Source: paper Eq. 1.
    """
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient {gradient!r} is none of {', '.join(GRADIENTS)}")
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"normalisation {normalisation!r} is none of {', '.join(NORMALISATIONS)}")
    if heatmaps.dtype in (torch.float16, torch.bfloat16):
        heatmaps = heatmaps.float()  # sums over thousands of pixels
    probability = NORMALISATIONS[normalisation](heatmaps)
    mean = GRADIENTS[gradient]
    # A marginal passes the gradient of x on to all pixels of its column: the axes are independent.
    axes = [mean(probability.sum(dim=across), amplitude) for across in (2, 3)]
    return torch.stack(axes, dim=-1)


def two_step(heatmaps: Tensor) -> Tensor:
    """Confidences by a sigmoid (Eq. 13), divided by their sum (Eq. 15): (N, K, h, w) to the same.

    Through logarithms: where all confidences are tiny, their sum may be 0 in floating point.
    """
    return one_step(logsigmoid(heatmaps))


def one_step(heatmaps: Tensor) -> Tensor:
    """Softmax over the pixels of each heatmap (N, K, h, w)."""
    return heatmaps.flatten(2).softmax(dim=2).view_as(heatmaps)


class _SymmetricMean(torch.autograd.Function):
    """Mean of a distribution over pixels whose gradient has one amplitude everywhere.

    Each probability p_x gets A_grad * sgn(x - mean), times what arrives from the loss, where
    the true gradient is x. sgn(0) is 1, as in the reference.

    Source: paper Eq. 3.
    """

    @staticmethod
    def forward(ctx: Any, probability: Tensor, amplitude: float | None) -> Tensor:
        pixels = torch.arange(probability.shape[-1]).to(probability)
        mean = probability @ pixels
        ctx.save_for_backward(pixels >= mean[..., None])
        ctx.amplitude = AMPLITUDE * len(pixels) if amplitude is None else amplitude
        return mean

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor) -> tuple[Tensor, None]:
        (is_beyond,) = ctx.saved_tensors
        step = ctx.amplitude * of_mean[..., None]
        return torch.where(is_beyond, step, -step), None


def _mean(probability: Tensor, _: float | None) -> Tensor:
    return probability @ torch.arange(probability.shape[-1]).to(probability)


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1e-6)


GRADIENTS: dict[str, Callable[[Tensor, float | None], Tensor]] = {
    "symmetric": _SymmetricMean.apply,
    "asymmetric": _mean,
}
NORMALISATIONS = {"two-step": two_step, "one-step": one_step}
