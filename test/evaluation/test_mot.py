from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.evaluation.mot import evaluate_mot, read_results, read_truth
from alphapose_ros.evaluation.mot_rules import LabelledSequence, usual_rules
from alphapose_ros.evaluation.report import read_figures, to_markdown, write_json
from alphapose_ros.frame import People
from alphapose_ros.io.mot import TrackedBoxes, write_mot

MADE = Path(__file__).resolve().parents[1] / "data/evaluation/mot"
EXPECTED = json.loads((MADE / "expected.json").read_text())
HERE, FAR, FARTHER = (0, 0, 10, 10), (100, 0, 110, 10), (200, 0, 210, 10)
FLAT = (0, 0, 10, 6)  # overlaps HERE by 0.6


def boxes(rows: Iterable[tuple], classes: int | list[int] = -1, scores: float = 1) -> TrackedBoxes:
    """Make boxes from frame, id, box."""
    frames, ids, corners = zip(*rows, strict=True) if rows else ((), (), np.empty((0, 4)))
    return TrackedBoxes(
        frames=frames,
        ids=ids,
        boxes=corners,
        scores=np.full(len(frames), scores),
        classes=np.broadcast_to(classes, len(frames)),
        visibilities=np.ones(len(frames)),
    )


def changed(record: People, **columns) -> TrackedBoxes:
    return TrackedBoxes(**{**vars(record), **columns})


def alone(truth: TrackedBoxes, found: TrackedBoxes, rules: str | None = None, **options):
    return evaluate_mot([LabelledSequence(name="street", boxes=truth, **options)], [found], rules)


def values(truth: list[tuple], found: list[tuple]) -> dict[str, float]:
    return alone(boxes(truth), boxes(found)).values()


@pytest.fixture(scope="module")
def made() -> tuple[tuple[LabelledSequence, ...], tuple[TrackedBoxes, ...]]:
    truth = read_truth(MADE / "truth")
    return truth, read_results(MADE / "results", truth)


# Two people, three frames. Track 1 is on the first, then on the second; track 2 the other way
# round; in the second frame nobody finds the second person, and track 3 is on nobody.
PEOPLE = [(frame, who, box) for frame in (1, 2, 3) for who, box in ((1, HERE), (2, FAR))]
TRACKS = [(1, 1, HERE), (1, 2, FAR), (2, 1, FLAT), (2, 3, FARTHER), (3, 2, HERE), (3, 1, FAR)]


def test_clear_by_hand():
    # Matches 2 + 1 + 2 = 5 of 6, one box on nobody. Both people change their track in frame 3.
    # Overlaps 1, 1, 0.6, 1, 1. The first is matched in 3 of 3 frames, the second in 2 of 3 with
    # a break.
    found = values(PEOPLE, TRACKS)
    counts = {"CLR_TP": 5, "CLR_FN": 1, "CLR_FP": 1, "IDSW": 2, "Frag": 1, "MT": 1, "PT": 1}
    ratios = {"MOTA": 1 - 4 / 6, "MODA": 1 - 2 / 6, "MOTP": 4.6 / 5, "CLR_Re": 5 / 6, "ML": 0}
    expected = counts | ratios | {"CLR_Pr": 5 / 6, "Dets": 6, "GT_Dets": 6, "IDs": 3, "GT_IDs": 2}
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_identities_by_hand():
    # Person 1 has track 1 twice and 2 once, person 2 each once: best is 1-1 and 2-2, 3 frames.
    found = values(PEOPLE, TRACKS)
    expected = {"IDTP": 3, "IDFN": 3, "IDFP": 3, "IDF1": 0.5, "IDR": 0.5, "IDP": 0.5}
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_hota_by_hand():
    # Up to alpha = 0.6 (12 of 19) there are 5 matches, 1 missed, 1 too many; above only 4, 2, 2.
    # Both people have 3 frames, track 1 has 3, track 2 has 2. Matched frames c of a pair count
    # c x c / (3 + its track's - c):
    # up to 0.6: 1-1: 4/4, 1-2: 1/4, 2-2: 1/4, 2-1: 1/5: 1.7 over 5 matches,
    # above:     1-1: 1/5, 1-2: 1/4, 2-2: 1/4, 2-1: 1/5: 0.9 over 4.
    def mean(low: float, high: float) -> float:
        return (12 * low + 7 * high) / 19

    expected = {
        "DetA": mean(5 / 7, 4 / 8),
        "DetRe": mean(5 / 6, 4 / 6),
        "DetPr": mean(5 / 6, 4 / 6),
        "AssA": mean(1.7 / 5, 0.9 / 4),
        "AssRe": mean((4 / 3 + 3 / 3) / 5, (4 / 3) / 4),
        "AssPr": mean((4 / 3 + 2 / 2 + 1 / 3) / 5, (2 / 3 + 2 / 2) / 4),
        "HOTA": mean((5 / 7 * 1.7 / 5) ** 0.5, (4 / 8 * 0.9 / 4) ** 0.5),
        "LocA": mean(4.6 / 5, 1),
        "HOTA(0)": (5 / 7 * 1.7 / 5) ** 0.5,
        "LocA(0)": 4.6 / 5,
    }
    found = values(PEOPLE, TRACKS)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_the_confusion_counts_frames_of_people_on_tracks():
    confusion = alone(boxes(PEOPLE), boxes(TRACKS)).confusion
    assert confusion.people == ("1", "2") and confusion.tracks == ("1", "2", "3")
    assert confusion.counts.tolist() == [[2, 1, 0], [1, 1, 0]]


def test_clear_goes_on_with_a_track_rather_than_taking_a_better_box():
    found = values([(1, 1, HERE), (2, 1, HERE)], [(1, 7, HERE), (2, 7, FLAT), (2, 8, HERE)])
    assert (found["IDSW"], found["MOTP"]) == (0, 0.8)


def test_a_frame_without_boxes_does_not_interrupt_but_one_with_other_boxes_does():
    people = [(1, 1, HERE), (2, 1, HERE), (3, 1, HERE)]
    tracks = [(1, 7, HERE), (3, 7, FLAT), (3, 8, HERE)]
    found = values(people, tracks)
    assert (found["IDSW"], found["Frag"], found["MOTP"]) == (0, 0, 0.8)
    found = values(people, [*tracks, (2, 9, FAR)])
    assert (found["IDSW"], found["Frag"], found["MOTP"]) == (1, 1, 1)


def test_a_switch_is_seen_however_long_the_person_was_lost():
    people = [(frame, 1, HERE) for frame in range(1, 11)]
    lost = [(frame, 9, FAR) for frame in range(2, 10)]
    found = values(people, [(1, 7, HERE), *lost, (10, 8, HERE)])
    assert (found["IDSW"], found["Frag"]) == (1, 1)
    found = values(people, [(1, 7, HERE), *lost, (10, 7, HERE)])
    assert (found["IDSW"], found["Frag"]) == (0, 1)


@pytest.mark.parametrize(
    ("frames", "row"), [(5, "MT"), (4, "PT"), (1, "PT"), (0, "ML")]
)  # of 5: 0.8 is not mostly tracked, 0.2 not mostly lost
def test_mostly_tracked_and_mostly_lost_lie_beyond_their_borders(frames, row):
    tracks = [(frame, 7, HERE if frame <= frames else FAR) for frame in range(1, 6)]
    found = values([(frame, 1, HERE) for frame in range(1, 6)], tracks)
    assert {name: found[name] for name in ("MT", "PT", "ML")} == {
        name: float(name == row) for name in ("MT", "PT", "ML")
    }


def test_half_an_overlap_is_enough_and_less_is_not():
    assert values([(1, 1, HERE)], [(1, 1, (0, 0, 10, 5))])["MOTA"] == 1
    assert values([(1, 1, HERE)], [(1, 1, (0, 0, 10, 4.99))])["MOTA"] == -1
    assert values([(1, 1, HERE)], [(1, 1, (0, 0, 10, 5))])["IDTP"] == 1
    assert values([(1, 1, HERE)], [(1, 1, (0, 0, 10, 4.99))])["IDTP"] == 0


def test_half_an_overlap_but_for_rounding_is_enough_for_clear_and_not_for_identities():
    # 0.2 / 0.4, computed as 0.5 - 2^-54
    found = values([(1, 1, (0.1, 0, 0.4, 1))], [(1, 1, (0.2, 0, 0.5, 1))])
    assert (found["CLR_TP"], found["IDTP"]) == (1, 0)


@pytest.mark.parametrize("rules", ["mot17", "mot20"])
def test_every_figure_of_every_sequence_and_of_all_is_trackevals(made, rules):
    evaluation = evaluate_mot(*made, rules)
    expected = dict(EXPECTED[rules])
    assert evaluation.values() == pytest.approx(expected.pop("COMBINED_SEQ"), abs=1e-9)
    assert evaluation.units == tuple(expected)
    for name, row in expected.items():
        figures = evaluation.sections["sequences"][name]
        assert {key: figure.value() for key, figure in figures.items()} == pytest.approx(
            row, abs=1e-9
        )


def test_weights_choose_sequences(made):
    truth, found = made
    evaluation = evaluate_mot(truth, found)
    for weights in ([1, 0, 0, 0, 0], [1, 1, 0, 0, 1], [2, 0, 1, 0, 3]):
        rows = np.repeat(range(5), weights)
        drawn = evaluate_mot([truth[row] for row in rows], [found[row] for row in rows]).values()
        weighed = {
            name: figure.value(np.array(weights)) for name, figure in evaluation.figures.items()
        }
        assert weighed == pytest.approx(drawn, abs=1e-12)


def test_the_file_of_figures_gives_the_same_figures_again(made, tmp_path):
    evaluation = evaluate_mot(*made)
    write_json(evaluation, tmp_path / "figures.json", {})
    again = dict(read_figures(tmp_path / "figures.json").every_figure())
    weights = np.array([0, 2, 1, 0, 1])
    for name, figure in evaluation.every_figure():
        assert again[name].value() == figure.value()
        assert again[name].value(weights) == figure.value(weights)
    assert "| square |" in to_markdown(evaluation)


def real(data: Path) -> list[tuple[Path, dict]]:
    folder = data / "mot_metrics"
    return [
        (folder / entry["sequence"], entry)
        for entry in json.loads((folder / "expected.json").read_text())
    ]


def evaluated(folder: Path, entry: dict, rules: str | None):
    truth = read_truth(folder / entry["gt"])
    return evaluate_mot(truth, read_results(folder / entry["result"], truth), rules)


def equal_to_trackeval(found: dict[str, float], expected: dict[str, float]) -> None:
    named = {name.removesuffix("_mean"): value for name, value in expected.items()}
    assert len(named) == 20
    assert {name: found[name] for name in named} == pytest.approx(named, abs=6e-7)


def test_real_trackers_get_trackevals_figures_with_and_without_the_rules(data):
    for folder, entry in real(data):
        if folder.name == "TUD-Campus":
            expected = entry["trackeval_12c8791_no_preproc"]
            for rules in ("plain", None):
                equal_to_trackeval(evaluated(folder, entry, rules).values(), expected)
            continue
        expected = entry["trackeval_12c8791_MOT17_preproc"]
        for rules in ("mot17", None):
            equal_to_trackeval(evaluated(folder, entry, rules).values(), expected)
        plain = entry["plain (gt rows with conf==1 and class==1, no ignore handling)"]
        equal_to_trackeval(evaluated(folder, entry, "plain").values(), plain["trackeval_12c8791"])


def test_real_trackers_get_motmetrics_figures_where_the_definitions_agree(data):
    names = {  # of motmetrics -> ours; it says mostly tracked from 0.8 on, we above
        "idf1": "IDF1", "idp": "IDP", "idr": "IDR", "recall": "CLR_Re", "precision": "CLR_Pr",
        "num_unique_objects": "GT_IDs", "num_false_positives": "CLR_FP", "num_misses": "CLR_FN",
        "num_switches": "IDSW", "num_fragmentations": "Frag", "mota": "MOTA",
        "num_detections": "CLR_TP", "num_objects": "GT_Dets",
    }  # fmt: skip
    for folder, entry in real(data):
        expected = (
            entry.get("plain (gt rows with conf==1 and class==1, no ignore handling)") or entry
        )["motmetrics_1.4.0"]
        found = evaluated(folder, entry, "plain").values()
        assert {ours: found[ours] for ours in names.values()} == pytest.approx(
            {ours: expected[theirs] for theirs, ours in names.items()}, abs=6e-7
        )
        assert found["MOTP"] == pytest.approx(1 - expected["motp"], abs=6e-7)


def test_every_row_of_the_real_files_counts_or_is_left_out_for_a_reason(data):
    # Ground truth: 359; and 10,411 of which 5,086 are of classes 7, 8, 9 and 12.
    expected = {
        "test.txt": (222, 359, 0),
        "Lif_T.txt": (3928, 5325, 5086),
        "MPNTrack.txt": (4081, 5325, 5086),
    }
    for folder, entry in real(data):
        evaluation = evaluated(folder, entry, None)
        found, (dets, truth, left_out) = evaluation.values(), expected[entry["result"]]
        assert (found["Dets"], found["GT_Dets"]) == (dets, truth)
        assert evaluation.notes[1].startswith(f"{left_out} true boxes are of other classes")
        assert evaluation.confusion.counts.sum() == found["CLR_TP"]


def perfect(made) -> tuple[list[LabelledSequence], list[TrackedBoxes]]:
    truth = made[0]
    labelled = [sequence.boxes for sequence in truth]
    return list(truth), [
        people[(people.classes == 1) & (people.scores != 0)] for people in labelled
    ]


def test_the_truth_itself_is_perfect(made):
    found = evaluate_mot(*perfect(made), "plain").values()
    for name in ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "IDR", "IDP"):
        assert found[name] == pytest.approx(1)
    for name in ("IDSW", "CLR_FN", "CLR_FP", "IDFN", "IDFP", "PT", "ML"):
        assert found[name] == 0


def test_shuffled_identities_hurt_what_is_about_identities_only(made):
    truth, people = perfect(made)
    rng = np.random.default_rng(0)
    shuffled = [changed(found, ids=rng.permutation(1000)[: len(found)]) for found in people]
    good, bad = evaluate_mot(truth, people).values(), evaluate_mot(truth, shuffled).values()
    for name in ("HOTA", "AssA", "AssRe", "IDF1", "IDTP", "MOTA"):
        assert bad[name] < good[name]
    for name in ("DetA", "DetRe", "DetPr", "LocA", "MOTP", "MODA", "CLR_TP", "MT"):
        assert bad[name] == pytest.approx(good[name])
    assert bad["IDSW"] > 0


def test_shifted_boxes_hurt_what_is_about_places(made):
    truth, people = perfect(made)
    shifted = [changed(found, boxes=found.boxes + 4.0) for found in people]
    good, bad = evaluate_mot(truth, people).values(), evaluate_mot(truth, shifted).values()
    for name in ("HOTA", "DetA", "LocA", "MOTP"):
        assert bad[name] < good[name]


def test_neither_the_order_of_rows_nor_the_names_of_identities_matter(made):
    truth, found = made
    rng = np.random.default_rng(0)  # places of which no two are alike, so that no choice is a draw
    found = [changed(one, boxes=one.boxes + rng.normal(size=one.boxes.shape)) for one in found]
    mixed = [one[rng.permutation(len(one))] for one in found]
    renamed = [changed(one, ids=10**9 - 5 * one.ids) for one in mixed]
    assert evaluate_mot(truth, renamed).values() == pytest.approx(
        evaluate_mot(truth, found).values()
    )


def test_distractors_are_no_mistake_under_the_rules_of_the_benchmark():
    # Two people and a reflection (12); the third track is on the reflection, the fourth on a
    # vehicle without an engine (6), which MOT20 forgives and MOT17 does not.
    truth = boxes([(1, 1, HERE), (1, 2, FAR), (1, 3, FARTHER), (1, 4, (0, 100, 9, 109))], 1)
    truth = changed(truth, classes=[1, 1, 12, 6], scores=[1, 0, 0, 0])
    found = boxes([(1, 1, HERE), (1, 2, FAR), (1, 3, FARTHER), (1, 4, (0, 100, 9, 109))])
    mistakes = {
        rules: alone(truth, found, rules).values()["CLR_FP"]
        for rules in ("plain", "mot17", "mot20")
    }
    assert mistakes == {"plain": 3, "mot17": 2, "mot20": 1}  # FAR is marked as not to be counted
    assert "1 found boxes" in alone(truth, found, "mot17").notes[1]


def test_a_box_on_a_person_before_a_reflection_counts_for_the_person():
    truth = changed(boxes([(1, 1, HERE), (1, 2, FLAT)]), classes=[1, 12], scores=[1, 0])
    found = alone(truth, boxes([(1, 1, HERE)]), "mot17").values()
    assert (found["CLR_TP"], found["CLR_FP"]) == (1, 0)


def test_the_rules_are_those_of_the_benchmark_where_there_are_classes():
    with_classes, without = boxes([(1, 1, HERE)], 1), boxes([(1, 1, HERE)])
    names = {"MOT17-09": with_classes, "MOT20-01": with_classes, "TUD-Campus": without}
    assert [
        usual_rules(LabelledSequence(name=name, boxes=labelled)) for name, labelled in names.items()
    ] == ["mot17", "mot20", "plain"]


def test_nobody_found_nobody_there_and_nobody_at_all_work():
    people, nobody = boxes([(1, 1, HERE), (2, 1, HERE)]), boxes([])
    found = alone(people, nobody).values()
    assert (found["MOTA"], found["HOTA"], found["IDF1"], found["LocA"]) == (0, 0, 0, 1)
    assert (found["CLR_FN"], found["IDFN"], found["ML"]) == (2, 2, 1)
    found = alone(nobody, people).values()
    assert (found["MOTA"], found["HOTA"], found["CLR_FP"], found["IDFP"]) == (0, 0, 2, 2)
    found = alone(nobody, nobody).values()
    assert all(found[name] == 0 for name in ("HOTA", "MOTA", "IDF1", "Dets", "GT_Dets", "MT"))
    assert alone(nobody, nobody).confusion.counts.shape == (0, 0)


@pytest.mark.parametrize(
    ("truth", "found", "rules", "problem"),
    [
        ([(1, 1, HERE), (1, 1, FAR)], [], None, "street: ground truth: id 1 occurs 2 times in fr"),
        ([], [(3, 7, HERE), (3, 7, FAR)], None, "street: results: id 7 occurs 2 times in frame 3"),
        ([], [(3, -1, HERE)], None, "street: results: id -1 is none; these are detections"),
        ([], [(4, 1, HERE)], None, "street: results have frame 4, the sequence ends at 3"),
        ([(1, 1, HERE)], [], "mot17", "street: ground truth has class -1, rules 'mot17' need"),
        ([(1, 1, HERE)], [], "mot99", "rules: 'mot99' is none of plain, mot17, mot20"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(truth, found, rules, problem):
    with pytest.raises(ValueError, match=r"street|rules") as raised:
        alone(boxes(truth), boxes(found), rules, length=3)
    assert problem in str(raised.value)


def test_results_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="street: results have class 3; only pedestrians"):
        alone(boxes([(1, 1, HERE)]), boxes([(1, 1, HERE)], classes=3))
    with pytest.raises(ValueError, match="0 sequences of ground truth"):
        evaluate_mot([], [])


def test_a_folder_of_the_benchmark_has_its_sequences_with_names_and_lengths(made):
    truth, found = made
    lengths = {sequence.name: sequence.length for sequence in truth}
    assert lengths == {
        "crossing": 30,
        "crowd": 14,
        "nobody-found": 12,
        "nobody-there": 12,
        "square": 24,
    }
    assert [len(sequence.boxes) for sequence in truth] == [142, 68, 23, 27, 99]
    assert [len(tracks) for tracks in found] == [115, 66, 0, 31, 75]


@pytest.mark.parametrize("annotations", ["truth/square", "truth/square/gt/gt.txt"])
@pytest.mark.parametrize("results", ["results", "results/square.txt"])
def test_one_sequence_is_a_folder_or_a_file(annotations, results):
    truth = read_truth(MADE / annotations)
    assert [(sequence.name, sequence.length) for sequence in truth] == [("square", 24)]
    evaluation = evaluate_mot(truth, read_results(MADE / results, truth), "mot17")
    assert evaluation.values() == pytest.approx(EXPECTED["mot17"]["square"], abs=1e-9)
    assert evaluation.sections == {} and evaluation.confusion is not None


def test_ground_truth_alone_is_named_by_its_file_and_has_no_length(tmp_path):
    write_mot(tmp_path / "lane.txt", boxes([(1, 1, HERE)]))
    (sequence,) = read_truth(tmp_path / "lane.txt")
    assert (sequence.name, sequence.length) == ("lane", None)


def test_missing_files_are_named(made, tmp_path):
    truth, _ = made
    with pytest.raises(FileNotFoundError, match=r"crossing\.txt"):
        read_results(tmp_path, truth)
    with pytest.raises(ValueError, match=r"5 sequences need one with crossing\.txt"):
        read_results(MADE / "results/square.txt", truth)
    with pytest.raises(FileNotFoundError, match=r"no gt/gt\.txt"):
        read_truth(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_truth(tmp_path / "nothing")
