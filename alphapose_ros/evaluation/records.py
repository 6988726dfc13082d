"""Labelled data sets and what was found in them, as columns over all pictures.

Both have one row per person. Coordinates are float64 here, as in the official tools: their figures
are compared to six digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from alphapose_ros.frame import People, array
from alphapose_ros.skeletons import Skeleton

VISIBLE_JAW, JAW_IN_3D = "visible", "3d"


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One picture of a data set, or one frame of its videos."""

    id: int | str  # as the annotation file numbers it
    file: str  # below the folder of the pictures
    size: tuple[int, int] | None = None  # width, height [px]
    sequence: str = ""  # video that it belongs to
    frame: int = 0  # number in that video
    crowd_index: float = np.nan  # CrowdPose: how much people overlap
    is_labelled: bool = True  # PoseTrack labels some frames only
    ignored_regions: tuple[np.ndarray, ...] = ()  # polygons (P, 2) x y in which nobody is labelled


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth(People):
    """A labelled data set: N people in its pictures.

    ``truth[mask]`` selects people; the pictures stay, those without people too.
    """

    name: str  # of the data set, as `alphapose eval` calls it
    skeleton: Skeleton
    pictures: tuple[Picture, ...]
    rows: np.ndarray = array("N", dtype=np.int64)  # picture of each person
    keypoints: np.ndarray = array("N", "K", 3, dtype=np.float64)  # x y [px], visibility
    boxes: np.ndarray = array("N", 4, dtype=np.float64)  # x1 y1 x2 y2 [px]
    areas: np.ndarray = array("N", dtype=np.float64)  # of the segments, for OKS [px^2]
    ids: np.ndarray = array("N", dtype=np.int64)  # of the annotations
    is_crowd: np.ndarray = array("N", dtype=bool)  # one box for several people
    is_valid: np.ndarray | None = array("N", "G", dtype=bool, optional=True)  # groups labelled
    sizes_px: np.ndarray | None = array("N", dtype=np.float64, optional=True)  # of head, torso...
    track_ids: np.ndarray | None = array("N", dtype=np.int64, optional=True)
    traits: np.ndarray | None = array("N", "A", dtype=bool, optional=True)  # blurred, ...
    trait_names: tuple[str, ...] = ()  # A of them
    size_meaning: str = ""  # what sizes_px is, for the reader of a table
    jaw: str = ""  # which contour its faces have: VISIBLE_JAW, JAW_IN_3D, "" without faces

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keypoints.shape[1] != len(self.skeleton.names):
            raise ValueError(
                f"Truth.keypoints has {self.keypoints.shape[1]} keypoints, "
                f"skeleton {self.skeleton.id} has {len(self.skeleton.names)}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_labelled(self) -> np.ndarray:
        """Which keypoints (N, K) have a place."""
        return self.keypoints[..., 2] > 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions(People):
    """N poses found in the pictures of a data set."""

    skeleton: Skeleton
    rows: np.ndarray = array("N", dtype=np.int64)  # picture of each pose, as in Truth.pictures
    keypoints: np.ndarray = array("N", "K", 3, dtype=np.float64)  # x y [px], score; NaN NaN 0
    scores: np.ndarray = array("N", dtype=np.float64)  # of the poses; any scale, larger is better
    boxes: np.ndarray | None = array("N", 4, dtype=np.float64, optional=True)  # x1 y1 x2 y2 [px]
    group_scores: np.ndarray | None = array("N", "G", dtype=np.float64, optional=True)
    track_ids: np.ndarray | None = array("N", dtype=np.int64, optional=True)
    truth_ids: np.ndarray | None = array("N", dtype=np.int64, optional=True)  # annotation meant, -1

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """Return the poses of all parts, which know the same columns; there is at least one."""
        columns = {}
        for item in fields(cls):
            if item.name != "skeleton":
                values = [getattr(part, item.name) for part in parts]
                columns[item.name] = None if values[0] is None else np.concatenate(values)
        return cls(skeleton=parts[0].skeleton, **columns)

    def in_layout(self, skeleton: Skeleton) -> Predictions:
        """Return the same poses with the keypoints of ``skeleton``, found by name.

        Keypoints that were not predicted are NaN NaN 0; scores of groups are kept only where
        nothing changes.
        """
        if skeleton.names == self.skeleton.names:
            return self
        source = self.skeleton.rows_of(skeleton)
        keypoints = np.full((len(self), len(source), 3), [np.nan, np.nan, 0.0])
        keypoints[:, source >= 0] = self.keypoints[:, source[source >= 0]]
        return Predictions(
            skeleton=skeleton,
            rows=self.rows,
            keypoints=keypoints,
            scores=self.scores,
            boxes=self.boxes,
            track_ids=self.track_ids,
            truth_ids=self.truth_ids,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases(People):
    """How well each labelled person was found: what a gallery of the worst is chosen from."""

    rows: np.ndarray = array("N", dtype=np.int64)  # picture
    truth: np.ndarray = array("N", dtype=np.int64)  # row in Truth
    found: np.ndarray = array("N", dtype=np.int64)  # row in Predictions, -1 where nobody was found
    quality: np.ndarray = array("N", dtype=np.float64)  # 1 perfect, 0 missed
    measure: str = "OKS"  # what quality is

    def __len__(self) -> int:
        return len(self.rows)

    def worst(self, count: int) -> Cases:
        """Return the ``count`` cases of least quality, the worst first."""
        return self[np.argsort(self.quality, kind="stable")[:count]]
