"""From heatmaps to keypoints, a whole batch at once, on the heatmaps' device."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import numpy as np
import torch
from torch import Tensor

from alphapose_ros.pose.refinement import dark_offsets, quarter_offsets

is_compiling = getattr(torch.compiler, "is_compiling", bool)  # PyTorch 2.2 cannot tell: False

INTEGRAL_KEYPOINTS = {136: 110, 133: 110, 68: 42}  # of face and hands, the last ones, by number
CACHED = 2**20  # heatmap pixels that a processor normalises at once
ROWS = 4  # of a heatmap that are searched at once

Refine = Callable[[Tensor, Tensor, Tensor], Tensor]  # heatmaps, x, y -> offsets (N, K, 2)


@torch.inference_mode()
def decode(heatmaps: Tensor, crop_boxes: np.ndarray, method: str = "heatmap") -> np.ndarray:
    """Locate keypoints in the image.

    Args:
        heatmaps: (N, K, h, w), on any device.
        crop_boxes: (N, 4) x1 y1 x2 y2 [px], the regions that the heatmaps cover, of their aspect.
        method: one of DECODERS.

    Returns:
        (N, K, 3) float32: x y [px of the image], score in [0, 1].

    Raises:
        ValueError: there is no such method, or it is not for this number of keypoints.

    Source: the reference: heatmap pixel (w / 2, h / 2) is the middle of the box, and a pixel is as
        high as it is wide, the box's width / w; there is no half-pixel shift.
    """
    if method not in DECODERS:
        raise ValueError(f"decode method {method!r} is none of {', '.join(DECODERS)}")
    found = DECODERS[method](heatmaps.float()).cpu().numpy()  # the one thing that a GPU gives back
    boxes = np.asarray(crop_boxes, np.float64)
    pixel = (boxes[:, 2:3] - boxes[:, :1]) / heatmaps.shape[3]
    corner = (boxes[:, :2] + boxes[:, 2:] - pixel * heatmaps.shape[:1:-1]) / 2
    pixel, corner = (part[:, None].astype(found.dtype) for part in (pixel, corner))
    return np.concatenate((found[..., :2] * pixel + corner, found[..., 2:]), axis=-1)


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
    return _peaks(heatmaps, quarter_offsets)


def decode_dark(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as decode_heatmap does, but where between the pixels the peak is.

    The score is that of the highest pixel all the same; see refinement.dark_offsets().

    Source: Zhang et al., "Distribution-Aware Coordinate Representation", CVPR 2020.
    """
    return _peaks(heatmaps, dark_offsets)


def _peaks(heatmaps: Tensor, refine: Refine) -> Tensor:
    score, place = highest_pixels(heatmaps)
    width = heatmaps.shape[3]
    x, y = place % width, torch.div(place, width, rounding_mode="floor")
    position = torch.stack((x, y), dim=-1) + refine(heatmaps, x, y)
    is_absent = ~(score > 0)  # NaN too
    position = position.masked_fill(is_absent[..., None], float("nan"))
    score = score.clamp(max=1).masked_fill(is_absent, 0)
    return torch.cat((position, score[..., None]), dim=-1)


def highest_pixels(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the highest values (N, K) of heatmaps (N, K, h, w), and where they are in h * w.

    Of equal ones it is the first. The highest of every few rows comes first: without asking where,
    a processor compares many numbers at once; then the one group of rows that holds it is searched.
    """
    height, width = heatmaps.shape[2:]
    size = gcd(height, ROWS) * width
    groups = heatmaps.flatten(2).unflatten(2, (-1, size))
    score, group = groups.amax(dim=3).max(dim=2)
    rows = group[..., None, None].expand(-1, -1, 1, size)
    return score, group * size + groups.gather(2, rows)[:, :, 0].argmax(dim=2)


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
    return _means(heatmaps, torch.sigmoid)


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
    return _means(heatmaps, lambda part: part.flatten(2).softmax(dim=2).reshape(part.shape))


def _means(heatmaps: Tensor, normalise: Callable[[Tensor], Tensor]) -> Tensor:
    """Locate keypoints as the means of what ``normalise`` makes of heatmaps.

    The maps are not divided by their sums (Eq. 15) but the means are, which are far fewer.
    """
    width = heatmaps.shape[3]
    sums = torch.cat([_sums(normalise(part)) for part in _in_cache(heatmaps)])
    x, y = _mean(sums[..., :width]), _mean(sums[..., width:-1])
    return torch.stack((x, y, sums[..., -1].nan_to_num()), dim=-1)


def _sums(confidence: Tensor) -> Tensor:
    """Return the sums of columns and of rows, and the highest value: (N, K, w + h + 1)."""
    score = confidence.amax(dim=(2, 3))[..., None]
    return torch.cat((confidence.sum(dim=2), confidence.sum(dim=3), score), dim=-1)


def _mean(weights: Tensor) -> Tensor:
    """Return the mean place (N, K) on lines (N, K, length) of weights; NaN where all are 0."""
    places = torch.arange(weights.shape[2], device=weights.device)
    return (weights * places).sum(dim=2) / weights.sum(dim=2)


def _in_cache(heatmaps: Tensor) -> tuple[Tensor, ...]:
    """Split a crowd's heatmaps into groups of people, where they are decoded by a processor.

    What is made of a group, as large as its heatmaps, then stays in the cache. A GPU takes the
    crowd at once, and so does a graph that is exported, which has no loops.
    """
    if heatmaps.device.type != "cpu" or is_compiling():
        return (heatmaps,)
    return heatmaps.split(max(1, CACHED // max(1, heatmaps[:1].numel())))


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
    return _combined(heatmaps, decode_heatmap, decode_integral)


def decode_combined_dark(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as decode_combined does, but body and feet by decode_dark."""
    return _combined(heatmaps, decode_dark, decode_integral)


def decode_combined_one_step(heatmaps: Tensor) -> Tensor:
    """Locate keypoints as decode_combined does, but face and hands by decode_one_step."""
    return _combined(heatmaps, decode_heatmap, decode_one_step)


def _combined(
    heatmaps: Tensor, by_peak: Callable[[Tensor], Tensor], by_mean: Callable[[Tensor], Tensor]
) -> Tensor:
    count = heatmaps.shape[1]
    if count not in INTEGRAL_KEYPOINTS:
        raise ValueError(
            f"decode method 'combined' knows skeletons of "
            f"{', '.join(map(str, INTEGRAL_KEYPOINTS))} keypoints, not of {count}"
        )
    first = count - INTEGRAL_KEYPOINTS[count]
    return torch.cat((by_peak(heatmaps[:, :first]), by_mean(heatmaps[:, first:])), dim=1)


DECODERS = {
    "heatmap": decode_heatmap,
    "integral": decode_integral,
    "combined": decode_combined,
    "dark": decode_dark,
    "combined_dark": decode_combined_dark,
    "one_step": decode_one_step,
    "combined_one_step": decode_combined_one_step,
}
