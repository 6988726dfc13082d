from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_results import made_results, write

from alphapose_ros.io.formats import FORMATS, format_named, read_results, recognition
from alphapose_ros.io.formats.entries import load_json
from alphapose_ros.io.formats.recognition import BAG, recognised
from alphapose_ros.io.formats.results import Given


def told(path):
    given, name = recognised(Given(Path(path), loader=load_json))
    return given.path, name


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_told_by_its_content(name, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    path = write(tmp_path / "file.what", FORMATS[name], made_results(1, "halpe_26", predicted=0))
    assert told(path) == (path, name)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("result_formats/alphapose/demo_coco17/alphapose-results.json", "alphapose"),
        ("result_formats/alphapose/old_format_coco17/alphapose-results.json", "alphapose"),
        ("result_formats/coco/person_keypoints_val2014_fakekeypoints100_results.json", "coco"),
        ("result_formats/openpose/shapy_samples/img_00.json", "openpose"),
        ("result_formats/openpose/shapy_samples", "openpose"),
        ("result_formats/cmu_panoptic/160906_band1", "cmu"),
        ("pose_datasets/posetrack18/annotations/val/003418_mpii_test.json", "posetrack"),
        ("pose_datasets/coco/test_coco.json", "coco_dataset"),
    ],
)
def test_real_files_are_told(data, file, name):
    assert told(data / file)[1] == name


@pytest.mark.parametrize("file", ["results.json", "results.csv", "results.txt"])
def test_a_run_is_read_by_its_result_file(tmp_path, file):
    name = {"json": "openpose", "csv": "csv", "txt": "mot"}[file.split(".")[1]]
    (tmp_path / "bag").mkdir()
    (tmp_path / "summary.json").write_text("{}")
    path = write(tmp_path / file, FORMATS[name], made_results(1, predicted=0))
    assert told(tmp_path) == (path, name)


def run_folder(folder, *names):
    formats = {".json": "alphapose", ".csv": "csv", ".txt": "mot"}
    for name in names:
        if name == "bag":
            (folder / "bag").mkdir()
            (folder / "bag" / "metadata.yaml").write_bytes(b"")
        elif name == "results.parquet":
            (folder / name).write_bytes(b"PAR1")
        else:
            target = FORMATS[formats[name[-5:] if name.endswith("json") else name[-4:]]]
            write(folder / name, target, made_results(1, predicted=0))
    return folder


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (("results.txt", "results.json"), "results.json"),
        (("results.txt", "results.json", "bag"), "bag"),
        (("results.json", "bag", "results.csv"), "results.csv"),
        (("results.json", "results.csv", "results.parquet"), "results.parquet"),
    ],
)
def test_of_a_run_is_read_what_tells_most(tmp_path, monkeypatch, names, read):
    monkeypatch.setattr(recognition, "find_spec", lambda name: object())
    assert told(run_folder(tmp_path, *names))[0] == tmp_path / read
    monkeypatch.setattr(recognition, "find_spec", lambda name: None)  # without pyarrow
    other = read if read != "results.parquet" else "results.csv"
    assert told(tmp_path)[0] == tmp_path / other


def test_files_that_the_summary_does_not_list_are_of_another_run(tmp_path):
    run_folder(tmp_path, "results.json", "results.csv")
    assert read_results(tmp_path).read_from == tmp_path / "results.csv"
    (tmp_path / "summary.json").write_text('{"outputs": ["results.json", "overlay.mp4"]}')
    assert read_results(tmp_path).read_from == tmp_path / "results.json"
    (tmp_path / "summary.json").write_text('{"outputs": ["overlay.mp4"]}')
    with pytest.raises(ValueError, match="holds no results"):
        read_results(tmp_path)


@pytest.mark.parametrize("file", ["metadata.yaml", "a.mcap", "a.db3", "a.bag"])
def test_bags_are_told(tmp_path, file):
    (tmp_path / file).write_bytes(b"")
    assert told(tmp_path) == (tmp_path, BAG)


def test_a_bag_is_given_to_its_reader(tmp_path, monkeypatch):
    (tmp_path / "metadata.yaml").write_bytes(b"")
    made, asked = made_results(1), []

    def read(*given):
        asked.append(given)
        return made

    monkeypatch.setattr("alphapose_ros.io.formats.resolve_name", lambda name: read)
    assert read_results(tmp_path).frames == made.frames
    assert asked == [(tmp_path, "")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"hello, world\n1,2\n", "not a known result file; name its format"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a known result file"),
        (b"3", "not a known result file"),
        (b'{"a": 1}', "an object with 'a'"),
        (b'{"a": {"b": 1}}', "an object with 'a'"),
        (b"[1, 2]", "entry 0: no person with an image_id"),
        (b'[{"keypoints": []}]', "entry 0: no person with an image_id"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b'["\xff\xfe"]', "not text"),
    ],
)
def test_what_is_no_result_file_is_refused_by_name(tmp_path, content, problem):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(error.value).startswith(str(path))


def test_folders_without_results_are_refused(tmp_path):
    (tmp_path / "summary.json").write_text('{"source": "walk.mp4"}')  # no result file
    message = r"holds no results: neither a bag, nor .*results\.json.* `alphapose run SOURCE --out"
    with pytest.raises(ValueError, match=message):
        read_results(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_results(tmp_path / "none")


@pytest.mark.parametrize("name", ["alphapose", "cmu", "openpose", "coco", "wholebody", "halpe"])
def test_a_truncated_file_names_the_entry_and_the_remedy_and_that_works(name, tmp_path):
    results = made_results(1, "coco_17", counts=(1, 1, 1, 1), predicted=0)
    path = write(tmp_path / "a.json", FORMATS[name], results)
    text = path.read_text()
    lines = text.splitlines(keepends=True)  # a bracket, four frames, a bracket
    for entry in (0, 2, 3):
        start = len("".join(lines[: entry + 1]))
        path.write_text(text[: start + 40])
        with pytest.raises(ValueError, match=f": entry {entry}, line {entry + 2}") as error:
            read_results(path)
        assert str(error.value).startswith(str(path))
        end = lines[-1].strip()
        assert f"to save the {entry} before it, cut the file there and end it with {end}" in str(
            error.value
        )
        path.write_text(text[:start].rstrip().rstrip(",") + end)  # as told
        assert len(read_results(path).frames) == entry


def test_the_unfinished_sample_of_poseflow_is_refused_with_the_place(data):
    path = data / "result_formats/alphapose/poseflow_sample/alpha-pose-results-sample.json"
    with pytest.raises(ValueError, match=r"entry 1, line 164, column 19: not JSON"):
        read_results(path)


def test_a_format_can_be_named(tmp_path):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert list(read_results(path, "mot").frames) == []
    with pytest.raises(ValueError, match=r"'jason' is none of alphapose, cmu"):
        read_results(path, "jason")
    with pytest.raises(ValueError, match="rate_hz must be above 0"):
        read_results(path, "mot", rate_hz=0)
    assert format_named("coco") is FORMATS["coco"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_a_file_of_another_format_is_refused_by_name(name, other, tmp_path):
    if "parquet" in (name, other):
        pytest.importorskip("pyarrow")
    lists = {"alphapose", "coco", "wholebody", "halpe"}
    if name == other or {name, other} <= lists or {name, other} <= {"posetrack", "coco_dataset"}:
        return
    path = write(tmp_path / "a", FORMATS[other], made_results(1, "halpe_26", predicted=0))
    with pytest.raises(ValueError, match="a") as error:
        read_results(path, name)
    assert str(path) in str(error.value)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = write(tmp_path / "a.json", FORMATS["alphapose"], made_results(1))
    count = len(json.loads(path.read_text()))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sum(len(frame.tracks) for frame in read_results(path).frames) == count
