"""What the generators yield: pictures with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.labels import Label


@dataclass(frozen=True)
class Subject:
    """A labelled person of a picture."""

    label: Label
    body: int  # number of the body, the same in all pictures of a seed
    is_ignored: bool  # neither to be learnt nor to be missed: too little of it is seen
    track_id: int | None = None


@dataclass(frozen=True)
class Sample:
    """A picture with everybody in it."""

    image: np.ndarray  # (H, W, 3) uint8 BGR
    camera: Camera
    subjects: tuple[Subject, ...]
    owners: np.ndarray  # (H, W) uint8: 0 nobody, i the i-th subject from 1
    depths: np.ndarray  # (H, W) float32 [m], inf where it is unknown
