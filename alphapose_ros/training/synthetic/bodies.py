"""Random bodies: age, sex, build, height, face and expression, as vertices at rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from alphapose_ros.training.synthetic.assets import Assets

HEIGHTS_M = (1.45, 2.0)  # people outside are scaled to these
_RACES = ("african", "asian", "caucasian")
_DETAILS = (
    *("head", "nose", "mouth", "eyes", "chin", "cheek", "ears", "forehead", "eyebrows"),
    *("torso", "hip", "stomach", "neck"),
)
_DETAILS_PER_BODY = 12
_EXPRESSIONS = "expression/units/caucasian"
_SKIN_VERTICES = 13380  # of the base mesh; the rest are helpers


@dataclass(frozen=True)
class Body:
    """One person's build."""

    vertices: np.ndarray  # (V, 3) float32 [m] at rest, feet near y = 0, facing +z, y up
    is_female: bool
    is_young: bool
    races: np.ndarray  # (3,) shares of african, asian, caucasian


def draw_body(assets: Assets, rng: np.random.Generator) -> Body:
    """Draw a body of 12 to 80 years."""
    femininity = rng.choice([rng.uniform(0.85, 1), rng.uniform(0, 0.15)])
    # 0.19 is 12 years, 0.5 is 25, 1 is 90 (MakeHuman's own scale)
    age = rng.uniform(*((0.2, 0.35), (0.35, 0.75), (0.75, 1))[rng.choice(3, p=[0.12, 0.7, 0.18])])
    races = rng.dirichlet([0.5, 0.5, 0.5])
    genders = {"female": femininity, "male": 1 - femininity}
    ages = _between(age, {"child": 0.1875, "young": 0.5, "old": 1.0})
    muscle = _three(np.clip(rng.normal(0.5, 0.18), 0, 1), "muscle")
    weight = _three(np.clip(rng.normal(0.5, 0.22), 0, 1), "weight")
    height = rng.normal(0, 0.35)
    heights = {"maxheight" if height > 0 else "minheight": min(abs(height), 0.9)}
    ideal = rng.uniform(-0.7, 0.7)
    proportions = {"idealproportions" if ideal > 0 else "uncommonproportions": abs(ideal)}

    vertices = assets.body.vertices.copy()
    shares = dict(zip(_RACES, races, strict=True))
    for name, share in _combined(shares, genders, ages):
        assets.targets.add(vertices, f"macrodetails/{name}", share)
    for name, share in _combined(genders, ages, muscle, weight):
        assets.targets.add(vertices, f"macrodetails/universal-{name}", share)
    for folder, last in (("height", heights), ("proportions", proportions)):
        for name, share in _combined(genders, ages, muscle, weight, last):
            if (target := f"macrodetails/{folder}/{name}") in assets.targets:
                assets.targets.add(vertices, target, share)
    details = [name for folder in _DETAILS for name in assets.targets.names(folder)]
    for name in rng.choice(details, _DETAILS_PER_BODY, replace=False):
        assets.targets.add(vertices, name, rng.uniform(0, 0.6))
    return Body(_to_floor(vertices), femininity > 0.5, age < 0.6, races)


def add_expression(vertices: np.ndarray, assets: Assets, rng: np.random.Generator) -> np.ndarray:
    """Return the vertices (V, 3) of a body with a facial expression."""
    vertices = vertices.copy()
    units = assets.targets.names(_EXPRESSIONS)
    for name in rng.choice(units, 4, replace=False):
        assets.targets.add(vertices, name, rng.uniform(0, 0.8))
    if rng.random() < 0.35:
        assets.targets.add(vertices, f"{_EXPRESSIONS}/mouth-open", rng.uniform(0, 0.9))
    if rng.random() < 0.15:
        closed = rng.uniform(0.3, 1)
        for side in ("left", "right"):
            assets.targets.add(vertices, f"{_EXPRESSIONS}/eye-{side}-closure", closed)
    return vertices


def _between(value: float, marks: dict[str, float]) -> dict[str, float]:
    """Share ``value`` among the two marks around it."""
    names, at = list(marks), np.array(list(marks.values()))
    weights = [np.interp(value, at, row) for row in np.eye(len(at))]
    return {name: float(w) for name, w in zip(names, weights, strict=True) if w > 0}


def _three(value: float, noun: str) -> dict[str, float]:
    return _between(value, {f"min{noun}": 0.0, f"average{noun}": 0.5, f"max{noun}": 1.0})


def _combined(*factors: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield every combination, its names joined by "-", and the product of its shares."""
    for items in product(*(factor.items() for factor in factors)):
        share = float(np.prod([share for _, share in items]))
        if share > 2e-3:
            yield "-".join(name for name, _ in items), share


def _to_floor(vertices: np.ndarray) -> np.ndarray:
    """Put the soles on y = 0 and scale people who are too short or too tall."""
    y = vertices[:_SKIN_VERTICES, 1]
    low, height = y.min(), np.ptp(y)
    scale = np.clip(height, *HEIGHTS_M) / height
    return ((vertices - np.float32([0, low, 0])) * np.float32(scale)).astype(np.float32)
