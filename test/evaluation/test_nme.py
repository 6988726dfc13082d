from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.faces import face_sizes, read_300w, read_wflw
from alphapose_ros.evaluation.nme import REGIONS, evaluate_faces
from alphapose_ros.evaluation.records import JAW_IN_3D, VISIBLE_JAW, Picture, Predictions, Truth
from alphapose_ros.evaluation.report import read_figures, write_json
from alphapose_ros.skeletons import skeleton

LAYOUTS = ("face_68", "wflw_98")
EYES_PX = 50.0


def made(layout="face_68", count=3):
    """Faces at random places with their outer eye corners 50 px apart, one to a picture."""
    known = skeleton(layout)
    keypoints = np.random.default_rng(count).uniform(0, 100, (count, len(known.names), 3))
    keypoints[:, known.index("right_eye_outer_corner"), :2] = 20, 30
    keypoints[:, known.index("left_eye_outer_corner"), :2] = 60, 60  # 40 and 30 px further: 50
    keypoints[..., 2] = 1
    return Truth(
        name="made",
        skeleton=known,
        pictures=tuple(Picture(id=i, file=f"{i}.jpg") for i in range(count)),
        rows=np.arange(count),
        keypoints=keypoints,
        boxes=np.tile([10.0, 20, 50, 110], (count, 1)),
        areas=np.full(count, 1e4),
        ids=np.arange(count),
        is_crowd=np.zeros(count),
        jaw=VISIBLE_JAW,
    )


def copied(truth, shifts_px=0.0):
    """Predictions at the labels, or to the right of them: a number, (N, 1) or (N, K)."""
    keypoints = truth.keypoints.copy()
    keypoints[..., 0] += shifts_px
    return Predictions(
        skeleton=truth.skeleton,
        rows=truth.rows,
        keypoints=keypoints,
        scores=np.ones(len(truth)),
        truth_ids=truth.ids,
    )


def figures(evaluation):
    return {name: figure.value() for name, figure in evaluation.every_figure()}


def test_a_worked_example():
    # Eyes 50 px apart. Shifts of all keypoints by 1, 4 and 10 px: errors 0.02, 0.08, 0.2.
    # NME 0.1; one of three above 0.1; AUC: (0.8 + 0.2 + 0) / 3.
    truth = made()
    evaluation = evaluate_faces(truth, copied(truth, np.array([[1.0], [4.0], [10.0]])))
    expected = {"NME": 0.1, "FR@0.1": 1 / 3, "AUC@0.1": 1 / 3, "found": 1.0}
    assert evaluation.values() == pytest.approx(expected)
    for numbers in evaluation.sections["groups"].values():
        assert {name: one.value() for name, one in numbers.items()} == pytest.approx(expected)
    np.testing.assert_allclose(evaluation.cases.quality, [0.8, 0.2, 0], atol=1e-12)
    assert evaluation.cases.measure == "1 - NME / 0.1"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_agrees_with_loops_over_faces(layout):
    truth = made(layout, count=30)
    random = np.random.default_rng(3)
    keypoints = truth.keypoints.copy()
    unlabelled = random.random(keypoints.shape[:2]) < 0.2
    unlabelled[:, [truth.skeleton.index(f"{s}_eye_outer_corner") for s in ("left", "right")]] = 0
    keypoints[unlabelled] = -1, -1, 0
    truth = replace(truth, keypoints=keypoints)
    places = keypoints + random.normal(0, random.uniform(1, 6, (30, 1, 1)), keypoints.shape)
    found = replace(copied(truth), keypoints=places)

    errors = []
    for label, place in zip(keypoints, places, strict=True):
        rows = [k for k in range(len(label)) if label[k, 2] > 0]
        apart = [np.hypot(*(label[k, :2] - place[k, :2])) / EYES_PX for k in rows]
        errors.append(sum(apart) / len(rows))
    errors = np.array(errors)
    # The curve of faces of at most some error, added up in steps of a millionth of the range.
    steps = np.linspace(0, 0.1, 1_000_001)
    curve = np.searchsorted(np.sort(errors), steps, side="right") / 30

    numbers = evaluate_faces(truth, found).values()
    assert numbers["NME"] == pytest.approx(errors.mean())
    assert numbers["FR@0.1"] == pytest.approx((errors > 0.1).mean())
    assert numbers["AUC@0.1"] == pytest.approx(curve.mean(), abs=1e-5)
    assert 0 < numbers["FR@0.1"] < 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("normaliser", ["outer_corners", "pupils", "box"])
def test_the_labels_themselves_are_perfect(layout, normaliser):
    truth = made(layout)
    numbers = figures(evaluate_faces(truth, copied(truth), normaliser))
    for name, value in numbers.items():
        assert value == (0 if name.endswith(("NME", "FR@0.1")) else 1), name


@pytest.mark.parametrize(("share", "failed"), [(0.1 - 1e-7, 0), (0.1 + 1e-7, 1)])
def test_a_face_fails_just_beyond_a_tenth(share, failed):
    truth = made()
    numbers = figures(evaluate_faces(truth, copied(truth, share * EYES_PX)))
    assert numbers["FR@0.1"] == failed
    assert numbers["NME"] == pytest.approx(share)
    assert numbers["AUC@0.1"] == pytest.approx(0, abs=1e-5)


def test_each_normaliser_is_what_it_is_said_to_be():
    # All shifted by 6 px. Outer corners: 50 px. Box, made to reach from 0, 0 to 300, 400: 500 px.
    # Pupils of WFLW: 30 px. Middles of the eyes of 68 keypoints: all of the right eye at 0, 0; all
    # of the left at 12, 16, but one at 12, 22, hence its middle at 12, 17: sqrt(433) px.
    wflw, face = made("wflw_98"), made("face_68")
    keypoints = wflw.keypoints.copy()
    keypoints[:, wflw.skeleton.index("right_pupil"), :2] = 10, 10
    keypoints[:, wflw.skeleton.index("left_pupil"), :2] = 40, 10
    wflw = replace(wflw, keypoints=keypoints)
    keypoints = face.keypoints.copy()
    for side, place in (("right", (0, 0)), ("left", (12, 16))):
        rows = [k for k, n in enumerate(face.skeleton.names) if n.startswith(f"{side}_eye_")]
        assert len(rows) == 6
        keypoints[:, rows, :2] = place
    keypoints[:, face.skeleton.index("left_eye_lower_inner"), :2] = 12, 22
    eyes = replace(face, keypoints=keypoints)
    keypoints = face.keypoints.copy()
    keypoints[:, [0, 1], :2] = [[0, 0], [300, 400]]
    wide = replace(face, keypoints=keypoints)
    for truth, normaliser, expected in (
        (face, "outer_corners", 6 / 50),
        (wflw, "outer_corners", 6 / 50),
        (wide, "box", 6 / 500),
        (wflw, "pupils", 6 / 30),
        (eyes, "pupils", 6 / np.sqrt(433)),
    ):
        evaluation = evaluate_faces(truth, copied(truth, 6.0), normaliser)
        assert evaluation.values()["NME"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="'ears' is none of outer_corners, pupils, box"):
        evaluate_faces(face, copied(face), "ears")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_keypoint_is_of_one_region_and_moves_that_alone(layout):
    truth = made(layout)
    numbers = dict.fromkeys(REGIONS, 0)
    for row in range(len(truth.skeleton.names)):
        shifts = np.zeros((3, len(truth.skeleton.names)))
        shifts[1, row] = 5
        evaluation = evaluate_faces(truth, copied(truth, shifts))
        groups = evaluation.sections["groups"]
        moved = [name for name, figures in groups.items() if figures["NME"].value() > 0]
        assert len(moved) == 1
        numbers[moved[0]] += 1
        assert evaluation.values()["NME"] == pytest.approx(0.1 / len(shifts[0]) / 3)
    # 300-W: 17, 10, 9, 12, 20 points. WFLW: 33, 18, 9, 16 and 2 pupils, 20.
    expected = {"face_68": [17, 10, 9, 12, 20], "wflw_98": [33, 18, 9, 18, 20]}
    assert list(numbers.values()) == expected[layout]


def test_a_missed_face_fails_and_is_not_in_the_mean():
    truth = made(count=4)
    evaluation = evaluate_faces(truth, copied(truth, 2.0)[:3])
    # Error 2 / 50 = 0.04 where found; AUC (3 x 0.6 + 0) / 4.
    expected = {"NME": 0.04, "FR@0.1": 0.25, "AUC@0.1": 0.45, "found": 0.75}
    assert evaluation.values() == pytest.approx(expected)
    assert (
        "NME is that of found faces; 1 of 4 are missing or lack keypoints, and count as failed"
    ) in evaluation.notes
    np.testing.assert_allclose(evaluation.cases.quality, [0.6, 0.6, 0.6, 0])


def test_a_face_that_lacks_a_keypoint_fails_with_its_region_and_as_a_whole():
    truth = made()
    shifts = np.zeros((3, 68))
    shifts[0, truth.skeleton.index("chin")] = np.nan
    numbers = figures(evaluate_faces(truth, copied(truth, shifts)))
    assert numbers["FR@0.1"] == numbers["groups/jaw/FR@0.1"] == pytest.approx(1 / 3)
    assert numbers["groups/mouth/FR@0.1"] == 0
    assert numbers["NME"] == 0


def test_without_the_jaw_its_keypoints_do_not_count():
    truth = made()
    shifts = np.zeros((3, 68))
    for row, name in enumerate(truth.skeleton.names):
        if "jaw" in name or name == "chin":
            shifts[:, row] = 40 if row % 2 else np.nan
    evaluation = evaluate_faces(truth, copied(truth, shifts), jaw=False)
    assert evaluation.values() == {"NME": 0, "FR@0.1": 0, "AUC@0.1": 1, "found": 1}
    assert "jaw" not in evaluation.sections["groups"]
    assert "the jaw is left out" in evaluation.notes
    assert evaluate_faces(truth, copied(truth, shifts)).values()["FR@0.1"] == 1


@pytest.mark.parametrize(
    ("of_truth", "of_found", "note"),
    [
        (VISIBLE_JAW, JAW_IN_3D, "labelled as visible and predicted as 3d: these do not compare"),
        (JAW_IN_3D, JAW_IN_3D, "the jaw is labelled and predicted as 3d"),
        (VISIBLE_JAW, "", "labelled as visible; predictions of the other kind do not compare"),
    ],
)
def test_the_definitions_of_the_jaw_are_told(of_truth, of_found, note):
    truth = replace(made(), jaw=of_truth)
    evaluation = evaluate_faces(truth, copied(truth), found_jaw=of_found)
    assert any(note in one for one in evaluation.notes)


def test_faces_whose_eyes_are_not_labelled_are_left_out():
    truth = made()
    keypoints = truth.keypoints.copy()
    keypoints[1, truth.skeleton.index("left_eye_outer_corner"), 2] = 0
    truth = replace(truth, keypoints=keypoints)
    evaluation = evaluate_faces(truth, copied(truth, np.array([[0.0], [90.0], [0.0]])))
    assert evaluation.values() == {"NME": 0, "FR@0.1": 0, "AUC@0.1": 1, "found": 1}
    np.testing.assert_array_equal(evaluation.cases.truth, [0, 2])
    assert "people left out, since their size is not known: 1" in evaluation.notes


def test_whole_bodies_are_compared_to_faces_by_name():
    truth = made()
    body = skeleton("halpe_136")
    keypoints = np.full((3, 136, 3), [np.nan, np.nan, 0.0])
    keypoints[:, body.group("face")] = truth.keypoints
    found = replace(copied(truth), skeleton=body, keypoints=keypoints)
    assert evaluate_faces(truth, found).values()["NME"] == 0
    labelled = replace(truth, skeleton=body, keypoints=np.nan_to_num(keypoints))
    assert evaluate_faces(labelled, found).values()["NME"] == 0


def test_nothing_found_and_nothing_labelled_are_ordinary():
    truth = made()
    nobody = copied(truth)[:0]
    numbers = evaluate_faces(truth, nobody).values()
    assert np.isnan(numbers.pop("NME"))
    assert numbers == {"FR@0.1": 1, "AUC@0.1": 0, "found": 0}
    evaluation = evaluate_faces(truth[[]], nobody)
    assert np.isnan(list(evaluation.values().values())).all() and len(evaluation.cases) == 0


def test_everything_can_be_written_weighed_and_read_again(tmp_path):
    truth = made()
    evaluation = evaluate_faces(truth, copied(truth, np.array([[1.0], [4.0], [10.0]])))
    write_json(evaluation, tmp_path / "figures.json", {})
    again = dict(read_figures(tmp_path / "figures.json").every_figure())
    weights = np.array([2, 0, 1])
    # Errors 0.02 twice, 0.2 once.
    assert again["NME"].value(weights) == pytest.approx(0.08)
    for name, figure in evaluation.every_figure():
        assert again[name].value(weights) == figure.value(weights)


def test_subsets_of_faces_have_rows_of_their_own():
    truth = made()
    found = copied(truth, np.array([[1.0], [4.0], [10.0]]))
    traits = np.array([[True, False, True], [False, False, False]]).T
    truth = replace(truth, traits=traits, trait_names=("blur", "pose"))
    rows = evaluate_faces(truth, found).sections["subsets"]
    # Errors 0.02 and 0.2.
    assert rows["blur"]["NME"].value() == pytest.approx(0.11)
    assert rows["blur"]["FR@0.1"].value() == 0.5
    assert np.isnan(rows["pose"]["NME"].value())


@pytest.mark.parametrize(
    ("read", "file"), [(read_300w, "300w/test_300w.json"), (read_wflw, "wflw/test_wflw.json")]
)
@pytest.mark.parametrize("normaliser", ["outer_corners", "pupils", "box"])
def test_real_faces_are_as_wrong_as_they_were_made(data, read, file, normaliser):
    truth = read(data / "pose_datasets" / file)
    assert evaluate_faces(truth, copied(truth), normaliser).values() == {
        "NME": 0,
        "FR@0.1": 0,
        "AUC@0.1": 1,
        "found": 1,
    }
    for share, failed in ((0.04, 0), (0.1 - 1e-6, 0), (0.1 + 1e-6, 1)):
        shifts = share * face_sizes(truth, normaliser)[:, None]
        numbers = evaluate_faces(truth, copied(truth, shifts), normaliser).values()
        assert numbers["NME"] == pytest.approx(share)
        assert numbers["FR@0.1"] == failed
        assert numbers["AUC@0.1"] == pytest.approx(max(0, 1 - share / 0.1))
    assert len(truth) == len(evaluate_faces(truth, copied(truth)).cases) > 0


def test_a_face_that_is_wrong_by_a_tenth_has_not_failed_yet():
    truth = made(count=1)  # sizes of 50 px: 5 px are a tenth
    found = copied(truth, np.array([[5.0]]))
    errors = evaluate_faces(truth, found).values()
    assert (errors["NME"], errors["FR@0.1"]) == (pytest.approx(0.1), 0)
