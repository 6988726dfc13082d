"""From heatmaps to keypoints, a whole batch at once, on the heatmaps' device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

INTEGRAL_KEYPOINTS = {136: 110, 133: 110, 68: 42}  # of face and hands, the last ones, by number


def decode(heatmaps: Tensor, crop_boxes: np.ndarray, method: str = "heatmap") -> np.ndarray:
    """Locate keypoints in the image.

    Args:
        heatmaps: (N, K, h, w), on any device.
        crop_boxes: (N, 4) x1 y1 x2 y2 [px], the regions that the heatmaps cover.
        method: one of DECODERS.

    Returns:
        (N, K, 3) float32: x y [px of the image], score in [0, 1].

    Raises:
        ValueError: there is no such method, or it is not for this number of keypoints.
    """
    if method not in DECODERS:
        raise ValueError(f"decode method {method!r} is none of {', '.join(DECODERS)}")
    crops = locate(heatmaps.float(), method)
    regions = torch.as_tensor(np.asarray(crop_boxes, np.float32), device=crops.device)[:, None]
    position = crops[..., :2] * (regions[..., 2:] - regions[..., :2]) + regions[..., :2]
    return torch.cat((position, crops[..., 2:]), dim=-1).cpu().numpy()


def locate(heatmaps: Tensor, method: str) -> Tensor:
    """Locate keypoints in heatmaps (N, K, h, w): (N, K, 3) x y [parts of the crop], score."""
    found = DECODERS[method](heatmaps)
    size = torch.tensor(heatmaps.shape[:1:-1], dtype=found.dtype, device=found.device)
    return torch.cat((found[..., :2] / size, found[..., 2:]), dim=-1)


def decode_heatmap(heatmaps: Tensor) -> Tensor:
    """Locate keypoints at the highest pixel, moved a quarter pixel to the higher neighbour.

    Args:
        heatmaps: (N, K, h, w), trained to be 1 at the keypoint and 0 far from it.

    Returns:
        (N, K, 3): x y [heatmap px], score in [0, 1]: the highest value, cut off. Where it is not
        above 0 there is no keypoint: NaN NaN 0.

    Source: Xiao et al., "Simple Baselines", ECCV 2018, 3. The reference leaves the score unbounded
        and puts absent keypoints at (0, 0).
    """
    height, width = heatmaps.shape[2:]
    score, place = heatmaps.flatten(2).max(dim=2)
    x, y = place % width, torch.div(place, width, rounding_mode="floor")
    inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    rows, columns = y.clamp(1, height - 2), x.clamp(1, width - 2)

    def value(dy: int, dx: int) -> Tensor:
        at = (rows + dy) * width + columns + dx
        return heatmaps.flatten(2).gather(2, at[..., None])[..., 0]

    slope = torch.stack((value(0, 1) - value(0, -1), value(1, 0) - value(-1, 0)), dim=-1)
    position = torch.stack((x, y), dim=-1) + 0.25 * slope.sign() * inside[..., None]
    position = position.masked_fill((score <= 0)[..., None], float("nan"))
    return torch.cat((position, score.clamp(0, 1)[..., None]), dim=-1)


def decode_integral(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as the mean of two-step normalised heatmaps.

    First every pixel becomes a confidence by a sigmoid, whose maximum is the keypoint's score;
    then the confidences are divided by their sum and the mean position is taken. Scores thus
    stay comparable between people, which a softmax over pixels would destroy.

    Args:
        heatmaps: logits (N, K, h, w).

    Returns:
        (N, K, 3): x y [heatmap px], score in [0, 1].

    Source: paper Eq. 13-15 (normalisation) and Eq. 1 (soft-argmax).
    """
    confidence = heatmaps.sigmoid()
    score = confidence.amax(dim=(2, 3))
    probability = confidence / confidence.sum(dim=(2, 3), keepdim=True)
    return torch.cat((mean_position(probability), score[..., None]), dim=-1)


def decode_one_step(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as the mean of heatmaps normalised in one step, by a softmax over pixels.

    This is what the paper's two steps (decode_integral) are compared with. Its score, the largest
    probability, depends on the size of what is found: the pixels share a sum of one, so that of
    two keypoints that are equally sure the one that covers more pixels (a hip) gets the smaller
    score (than a nose).

    Args:
        heatmaps: logits (N, K, h, w).

    Returns:
        (N, K, 3): x y [heatmap px], score in [0, 1].

    Source: Sun et al., "Integral Human Pose Regression", ECCV 2018; paper Eq. 1 (soft-argmax) and
        3.1.2 (why its scores are poor).
    """
    probability = heatmaps.flatten(2).softmax(dim=2).reshape(heatmaps.shape)
    score = probability.amax(dim=(2, 3))
    return torch.cat((mean_position(probability), score[..., None]), dim=-1)


def mean_position(probability: Tensor) -> Tensor:
    """Return the means (N, K, 2) x y [heatmap px] of maps (N, K, h, w) that sum to one each."""
    height, width = probability.shape[2:]
    x = probability.sum(dim=2) @ torch.arange(width).to(probability)
    y = probability.sum(dim=3) @ torch.arange(height).to(probability)
    return torch.stack((x, y), dim=-1)


def decode_combined(heatmaps: Tensor) -> Tensor:
    """Locate body and feet at the highest pixel, face and hands as means.

    The latter are small and many: a quarter pixel of a heatmap is too coarse for them.

    Args:
        heatmaps: (N, K, h, w) with K one of INTEGRAL_KEYPOINTS; those of body and feet as
            decode_heatmap takes them, those of face and hands as decode_integral does.

    Returns:
        (N, K, 3): x y [heatmap px], score in [0, 1].

    Raises:
        ValueError: another K.

    Source: the reference's models of the combined loss.
    """
    return _combined(heatmaps, decode_integral)


def decode_combined_one_step(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as decode_combined does, but face and hands by decode_one_step."""
    return _combined(heatmaps, decode_one_step)


def _combined(heatmaps: Tensor, decode_means: Callable[[Tensor], Tensor]) -> Tensor:
    count = heatmaps.shape[1]
    if count not in INTEGRAL_KEYPOINTS:
        raise ValueError(
            f"decode method 'combined' knows skeletons of "
            f"{', '.join(map(str, INTEGRAL_KEYPOINTS))} keypoints, not of {count}"
        )
    first = count - INTEGRAL_KEYPOINTS[count]
    return torch.cat((decode_heatmap(heatmaps[:, :first]), decode_means(heatmaps[:, first:])), 1)


DECODERS = {
    "heatmap": decode_heatmap,
    "integral": decode_integral,
    "combined": decode_combined,
    "one_step": decode_one_step,
    "combined_one_step": decode_combined_one_step,
}
