from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.io.mot import SequenceInfo, TrackedBoxes, read_mot, read_seqinfo, write_mot

INFO = "[Sequence]\nname=a\nframeRate=30\nseqLength=525\nimWidth=1920\nimHeight=1080\n"


def read(tmp_path: Path, text: str, **options) -> TrackedBoxes:
    path = tmp_path / "boxes.txt"
    path.write_text(text, encoding="utf-8")
    return read_mot(path, **options)


def same(found: TrackedBoxes, expected: TrackedBoxes) -> bool:
    return all(
        np.allclose(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-8, equal_nan=True
        )
        for name in ("frames", "ids", "boxes", "scores", "classes", "visibilities")
    )


def test_a_line_of_ground_truth_is_frame_id_box_flag_class_and_visibility(tmp_path):
    boxes = read(tmp_path, "3,7,260,450,102,262,0,8,0.25\n")
    assert (boxes.frames[0], boxes.ids[0], boxes.scores[0], boxes.classes[0]) == (3, 7, 0, 8)
    assert boxes.boxes.tolist() == [[260, 450, 362, 712]]
    assert boxes.visibilities[0] == 0.25


@pytest.mark.parametrize("columns", [6, 7, 8, 9, 10])
@pytest.mark.parametrize("separator", [",", ", ", " ", "\t"])
def test_columns_may_be_missing_and_separated_by_commas_or_blanks(tmp_path, columns, separator):
    values = ["1", "2.0", "10.5", "20", "30", "40", "0.5", "1", "0.75", "-1"][:columns]
    boxes = read(tmp_path, separator.join(values) + "\n")
    assert boxes.ids.tolist() == [2]
    assert boxes.boxes.tolist() == [[10.5, 20, 40.5, 60]]
    assert boxes.scores.tolist() == [0.5 if columns > 6 else 1]
    assert boxes.classes.tolist() == [1 if columns > 7 else -1]
    np.testing.assert_array_equal(boxes.visibilities, [0.75 if columns > 8 else np.nan])


def test_results_have_neither_class_nor_visibility(tmp_path):
    boxes = read(tmp_path, "1,-1,10,20,30,40,17.5,-1,-1,-1\n")
    assert (boxes.ids[0], boxes.scores[0], boxes.classes[0]) == (-1, 17.5, -1)
    assert np.isnan(boxes.visibilities[0])


def test_a_place_in_the_world_is_no_class(tmp_path):
    boxes = read(tmp_path, "1,1,10,20,30,40,1,-9.3,2,0\n1,2,10,20,30,40,1,3,-1,-1\n")
    assert boxes.classes.tolist() == [-1, -1]
    assert np.isnan(boxes.visibilities).all()


@pytest.mark.parametrize("text", ["", "\n  \n\r\n"])
def test_an_empty_file_has_nobody(tmp_path, text):
    boxes = read(tmp_path, text)
    assert len(boxes) == 0 and boxes.boxes.shape == (0, 4)


def test_windows_line_ends_and_commas_at_the_end_are_no_matter(tmp_path):
    assert len(read(tmp_path, "\ufeff1,1,0,0,5,5,1,\r\n\r\n2,1,0,0,5,5,1,\r\n")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1,1,0,0,5,5\n2,1,0,x,5,5\n", "line 2, column top: must be a number, is 'x'"),
        ("1,1,0,0,5,5\n\n2,,0,0,5,5\n", "line 3, column id: must be a number, is ''"),
        ("1,1,0,0,5,nan\n", "line 1, column height: must be finite, is nan"),
        ("1,1,0,0,5,5,inf\n", "line 1, column score: must be finite, is inf"),
        ("1,1,0,0,5,5\n0,1,0,0,5,5\n", "line 2, column frame: must be at least 1, is 0"),
        ("1.5,1,0,0,5,5\n", "line 1, column frame: must be a whole number, is 1.5"),
        ("1,1.5,0,0,5,5\n", "line 1, column id: must be a whole number, is 1.5"),
        ("1,1,0,0,5,5,1,0.5\n", "line 1, column class: must be a whole number, is 0.5"),
        ("1,1,0,0,-5,5\n", "line 1, column width: must not be negative, is -5"),
        ("1,1,0,0,5,-5\n", "line 1, column height: must not be negative, is -5"),
        ("1,1,0,0,5\n", "line 1: has 5 columns, expected 6 to 10"),
        ("1,1,0,0,5,5,1,1,1,1,1\n", "line 1: has 11 columns, expected 6 to 10"),
        ("\n1,1,0,0,5,5\n2,1,0,0,5,5,1\n", "line 3: has 7 columns, line 2 has 6"),
    ],
)
def test_a_malformed_value_is_named_by_file_line_and_column(tmp_path, text, problem):
    with pytest.raises(ValueError, match=r"boxes\.txt: line") as raised:
        read(tmp_path, text)
    assert problem in str(raised.value)


def test_what_is_no_text_or_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        read_mot(tmp_path / "nothing.txt")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ValueError, match=r"picture\.txt: not text"):
        read_mot(tmp_path / "picture.txt")


def test_pixels_are_counted_from_one_in_files_and_from_zero_if_asked_for(tmp_path):
    boxes = read(tmp_path, "1,1,1,1,5,10\n", first_pixel=0)
    assert boxes.boxes.tolist() == [[0, 0, 5, 10]]  # the corner of the picture
    write_mot(tmp_path / "again.txt", boxes, first_pixel=0)
    assert (tmp_path / "again.txt").read_text() == "1,1,1,1,5,10,1,-1,-1,-1\n"


@pytest.mark.parametrize(
    "text",
    [
        "1,3,113.84,274.5,57.307,130.05,-1,-1,-1,-1\n",
        "1,1,1291.09997559,459.339996338,71.698974609,199.37002563,0.9864913,-1,-1,-1\n",
        "2,123456789012345,260,450,102,262,1,1,0.86014\n2,5,1,1,2,2,0,8,-1\n",
        "",
    ],
)
def test_what_is_written_reads_the_same_and_looks_the_same(tmp_path, text):
    boxes = read(tmp_path, text)
    write_mot(tmp_path / "new/again.txt", boxes)
    assert (tmp_path / "new/again.txt").read_text() == text
    assert same(read_mot(tmp_path / "new/again.txt"), boxes)


def test_the_real_files_are_read_completely_and_survive_writing(data, tmp_path):
    counts = {
        "TUD-Campus/gt.txt": 359,
        "TUD-Campus/test.txt": 222,
        "MOT17-09-FRCNN/gt.txt": 10411,
        "MOT17-09-FRCNN/Lif_T.txt": 3928,
        "MOT17-09-FRCNN/MPNTrack.txt": 4081,
    }
    for name, count in counts.items():
        boxes = read_mot(data / "mot_metrics" / name)
        assert len(boxes) == count
        write_mot(tmp_path / "again.txt", boxes)
        assert same(read_mot(tmp_path / "again.txt"), boxes)


def test_the_real_ground_truth_has_its_classes_flags_and_visibilities(data):
    boxes = read_mot(data / "mot_metrics/MOT17-09-FRCNN/gt.txt")
    classes, counts = np.unique(boxes.classes, return_counts=True)
    assert dict(zip(classes, counts, strict=True)) == {1: 5325, 7: 514, 8: 1575, 9: 1050, 12: 1947}
    assert ((boxes.scores == 1) == (boxes.classes == 1)).all()
    assert (boxes.visibilities >= 0).all() and boxes.visibilities.max() == 1
    assert boxes.frames.max() == 525 and len(np.unique(boxes.ids[boxes.classes == 1])) == 26


def test_the_real_sequence_is_described(data):
    info = read_seqinfo(data / "mot_metrics/MOT17-09-FRCNN/seqinfo.ini")
    assert info == SequenceInfo(
        name="MOT17-09-FRCNN", length=525, frame_rate_hz=30.0, size=(1920, 1080)
    )


def test_only_the_length_of_a_sequence_must_be_known(tmp_path):
    (tmp_path / "lane").mkdir()
    path = tmp_path / "lane/seqinfo.ini"
    path.write_text("[Sequence]\nseqLength=20\n")
    info = read_seqinfo(path)
    assert (info.name, info.length, info.size) == ("lane", 20, None)
    assert np.isnan(info.frame_rate_hz)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (INFO.replace("seqLength=525\n", ""), "Sequence.seqLength is missing"),
        (INFO.replace("525", "many"), "Sequence.seqLength must be positive, is 'many'"),
        (INFO.replace("=30", "=0"), "Sequence.frameRate must be positive, is '0'"),
        (INFO.replace("1080", "nan"), "Sequence.imHeight must be positive, is 'nan'"),
        (INFO.replace("[Sequence]", "[Other]"), "no file with a section [Sequence]"),
        ("525", "no file with a section [Sequence]"),
    ],
)
def test_a_malformed_description_is_named_by_file_and_field(tmp_path, text, problem):
    path = tmp_path / "seqinfo.ini"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"seqinfo\.ini") as raised:
        read_seqinfo(path)
    assert problem in str(raised.value)
