"""Below the pixel: from the highest pixel of a heatmap to the place of its peak.

All functions take heatmaps (N, K, h, w) and the column x and row y (N, K) of their highest pixels,
and return offsets (N, K, 2) x y [heatmap px], computed where the heatmaps are.
"""

from __future__ import annotations

import torch
from torch import Tensor

MODULATION = 2.0  # sigma of the Gaussian that smooths, as that of the training targets [heatmap px]
REACH = 5  # of that Gaussian [heatmap px]
FLAT = 1e-3  # smallest curvature of the log of a peak; a Gaussian of sigma s has 1 / s^2
SMALLEST = 1e-10  # what a log is taken of


def quarter_offsets(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Move a quarter pixel towards the higher of the neighbours left and right, above and below.

    Not where they are equal, nor at the border.

    Source: Xiao et al., "Simple Baselines", ECCV 2018, 3. The reference says what is border: the
        first two columns and rows, and the last.
    """
    height, width = heatmaps.shape[2:]
    inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    steps = torch.tensor([-1, 1, -width, width], device=x.device)
    places = ((y * width + x)[..., None] + steps).clamp(0, height * width - 1)
    left, right, above, below = heatmaps.flatten(2).gather(2, places).unbind(2)
    slope = torch.stack((right - left, below - above), dim=-1)
    return 0.25 * slope.sign() * inside[..., None]


def dark_offsets(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Move to where a Gaussian that fits the surroundings has its peak.

    The heatmap h is smoothed by a Gaussian of MODULATION, which leaves one peak of the several
    that a network makes: h' = K * h. The log of a Gaussian is a parabola, so that from pixel m one
    step of Newton's method leads to its top:

        offset = -H^-1 g,  g the gradient and H the Hessian of log h' in m,

    both from the differences of m and its 8 neighbours. Where these are no peak (H is not negative
    definite, or the step longer than a pixel), and in the outermost columns and rows, it is the
    quarter pixel.

    Source: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation",
        CVPR 2020, Eq. 6-11. Its Eq. 12 scales h' to the highest value of h; that adds a number to
        the log and changes no difference, so it is left out, as is the shift of its lowest value
        to 0, which their code leaves out too.
    """
    height, width = heatmaps.shape[2:]
    log = smoothed(heatmaps, x, y).clamp(min=SMALLEST).log()
    dx, dy = (log[..., 1, 2] - log[..., 1, 0]) / 2, (log[..., 2, 1] - log[..., 0, 1]) / 2
    dxx = log[..., 1, 2] + log[..., 1, 0] - 2 * log[..., 1, 1]
    dyy = log[..., 2, 1] + log[..., 0, 1] - 2 * log[..., 1, 1]
    dxy = (log[..., 2, 2] + log[..., 0, 0] - log[..., 2, 0] - log[..., 0, 2]) / 4
    determinant = dxx * dyy - dxy**2
    step = torch.stack((dxy * dy - dyy * dx, dxy * dx - dxx * dy), dim=-1) / determinant[..., None]
    is_peak = (dxx < -FLAT) & (dyy < -FLAT) & (determinant > FLAT**2)
    is_peak &= (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    is_peak &= (step.abs() <= 1).all(dim=-1)
    return torch.where(is_peak[..., None], step, quarter_offsets(heatmaps, x, y))


def smoothed(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the smoothed heatmaps (N, K, 3, 3) at x y and around; nothing else is smoothed."""
    height, width = heatmaps.shape[2:]
    steps = torch.arange(-REACH - 1, REACH + 2, device=x.device)
    rows = (y[..., None] + steps).clamp(0, height - 1)
    columns = (x[..., None] + steps).clamp(0, width - 1)
    places = rows[..., :, None] * width + columns[..., None, :]
    around = heatmaps.flatten(2).gather(2, places.flatten(2)).unflatten(2, (len(steps), -1))
    return weights(y, height).transpose(2, 3).to(around) @ around @ weights(x, width).to(around)


def weights(middle: Tensor, size: int) -> Tensor:
    """Return the Gaussians of pixels ``middle`` (N, K) on a line, of the one before and after.

    Near an end of the line they reach as far as the nearer end on both sides, so that what lies
    beyond it draws the peak neither in nor out.

    Returns:
        (N, K, R, 3) for the R pixels from REACH + 1 before the middle to as many after it.
    """
    reach = torch.minimum(middle, size - 1 - middle).sub(1).clamp(0, REACH)
    steps = torch.arange(-REACH - 1, REACH + 2, device=middle.device)
    ways = steps[:, None] - torch.arange(-1, 2, device=middle.device)
    gaussians = (-((ways / MODULATION) ** 2) / 2).exp()
    return gaussians * (ways.abs() <= reach[..., None, None])
