"""How well people's places in metres are found, against the meshes that were rendered.

    python benchmarks/lifting.py --assets ASSETS [--scenes 60] [--sequences FOLDER] \
        [--rgbd FOLDER] [--picture FILE] [--json FILE] [--set lifting.patch=0.02]

People stand at 2 to 5 m in rooms, before cameras 0.3 to 1.6 m above the floor; ASSETS is what
`alphapose synth` takes. Depth has 1 % of noise and 20 % of holes unless a line says otherwise.

"to the surface" is the distance of a lifted keypoint to the nearest pixel of that person in the
true depth image, for keypoints that are seen. Hidden keypoints are given to lifting, too.
"strays" are lifted keypoints more than 0.3 m from their joint. The mid-hip is compared with the
skeleton's, inside the body; "along the ray" is by how much it is too far away (negative: too
near). "in the ellipse" is the share of people whose true mid-hip lies in the 95 % ellipse of the
position's covariance. Yaw is the angle of the facing about the vertical; "in 2 sigma", how often
its error is less than 1.96 standard deviations; "turned" is the share of facings that are wrong by
more than 120 degrees. Ground lines are of people who stand or walk: the ground plane alone says
where they are. "all feet in the picture" are those whose feet do not lie below it; for "pitch off",
pitch and height of the camera are wrong by 1 degree and 2 % (standard deviations).

--sequences: velocities on the sequences in test/data (24 frames at 8 Hz), after the first second.
--rgbd: pictures of real RGB-D cameras, of whom only the depth itself is known.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from lifting_real import measure_real, print_real, write_sheet
from lifting_scenes import (
    HIP,
    WHOLE_BODY,
    Damage,
    Person,
    Scene,
    rendered,
    sequence,
    spoilt,
    tracks_of,
)
from scipy.spatial import cKDTree

from alphapose_ros import Pipeline
from alphapose_ros.boxes import iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.lifting import build_lifter
from alphapose_ros.matching import match

FOUND_IOU = 0.5
STRAY_M = 0.3
MIN_VISIBLE = 0.3  # people of whom less is seen do not count
ELLIPSE = 7.815  # squared Mahalanobis distance that holds 95 % in three dimensions
TWO_SIGMA = 1.96
SETTLING_S = 1.0  # of velocities
SCORE = 0.9  # of true keypoints
FEET = [row for row, name in enumerate(WHOLE_BODY.names) if name.endswith(("ankle", "heel", "toe"))]
TURNED_DEG = 120.0
PITCH_ERROR_DEG, HEIGHT_ERROR = 1.0, 0.02
SHARES = ("stray", "in_ellipse", "in_2_sigma", "turned", "in_velocity_ellipse")
DEPTH_CAMERA = Damage()
DAMAGES = {
    "neither noise nor holes": Damage(noise=0.0, holes=0.0),
    "noise alike over 6 px": Damage(noise_px=6.0),
    "depth between front and back at outlines, 2 px": Damage(edge_px=2),
    "2 % noise, 50 % holes": Damage(noise=0.02, holes=0.5),
}


@dataclass
class Tally:
    """What is counted over people."""

    people: int = 0
    placed: int = 0  # of them, with a position
    seen: int = 0  # keypoints
    lifted: int = 0  # of these
    errors: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, *values: float) -> None:
        """Keep values of one kind."""
        self.errors.setdefault(name, []).extend(float(value) for value in values)

    def add(self, scene: Scene, person: Person, tracks: Tracks, row: int) -> None:
        """Compare one row of lifted tracks with the person whom it shows."""
        self.people += 1
        if tracks.poses.keypoints_3d is not None:
            self._keypoints(scene, person, tracks.poses.keypoints_3d[row].astype(float))
        if tracks.positions is not None and np.isfinite(tracks.positions[row]).all():
            self.placed += 1
            self._position(person, tracks.positions[row], tracks.position_covariances[row])
        if tracks.facings is not None and np.isfinite(tracks.facings[row]).all():
            self._facing(scene, person, tracks.facings[row], tracks.facing_stds[row])

    def _keypoints(self, scene: Scene, person: Person, lifted: np.ndarray) -> None:
        is_lifted = np.isfinite(lifted).all(axis=1)
        is_seen = person.keypoints[:, 2] == 2
        self.seen += int(is_seen.sum())
        self.lifted += int((is_seen & is_lifted).sum())
        surface = cKDTree(surface_of(scene, person.number))
        self.note("surface_m", *surface.query(lifted[is_seen & is_lifted])[0])
        away = np.linalg.norm(lifted - person.keypoints_3d, axis=1)
        self.note("stray", *(away[is_lifted] > STRAY_M))

    def _position(self, person: Person, position: np.ndarray, covariance: np.ndarray) -> None:
        truth = person.keypoints_3d[HIP].astype(float)
        error, range_m = position - truth, np.linalg.norm(truth)
        self.note("hip_m", np.linalg.norm(error))
        self.note("along_m", error @ truth / range_m)
        self.note("of_range", np.linalg.norm(error) / range_m)
        self.note("in_ellipse", error @ np.linalg.solve(covariance, error) <= ELLIPSE)
        self.note("std_m", np.sqrt(np.trace(covariance)))

    def _facing(self, scene: Scene, person: Person, facing: np.ndarray, std: float) -> None:
        error = yaw_between(facing, person.facing, scene.up)
        if np.isfinite(error):
            self.note("yaw_deg", np.degrees(abs(error)))
            self.note("turned", np.degrees(abs(error)) > TURNED_DEG)
            self.note("in_2_sigma", abs(error) <= TWO_SIGMA * std)

    def figures(self) -> dict[str, float]:
        """Return the figures; those of which nothing is known are left out."""
        found = {"people": self.people, "placed": self.placed}
        if self.lifted:
            found["lifted"] = self.lifted / self.seen
        for name, values in self.errors.items():
            if not values:
                continue
            if name == "along_m":
                found[name] = float(np.median(values))
            elif name in SHARES:
                found[name] = float(np.mean(values))
            else:
                found[f"{name}_median"] = float(np.median(values))
                found[f"{name}_95"] = float(np.percentile(values, 95))
        return found


def surface_of(scene: Scene, number: int) -> np.ndarray:
    """Return the points (P, 3) [m] of all pixels that show a person, by true depth."""
    y, x = np.nonzero((scene.owners == number) & np.isfinite(scene.depth))
    depth = scene.depth[y, x].astype(float)
    inverse = np.linalg.inv(scene.frame.camera.matrix)
    return np.stack((x, y, np.ones(len(x))), axis=1) @ inverse.T * depth[:, None]


def yaw_between(one: np.ndarray, other: np.ndarray, up: np.ndarray) -> float:
    """Return the angle [rad] from one direction to another about the vertical.

    NaN where the second one, of length 1, points up or down rather than anywhere else.
    """
    level = other - other @ up * up
    if np.linalg.norm(level) < 0.5:
        return np.nan
    return float(np.arctan2(np.cross(one, level) @ up, (one - one @ up * up) @ level))


def true_poses(people: Iterable[Person]) -> Poses:
    """Return true keypoints as if they were found: also those that are hidden."""
    people = list(people)
    keypoints = np.stack([person.keypoints for person in people])
    is_inside = keypoints[..., 2:] > 0
    keypoints = np.where(is_inside, keypoints, [np.nan, np.nan, 0])
    keypoints[..., 2:] = np.where(is_inside, SCORE, 0)
    return Poses(
        skeleton=WHOLE_BODY,
        keypoints=keypoints,
        boxes=np.stack([person.box for person in people]),
        box_scores=np.full(len(people), SCORE),
        scores=np.full(len(people), SCORE),
    )


Found = tuple[list[Person], Poses]  # people of a scene, and the pose of each


def with_truth(scene: Scene) -> Found:
    """Return the people who are seen well enough, and their true poses."""
    people = [person for person in scene.people if person.visible >= MIN_VISIBLE]
    return people, true_poses(people) if people else Poses.empty(WHOLE_BODY)


def predicted_by(pipeline: Pipeline, scene: Scene) -> Found:
    """Return who of these is found in the picture, one to one, and their predicted poses."""
    pipeline.reset()
    poses = pipeline.run(scene.frame).poses
    people, _ = with_truth(scene)
    boxes = np.array([person.box for person in people]).reshape(-1, 4)
    pairs = match(1 - iou(boxes, poses.boxes), 1 - FOUND_IOU).pairs
    return [people[row] for row in pairs[:, 0]], poses[pairs[:, 1]]


def upright(people: list[Person], poses: Poses) -> Found:
    """Return only those who stand or walk."""
    rows = [row for row, person in enumerate(people) if person.is_upright]
    return [people[row] for row in rows], poses[rows]


def with_feet(people: list[Person], poses: Poses, are_seen: bool) -> Found:
    """Return only those all of whose feet are in the picture, or only the others."""
    rows = [
        row
        for row, person in enumerate(people)
        if bool((person.keypoints[FEET, 2] > 0).all()) == are_seen
    ]
    return [people[row] for row in rows], poses[rows]


def measure(
    scenes: Iterable[Scene],
    found: Iterable[Found],
    config: LiftingConfig,
    damage: Damage = DEPTH_CAMERA,
    is_off: bool = False,
) -> dict[str, float]:
    """Return the figures over scenes that have nothing to do with each other.

    Where ``is_off``, the camera does not stand exactly as it is said.
    """
    tally, lifter = Tally(), build_lifter(config)
    for scene, (people, poses) in zip(scenes, found, strict=True):
        lifter.reset()
        lifter.config = config_of(config, scene, is_off)
        seen = spoilt(scene, damage, seed=scene.frame.index)
        tracks = lifter(tracks_of(poses, range(1, len(people) + 1)), seen.frame)
        for row, person in enumerate(people):
            tally.add(scene, person, tracks, row)
    return tally.figures()


def config_of(config: LiftingConfig, scene: Scene, is_off: bool = False) -> LiftingConfig:
    """Return the settings with the camera's height and pitch, or wrong ones of the scene's own."""
    errors = np.random.default_rng(scene.frame.index).standard_normal(2) if is_off else np.zeros(2)
    return replace(
        config,
        camera_height_m=float(scene.height_m * (1 + HEIGHT_ERROR * errors[0])),
        camera_pitch_deg=float(scene.pitch_deg + PITCH_ERROR_DEG * errors[1]),
    )


def measure_sequence(
    scenes: Iterable[Scene], config: LiftingConfig, tally: Tally, damage: Damage = DEPTH_CAMERA
) -> None:
    """Add what is found of people who move, in the order of the frames, with true keypoints."""
    scenes, lifter = list(scenes), build_lifter(config)
    speeds = [speeds_of(scenes, frame) for frame in range(len(scenes))]
    for scene, true_speeds in zip(scenes, speeds, strict=True):
        people, poses = with_truth(scene)
        lifter.config = config_of(config, scene)
        seen = spoilt(scene, damage, seed=scene.frame.index)
        tracks = lifter(tracks_of(poses, [person.number for person in people]), seen.frame)
        for row, person in enumerate(people):
            tally.add(scene, person, tracks, row)
            truth = true_speeds.get(person.number)
            is_settled = scene.frame.stamp_ns - scenes[0].frame.stamp_ns >= 1e9 * SETTLING_S
            if truth is None or not is_settled or not np.isfinite(tracks.velocities[row]).all():
                continue
            error = tracks.velocities[row] - truth
            tally.note("velocity_mps", np.linalg.norm(error))
            tally.note("speed_mps", np.linalg.norm(truth))
            spread = np.linalg.solve(tracks.velocity_covariances[row], error)
            tally.note("in_velocity_ellipse", error @ spread <= ELLIPSE)


def speeds_of(scenes: list[Scene], frame: int) -> dict[int, np.ndarray]:
    """Return {number: velocity (3,) [m/s] of the true mid-hip} from the frames before and after."""
    if not 0 < frame < len(scenes) - 1:
        return {}
    before, after = scenes[frame - 1], scenes[frame + 1]
    passed_s = (after.frame.stamp_ns - before.frame.stamp_ns) / 1e9
    starts = {person.number: person.keypoints_3d[HIP] for person in before.people}
    return {
        person.number: (person.keypoints_3d[HIP] - starts[person.number]) / passed_s
        for person in after.people
        if person.number in starts
    }


def measure_scenes(
    scenes: list[Scene], pipeline: Pipeline, config: LiftingConfig
) -> dict[str, dict[str, float]]:
    """Return {line: figures} over rendered scenes."""
    depth, ground = replace(config, name="depth"), replace(config, name="ground")
    predicted = [predicted_by(pipeline, scene) for scene in scenes]
    true = [with_truth(scene) for scene in scenes]
    rows = {
        "true keypoints": measure(scenes, true, depth),
        "predicted keypoints": measure(scenes, predicted, depth),
    }
    for name, damage in DAMAGES.items():
        rows[f"true keypoints, {name}"] = measure(scenes, true, depth, damage)
    for name, found in (("true", true), ("predicted", predicted)):
        standing = [upright(*people) for people in found]
        rows[f"ground, {name} keypoints"] = measure(scenes, standing, ground)
    told = "ground, predicted keypoints"
    for name, are_seen in (("all feet in the picture", True), ("not all", False)):
        chosen_people = [with_feet(*people, are_seen) for people in standing]
        rows[f"{told}, {name}"] = measure(scenes, chosen_people, ground)
    rows[f"{told}, pitch off"] = measure(scenes, standing, ground, is_off=True)
    for kind in ("", "ground, "):  # also those whom the pipeline did not find
        rows[f"{kind}predicted keypoints"]["people"] = rows[f"{kind}true keypoints"]["people"]
    return rows


def measure_sequences(folder: Path, config: LiftingConfig) -> dict[str, dict[str, float]]:
    """Return {line: figures} over the sequences in a folder, with true keypoints."""
    rows = {}
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        tally = Tally()
        measure_sequence(sequence(path), replace(config, name="depth"), tally)
        rows[path.name.split("_")[-1]] = tally.figures()
    return rows


def print_scenes(rows: dict[str, dict[str, float]]) -> None:
    """Print a table of figures; - where there is none."""
    print(
        "| | people with a position | keypoints lifted | to the surface, cm | strays | mid-hip, cm "
        "| along the ray, cm | in the ellipse | yaw, degrees | in 2 sigma | turned "
        "| error / range |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        cells = (
            f"{row['placed']} of {row['people']}",
            part(row, "lifted"),
            spread(row, "surface_m", 100),
            part(row, "stray"),
            spread(row, "hip_m", 100),
            f"{100 * row['along_m']:+.1f}" if "along_m" in row else "-",
            part(row, "in_ellipse"),
            spread(row, "yaw_deg", 1),
            part(row, "in_2_sigma"),
            part(row, "turned"),
            spread(row, "of_range", 100, " %"),
        )
        print(f"| {name} | {' | '.join(cells)} |")
    print("| wanted | | | median < 2, 95 % < 6 | | | | 0.90 to 0.99 | | | | ground: < 10 % |")


def print_sequences(rows: dict[str, dict[str, float]]) -> None:
    """Print a table of velocities."""
    print(
        "| | people with a position | speed, m/s | error of velocity, m/s | in its ellipse "
        "| mid-hip, cm | in its ellipse |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        print(
            f"| {name} | {row['placed']} of {row['people']} | {spread(row, 'speed_mps', 1)} "
            f"| {spread(row, 'velocity_mps', 1)} | {part(row, 'in_velocity_ellipse')} "
            f"| {spread(row, 'hip_m', 100)} | {part(row, 'in_ellipse')} |"
        )


def part(row: dict[str, float], name: str) -> str:
    """Return a share as a cell."""
    return f"{row[name]:.3f}" if name in row else "-"


def spread(row: dict[str, float], name: str, factor: float, unit: str = "") -> str:
    """Return median and 95 % of something as a cell."""
    if f"{name}_median" not in row:
        return "-"
    median, most = (factor * row[f"{name}_{kind}"] for kind in ("median", "95"))
    digits = 2 if name.endswith("_mps") else 1
    return f"{median:.{digits}f}{unit}, 95 % < {most:.{digits}f}{unit}"


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, help="of the synthetic people")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sequences", type=Path)
    parser.add_argument("--rgbd", type=Path)
    parser.add_argument("--picture", type=Path, help="to write: depth on colour, of --rgbd")
    parser.add_argument("--json", type=Path)
    add_settings(parser)
    options = parser.parse_args(arguments)
    config = chosen(options)
    found: dict[str, dict] = {}
    pipeline = Pipeline(config) if options.assets or options.rgbd else None
    if options.assets:
        scenes = list(rendered(options.assets, options.scenes, options.seed))
        found["scenes"] = measure_scenes(scenes, pipeline, config.lifting)
        print(f"{len(scenes)} rendered scenes\n")
        print_scenes(found["scenes"])
    if options.sequences:
        found["sequences"] = measure_sequences(options.sequences, config.lifting)
        print()
        print_sequences(found["sequences"])
    if options.rgbd:
        pictures = measure_real(options.rgbd, pipeline, config.lifting)
        found["real"] = [picture.row() for picture in pictures]
        print()
        print_real(pictures)
        if options.picture:
            write_sheet(options.picture, pictures)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
