"""How good a pose network is on people that it never saw: a few figures, quickly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from alphapose_ros.keypoints import oks
from alphapose_ros.pose.crop import PADDING
from alphapose_ros.pose.heatmap import decode_heatmap, decode_integral
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.training.augmentation import warp
from alphapose_ros.training.datasets import spread
from alphapose_ros.training.mixing import Source

MOST = 200  # people of a pack
CLOSE = 0.05  # of the crop's height
BATCH = 64


@dataclass(frozen=True, eq=False)
class Examples:
    """People held out of one pack, as the network takes them."""

    name: str
    crops: np.ndarray  # (N, h, w, 3) uint8 RGB
    keypoints: np.ndarray  # (N, K, 2) x y [px of the crop]
    is_there: np.ndarray  # (N, K) bool: labelled, and inside of the crop


def examples_of(source: Source, size: tuple[int, int], most: int = MOST) -> Examples:
    """Return up to ``most`` people, spread over the rows held out, of which there are some."""
    people = [source.person(row) for row in spread(source.held_out, most)]
    weights = np.array([person.weights for person in people])
    crops = np.empty((len(people), *size, 3), np.uint8)
    keypoints = np.empty((*weights.shape, 2), np.float32)
    for i, person in enumerate(people):
        matrix = warp(person, size)
        crops[i] = cv2.warpAffine(person.crop, matrix, size[::-1])[..., ::-1]
        keypoints[i] = person.keypoints @ matrix[:, :2].T + matrix[:, 2]
    is_inside = ((keypoints >= 0) & (keypoints <= np.array(size[::-1]) - 1)).all(axis=2)
    return Examples(source.name, crops, keypoints, is_inside & (weights > 0))


@torch.inference_mode()
def predict(network: nn.Module, crops: np.ndarray, first_integral: int) -> np.ndarray:
    """Return keypoints (N, K, 3) of crops (N, h, w, 3) RGB in their pixels, with scores."""
    device = next(network.parameters()).device
    found = []
    for start in range(0, len(crops), BATCH):
        batch = torch.from_numpy(crops[start : start + BATCH]).to(device)
        heatmaps = network(normalised(batch)).float()
        keypoints = torch.cat(
            (
                decode_heatmap(heatmaps[:, :first_integral]),
                decode_integral(heatmaps[:, first_integral:]),
            ),
            dim=1,
        )
        keypoints[..., :2] *= crops.shape[2] / heatmaps.shape[3]
        found.append(keypoints.cpu().numpy())
    return np.concatenate(found)


def figures(keypoints: np.ndarray, examples: Examples, layout: Skeleton) -> dict[str, float]:
    """Return figures of predictions (N, K, 3), for each group that the examples label.

    ``<group>_close``: share of keypoints within CLOSE of the crop's height. ``<group>_error``:
    median error in parts of the crop's height. ``<group>_telling``: mean score of the close ones
    less that of the others; 0 where scores say nothing. ``oks``: mean over people of the OKS of the
    body, with the area of the box that the crop was cut for.
    """
    height, width = examples.crops.shape[1:3]
    distance = np.linalg.norm(keypoints[..., :2] - examples.keypoints, axis=2) / height
    distance = np.nan_to_num(distance, nan=np.inf)
    found = {}
    for name, (start, stop) in layout.groups.items():
        is_there = examples.is_there[:, start:stop]
        errors, scores = distance[:, start:stop][is_there], keypoints[:, start:stop, 2][is_there]
        is_close = errors < CLOSE
        if len(errors):
            found[f"{name}_close"] = float(is_close.mean())
            found[f"{name}_error"] = float(np.median(errors))
        if 0 < is_close.sum() < len(errors):
            telling = scores[is_close].mean() - scores[~is_close].mean()
            found[f"{name}_telling"] = float(telling)
    if "body" in layout.groups:
        rows, area = layout.group("body"), height * width / PADDING**2
        truth = np.dstack((examples.keypoints, examples.is_there))[:, rows]
        scores = [
            oks(one, guess[None, rows], area, layout.sigmas[rows])[0]
            for one, guess in zip(truth, keypoints, strict=True)
            if one[:, 2].any()
        ]
        found["oks"] = float(np.mean(scores)) if scores else float("nan")
    return found
