"""The paper's ablations: what one part of the system is worth, for any weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alphapose_ros.config import Config
from alphapose_ros.pose import find_model

ONE_STEP = {"integral": "one_step", "combined": "combined_one_step"}  # by what it is set against


@dataclass(frozen=True)
class Variant:
    """One row of an ablation's table: what is different in it."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # dotted names of the config
    finding: Mapping[str, Any] = field(default_factory=dict)  # fields of Finding


@dataclass(frozen=True)
class Ablation:
    """Variants that differ in one thing."""

    meaning: str
    variants: tuple[Variant, ...]
    of_tracks: bool = False  # needs videos


ABLATIONS = {
    "normalisation": Ablation(
        "two-step or one-step normalisation of heatmaps (paper 3.1.2)",
        (Variant("two-step"), Variant("one-step")),  # made to fit the weights in variants()
    ),
    "suppression": Ablation(
        "with or without pose NMS, on detected boxes (paper 3.4)",
        (
            Variant("with pose NMS", finding={"boxes": "detected", "suppression": True}),
            Variant("without", finding={"boxes": "detected", "suppression": False}),
        ),
    ),
    "boxes": Ablation(
        "detected or true boxes",
        (
            Variant("detected boxes", finding={"boxes": "detected"}),
            Variant("true boxes", finding={"boxes": "true"}),
        ),
    ),
    "flip": Ablation(
        "with or without the mirrored picture",
        (Variant("without"), Variant("with mirrored picture", finding={"flip": True})),
    ),
    "stages": Ablation(
        "the stages and costs of multi-stage identity matching (paper 4.2)",
        (
            Variant("all stages"),
            Variant("without the relaxed stage", {"tracker.relaxed_max_cost": 0.0}),
            Variant("boxes only", {"tracker.pose_weight": 0.0}),
            Variant("poses only", {"tracker.pose_weight": 1.0}),
        ),
        of_tracks=True,
    ),
    "looks": Ablation(
        "what people look like: with and without pose-guided attention, and not at all (paper 4.1)",
        (
            Variant("with attention"),
            Variant("without attention", {"reid.pose_guided": False}),
            Variant("without re-ID", {"reid.name": "none"}),
        ),
        of_tracks=True,
    ),
    "given": Ablation(
        "tracking of what is found, in true boxes, and of true poses (paper 4)",
        (
            Variant("all found"),
            Variant("true boxes", finding={"boxes": "true"}),
            Variant("true poses", finding={"true_poses": True}),
        ),
        of_tracks=True,
    ),
}


def variants(
    name: str, config: Config, *, has_tracks: bool, has_poses: bool = True
) -> tuple[Variant, ...]:
    """Return what an ablation compares.

    Args:
        name: one of ABLATIONS.
        config: names the weights, by which normalisations are chosen.
        has_tracks: whether the data set has videos.
        has_poses: whether it has labelled poses; without, they cannot be given.

    Raises:
        ValueError: there is no such ablation, or it is not for this data set or these weights.
    """
    known = [key for key, ablation in ABLATIONS.items() if ablation.of_tracks == has_tracks]
    if name not in known:
        raise ValueError(f"ablation {name!r} is none of {', '.join(known)} for this data set")
    if name != "normalisation":
        return tuple(
            variant
            for variant in ABLATIONS[name].variants
            if has_poses or not variant.finding.get("true_poses")
        )
    two_step = find_model(config.pose).decode
    if two_step not in ONE_STEP:
        raise ValueError(
            f"weights {config.pose.model!r} are decoded by {two_step!r}, which normalises nothing; "
            f"the ablation needs weights decoded by {' or '.join(ONE_STEP)}"
        )
    return tuple(
        Variant(variant.name, finding={"decode": decode})
        for variant, decode in zip(
            ABLATIONS[name].variants, (two_step, ONE_STEP[two_step]), strict=True
        )
    )
