import numpy as np
import pytest
from scipy.io import savemat

from alphapose_ros.evaluation.datasets.matlab import read_mat, structs


def test_structs_are_objects_and_empty_fields_absent(tmp_path):
    path = tmp_path / "a.mat"
    many = np.empty((1, 2), dtype=[("x", object), ("name", object)])
    many[0, 0] = (np.uint8(3), "left")
    many[0, 1] = (np.zeros((0, 0)), "")
    savemat(path, {"many": many, "one": {"x": 1.5, "inner": {"x": 2}}, "none": np.zeros((0, 0))})
    content = read_mat(path)
    first, second = structs(content, "many")
    assert first.integer("x") == 3 and first.text("name") == "left"
    assert "x" not in second and "name" not in second and second.where.endswith("many(2)")
    (one,) = structs(content, "one")
    assert one.number("x") == 1.5 and one.inside("inner").integer("x") == 2
    assert list(structs(content, "none")) == list(structs(content, "unheard")) == []


def test_files_that_are_none_are_named(tmp_path):
    path = tmp_path / "a.mat"
    with pytest.raises(FileNotFoundError, match=r"a.mat does not exist"):
        read_mat(path)
    path.write_text("hello " * 100)
    with pytest.raises(ValueError, match=r"a.mat: not a whole MATLAB file"):
        read_mat(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a.mat: not a whole MATLAB file"):
        read_mat(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(99))
    with pytest.raises(ValueError, match=r"a.mat: MATLAB's version 7.3, save it again"):
        read_mat(path)
    savemat(path, {"joints": np.ones((3, 14, 20))})
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match=r"a.mat: not a whole MATLAB file"):
        read_mat(path)
