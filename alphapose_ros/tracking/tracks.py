"""The state of all tracks as arrays, and how it is written down as a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from alphapose_ros.boxes import to_centre_size
from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.keypoints import comparable_rows
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.tracking.kalman import BoxFilters

ABSENT = np.array([np.nan, np.nan, 0.0], np.float32)  # a keypoint that is not there
NOBODY = -1  # row of a track that is not seen; person of whom nothing is known
NEVER = -(2**62)  # stamp [ns] of what has not been
EMBEDDING_MEMORY = 0.9  # part of a track's embedding that an observation leaves


class TrackTable:
    """T tracks: who they are, what was last seen of them, and where they should be now.

    ``rows`` has one row per track, ``filters`` their motion, ``embeddings`` (T, D) what they look
    like: unit vectors, NaN where nothing is known yet, D = 0 until the first one comes.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self._compared = comparable_rows(skeleton)
        shape = (len(range(len(skeleton.names))[self._compared]), 3)
        self.rows = np.empty(0, _columns(shape))
        self.filters = BoxFilters(np.empty((0, 4)))
        self.embeddings = np.empty((0, 0), np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def predict(self, dt_s: float) -> None:
        """Go on by ``dt_s`` seconds without having seen anybody yet."""
        self.rows["was_seen"] = self.rows["row"] != NOBODY
        self.rows["row"] = NOBODY
        self.filters.predict(dt_s)

    def observe(
        self, tracks: np.ndarray, people: Poses, rows: np.ndarray, stamp_ns: int, confirm_hits: int
    ) -> None:
        """Take in what ``rows`` (M,) of ``people`` show of the tracks in ``tracks`` (M,)."""
        boxes = people.boxes[rows]
        self.filters.update(tracks, boxes)
        own = self.rows
        own["row"][tracks] = rows
        own["seen_ns"][tracks] = stamp_ns
        own["hits"][tracks] += 1
        own["is_confirmed"][tracks] |= own["hits"][tracks] >= confirm_hits
        own["box"][tracks] = boxes
        own["keypoints"][tracks] = people.keypoints[rows, self._compared]

    def begin(
        self,
        people: Poses,
        rows: np.ndarray,
        stamp_ns: int,
        ids: Iterator[int],
        *,
        is_sure: bool = False,
    ) -> None:
        """Begin a track for each of ``rows`` (M,) of ``people``, confirmed at once if sure."""
        if not len(rows):
            return
        new = np.zeros(len(rows), self.rows.dtype)
        new["id"] = list(islice(ids, len(rows)))
        new["born_ns"] = new["seen_ns"] = stamp_ns
        new["embedded_ns"] = NEVER
        new["hits"] = 1
        new["is_confirmed"] = is_sure
        new["row"] = rows
        new["person_id"] = new["vote"] = NOBODY
        new["identity_score"] = np.nan
        new["box"] = people.boxes[rows]
        new["keypoints"] = people.keypoints[rows, self._compared]
        self.rows = np.concatenate((self.rows, new))
        self.filters.extend(people.boxes[rows])
        unknown = np.full((len(rows), self.embeddings.shape[1]), np.nan, np.float32)
        self.embeddings = np.concatenate((self.embeddings, unknown))

    def keep(self, is_kept: np.ndarray) -> None:
        """Forget all tracks but those of the mask (T,)."""
        if not is_kept.all():
            self.rows = self.rows[is_kept]
            self.filters.keep(is_kept)
            self.embeddings = self.embeddings[is_kept]

    def forget(self, tracks: np.ndarray) -> None:
        """Forget who tracks (M,) are and what they look like, but not where they are."""
        own = self.rows
        own["person_id"][tracks] = own["vote"][tracks] = NOBODY
        own["votes"][tracks] = 0
        own["identity_score"][tracks] = np.nan
        self.embeddings[tracks] = np.nan

    def split(self, tracks: np.ndarray, ids: Iterator[int], stamp_ns: int) -> None:
        """End tracks (M,) that follow somebody else by now; new ones go on with these people."""
        if not len(tracks):
            return
        ended = self.rows[tracks].copy()
        ended["is_removed"], ended["row"] = True, NOBODY
        own = self.rows
        own["id"][tracks] = list(islice(ids, len(tracks)))
        own["born_ns"][tracks] = stamp_ns
        own["hits"][tracks] = own["checks"][tracks]
        self.rows = np.concatenate((own, ended))
        self.filters.extend(self.filters.boxes[tracks])
        self.embeddings = np.concatenate((self.embeddings, self.embeddings[tracks]))

    def remember(self, tracks: np.ndarray, embeddings: np.ndarray, stamp_ns: int) -> None:
        """Blend what tracks (M,) look like now, (M, D), into what they looked like.

        The first embedding is taken as it is. A row of NaN says nothing, but that it was asked
        for; embeddings of another size than before begin anew.
        """
        self.rows["embedded_ns"][tracks] = stamp_ns
        is_known = np.isfinite(embeddings).all(axis=1)
        if not is_known.any():
            return
        tracks, embeddings = tracks[is_known], embeddings[is_known]
        if self.embeddings.shape[1] != embeddings.shape[1]:
            self.embeddings = np.full((len(self), embeddings.shape[1]), np.nan, np.float32)
        old = self.embeddings[tracks]
        mixed = EMBEDDING_MEMORY * old + (1 - EMBEDDING_MEMORY) * embeddings
        mixed = np.where(np.isnan(old), embeddings, mixed)
        length = np.linalg.norm(mixed, axis=1, keepdims=True)
        self.embeddings[tracks] = mixed / np.maximum(length, 1e-12)

    @property
    def has_embedding(self) -> np.ndarray:
        """Of whom it is known what they look like: a mask (T,)."""
        if not self.embeddings.shape[1]:
            return np.zeros(len(self), bool)
        return ~np.isnan(self.embeddings[:, 0])

    def predicted_keypoints(self, tracks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the compared keypoints of tracks, as last seen, carried to where they should be.

        Args:
            tracks: (M,) whose.
            boxes: (M, 4) where their boxes should be now.

        Returns:
            (M, K, 3) float32.
        """
        old, new = to_centre_size(self.rows["box"][tracks]), to_centre_size(boxes)
        scale = new[:, 2:] / np.maximum(old[:, 2:], 1e-6)
        keypoints = self.rows["keypoints"][tracks]
        keypoints[..., :2] *= scale[:, None]
        keypoints[..., :2] += (new[:, :2] - scale * old[:, :2])[:, None]
        return keypoints

    def compared(self, people: Poses) -> np.ndarray:
        """Return the keypoints (N, K, 3) by which people are compared with tracks."""
        return people.keypoints[:, self._compared]


def to_tracks(table: TrackTable, people: Poses, stamp_ns: int) -> Tracks:
    """Write all tracks down; those not seen in ``people`` get their predicted box.

    Embeddings are those that people bring, else what tracks have looked like, NaN where in doubt.
    """
    own = table.rows
    is_seen = own["row"] != NOBODY
    rows = own["row"]
    states = np.where(own["is_confirmed"], TrackState.TRACKED, TrackState.TENTATIVE)
    states[~is_seen] = TrackState.LOST
    states[own["is_removed"]] = TrackState.REMOVED
    predicted = table.filters.boxes[~is_seen]
    poses = Poses(
        skeleton=people.skeleton,
        keypoints=spread(people.keypoints, rows, ABSENT),
        boxes=spread(people.boxes, rows, predicted),
        box_scores=spread(people.box_scores, rows, 0),
        scores=spread(people.scores, rows, 0),
    )
    if people.embeddings is not None:
        poses = replace(poses, embeddings=spread(people.embeddings, rows, np.nan))
    elif table.embeddings.shape[1]:
        is_sure = ~own["is_doubted"][:, None]
        poses = replace(poses, embeddings=np.where(is_sure, table.embeddings, np.nan))
    return Tracks(
        poses=poses,
        ids=own["id"].copy(),
        states=states,
        ages_s=(stamp_ns - own["born_ns"]) / 1e9,
        unseen_s=(stamp_ns - own["seen_ns"]) / 1e9,
        hits=own["hits"].copy(),
        detection_rows=own["row"].copy(),
        velocities_px=table.filters.velocities,
        person_ids=np.where(own["is_doubted"], NOBODY, own["person_id"]),
        identity_scores=np.where(own["is_doubted"], np.nan, own["identity_score"]),
    )


def spread(values: np.ndarray, rows: np.ndarray, absent: np.ndarray | float) -> np.ndarray:
    """Return ``values[rows]`` (T, ...) float32, and ``absent`` where a row is NOBODY."""
    is_seen = rows != NOBODY
    result = np.empty((len(rows), *values.shape[1:]), np.float32)
    result[~is_seen] = absent
    result[is_seen] = values[rows[is_seen]]
    return result


def _columns(keypoints: tuple[int, int]) -> np.dtype:
    return np.dtype(
        [
            ("id", np.int64),
            ("born_ns", np.int64),
            ("seen_ns", np.int64),
            ("embedded_ns", np.int64),  # when its embedding was last made
            ("hits", np.int64),  # frames seen in
            ("row", np.int64),  # in the people of this frame, NOBODY where not seen
            ("was_seen", bool),  # in the frame before
            ("is_confirmed", bool),
            ("is_removed", bool),
            ("is_doubted", bool),  # it may have taken somebody else for the one it followed
            ("checks", np.int64),  # embeddings since then
            ("strange", np.int64),  # of these, the last ones in a row that were somebody else's
            ("person_id", np.int64),
            ("vote", np.int64),  # whom it was last taken for
            ("votes", np.int64),  # how often in a row
            ("learnt_ns", np.int64),  # when it last taught the gallery
            ("identity_score", np.float32),
            ("box", np.float64, 4),  # as last seen
            ("keypoints", np.float32, keypoints),  # those compared, as last seen
        ]
    )
