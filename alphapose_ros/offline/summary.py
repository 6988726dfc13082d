"""What a run came to, in figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alphapose_ros.frame import Tracks, TrackState
from alphapose_ros.io.ends import Problem

MOST_PROBLEMS = 20  # that are told one by one


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of one run."""

    source: str
    is_complete: bool  # False: stopped before the source's end
    frames: int
    frames_resumed: int  # of these, whose poses a run before had found
    poses: int  # of all frames
    people_max: int  # in one frame
    tracks: int  # that were ever confirmed
    problems: tuple[Problem, ...]  # what the source had to skip
    seconds: float
    stage_fps: dict[str, float]  # frames per second of each stage while it works
    limit: int | None = None  # most frames, where it ended by that

    @property
    def fps(self) -> float:
        """Frames per second over all."""
        return self.frames / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the figures under the names of summary.json."""
        told = [
            {"where": problem.where, "what": problem.what}
            for problem in self.problems[:MOST_PROBLEMS]
        ]
        return {
            "source": self.source,
            "is_complete": self.is_complete,
            "limit": self.limit,
            "frames": self.frames,
            "frames_resumed": self.frames_resumed,
            "poses": self.poses,
            "people_max": self.people_max,
            "tracks": self.tracks,
            "problem_count": len(self.problems),
            "problems": told,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 3),
            "stage_fps": {name: round(fps, 3) for name, fps in self.stage_fps.items()},
        }


class Tally:
    """Counts frames and people, and the time of each stage; each stage in one thread only."""

    def __init__(self) -> None:
        self.frames = 0
        self.frames_resumed = 0
        self.poses = 0
        self.people_max = 0
        self._tracks: set[int] = set()
        self._start_s = time.perf_counter()
        self._spent: dict[str, tuple[float, int]] = {}  # [s], frames

    def count(self, tracks: Tracks) -> None:
        """Count a frame that is written."""
        people = int((tracks.detection_rows >= 0).sum())
        self.frames += 1
        self.poses += people
        self.people_max = max(self.people_max, people)
        self._tracks.update(tracks.ids[tracks.states == TrackState.TRACKED].tolist())

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Count the time of a block as one frame's of ``stage``."""
        start_s = time.perf_counter()
        yield
        spent_s, frames = self._spent.get(stage, (0.0, 0))
        self._spent[stage] = spent_s + time.perf_counter() - start_s, frames + 1

    def summary(self, source: str, problems: tuple[Problem, ...], *, is_complete: bool) -> Summary:
        """Return the figures so far."""
        return Summary(
            source=source,
            is_complete=is_complete,
            frames=self.frames,
            frames_resumed=self.frames_resumed,
            poses=self.poses,
            people_max=self.people_max,
            tracks=len(self._tracks),
            problems=problems,
            seconds=time.perf_counter() - self._start_s,
            stage_fps={name: count / s for name, (s, count) in self._spent.items() if s > 0},
        )
