"""Constants of pose NMS fitted to one part of labelled pictures, and checked on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.config import SuppressionConfig
from alphapose_ros.evaluation.copies import CopiesRule
from alphapose_ros.evaluation.redundant import shuffled
from alphapose_ros.evaluation.suppressed import NONE, Redundant, poses_per_found
from alphapose_ros.suppression.fit import (
    GROUP_PAIRS,
    PAIRS,
    Fit,
    Log,
    Objective,
    Search,
    constants_of,
    fit,
)

WRITTEN = (  # settings that a file of constants has
    *("score_scale", "distance_scale", "distance_weight", "threshold"),
    *("body_weight", "feet_weight", "face_weight", "hands_weight"),
)


@dataclass(frozen=True)
class FitOptions:
    """How constants are fitted.

    Raises:
        ValueError: the share is not between 0 and 1.
    """

    held: float = 0.4  # share of the pictures that is not fitted on
    seed: int = 0  # of the choice of these
    with_groups: bool = False  # fit the weights of feet, face and hands, too
    surplus_cost: float = 0.02  # AP that one surplus pose for every person found costs
    most: int = 400  # evaluations
    is_shuffled: bool = False  # fit on labels that say nothing
    is_free: bool = False  # also constants that break CopiesRule

    def __post_init__(self) -> None:
        if not 0 < self.held < 1:
            raise ValueError(f"held: {self.held} is not between 0 and 1")
        if self.most < 1:
            raise ValueError(f"most: {self.most} is not 1 or more")


@dataclass(frozen=True)
class Outcome:
    """Pose NMS with some constants on some pictures."""

    merit: float  # what is fitted for
    precisions: dict[str, float]  # AP of all keypoints and of each group
    poses_per_found: float  # poses of each person of whom there are any


@dataclass(frozen=True)
class Part:
    """What fitting brought on one kind of redundant poses, in the pictures of one part."""

    kind: str  # where the poses are from
    is_held: bool  # or fitted on
    pictures: int
    people: int  # with a labelled keypoint
    outcomes: dict[str, Outcome]  # by constants: without pose NMS, at the start, fitted

    def lines(self) -> list[list[str]]:
        """Return lines of a table."""
        part = "held" if self.is_held else "fitted"
        title = f"{part}: {self.pictures} pictures, {self.people} people, {self.kind}"
        return [
            [
                *(title, name),
                *(f"{value:.4f}" for value in outcome.precisions.values()),
                f"{outcome.poses_per_found:.3f}",
            ]
            for name, outcome in self.outcomes.items()
        ]


@dataclass(frozen=True)
class Report:
    """What fitting brought."""

    fit: Fit
    parts: tuple[Part, ...]

    @property
    def gain(self) -> float:
        """What was fitted for, on the pictures held back, above that with the first constants."""
        held = [part.outcomes for part in self.parts if part.is_held]
        return float(np.mean([one["fitted"].merit - one["start"].merit for one in held]))

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return head and lines of a table."""
        groups = [f"AP {name}" for name in self.parts[0].outcomes["start"].precisions]
        head = ["pictures and poses", "constants", *groups, "poses per person found"]
        return head, [line for part in self.parts for line in part.lines()]


def fit_and_check(
    data: Mapping[str, Redundant],
    start: SuppressionConfig,
    options: FitOptions,
    *,
    log: Path | None = None,
    resume: bool = False,
) -> Report:
    """Fit constants to one part of the pictures, and measure them on both.

    Args:
        data: labels and redundant poses, by what the poses are from. Each kind counts the same;
            pictures of one name are on the same side in all of them.
        start: the first constants.
        options: how.
        log: file of evaluated constants, see Log.
        resume: go on with it.

    Raises:
        ValueError, FileExistsError: from split(), Log and fit().
    """
    near, far = {}, {}
    for kind, all_of_it in data.items():
        near[kind], far[kind] = all_of_it.split(options.held, options.seed)
    rule = None if options.is_free else CopiesRule(next(iter(near.values())).truth)
    found = fit(
        _objective(near, options),
        start,
        Search(pairs=(*PAIRS, *GROUP_PAIRS) if options.with_groups else PAIRS, most=options.most),
        is_allowed=rule,
        log=Log(log, _header(data, start, options), resume=resume),
    )
    constants = {"without": NONE, "start": start, "fitted": found.config}
    parts = [
        Part(
            kind=kind,
            is_held=is_held,
            pictures=len(one.pictures),
            people=int(np.count_nonzero(one.truth.is_labelled.any(axis=1) & ~one.truth.is_crowd)),
            outcomes={
                name: _outcome(one, config, options.surplus_cost)
                for name, config in constants.items()
            },
        )
        for is_held, side in ((False, near), (True, far))
        for kind, one in side.items()
    ]
    return Report(fit=found, parts=tuple(parts))


def to_parameter_file(config: SuppressionConfig, comments: Sequence[str]) -> str:
    """Return the constants as a ROS parameter file, which load_config() reads too."""
    lines = [f"# {line}".rstrip() for line in comments]
    lines += ["/**:", "  ros__parameters:", "    suppression:"]
    lines += [f"      {name}: {getattr(config, name)!r}" for name in WRITTEN]
    return "\n".join(lines) + "\n"


def _objective(near: Mapping[str, Redundant], options: FitOptions) -> Objective:
    learnt = list(near.values())
    if options.is_shuffled:
        learnt = [replace(one, truth=shuffled(one.truth, options.seed)) for one in learnt]

    def objective(config: SuppressionConfig) -> float:
        return float(np.mean([one.merit(config, options.surplus_cost) for one in learnt]))

    return objective


def _header(
    data: Mapping[str, Redundant], start: SuppressionConfig, options: FitOptions
) -> dict[str, Any]:
    """Return what values of the objective depend on, and where the search began."""
    return {
        "poses": {kind: one.digest() for kind, one in data.items()},
        "start": constants_of(start),
        "held": options.held,
        "seed": options.seed,
        "surplus_cost": options.surplus_cost,
        "is_shuffled": options.is_shuffled,
    }


def _outcome(part: Redundant, config: SuppressionConfig, surplus_cost: float) -> Outcome:
    left = part.suppressed(config)
    return Outcome(
        merit=part.merit(config, surplus_cost),
        precisions=part.precisions(left),
        poses_per_found=poses_per_found(part.truth, left),
    )
