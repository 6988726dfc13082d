from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.evaluation.records import Predictions
from alphapose_ros.evaluation.store import PoseStore
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
HEADER = {"data_set": "made up", "flip": False}


def poses(row, count, truth_ids=True):
    rng = np.random.default_rng(row)
    keypoints = rng.normal(300, 400, (count, 17, 3)).astype(np.float32)
    keypoints[:, 3] = np.nan, np.nan, 0
    return Predictions(
        skeleton=BODY,
        rows=np.full(count, row),
        keypoints=keypoints,
        scores=rng.random(count, np.float32),
        boxes=rng.normal(0, 1e4, (count, 4)).astype(np.float32),
        truth_ids=rng.integers(0, 2**52, count) if truth_ids else None,
    )


def filled(path, truth_ids=True):
    with PoseStore(path, HEADER, BODY, resume=False) as store:
        for row, count in ((2, 3), (0, 0), (1, 2)):
            store.add(row, poses(row, count, truth_ids))
        return store.predictions()


@pytest.mark.parametrize("truth_ids", [True, False])
def test_what_is_read_is_what_was_written_to_the_bit(tmp_path, truth_ids):
    written = filled(tmp_path / "x.jsonl", truth_ids)
    with PoseStore(tmp_path / "x.jsonl", HEADER, BODY, resume=True) as store:
        read = store.predictions()
    for name in ("rows", "keypoints", "scores", "boxes"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    np.testing.assert_array_equal(read.truth_ids, written.truth_ids)
    assert read.rows.tolist() == [1, 1, 2, 2, 2]
    np.testing.assert_array_equal(read.keypoints[:2], poses(1, 2).keypoints)


def test_lines_are_json_with_null_for_what_is_absent(tmp_path):
    filled(tmp_path / "x.jsonl")
    header, line, *_ = (tmp_path / "x.jsonl").read_text().splitlines()
    assert json.loads(header)["flip"] is False
    assert json.loads(line)["keypoints"][0][3] == [None, None, 0]
    assert "NaN" not in line


def test_no_file_keeps_all_in_memory(tmp_path):
    assert len(filled(None)) == 5


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "results.json"
    for content in (b'[{"image_id": 1}]', b'{"info": {}}\n{}\n', b"\xff\x00", b"\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"results\.json is no file of poses"):
            PoseStore(path, HEADER, BODY, resume=True)
        assert path.read_bytes() == content


def test_an_empty_file_is_filled(tmp_path):
    (tmp_path / "x.jsonl").touch()
    assert len(filled(tmp_path / "x.jsonl")) == 5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"\x00\x00\x00\n", "line 3: not JSON"),
        (b'{"picture": 1}\n', r"line 3\.scores: is missing"),
        (b'{"picture": "a", "scores": []}\n', r"line 3\.picture: must be a finite number"),
        (b'{"picture": 1, "scores": [1], "keypoints": [[1]]}\n', r"line 3\.keypoints: must be 1 x"),
        (
            b'{"picture": 1, "scores": ["x"], "keypoints": [[1]]}\n',
            r"line 3\.scores: must be any numbers",
        ),
    ],
)
def test_a_damaged_line_in_the_middle_is_named(tmp_path, line, problem):
    path = tmp_path / "x.jsonl"
    filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    content = b"".join((*lines[:2], line, *lines[3:]))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        PoseStore(path, HEADER, BODY, resume=True)
    assert path.read_bytes() == content


def test_a_whole_line_that_was_cut_off_from_its_end_is_found_anew(tmp_path):
    path = tmp_path / "x.jsonl"
    filled(path)
    path.write_bytes(path.read_bytes()[:-1])
    with PoseStore(path, HEADER, BODY, resume=True) as store:
        assert sorted(store.found) == [0, 2]
        store.add(1, poses(1, 2))
    with PoseStore(path, HEADER, BODY, resume=True) as store:
        assert sorted(store.found) == [0, 1, 2]
