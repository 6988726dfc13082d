from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, write

from alphapose_ros.frame import TrackState
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.table import FIXED, columns_of
from alphapose_ros.skeletons import SKELETONS, skeleton

pa = pytest.importorskip("pyarrow", reason="needs pyarrow, see requirements-test.txt")
pq = pytest.importorskip("pyarrow.parquet")
pa_csv = pytest.importorskip("pyarrow.csv")

NAMES = """frame name stamp_ns width height id state score box_score x1 y1 x2 y2 box_velocity_x
    box_velocity_y age_s unseen_s hits detection_row person_id identity_score position_x_m
    position_y_m position_z_m position_cov_xx position_cov_xy position_cov_xz position_cov_yy
    position_cov_yz position_cov_zz velocity_x_m_s velocity_y_m_s velocity_z_m_s velocity_cov_xx
    velocity_cov_xy velocity_cov_xz velocity_cov_yy velocity_cov_yz velocity_cov_zz position_source
    facing_x facing_y facing_z facing_std_rad"""


def test_the_columns_are_the_documented_ones():
    """Programs of others read them by these names: only add."""
    assert " ".join(FIXED) == " ".join(NAMES.split())
    names = columns_of(skeleton("coco_17"))
    assert names[len(FIXED) : len(FIXED) + 4] == ("nose_x", "nose_y", "nose_score", "left_eye_x")


@pytest.mark.parametrize("name", SKELETONS)
def test_no_two_columns_have_one_name(name):
    names = columns_of(skeleton(name))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", SKELETONS)
def test_the_skeleton_is_told_by_the_columns(name, tmp_path):
    path = write(tmp_path / "a.csv", FORMATS["csv"], made_results(1, name))
    assert read_results(path).skeleton.id == name


def test_a_row_by_hand(tmp_path):
    results = made_results(1, "coco_17", counts=(1, 0), predicted=0)
    frame, empty = results.frames
    keypoints = np.tile(np.float32([np.nan, np.nan, 0]), (1, 17, 1))
    keypoints[0, 0] = 0.1, 20, 0.25
    poses = replace(
        frame.tracks.poses,
        keypoints=keypoints,
        boxes=[[0.1, 2, 3, 4]],
        scores=[0.7],
        box_scores=[np.nan],
    )
    tracks = replace(
        frame.tracks,
        poses=poses,
        ids=[-1],
        states=[TrackState.TENTATIVE],
        ages_s=[0.1],
        person_ids=[-1],
        identity_scores=[np.nan],
        positions=[[1, 2, 1 / 3]],
        position_covariances=[[[1, 2, 3], [2, 4, 5], [3, 5, 6]]],
        velocities=None,
        velocity_covariances=None,
        position_sources=[2],
        facings=None,
        facing_stds=None,
    )
    frame = replace(frame, index=7, name='say "hi", please.jpg', stamp_ns=2**60 + 1, tracks=tracks)
    path = write(tmp_path / "a.csv", FORMATS["csv"], replace(results, frames=[frame, empty]))
    first, second = list(csv.DictReader(path.open(newline="")))
    assert [first[name] for name in NAMES.split()[:13]] == [
        *("7", 'say "hi", please.jpg', str(2**60 + 1), "1920", "1080"),
        *("", "tentative", "0.7", "", "0.1", "2.0", "3.0", "4.0"),
    ]
    assert first["age_s"] == "0.1"
    assert [first[f"position_{axis}_m"] for axis in "xyz"] == ["1.0", "2.0", repr(1 / 3)]
    assert [first[f"position_cov_{axes}"] for axes in ("xx", "xy", "xz", "yy", "yz", "zz")] == [
        *("1.0", "2.0", "3.0", "4.0", "5.0", "6.0"),
    ]
    assert (first["position_source"], first["velocity_x_m_s"], first["person_id"]) == (
        *("ground", "", ""),
    )
    assert (first["nose_x"], first["nose_y"], first["nose_score"]) == ("0.1", "20.0", "0.25")
    assert (first["left_eye_x"], first["left_eye_score"]) == ("", "")
    filled = {name for name, cell in second.items() if cell}
    assert filled == {"frame", "name", "stamp_ns", "width", "height"}


def test_parquet_has_types_and_nulls(tmp_path):
    results = made_results(3, "coco_17", counts=(2, 0, 1))
    table = pq.read_table(write(tmp_path / "a.parquet", FORMATS["parquet"], results))
    types = {field.name: str(field.type) for field in table.schema}
    assert tuple(types) == columns_of(skeleton("coco_17"))
    assert {types[name] for name in ("frame", "stamp_ns", "id", "person_id", "hits")} == {"int64"}
    assert {types[name] for name in ("name", "state", "position_source")} == {"string"}
    assert {types[name] for name in ("x1", "score", "nose_x", "right_ankle_score")} == {"float"}
    assert {types[name] for name in ("age_s", "position_x_m")} == {"double"}
    assert table["id"].null_count == table["state"].null_count == 1  # the frame without people


def test_arrow_reads_the_csv_as_the_parquet_is(tmp_path):
    results = made_results(3, "halpe_26", counts=(2, 0, 1, 4))
    table = pq.read_table(write(tmp_path / "a.parquet", FORMATS["parquet"], results))
    path = write(tmp_path / "a.csv", FORMATS["csv"], results)
    types = pa_csv.ConvertOptions(
        column_types=table.schema, null_values=[""], strings_can_be_null=True
    )
    assert pa_csv.read_csv(path, convert_options=types).equals(table)


def test_many_frames_are_several_groups_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("alphapose_ros.io.formats.parquet_table.GROUP", 4)
    results = made_results(3, "coco_17", counts=(2, 0, 1, 3, 2, 2))
    path = write(tmp_path / "a.parquet", FORMATS["parquet"], results)
    assert pq.ParquetFile(path).num_row_groups == 3
    counts = [len(frame.tracks) for frame in read_results(path).frames]
    assert counts == [2, 0, 1, 3, 2, 2]


def test_a_nearly_full_disk_leaves_a_whole_parquet_file(tmp_path, monkeypatch):
    module = "alphapose_ros.io.formats.parquet_table"
    monkeypatch.setattr(f"{module}.GROUP", 2)
    results = made_results(3, "coco_17", counts=(2, 2, 2), predicted=0)
    path = tmp_path / "a.parquet"
    frames = iter(results.frames)
    with pytest.raises(OSError, match="disk nearly full") as error:  # noqa: SIM117
        with FORMATS["parquet"].writer(path, results.skeleton) as file:
            file.add(next(frames))
            usage = __import__("shutil").disk_usage(tmp_path)._replace(free=1000)
            monkeypatch.setattr(f"{module}.shutil.disk_usage", lambda folder: usage)
            file.add(next(frames))
    assert error.value.filename == str(path)
    assert [len(frame.tracks) for frame in read_results(path).frames] == [2]


def spoiled(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (",tracked,", ",walking,", "entry 1, column 'state': 'walking' is none of tentative"),
        (",tracked,", ",,", "entry 1: column 'state' is empty"),
        (",1920,", ",wide,", "entry 1, column 'width': must be a whole number"),
        (",hits,", ",strikes,", "column 'hits' is missing"),
        (",nose_x,", ",nez_x,", "are not the keypoints of any known skeleton"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, problem):
    results = made_results(1, "coco_17", counts=(2,), predicted=0)
    path = spoiled(write(tmp_path / "a.csv", FORMATS["csv"], results), old, new)
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(error.value).startswith(str(path))


def test_a_truncated_csv_is_told_with_the_entry(tmp_path):
    path = write(tmp_path / "a.csv", FORMATS["csv"], made_results(1, counts=(1, 1), predicted=0))
    path.write_text(path.read_text()[:-100])
    with pytest.raises(ValueError, match=r"entry 2 has \d+ cells .* cut the file before it"):
        read_results(path)


def test_a_truncated_parquet_is_told_with_the_remedy(tmp_path):
    path = write(tmp_path / "a.parquet", FORMATS["parquet"], made_results(1))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"not a whole Parquet file .* make it anew"):
        read_results(path)


def test_parquet_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"frame": [1, 2]}), path)
    with pytest.raises(ValueError, match="not a table of ours: column 'name' is missing"):
        read_results(path)


def test_without_pyarrow_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.delitem(
        __import__("sys").modules, "alphapose_ros.io.formats.parquet_table", raising=False
    )
    with pytest.raises(ValueError, match="pip install pyarrow"):
        FORMATS["parquet"].writer(tmp_path / "a.parquet", skeleton("coco_17"))
