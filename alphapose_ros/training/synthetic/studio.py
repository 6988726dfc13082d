"""The tools that all generators share, and how layers, shapes and backgrounds become a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from alphapose_ros.training.synthetic import rotations
from alphapose_ros.training.synthetic.assets import open_assets
from alphapose_ros.training.synthetic.backgrounds import Backgrounds
from alphapose_ros.training.synthetic.keypoints import SKELETON
from alphapose_ros.training.synthetic.people import Crowd, Person, Placed
from alphapose_ros.training.synthetic.poses import draw_fingers, draw_pose
from alphapose_ros.training.synthetic.renderer import Layer, Renderer

PICTURES_PER_BODY = 24


@dataclass(frozen=True)
class Sources:
    """What a studio is made from; small, so that it travels to other processes."""

    assets: Path
    seed: int = 0
    backgrounds: Path | None = None
    with_environments: bool = True
    device: str = "cpu"
    cache: Path | None = None


class Studio:
    """Assets, people, renderer and backgrounds of one process."""

    def __init__(self, sources: Sources) -> None:
        device = torch.device(sources.device)
        assets = open_assets(sources.assets, sources.cache)
        self.seed = sources.seed
        self.crowd = Crowd(assets, device, sources.seed)
        self.renderer = Renderer(torch.from_numpy(assets.texels).to(device))
        environments = assets.environments if sources.with_environments else ()
        self.backgrounds = Backgrounds(sources.backgrounds, environments)

    def draw_person(self, picture: int, rng: np.random.Generator) -> tuple[Person, int]:
        """Dress somebody for a picture; near pictures share bodies, which are costly to make.

        Returns:
            The person and the number of the body.
        """
        number = picture // PICTURES_PER_BODY + int(rng.integers(PICTURES_PER_BODY))
        patterns = [self.backgrounds.pattern(rng)] if rng.random() < 0.3 else []
        return self.crowd.draw_person(number, rng, patterns), number

    def stand(
        self, person: Person, rng: np.random.Generator, turn: float, at: tuple[float, float]
    ) -> Placed:
        """Put a person on the floor in a random pose, turned about the vertical [rad]."""
        pose = draw_pose(self.crowd.assets, rng)
        turned = rotations.about(np.array([0.0, 1.0, 0.0]), turn)
        return self.crowd.place(person, pose, draw_fingers(rng), turn=turned, at=at)


def hide_behind(layer: Layer, mask: np.ndarray, texture: np.ndarray) -> Layer:
    """Put an object in front of everybody.

    Args:
        layer: fine.
        mask: (H, W) bool, fine.
        texture: (H, W, 3) uint8 BGR, fine.
    """
    return replace(
        layer,
        colours=np.where(mask[..., None], texture, layer.colours),
        owners=np.where(mask, 0, layer.owners).astype(np.uint8),
        depths=np.where(mask, 0, layer.depths).astype(np.float32),
    )


def hide_in_room(layer: Layer, depths: np.ndarray) -> Layer:
    """Hide people where the room (H, W) [m] is nearer; `depths` then has both."""
    hidden = depths < layer.depths
    return replace(
        layer,
        owners=np.where(hidden, 0, layer.owners).astype(np.uint8),
        depths=np.minimum(layer.depths, depths),
    )


def feet_of(people: list[Placed]) -> np.ndarray:
    """Return x and z (N, 2) between the ankles of people."""
    rows = [SKELETON.index("left_ankle"), SKELETON.index("right_ankle")]
    return np.array([p.keypoints[rows][:, [0, 2]].mean(axis=0) for p in people]).reshape(-1, 2)


def compose(layer: Layer, is_drawn: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Put a fine layer on a background.

    Args:
        layer: people, and what hides them.
        is_drawn: (fine H, fine W) bool, where the layer has colours.
        background: (H, W, 3) uint8 BGR of the picture's size.
    """
    size = background.shape[1::-1]
    share = cv2.resize(is_drawn.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    front = np.where(is_drawn[..., None], layer.colours, 0).astype(np.uint8)
    front = cv2.resize(front, size, interpolation=cv2.INTER_AREA)
    return np.clip(background * (1 - share) + front + 0.5, 0, 255).astype(np.uint8)


def draw_obstacle(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the outline of something that stands in front, (H, W) bool."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    centre = rng.uniform(0, 1, 2) * (width, height)
    kind = rng.choice(["disc", "box", "post", "blob"])
    extent = rng.uniform(0.04, 0.2, 2) * min(width, height)
    if kind == "disc":
        axes = extent.astype(int) + 1
        cv2.ellipse(
            mask, centre.astype(int).tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, 1, -1
        )
    elif kind == "box":
        corners = cv2.boxPoints((centre.tolist(), (extent * 2.5).tolist(), rng.uniform(0, 90)))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    elif kind == "post":
        half = max(int(extent[0] / 3), 1)
        lean = int(rng.normal(0, 0.1) * height)
        x = int(centre[0])
        cv2.line(mask, (x, 0), (x + lean, height), 1, 2 * half)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        away = rng.uniform(0.4, 1.3, (9, 1)) * extent
        corners = centre + away * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    return mask > 0
