"""Two results compared: every kind of difference is put in once, and found."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.comparing import compare
from alphapose_ros.io.comparing.frames import pair_frames
from alphapose_ros.io.comparing.identities import Switch, compare_ids
from alphapose_ros.io.comparing.people import Common, similarity
from alphapose_ros.io.comparing.report import FRAME_COLUMNS, figures, lines, write_frames
from alphapose_ros.io.comparing.verdict import Tolerances, differences, is_equal
from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats.results import Results
from alphapose_ros.skeletons import Skeleton, skeleton

BODY = skeleton("coco_17")
NOSE, WRIST = BODY.index("nose"), BODY.index("left_wrist")
STEP_NS = 40_000_000


def people(ids=(1, 2), body=BODY, **columns):
    """People 100 px wide and 200 px tall, 300 px apart, keypoints all over them."""
    n, k = len(ids), len(body.names)
    corners = np.array([(300.0 * i, 50.0) for i in range(n)]).reshape(n, 2)
    spread = np.random.default_rng(0).uniform((10, 10), (90, 190), (k, 2))
    keypoints = np.concatenate((corners[:, None] + spread, np.full((n, k, 1), 0.75)), axis=2)
    poses = Poses(
        skeleton=body,
        keypoints=keypoints,
        boxes=np.concatenate((corners, corners + (100, 200)), axis=1),
        box_scores=np.full(n, 0.9),
        scores=np.full(n, 0.5),
    )
    usual = {
        "ids": ids,
        "states": np.full(n, TrackState.TRACKED),
        "ages_s": np.ones(n),
        "unseen_s": np.zeros(n),
        "hits": np.ones(n),
        "detection_rows": np.arange(n),
        "velocities_px": np.zeros((n, 2)),
        "person_ids": np.full(n, -1),
        "identity_scores": np.full(n, np.nan),
    }
    return Tracks(poses=poses, **(usual | columns))


def frame(index, tracks=None, name=None, stamp_ns=None):
    return FrameResult(
        name=name or f"{index}.jpg",
        index=index,
        stamp_ns=index * STEP_NS if stamp_ns is None else stamp_ns,
        width=640,
        height=480,
        tracks=people() if tracks is None else tracks,
    )


def results(*frames, name="a", body=BODY, has_stamps=True):
    return Results(skeleton=body, frames=frames, source_name=name, has_stamps=has_stamps)


def changed(tracks, **columns):
    """Change columns of the poses."""
    return replace(tracks, poses=replace(tracks.poses, **columns))


def moved(tracks, row, keypoint, way):
    keypoints = tracks.poses.keypoints.copy()
    keypoints[row, keypoint, :2] += way
    return changed(tracks, keypoints=keypoints)


def rolled(tracks):
    """The same people in another order."""
    return tracks[list(range(len(tracks)))[::-1]]


def compared(second_tracks, first_tracks=None, **options):
    """Compare three frames of which the middle one differs."""
    first = results(frame(0), frame(1, first_tracks), frame(2))
    second = results(frame(0), frame(1, second_tracks), frame(2), name="b")
    return compare(first, second, **options)


def found(comparison):
    return differences(comparison)


# Nothing differs


def test_equal_results_are_said_to_be_equal():
    comparison = compared(rolled(people()))
    assert found(comparison) == []
    assert is_equal(comparison)
    *_, last = lines(comparison)
    assert last == "A and B are equal: 3 frames, 6 people, no difference."
    assert comparison.spreads["keypoints"].count == 3 * 2 * 17
    assert comparison.spreads["keypoints"].largest == 0
    assert figures(comparison)["equal"] is True


def test_nobody_and_nobody_are_equal():
    comparison = compare(results(frame(0, people(()))), results(frame(0, people(()))))
    assert is_equal(comparison)
    assert np.isnan(comparison.spreads["keypoints"].median)
    assert json.dumps(figures(comparison), allow_nan=False)


def test_no_frames_and_no_frames_are_equal():
    assert is_equal(compare(results(), results()))


def test_who_is_predicted_does_not_count():
    ghost = people((1, 2, 3), detection_rows=[0, 1, -1])
    assert is_equal(compared(ghost))


# Every kind of difference


def test_a_moved_keypoint_is_found_and_measured():
    comparison = compared(moved(people(), 1, WRIST, (3, 4)))
    spread = comparison.spreads["keypoints"]
    assert spread.largest == pytest.approx(5, abs=1e-4)
    assert spread.median == 0
    assert spread.largest_at == "left_wrist of track 2 in 1.jpg"
    heights = comparison.spreads["keypoints_in_heights"]
    assert heights.largest == pytest.approx(5 / 200, abs=1e-6)
    (sentence,) = found(comparison)
    assert sentence == "keypoints differ by up to 5 px: left_wrist of track 2 in 1.jpg"
    *_, last = lines(comparison)
    assert last == "A and B differ."


def test_median_and_95_percent_are_those_of_all_keypoints():
    """17 keypoints moved by 0, 1, ... 16 px: the median is 8, 95 % lies at 0.95 * 16."""
    tracks = people((1,))
    keypoints = tracks.poses.keypoints.copy()
    keypoints[0, :, 0] += np.arange(17)
    second = changed(tracks, keypoints=keypoints)
    comparison = compare(results(frame(0, tracks)), results(frame(0, second)))
    spread = comparison.spreads["keypoints"]
    np.testing.assert_allclose(
        [spread.median, spread.percentile_95, spread.largest], [8, 15.2, 16], atol=1e-4
    )


@pytest.mark.parametrize(("side", "is_first"), [("A", True), ("B", False)])
def test_a_keypoint_that_only_one_has_is_found(side, is_first):
    keypoints = people().poses.keypoints.copy()
    keypoints[0, NOSE] = (np.nan, np.nan, 0)
    without = changed(people(), keypoints=keypoints)
    comparison = compared(without) if is_first else compared(people(), without)
    assert found(comparison) == [f"1 keypoints are in {side} only"]
    spread = comparison.spreads["keypoints"]
    assert (spread.only_first, spread.only_second) == ((1, 0) if is_first else (0, 1))
    assert spread.count == 3 * 2 * 17 - 1


def test_a_changed_score_of_a_keypoint_is_found():
    keypoints = people().poses.keypoints.copy()
    keypoints[0, NOSE, 2] = 0.5
    comparison = compared(changed(people(), keypoints=keypoints))
    assert comparison.spreads["keypoint_scores"].largest == pytest.approx(0.25)
    assert found(comparison) == [
        "keypoint_scores differ by up to 0.25 score: nose of track 1 in 1.jpg"
    ]


def test_a_changed_score_of_a_person_is_found():
    comparison = compared(changed(people(), scores=[0.5, 0.375]))
    assert found(comparison) == ["scores differ by up to 0.125 score: track 2 in 1.jpg"]


def test_a_score_that_only_one_tells_is_found():
    comparison = compared(changed(people(), scores=[0.5, np.nan]))
    assert found(comparison) == ["1 scores are in A only"]


def test_a_changed_box_is_found():
    boxes = people().poses.boxes + np.float32([[0, 0, 0, 0], [1, -2, 3, 0]])
    comparison = compared(changed(people(), boxes=boxes))
    assert found(comparison) == ["boxes differ by up to 3 px: track 2 in 1.jpg"]


def test_a_changed_score_of_a_box_is_found():
    comparison = compared(changed(people(), box_scores=[0.9, 0.775]))
    assert found(comparison) == ["box_scores differ by up to 0.125 score: track 2 in 1.jpg"]


def test_a_changed_score_of_an_identity_is_found():
    first, second = (people(identity_scores=[0.5, score]) for score in (0.5, 0.75))
    comparison = compare(results(frame(0, first)), results(frame(0, second)))
    assert found(comparison) == ["identity_scores differ by up to 0.25 score: track 2 in 0.jpg"]


def test_another_state_is_found():
    tentative = people(states=[TrackState.TRACKED, TrackState.TENTATIVE])
    comparison = compared(tentative)
    assert found(comparison) == ["states differ, first that of track 2 in 1.jpg"]
    assert differences(comparison, Tolerances(px=1, score=1, m=1, deg=1)) == found(comparison)
    assert not is_equal(comparison)


@pytest.mark.parametrize(("side", "is_first"), [("A", False), ("B", True)])
def test_what_a_file_has_no_room_for_is_no_difference_and_said(side, is_first):
    """As AlphaPose's form: no scores of boxes, no past of tracks."""
    known = results(frame(0), frame(1))
    tracks = changed(people(hits=[0, 0]), box_scores=[np.nan] * 2)
    bare = results(frame(0, tracks), frame(1, tracks))
    comparison = compare(known, bare) if is_first else compare(bare, known)
    assert found(comparison) == []
    *_, last = lines(comparison)
    told = f"Not compared: box scores (none in {side}), states (none in {side})."
    assert last == f"A and B are equal: 2 frames, 4 people, no difference. {told}"
    assert figures(comparison)["not_compared"] in told


def test_what_is_ignored_is_said():
    *_, last = lines(compared(people(), without=("facings", "person_ids")))
    assert last.endswith("no difference. Not compared: facings, person ids.")


def test_rounding_by_a_bag_is_no_difference_of_boxes():
    boxes = people().poses.boxes + np.float32([[0, 0, 3.1e-5, 0], [0, 0, 0, 0]])
    first, second = results(frame(0)), results(frame(0, changed(people(), boxes=boxes)))
    assert len(found(compare(first, second))) == 1
    bag = replace(first, box_error_px=5e-4)
    assert found(compare(bag, second)) == found(compare(second, bag)) == []
    boxes = people().poses.boxes + np.float32([[0, 0, 1e-3, 0], [0, 0, 0, 0]])
    assert len(found(compare(bag, results(frame(0, changed(people(), boxes=boxes)))))) == 1


@pytest.mark.parametrize(("side", "is_first"), [("A", True), ("B", False)])
def test_a_person_whom_only_one_has_is_found(side, is_first):
    comparison = compared(people((1,))) if is_first else compared(people(), people((1,)))
    assert found(comparison) == [f"1 people are in {side} only, the first in 1.jpg"]
    couples = comparison.frames[1].couples
    only = couples.only_first if is_first else couples.only_second
    assert only.ids.tolist() == [2]


@pytest.mark.parametrize(("side", "is_first"), [("A", True), ("B", False)])
def test_a_frame_that_only_one_has_is_found(side, is_first):
    whole, part = results(frame(0), frame(1), frame(2)), results(frame(0), frame(2))
    comparison = compare(whole, part) if is_first else compare(part, whole)
    assert found(comparison) == [f"1 frames are in {side} only, the first 1.jpg"]
    assert [one.name for one in comparison.frames] == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(comparison.shared) == 2


def test_somebody_far_away_is_somebody_else():
    away = people().poses
    away = changed(people(), keypoints=away.keypoints + (1000, 0, 0), boxes=away.boxes + 1000)
    comparison = compared(away)
    assert len(found(comparison)) == 2
    assert comparison.spreads["keypoints"].count == 2 * 2 * 17


NOWHERE = [np.nan] * 3


@pytest.mark.parametrize(
    ("column", "first", "second", "sentence"),
    [
        (
            "positions",
            [0, 0, 2],
            [0.3, 0.4, 2],
            "positions differ by up to 0.5 m: track 1 in 1.jpg",
        ),
        ("positions", [0, 0, 2], NOWHERE, "1 positions are in A only"),
        ("positions", NOWHERE, [0, 0, 2], "1 positions are in B only"),
        ("velocities", [1, 0, 0], [1, 0, 2], "velocities differ by up to 2 m/s: track 1 in 1.jpg"),
        ("facings", [0, 0, -1], [0, -1, 0], "facings differ by up to 90 deg: track 1 in 1.jpg"),
        ("facings", [0, 0, -1], NOWHERE, "1 facings are in A only"),
    ],
)
def test_what_differs_in_space_is_found(column, first, second, sentence):
    one, other = ({column: [row, NOWHERE]} for row in (first, second))
    comparison = compared(people(**other), people(**one))
    assert found(comparison) == [sentence]
    same = compared(people(**one), people(**one))
    assert is_equal(same)


def test_positions_that_one_result_does_not_have_at_all_are_missed():
    """What an upgrade must not lose in silence; --ignore is for files that hold none."""
    placed = people(positions=[[0, 0, 2], [1, 0, 3]])
    assert found(compared(people(), placed)) == ["2 positions are in A only"]
    assert is_equal(compared(people(), placed, without=("positions",)))


def test_a_keypoint_in_space_is_found():
    lifted = np.ones((2, 17, 3))
    first = changed(people(), keypoints_3d=lifted)
    lifted = lifted.copy()
    lifted[1, NOSE] = (1, 1, 3)
    comparison = compared(changed(people(), keypoints_3d=lifted), first)
    assert found(comparison) == ["keypoints_3d differ by up to 2 m: nose of track 2 in 1.jpg"]


# Identities


def test_numbers_that_are_others_throughout_are_told_and_no_difference():
    first = results(*(frame(i) for i in range(3)))
    second = results(*(frame(i, people((1, 7))) for i in range(3)))
    comparison = compare(first, second)
    tracks = comparison.identities["tracks"]
    assert tracks.mapping == {1: 1, 2: 7}
    assert tracks.renamed == {2: 7}
    assert found(comparison) == []
    assert not is_equal(comparison)
    text = "\n".join(lines(comparison))
    assert "tracks: 1 of A have the same number in B; 1 others: 2 is 7" in text


def test_a_swap_is_a_change_of_both():
    first = results(*(frame(i) for i in range(4)))
    second = results(*(frame(i, people((1, 2) if i < 2 else (2, 1))) for i in range(4)))
    comparison = compare(first, second)
    assert comparison.identities["tracks"].switches == (
        Switch("2.jpg", 1, 2, first_was=2, second_was=1),
        Switch("2.jpg", 2, 1, first_was=1, second_was=2),
    )
    assert found(comparison) == ["tracks change 2 times, first in 2.jpg"]
    text = "\n".join(lines(comparison))
    assert "tracks change in 2.jpg: A's 1 is B's 2; A's 1 was B's 1 before, B's 2 was A's 2" in text


@pytest.mark.parametrize(
    ("first", "second", "mapping", "switch"),
    [  # a track that breaks into two in B, and one that does in A
        ((5, 5, 5), (1, 1, 2), {5: 1}, Switch("2", 5, 2, first_was=None, second_was=1)),
        ((1, 1, 2), (5, 5, 5), {1: 5, 2: 5}, Switch("2", 2, 5, first_was=1, second_was=None)),
    ],
)
def test_a_broken_track_is_one_change(first, second, mapping, switch):
    frames = [
        (str(index), np.array([one]), np.array([other]))
        for index, (one, other) in enumerate(zip(first, second, strict=True))
    ]
    identities = compare_ids(frames)
    assert identities.mapping == mapping
    assert identities.switches == (switch,)


def test_the_mapping_is_that_of_most_frames():
    others = (4, 9, 9, 9, 4)
    identities = compare_ids(
        (str(index), np.array([1]), np.array([other])) for index, other in enumerate(others)
    )
    assert identities.mapping == {1: 9}
    assert [switch.frame for switch in identities.switches] == ["1", "4"]


def test_a_person_without_a_track_in_one_is_found():
    comparison = compared(people((1, -1)))
    assert found(comparison) == ["1 numbers of tracks are in A only"]
    assert is_equal(compared(people((1, -1)), without=("tracks",)))


def test_who_somebody_is_is_compared_too():
    known = people(person_ids=[3, -1])
    other = people(person_ids=[4, -1])
    first = results(frame(0, known), frame(1, known))
    assert found(compare(first, results(frame(0, known), frame(1, other)))) == [
        "person_ids change 1 times, first in 1.jpg"
    ]
    assert found(compare(first, results(frame(0, known), frame(1)))) == [
        "1 numbers of person_ids are in A only"
    ]


def test_people_in_the_same_place_keep_their_numbers():
    """Twice the very same person: only the numbers can tell them apart."""
    double = people((1, 2))
    double = changed(
        double,
        keypoints=double.poses.keypoints[[0, 0]],
        boxes=double.poses.boxes[[0, 0]],
    )
    assert is_equal(compared(rolled(double), double))


# Frames


def names(pairs):
    return [tuple(one and one.name for one in pair) for pair in pairs.pairs]


def test_frames_are_matched_by_stamp_where_both_tell_times():
    first = results(frame(0, stamp_ns=10), frame(1, stamp_ns=20), frame(2, stamp_ns=30))
    second = results(frame(0, stamp_ns=20), frame(1, stamp_ns=30), frame(2, stamp_ns=40))
    pairs = pair_frames(first, second)
    assert pairs.by == "stamp"
    assert names(pairs) == [
        ("0.jpg", None),
        ("1.jpg", "0.jpg"),
        ("2.jpg", "1.jpg"),
        (None, "2.jpg"),
    ]
    assert names(pair_frames(first, second, "name")) == [(f"{i}.jpg", f"{i}.jpg") for i in range(3)]


@pytest.mark.parametrize("is_second", [False, True])
def test_frames_are_matched_by_name_where_one_tells_no_times(is_second):
    timed = results(frame(0, stamp_ns=10), frame(1, stamp_ns=20))
    plain = results(frame(1, stamp_ns=10), has_stamps=False)
    both = (plain, timed) if is_second else (timed, plain)
    pairs = pair_frames(*both)
    assert pairs.by == "name"
    assert sum(None not in pair for pair in names(pairs)) == 1
    assert ("1.jpg", "1.jpg") in names(pairs)


def test_cameras_without_a_clock_are_matched_by_name():
    still = results(frame(0, stamp_ns=0), frame(1, stamp_ns=0))
    assert pair_frames(still, still).by == "name"


def test_frames_of_the_same_stamp_belong_together_in_their_order():
    first = results(frame(0, stamp_ns=5), frame(1, stamp_ns=5), frame(2, stamp_ns=6))
    second = results(frame(7, stamp_ns=5), frame(8, stamp_ns=5), frame(9, stamp_ns=5))
    assert names(pair_frames(first, second, "stamp")) == [
        ("0.jpg", "7.jpg"),
        ("1.jpg", "8.jpg"),
        (None, "9.jpg"),
        ("2.jpg", None),
    ]


@pytest.mark.parametrize("is_second", [False, True])
def test_stamps_that_a_file_does_not_tell_match_nothing(is_second):
    both = [results(frame(0)), results(frame(0), name="found.json", has_stamps=False)]
    with pytest.raises(ValueError, match=r"found\.json tells no times.*--match name"):
        pair_frames(*(both if is_second else both[::-1]), "stamp")


def test_stamps_are_not_advised_where_there_are_none():
    comparison = compare(results(frame(0)), results(frame(3), has_stamps=False))
    assert comparison.notes == ("no frame is in both by name",)


def test_names_of_bytes_that_are_no_text_are_matched_as_tables_have_them():
    first = results(frame(0, name="caf\udce9.jpg"), has_stamps=False)
    assert None not in pair_frames(first, results(frame(0, name="caf\\udce9.jpg"))).pairs[0]


def test_results_that_have_nothing_in_common_say_what_else_could_be_tried():
    comparison = compare(results(frame(0, stamp_ns=5), frame(1)), results(frame(0), frame(3)))
    assert "no frame is in both by stamp; they can be matched by name too" in comparison.notes


def test_files_that_keep_no_empty_frames_are_equal_for_all_that():
    whole = results(frame(0), frame(1, people(())), frame(2))
    comparison = compare(whole, results(frame(0), frame(2)))
    assert found(comparison) == []
    kept = results(frame(0), frame(2, people(())))
    whole = results(frame(0), frame(1, people(())), frame(2, people(())))
    assert found(compare(whole, kept)) == ["1 frames are in A only, the first 1.jpg"]


# People


def test_similarity_is_the_mean_of_boxes_and_keypoints():
    """Boxes shifted by half their width: IoU 1/3. Keypoints in place: OKS 1."""
    first = people((1,))
    second = changed(first, boxes=first.poses.boxes + np.float32([50, 0, 50, 0]))
    common = Common.of(BODY, BODY)
    assert similarity(first.poses, second.poses, common).item() == pytest.approx((1 / 3 + 1) / 2)
    bare = changed(second, keypoints=np.tile([np.nan, np.nan, 0], (1, 17, 1)))
    assert similarity(first.poses, bare.poses, common).item() == pytest.approx(1 / 3)
    boxless = changed(first, boxes=[[np.nan] * 4])
    assert similarity(first.poses, boxless.poses, common).item() == pytest.approx(1)
    assert similarity(boxless.poses, first.poses, common).item() == pytest.approx(1)
    assert similarity(bare.poses, boxless.poses, common).item() == 0


def test_people_who_hold_each_other_are_told_apart_by_their_keypoints():
    """One box, two poses, in the other order."""
    close = people()
    keypoints = close.poses.keypoints.copy()
    keypoints[1] = keypoints[0] + (8, 4, 0)
    close = changed(close, keypoints=keypoints, boxes=close.poses.boxes[[0, 0]])
    assert is_equal(compared(rolled(close), close))


def test_keypoints_without_boxes_are_measured_by_their_own_height():
    first = changed(people((1,)), boxes=[[np.nan] * 4])
    second = moved(first, 0, NOSE, (0, 3))
    comparison = compare(results(frame(0, first)), results(frame(0, second)))
    height = np.ptp(first.poses.keypoints[0, :, 1])
    heights = comparison.spreads["keypoints_in_heights"]
    assert heights.largest == pytest.approx(3 / height, rel=1e-4)
    assert comparison.spreads["boxes"].count == 0


def test_skeletons_are_compared_by_the_names_they_share():
    large = skeleton("halpe_26")
    rows = large.rows_of(BODY)
    tracks = people(body=large)
    small = changed(people(), keypoints=tracks.poses.keypoints[:, rows], boxes=tracks.poses.boxes)
    comparison = compare(results(frame(0, tracks), body=large), results(frame(0, small)))
    assert found(comparison) == []
    assert comparison.keypoint_names == tuple(n for n in large.names if n in BODY.names)
    assert any("compared are the 17 keypoints of the same name" in n for n in comparison.notes)


def test_skeletons_that_share_no_name_are_compared_by_their_boxes():
    hand = Skeleton("hand", ("wrist", "thumb"), (), (0.1, 0.1), {"all": (0, 2)})
    comparison = compare(results(frame(0)), results(frame(0, people(body=hand)), body=hand))
    assert comparison.spreads["keypoints"].count == 0
    assert comparison.spreads["boxes"].count == 2
    assert found(comparison) == []


# Tolerances


@pytest.mark.parametrize(
    ("second", "tolerances", "is_within"),
    [
        (moved(people(), 0, NOSE, (3, 4)), {"px": 5.01}, True),
        (moved(people(), 0, NOSE, (3, 4)), {"px": 4.99}, False),
        (changed(people(), scores=[0.5, 0.375]), {"score": 0.126}, True),
        (changed(people(), scores=[0.5, 0.375]), {"px": 99, "score": 0.124}, False),
        (people((1,)), {"px": 1e9, "score": 1, "m": 1e9, "deg": 180}, False),
    ],
)
def test_small_differences_are_tolerated(second, tolerances, is_within):
    comparison = compared(second)
    assert (differences(comparison, Tolerances(**tolerances)) == []) == is_within


def test_metres_and_degrees_have_tolerances_of_their_own():
    one = people(positions=[[0, 0, 2]] * 2, velocities=[[0, 0, 0]] * 2, facings=[[0, 0, 1]] * 2)
    other = people(
        positions=[[0, 0, 2.25]] * 2, velocities=[[0, 0, 0.25]] * 2, facings=[[0, 1, 1]] * 2
    )
    comparison = compared(other, one)
    assert differences(comparison, Tolerances(m=0.26, deg=46)) == []
    assert len(differences(comparison, Tolerances(m=0.24, deg=46))) == 2
    (sentence,) = differences(comparison, Tolerances(m=0.26, deg=44))
    assert sentence == "facings differ by up to 45 deg, more than 44: track 1 in 1.jpg"


def test_what_is_to_be_left_out_must_be_known():
    with pytest.raises(ValueError, match="colours: not among what is compared: keypoints, "):
        compare(results(), results(), without=("colours",))


# Reports


@pytest.fixture
def table(tmp_path):
    first = results(frame(0), frame(1), frame(2), frame(3, people(())))
    wrist = moved(people((2, 1)), 1, WRIST, (3, 4))
    second = results(frame(0), frame(1, wrist), frame(2, people((2,))), frame(4), name="b")
    comparison = compare(first, second)
    write_frames(comparison, tmp_path / "frames.csv")
    with (tmp_path / "frames.csv").open(newline="") as file:
        return comparison, list(csv.DictReader(file))


def test_every_frame_is_a_row(table):
    _, rows = table
    assert [(row["frame"], row["in"]) for row in rows] == [
        ("0.jpg", "both"),
        ("1.jpg", "both"),
        ("2.jpg", "both"),
        ("3.jpg", "a"),
        ("4.jpg", "b"),
    ]
    assert set(FRAME_COLUMNS) < set(rows[0])
    assert [row["keypoints_largest"] for row in rows] == ["0", "5", "0", "", ""]
    assert [row["tracks_switches"] for row in rows] == ["0", "2", "0", "", ""]
    assert [row["people_a"] for row in rows] == ["2", "2", "2", "0", ""]
    assert [row["people_b"] for row in rows] == ["2", "2", "1", "", "2"]
    assert [(row["both"], row["only_a"], row["only_b"]) for row in rows[:3]] == [
        ("2", "0", "0"),
        ("2", "0", "0"),
        ("1", "1", "0"),
    ]
    assert rows[1]["stamp_ns"] == str(STEP_NS)


def test_the_figures_are_json_and_say_all(table):
    comparison, _ = table
    told = json.loads(json.dumps(figures(comparison), allow_nan=False))
    assert told["equal"] is False
    assert (told["first"]["name"], told["second"]["name"]) == ("a", "b")
    assert told["frames"] == {
        "matched_by": "stamp",
        "both": 3,
        "only_first": ["3.jpg"],
        "only_second": ["4.jpg"],
    }
    assert told["people"] == {"both": 5, "only_first": 1, "only_second": 0}
    keypoints = told["differences"]["keypoints"]
    assert keypoints["largest"] == pytest.approx(5, abs=1e-4)
    assert keypoints["largest_at"] == "left_wrist of track 2 in 1.jpg"
    assert told["differences"]["positions"]["median"] is None
    tracks = told["identities"]["tracks"]
    assert tracks["mapping"] == {"1": 2, "2": 2}  # in two of three frames, in one of two
    assert [switch["frame"] for switch in tracks["switches"]] == ["1.jpg", "1.jpg"]


def test_the_text_says_the_same(table):
    text = "\n".join(lines(table[0]))
    assert "A: a, 4 frames, coco_17" in text
    assert "frames, by stamp: 3 in both, 1 in A only, 1 in B only" in text
    assert "people in these: 5 in both, 1 in A only, 0 in B only" in text
    assert "left_wrist of track 2 in 1.jpg" in text
    assert "positions" not in text
    assert text.endswith("A and B differ.")
