"""What is asked for and what is told about the one person who is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

NOBODY = -1  # of person ids, as in Tracks
NO_TRACK = 0  # track ids begin at 1


class TargetStatus(IntEnum):
    """How it stands with the target; the numbers are those of TargetStatus.msg."""

    NONE = 0
    SELECTING = 1
    TRACKING = 2
    LOST = 3
    REIDENTIFYING = 4


class SelectBy(IntEnum):
    """How somebody is chosen; the numbers are those of SetTarget.srv."""

    NEAREST = 0
    CENTRE = 1
    TRACK_ID = 2
    PERSON_ID = 3
    PIXEL = 4


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who shall be followed."""

    by: SelectBy
    track_id: int = NO_TRACK
    person_id: int = NOBODY
    x: float = math.nan  # [px]
    y: float = math.nan  # [px]


@dataclass(frozen=True, kw_only=True)
class View:
    """What the camera sees, and from where."""

    width: int  # of the image [px]
    height: int  # [px]
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of the camera, in the positions' frame
    frame_id: str = ""  # of the positions; "": that of the image


class Selection(NamedTuple):
    """What became of a wish."""

    success: bool
    track_id: int  # NO_TRACK where nobody is in view yet
    message: str


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetState:
    """How it stands with the target in one frame."""

    status: TargetStatus
    track_id: int = NO_TRACK
    person_id: int = NOBODY
    confidence: float = 0.0  # [0, 1]
    time_since_seen_s: float = 0.0
    reason: str = ""  # of the last change
    position: np.ndarray | None = None  # (3,) [m]; None: nothing is to be published
    frame_id: str = ""  # in which it was measured; "": that of the image
    covariance: np.ndarray | None = None  # (3, 3) of the position
    facing: np.ndarray | None = None  # (3,) unit vector out of the chest
    facing_std: float = math.nan  # [rad]
    is_predicted: bool = False  # whether the position is not of this frame
