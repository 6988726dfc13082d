from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.evaluation.fields import Entry, read_json, read_list, read_object

NEEDED = ["value", "number", "size", "integer", "flag", "key", "text", "box", "inside", "entries"]


def entry(**fields):
    return Entry(fields, "gt.json: annotations[3]")


@pytest.mark.parametrize(
    ("read", "value", "problem"),
    [
        ("number", "3", "must be a finite number, is '3'"),
        ("number", None, "must be a finite number, is None"),
        ("number", True, "must be a finite number, is True"),
        ("number", float("nan"), "must be a finite number, is nan"),
        ("number", float("inf"), "must be a finite number, is inf"),
        ("number", 10**400, "must be a finite number, is 1000"),
        ("integer", 2.5, "must be a whole number, is 2.5"),
        ("integer", 1e300, "must be a whole number, is 1e+300"),
        ("integer", 10**25, "must be a whole number, is 1e+25"),
        ("size", -1, "must not be negative, is -1"),
        ("flag", 2, "must be 0 or 1, is 2"),
        ("flag", None, "must be 0 or 1, is None"),
        ("flag", [], "must be 0 or 1, is []"),
        ("key", None, "must be a number or a string, is None"),
        ("key", True, "must be a number or a string, is True"),
        ("key", 1.5, "must be a whole number, is 1.5"),
        ("inside", 3, "must be an object, is 3"),
        ("text", 3, "must be a string, is 3"),
        ("box", [0, 0, 1], "must be 4 numbers"),
        ("box", [0, 0, 1, -1], "has a negative extent"),
        ("box", [0, 0, 1, "a"], "must be 4 numbers"),
        ("box", [0, 0, 1, "1"], "must be 4 numbers"),
        ("box", [0, 0, 1, 10**400], "must be 4 numbers"),
        ("box", [0, 0, 1, float("inf")], "holds NaN or Inf"),
        ("box", None, "must be 4 numbers, is None"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_is(read, value, problem):
    with pytest.raises(ValueError) as error:
        getattr(entry(bbox=value), read)("bbox")
    assert str(error.value).startswith(f"gt.json: annotations[3].bbox: {problem}")


@pytest.mark.parametrize("read", NEEDED)
def test_a_missing_field_is_named(read):
    with pytest.raises(ValueError, match=r"annotations\[3\].bbox: is missing"):
        list(getattr(entry(), read)("bbox"))


def test_numbers_are_read():
    found = entry(a=3, b=2.0, c=0.5)
    assert found.number("a") == 3.0 and isinstance(found.number("a"), float)
    assert found.integer("b") == 2 and isinstance(found.integer("b"), int)
    assert found.number("c") == 0.5


def test_a_default_stands_for_a_missing_field_only():
    assert entry().number("a", 1.5) == 1.5 and entry().integer("a", -1) == -1
    assert np.isnan(entry().number("a", np.nan))
    with pytest.raises(ValueError, match="must be a finite number"):
        entry(a=None).number("a", 1.5)


def test_fields_can_be_asked_for():
    found = entry(a=0)
    assert "a" in found and "b" not in found
    assert found.get("a") == 0 and found.get("b") is None and found.get("b", 4) == 4


def test_boxes_become_corners():
    assert entry(bbox=[1, 2, 3, 4]).box("bbox").tolist() == [1, 2, 4, 6]
    assert entry(bbox=[1, 2, 0, 0]).box("bbox").tolist() == [1, 2, 1, 2]


def test_keypoints_are_read_flat_and_nested():
    flat = entry(keypoints=[1, 2, 0, 4, 5, 1]).keypoints("keypoints", 2)
    nested = entry(keypoints=[[1, 2, 0], [4, 5, 1]]).keypoints("keypoints", 2)
    assert flat.tolist() == nested.tolist() == [[1, 2, 0], [4, 5, 1]]
    assert flat.dtype == np.float64


@pytest.mark.parametrize("wrong", [[1, 2, 0, 4, 5], [], {"x": 1}, [[1, 2], [3]], ["a"] * 6])
def test_a_wrong_number_of_keypoints_is_named(wrong):
    with pytest.raises(ValueError, match="keypoints: must be 2 x 3 numbers"):
        entry(keypoints=wrong).keypoints("keypoints", 2)


def test_an_array_may_have_any_length():
    assert entry(a=[]).array("a", -1).shape == (0,)
    assert entry(a=[1, 2, 3, 4]).array("a", -1, 2).shape == (2, 2)
    with pytest.raises(ValueError, match="must be any x 2 numbers"):
        entry(a=[1, 2, 3]).array("a", -1, 2)


def test_objects_of_a_list_know_their_number():
    first, second = entry(parts=[{}, {"x": 1}]).entries("parts")
    assert second.number("x") == 1
    with pytest.raises(ValueError, match=r"annotations\[3\].parts\[0\].x: is missing"):
        first.value("x")


@pytest.mark.parametrize(("parts", "problem"), [(3, "must be a list"), ([4], "must be an object")])
def test_what_is_no_list_of_objects_is_named(parts, problem):
    with pytest.raises(ValueError, match=rf"annotations\[3\].parts.*{problem}"):
        list(entry(parts=parts).entries("parts"))


def test_long_values_are_cut_short():
    with pytest.raises(ValueError, match=r"\.\.\. \(list\)$") as error:
        entry(a=list(range(1000))).number("a")
    assert len(str(error.value)) < 150


def test_files_are_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"x": 1}, {"x": 2}]))
    assert [item.number("x") for item in read_list(path)] == [1, 2]
    path.write_text(json.dumps({"x": 3}))
    assert read_object(str(path)).number("x") == 3


def test_files_that_hold_something_else_are_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"a.json: must hold a list, holds {}"):
        read_list(path)
    path.write_text("[3]")
    with pytest.raises(ValueError, match=r"a.json: must be an object, is \[3\]"):
        read_object(path)
    with pytest.raises(ValueError, match=r"a.json\[0\]: must be an object, is 3"):
        read_list(path)


def test_files_that_are_no_json_are_named_with_the_place(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"x": 1,\n"y": }')
    with pytest.raises(ValueError, match=r"a.json: not JSON \(.*line 2 column 6"):
        read_json(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a.json: not JSON"):
        read_json(path)


def test_flags_and_keys_are_read():
    found = entry(a=1, b=False, c="x", d=7)
    assert found.flag("a") is True and found.flag("b") is False and found.flag("z", True) is True
    assert found.key("c") == "x" and found.key("d") == 7
    assert entry(a={"b": {"x": 2}}).inside("a").inside("b").number("x") == 2


def test_a_folder_in_place_of_a_file_is_said(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder, not a file"):
        read_json(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.json does not exist"):
        read_json(tmp_path / "none.json")
