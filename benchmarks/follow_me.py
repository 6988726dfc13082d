"""A robot follows somebody through a room: is it the same person to the end?

    python benchmarks/follow_me.py [--assets DIR] [--gif FILE] [--seed N] [--rate HZ]

A robot on two wheels drives after goal poses as Nav2's following server does; this follower is part
of the benchmark, the package itself drives nothing. The target stands before the robot, walks, is
crossed by somebody, goes behind a cupboard for some seconds while a stranger comes into view and
stays, and comes out again.

With --assets (the folder that `alphapose synth` takes) what the robot sees is rendered with depth
(1 % noise, 20 % holes), and the default pipeline, lifting and target work on the pictures. Without,
true boxes, noisy places and made looks stand in for detector, poses, depth and re-ID; tracker,
gallery and target are the package's own.

Printed: when the status changes, how often a wrong person's place was told, how long there was
silence, and how soon the target was found again after it came into view.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import follow_me_world as world
import numpy as np
from follow_me_world import CUPBOARD, FOCAL_PX, HALF_M, ROUTES, SIZE, STRANGER, TARGET
from PIL import Image

from alphapose_ros.config import TargetConfig, TrackerConfig
from alphapose_ros.following.records import SelectBy, TargetState, TargetStatus, Wish
from alphapose_ros.following.target import Target
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace
from alphapose_ros.training.synthetic import gait

BODY = skeleton("coco_17")
LOOKS = 32  # dimensions of made looks
WRONG_M = 0.6  # a place so much nearer to somebody else is wrong


@dataclass(frozen=True)
class Seen:
    """What the robot knows after one picture."""

    tracks: Tracks  # in metres of the world
    image: np.ndarray | None = None  # (H, W, 3) BGR


@dataclass(frozen=True)
class Moment:
    """One frame of a run."""

    time_s: float
    robot: world.Robot
    places: np.ndarray  # (3, 2) x z of the people
    shares: np.ndarray  # (3,) how much of them is in sight
    state: TargetState
    seen: Seen

    @property
    def nearest(self) -> int | None:
        """Whose place is told, None in silence."""
        if self.state.position is None:
            return None
        away = np.linalg.norm(self.places - self.state.position[[0, 2]], axis=1)
        who = int(np.argmin(away))
        return TARGET if away[TARGET] - away[who] < WRONG_M else who


Look = Callable[[world.Robot, int], Seen]


def walks(stamps_s: np.ndarray, seed: int) -> tuple[list[gait.Track], list[gait.Style]]:
    """Return where everybody is at each stamp, and how they walk."""
    rng = np.random.default_rng(seed)
    styles = [gait.draw_style(rng) for _ in ROUTES]
    tracks = [
        gait.follow(route[:, 0], route[:, 1:], stamps_s, style, 0.0)
        for route, style in zip(ROUTES, styles, strict=True)
    ]
    return tracks, styles


def run(look: Look, paths: Sequence[gait.Track], stamps_s: np.ndarray) -> list[Moment]:
    """Let the robot follow."""
    robot, follower = world.Robot(), world.Follower()
    target, moments = Target(TargetConfig()), []
    is_chosen = False
    for number, now_s in enumerate(stamps_s.tolist()):
        places = np.stack([path.places[number] for path in paths])
        seen = look(robot, number)
        state = target.update(seen.tracks, round(now_s * 1e9), robot.view)
        if state.position is not None:
            follower.hear(state.position, now_s)
        shares = world.in_sight(robot, places)
        moments.append(Moment(now_s, robot, places, shares, state, seen))
        if not is_chosen and now_s >= world.CHOSEN_S:
            is_chosen = target.select(Wish(by=SelectBy.NEAREST), seen.tracks, robot.view).success
        dt_s = stamps_s[1] - stamps_s[0]
        robot = robot.drive(*follower.command(robot, now_s), dt_s)
    return moments


class MadeEyes:
    """True boxes, noisy places and made looks, followed by the package's own tracker."""

    def __init__(self, paths: Sequence[gait.Track], stamps_s: np.ndarray, seed: int) -> None:
        self._paths, self._stamps_s = paths, stamps_s
        self._rng = np.random.default_rng(seed)
        looks = self._rng.standard_normal((len(paths), LOOKS))
        looks[STRANGER] = looks[TARGET] + 1.2 * looks[STRANGER]  # a look-alike
        self._looks = looks / np.linalg.norm(looks, axis=1, keepdims=True)
        space = EmbeddingSpace(max_distance=0.25, digest="made looks")
        self._tracker = build_tracker(TrackerConfig(), space=space)
        self._shape = np.random.default_rng(0).random((len(BODY.names), 2))

    def __call__(self, robot: world.Robot, number: int) -> Seen:
        """Return who is seen from there."""
        places = np.stack([path.places[number] for path in self._paths])
        rows = np.flatnonzero(world.in_sight(robot, places) >= 0.3)
        hips = np.column_stack((places[:, 0], np.full(len(places), 0.95), places[:, 1]))
        boxes = self._boxes(robot, places[rows])
        poses = self._poses(boxes)
        stamp_ns = round(self._stamps_s[number] * 1e9)
        tracks = self._tracker.update(poses, stamp_ns, lambda asked: self._seen_looks(rows[asked]))
        at = np.full((len(tracks), 3), np.nan)
        is_seen = tracks.detection_rows >= 0
        measured = robot.camera.to_camera(hips[rows])
        measured *= 1 + 0.01 * self._rng.standard_normal((len(rows), 1))
        at[is_seen] = measured[tracks.detection_rows[is_seen]]
        noise = (0.01 * np.nan_to_num(at[:, 2])) ** 2
        tracks = replace(
            tracks, positions=at, position_covariances=noise[:, None, None] * np.eye(3)
        )
        return Seen(world.in_world(tracks, robot))

    def _seen_looks(self, people: np.ndarray) -> np.ndarray:
        looks = self._looks[people] + 0.06 * self._rng.standard_normal((len(people), LOOKS))
        return (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32)

    def _boxes(self, robot: world.Robot, places: np.ndarray) -> np.ndarray:
        x, z = places.T
        zero, right = np.zeros(len(places)), np.array([np.cos(robot.yaw), 0, np.sin(robot.yaw)])
        low = np.column_stack((x, zero, z)) - world.BODY_M * right
        high = np.column_stack((x, zero + 1.75, z)) + world.BODY_M * right
        (x1, y2, _), (x2, y1, _) = robot.camera.project(low).T, robot.camera.project(high).T
        boxes = np.stack((x1, y1, x2, y2), axis=1)
        boxes[:, [0, 2]] = np.clip(boxes[:, [0, 2]], 0, SIZE[1])
        boxes[:, [1, 3]] = np.clip(boxes[:, [1, 3]], 0, SIZE[0])
        return boxes

    def _poses(self, boxes: np.ndarray) -> Poses:
        size = (boxes[:, 2:] - boxes[:, :2])[:, None]
        places = boxes[:, None, :2] + self._shape * size
        return Poses(
            skeleton=BODY,
            keypoints=np.concatenate((places, np.full((*places.shape[:2], 1), 0.8)), axis=2),
            boxes=boxes,
            box_scores=np.full(len(boxes), 0.9),
            scores=np.full(len(boxes), 0.9),
        )


def report(moments: Sequence[Moment]) -> dict[str, float]:
    """Return the figures of a run; times in seconds."""
    after = [m for m in moments if m.time_s > world.CHOSEN_S + 0.5]
    told = [m for m in after if m.state.position is not None]
    hides, comes = world.HIDING_S
    hidden = [m for m in after if hides <= m.time_s <= comes and m.shares[TARGET] == 0]
    if not hidden:
        raise RuntimeError("the target was never hidden: the robot went another way than planned")
    first, last = hidden[0].time_s, hidden[-1].time_s
    again = [m.time_s for m in after if m.time_s > last and m.state.status == TargetStatus.TRACKING]
    silent = [m for m in hidden if m.state.position is None]
    rate_s = moments[1].time_s - moments[0].time_s
    return {
        "wrong": sum(m.nearest != TARGET for m in told),
        "told": len(told),
        "hidden_from": first,
        "hidden_for": last - first + rate_s,
        "stranger_seen_for": rate_s * sum(m.shares[STRANGER] > 0.5 for m in hidden),
        "silent_for": len(silent) * rate_s,
        "moving_in_silence": max(
            (abs(m.robot.speed) for m in silent[round(2 / rate_s) :]), default=0
        ),
        "found_after": again[0] - last if again else np.inf,
        "end_distance": float(
            np.hypot(*(moments[-1].places[TARGET] - [moments[-1].robot.x, moments[-1].robot.z]))
        ),
        "followed_to_the_end": float(moments[-1].state.status == TargetStatus.TRACKING),
    }


def changes(moments: Sequence[Moment]) -> list[tuple[float, str, str, int]]:
    """Return time, status, reason and track at each change of the first two."""
    found: list[tuple[float, str, str, int]] = []
    for moment in moments:
        state = moment.state
        if not found or found[-1][1:3] != (state.status.name, state.reason):
            found.append((moment.time_s, state.status.name, state.reason, state.track_id))
    return found


# Pictures of a run

_SCALE = 20  # pixels per metre of the plan
_COLOURS = ((60, 160, 30), (150, 150, 150), (40, 60, 220))  # BGR: target, passer-by, stranger
_STATUS = {
    TargetStatus.TRACKING: (60, 160, 30),
    TargetStatus.LOST: (40, 60, 220),
    TargetStatus.REIDENTIFYING: (20, 140, 230),
}


def drawn(moment: Moment) -> np.ndarray:
    """Return what the robot sees beside a plan of the room, (H, W, 3) BGR."""
    left = moment.seen.image
    left = np.full((*SIZE, 3), 235, np.uint8) if left is None else cv2.medianBlur(left, 3)
    tracks, state = moment.seen.tracks, moment.state
    colour = _STATUS.get(state.status, (120, 120, 120))
    is_tracking = state.status == TargetStatus.TRACKING
    for row in np.flatnonzero(tracks.detection_rows >= 0):
        is_target = is_tracking and tracks.ids[row] == state.track_id
        x1, y1, x2, y2 = tracks.poses.boxes[row].round().astype(int).tolist()
        cv2.rectangle(left, (x1, y1), (x2, y2), colour if is_target else (60, 60, 60), 2)
    cv2.rectangle(left, (0, 0), (SIZE[1], 18), (255, 255, 255), -1)
    text = f"{moment.time_s:4.1f} s  {state.status.name}  {state.reason}"
    cv2.putText(left, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
    return np.hstack((left, _plan(moment, SIZE[0])))


def _plan(moment: Moment, height: int) -> np.ndarray:
    """Return the room seen from above, the robot driving up."""
    fine = 2
    width = round(2 * HALF_M[0] * _SCALE * 0.8)
    plan = np.full((height * fine, width * fine, 3), 255, np.uint8)
    scale = fine * height / (2 * HALF_M[1])

    def at(x: float, z: float) -> tuple[int, int]:
        return round(width * fine / 2 + x * scale), round((z + HALF_M[1]) * scale)

    cv2.rectangle(
        plan,
        at(CUPBOARD[0][0], CUPBOARD[0][2]),
        at(CUPBOARD[1][0], CUPBOARD[1][2]),
        (90, 110, 130),
        -1,
    )
    robot = moment.robot
    half = np.arctan(SIZE[1] / 2 / FOCAL_PX)
    corners = [at(robot.x, robot.z)]
    for angle in (robot.yaw - half, robot.yaw + half):
        corners.append(at(robot.x + 8 * np.sin(angle), robot.z - 8 * np.cos(angle)))
    cv2.fillPoly(plan, [np.array(corners)], (245, 240, 225))
    cv2.rectangle(
        plan,
        at(CUPBOARD[0][0], CUPBOARD[0][2]),
        at(CUPBOARD[1][0], CUPBOARD[1][2]),
        (90, 110, 130),
        -1,
    )
    for place, colour in zip(moment.places, _COLOURS, strict=True):
        cv2.circle(plan, at(*place), round(BODY_SHOWN * scale), colour, -1, cv2.LINE_AA)
    if moment.state.position is not None:
        x, _, z = moment.state.position
        cv2.drawMarker(plan, at(x, z), (0, 0, 0), cv2.MARKER_CROSS, 9 * fine, fine)
    cv2.circle(plan, at(robot.x, robot.z), round(0.25 * scale), (30, 30, 30), -1, cv2.LINE_AA)
    nose = at(robot.x + 0.5 * np.sin(robot.yaw), robot.z - 0.5 * np.cos(robot.yaw))
    cv2.line(plan, at(robot.x, robot.z), nose, (30, 30, 30), 2 * fine, cv2.LINE_AA)
    return cv2.resize(plan, (width, height), interpolation=cv2.INTER_AREA)


COLOURS = 128  # of the GIF
BODY_SHOWN = 0.28  # radius of people in the plan [m]


def write_gif(moments: Sequence[Moment], path: Path, every_s: float = 0.4) -> None:
    """Write the run as a GIF, about twice as fast as it was."""
    every = max(round(every_s / (moments[1].time_s - moments[0].time_s)), 1)
    pictures = [drawn(moment) for moment in moments[::every]]
    small = [cv2.resize(p, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA) for p in pictures]
    # One palette for all: what is drawn, and what some of the pictures show.
    drawn_colours = np.array([*_COLOURS, *_STATUS.values(), (0, 0, 0), (255, 255, 255)], np.uint8)
    swatches = drawn_colours.repeat(len(small[0]) // len(drawn_colours), axis=0)
    swatches = np.resize(swatches, (len(small[0]), 3))[:, None].repeat(60, axis=1)
    palette = Image.fromarray(np.hstack([*small[:: len(small) // 6], swatches])[..., ::-1])
    palette = palette.quantize(COLOURS, dither=Image.Dither.NONE)
    frames = [
        Image.fromarray(p[..., ::-1]).quantize(palette=palette, dither=Image.Dither.NONE)
        for p in small
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200, loop=0)


def main(arguments: Sequence[str] | None = None) -> list[Moment]:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=Path, help="render what the robot sees")
    parser.add_argument("--gif", type=Path, help="picture of the run to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=10.0, help="pictures per second")
    options = parser.parse_args(arguments)
    stamps_s = np.arange(round(world.LENGTH_S * options.rate)) / options.rate
    paths, styles = walks(stamps_s, options.seed)
    if options.assets:
        # Only here: rendering needs PyTorch and the assets.
        from follow_me_rendered import RenderedEyes  # noqa: PLC0415

        look: Look = RenderedEyes(options.assets, paths, styles, stamps_s, options.seed)
    else:
        look = MadeEyes(paths, stamps_s, options.seed)
    moments = run(look, paths, stamps_s)
    for time_s, status, reason, track_id in changes(moments):
        print(f"{time_s:6.1f} s  {status:14} {reason:20} track {track_id}")
    for name, value in report(moments).items():
        print(f"{name:20} {value:.2f}")
    if options.gif:
        write_gif(moments, options.gif)
    return moments


if __name__ == "__main__":
    main()
