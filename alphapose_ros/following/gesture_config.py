"""The settings of gestures."""

from __future__ import annotations

from dataclasses import dataclass

from alphapose_ros.config import Section, setting


@dataclass(frozen=True)
class GestureConfig(Section):
    """What people say with their hands."""

    keypoint_score: float = setting(
        0.3, "Smallest score of a keypoint that counts", low=0.0, high=1.0, live=True
    )
    hold_s: float = setting(
        0.5,
        "Seconds that a hand must be held up or out to mean something",
        low=0.05,
        high=60.0,
        live=True,
    )
    gap_s: float = setting(
        0.25, "Longest gap that does not end a gesture [s]", low=0.0, high=5.0, live=True
    )
    raise_height: float = setting(
        0.4,
        "How far above the shoulders a raised hand is at least, in lengths of the trunk",
        low=-1.0,
        high=2.0,
        live=True,
    )
    wave_height: float = setting(
        0.0, "The same of a hand that waves", low=-1.0, high=2.0, live=True
    )
    wave_swing: float = setting(
        0.2,
        "Smallest way of the wrist from side to side, beside the elbow, in lengths of the trunk",
        low=0.01,
        high=2.0,
        live=True,
    )
    wave_turns: int = setting(
        3, "Turns of the wrist from which it is a wave", low=1, high=100, live=True
    )
    wave_window_s: float = setting(
        2.0, "Seconds within which these turns must lie", low=0.1, high=60.0, live=True
    )
    stop_reach: float = setting(
        0.6,
        "Farthest from the shoulder that a hand held towards the camera is seen, in lengths of the "
        "trunk",
        low=0.0,
        high=2.0,
        live=True,
    )
    stop_forward_m: float = setting(
        0.3,
        "How far before the trunk such a hand is at least, where depth tells",
        low=0.0,
        high=2.0,
        live=True,
    )
    straight_deg: float = setting(
        40.0, "Largest bend of a stretched arm's elbow", low=0.0, high=180.0, live=True
    )
    pointing_lift_deg: float = setting(
        40.0, "Smallest angle of a pointing arm with the trunk", low=0.0, high=180.0, live=True
    )
    pointing_from: str = setting(
        "eyes",
        "Where the line of a pointing arm begins that goes through the wrist",
        choices=("eyes", "shoulder", "elbow"),
        live=True,
    )
