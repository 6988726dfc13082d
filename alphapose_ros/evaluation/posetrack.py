"""PoseTrack: AP of poses in videos, and MOTA, MOTP, precision and recall of their identities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alphapose_ros.evaluation.posetrack_matching import REACH, Frame, counted, videos_of
from alphapose_ros.evaluation.precision_area import KeypointRanking, PrecisionArea
from alphapose_ros.evaluation.records import Cases, Picture, Predictions, Truth
from alphapose_ros.evaluation.report import Evaluation, Figures
from alphapose_ros.evaluation.statistics import Ratio, Sums

Rankings = Sequence[KeypointRanking]  # one per keypoint
GROUPS = {  # as the official table prints them -> ends of the names
    "Head": ("nose", "head_bottom", "head_top"),
    **{"Shou": ("shoulder",), "Elb": ("elbow",), "Wri": ("wrist",)},
    **{"Hip": ("hip",), "Knee": ("knee",), "Ankl": ("ankle",)},
}
NOTES = (
    f"A keypoint lies right within {REACH} head sizes; a head size is 0.6 of the diagonal of the "
    "head's box.",
    "Pictures without labelled people do not count; keypoints in ignored regions do not either.",
    "MOTA, MOTP, precision and recall leave out the last labelled picture of each video, and count "
    "one miss and one false positive for each keypoint where nobody was found, as poseval does.",
    "MOTP counts the distances of all pairs within reach, not of the matched ones only, as poseval "
    "does: it may be negative.",
)


def evaluate_posetrack(truth: Truth, found: Predictions) -> Evaluation:
    """Compare poses and their identities with labelled videos, as poseval does.

    A found keypoint reaches a labelled one at a distance of at most 0.5 head sizes. Keypoints in
    ignored regions are taken away from both sides, and there people who lose all of them.

    AP. The PCKh of a pose and a person is the share of the person's labelled keypoints that the
    pose reaches. Each pose goes to the person of its highest PCKh (the first of several), each
    person keeps the pose of the highest (the first). Keypoints of other poses are wrong, as are
    those of assigned poses that do not reach the person's, or that the person does not have
    labelled. AP of a keypoint is the area under its precision over recall, 0 where none was found;
    mAP the mean over keypoints.

    MOTA, MOTP, precision, recall. In each video, for each keypoint on its own: a person keeps the
    track of the last match where that reaches; of the others as many as possible are matched, at
    the least total distance. Another track than in the last match, however long ago, is a switch.

        MOTA = 1 - (misses + false positives + switches) / labelled
        MOTP = 1 - D / matches, precision = matches / (matches + false), recall = matches / labelled

    D adds up distances in head sizes: of all pairs that reach, and of the matched ones once more,
    which without rivals makes MOTP 1 - (mean distance / 0.5). A new match counts a further time if
    it is a switch to a track that had no match yet, and if its track was newly given to somebody
    else before (then twice if the person had no match yet). MOTP is 0 without matches, and may be
    negative. Totals are means over keypoints; undefined ones are left out.

    The last picture of each video is left out of these four, and a picture with people in which
    nobody was found counts one miss and one false positive for each keypoint, not one miss for each
    person; so does one whose people all lie in ignored regions.

    Without identities in ``found`` only AP is reported. The videos are units.

    Args:
        truth: needs ``sizes_px`` (heads) and ``track_ids``.
        found: of any skeleton; keypoints are found by name.

    Raises:
        ValueError: ``truth`` has no sizes or identities, or an identity occurs twice in a picture.

    Source: Andriluka et al., PoseTrack, CVPR 2018, section 4; Bernardin & Stiefelhagen 2008; what
        they leave open as poseval does with motmetrics 1.4, as runs of it show.
    """
    if truth.sizes_px is None or truth.track_ids is None:
        raise ValueError("truth has no sizes of heads or no identities; PoseTrack needs both")
    found = found.in_layout(truth.skeleton)
    _check_identities("truth", truth.pictures, truth.rows, truth.track_ids)
    if found.track_ids is not None:
        _check_identities("results", truth.pictures, found.rows, found.track_ids)
    videos = videos_of(truth, found)
    rankings = _rankings(videos, found)
    counts = None
    if found.track_ids is not None:
        counts = np.zeros((len(videos), 5, len(truth.skeleton.names)))
        for unit, frames in enumerate(videos.values()):
            counts[unit] = counted(frames, truth, found)
    names = truth.skeleton.names
    groups = {name: _rows_of(names, ends) for name, ends in GROUPS.items()}
    groups["Total"] = list(range(len(names)))
    sections = {
        "keypoints": {name: _figures(rankings, counts, [row]) for row, name in enumerate(names)},
        "groups": {name: _figures(rankings, counts, rows) for name, rows in groups.items()},
    }
    if len(videos) > 1:
        sections["sequences"] = {
            name: _alone(rankings, counts, unit) for unit, name in enumerate(videos)
        }
    return Evaluation(
        data_set=truth.name,
        units=tuple(videos),
        figures=_totals(rankings, counts),
        sections=sections,
        notes=NOTES if counts is not None else (*NOTES[:2], "The results have no identities."),
        cases=_cases(videos),
    )


def _rankings(videos: Mapping[str, Sequence[Frame]], found: Predictions) -> Rankings:
    """Return what was found of each keypoint, right or wrong."""
    keypoints = len(found.skeleton.names)
    frames = [(unit, frame) for unit, many in enumerate(videos.values()) for frame in many]
    positives = np.zeros((len(videos), keypoints))
    for unit, frame in frames:
        positives[unit] += frame.is_labelled.sum(axis=0)
    unit = np.concatenate([np.empty(0, int), *(np.full(len(f.poses), u) for u, f in frames)])
    poses = np.concatenate([np.empty(0, int), *(frame.poses for _, frame in frames)])
    nothing = np.empty((0, keypoints), bool)
    is_found = np.concatenate([nothing, *(frame.is_found for _, frame in frames)])
    is_true = np.concatenate([nothing, *(frame.is_true for _, frame in frames)])
    return [
        KeypointRanking(
            unit=unit[is_found[:, row]],
            score=found.keypoints[poses[is_found[:, row]], row, 2],
            is_true=is_true[is_found[:, row], row],
            positives=positives[:, row],
        )
        for row in range(keypoints)
    ]


def _figures(rankings: Rankings, counts: np.ndarray | None, rows: Sequence[int]) -> Figures:
    """Return the means over some keypoints; ``counts`` are (U, 5, K)."""
    area = PrecisionArea(tuple(rankings[row] for row in rows))
    if counts is None:
        return {"AP": area}
    labelled, matches, false, switches, distance = np.moveaxis(counts[..., rows], 1, 0)
    return {
        "AP": area,
        "MOTA": Ratio(Sums(matches - false - switches, labelled)),
        "MOTP": Ratio(Sums(matches - distance, matches), empty=0.0),
        "Precision": Ratio(Sums(matches, matches + false)),
        "Recall": Ratio(Sums(matches, labelled)),
    }


def _totals(rankings: Rankings, counts: np.ndarray | None) -> Figures:
    """Return the means over all keypoints."""
    figures = _figures(rankings, counts, range(len(rankings)))
    return {"mAP" if name == "AP" else name: figure for name, figure in figures.items()}


def _alone(rankings: Rankings, counts: np.ndarray | None, unit: int) -> Figures:
    """Return the figures of one video; the others weigh nothing, so that weights still fit."""
    kept = [_of_unit(ranking, unit) for ranking in rankings]
    if counts is None:
        return _totals(kept, None)
    is_kept = np.arange(len(counts)) == unit
    return _totals(kept, counts * is_kept[:, None, None])


def _of_unit(ranking: KeypointRanking, unit: int) -> KeypointRanking:
    is_kept = ranking.unit == unit
    return KeypointRanking(
        unit=ranking.unit[is_kept],
        score=ranking.score[is_kept],
        is_true=ranking.is_true[is_kept],
        positives=ranking.positives * (np.arange(ranking.units) == unit),
    )


def _cases(videos: Mapping[str, Sequence[Frame]]) -> Cases:
    """Return the PCKh of each person with keypoints, 0 where no pose was assigned."""
    columns: tuple[list, list, list, list] = ([], [], [], [])
    for frame in (frame for frames in videos.values() for frame in frames):
        pose_of = np.full(len(frame.people), -1)
        pose_of[frame.owners[frame.owners >= 0]] = np.flatnonzero(frame.owners >= 0)
        for person in np.flatnonzero(frame.is_labelled.any(axis=1)):
            pose = pose_of[person]
            columns[0].append(frame.picture)
            columns[1].append(frame.people[person])
            columns[2].append(frame.poses[pose] if pose >= 0 else -1)
            columns[3].append(frame.pckh[person, pose] if pose >= 0 else 0.0)
    rows, people, poses, quality = columns
    return Cases(rows=rows, truth=people, found=poses, quality=quality, measure="PCKh")


def _rows_of(names: Sequence[str], ends: tuple[str, ...]) -> list[int]:
    return [row for row, name in enumerate(names) if name.endswith(ends)]


def _check_identities(
    whose: str, pictures: Sequence[Picture], rows: np.ndarray, identities: np.ndarray
) -> None:
    pairs, counts = np.unique(np.stack((rows, identities)), axis=1, return_counts=True)
    if (counts > 1).any():
        row, identity = pairs[:, counts > 1][:, 0]
        raise ValueError(f"{whose}: identity {identity} occurs twice in {pictures[row].file}")
