from __future__ import annotations

import pytest

from alphapose_ros.training.settings import (
    RunConfig,
    check_sections,
    data_folder,
    read_training_file,
    section_from,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_text("task: pose\nrun: {steps: 9}\ndata:\n- {folder: a, ratio: 1}\n- {folder: b}\n")
    return path


def test_overrides_reach_sections_and_rows_of_lists(file):
    tree = read_training_file(file, ["run.seed=3", "data.1.ratio=0.5", "pose.sizes=[[64,48]]"])
    assert tree["run"] == {"steps": 9, "seed": 3}
    assert tree["data"] == [{"folder": "a", "ratio": 1}, {"folder": "b", "ratio": 0.5}]
    assert tree["pose"] == {"sizes": [[64, 48]]}


def test_a_section_takes_its_values_and_keeps_other_defaults(file):
    run = section_from(read_training_file(file)["run"], RunConfig(), "run")
    assert (run.steps, run.learning_rate) == (9, RunConfig().learning_rate)
    assert section_from({"drops": [0.5]}, RunConfig(), "run").drops == (0.5,)
    assert section_from(None, RunConfig(), "run") == RunConfig()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": 5}, "run: unknown setting 'step'; did you mean steps"),
        ({"steps": "many"}, "run: steps: 'many' is no int"),
        ({"schedule": "linear"}, "run: schedule: 'linear' is none of cosine, step, constant"),
        ({"hold": 2.0}, r"run: hold: 2\.0 is not in 0"),
        ([1, 2], "run: expected settings with values"),
    ],
)
def test_a_wrong_setting_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        section_from(values, RunConfig(), "run")


@pytest.mark.parametrize("override", ["data.7.ratio=1", "task.name=x", "data.first=1"])
def test_an_override_without_a_place_is_named(file, override):
    with pytest.raises(ValueError, match=override.partition("=")[0]):
        read_training_file(file, [override])


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml does not exist"):
        read_training_file(tmp_path / "nowhere.yaml")
    for text in ("[1, 2]", "a: [", ""):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(ValueError, match=r"bad\.yaml"):
            read_training_file(tmp_path / "bad.yaml")


def test_a_section_that_nobody_reads_is_refused():
    check_sections({"run": {}}, ("task", "run"))
    with pytest.raises(ValueError, match="unknown section 'runs'; known are task, run"):
        check_sections({"runs": {}}, ("task", "run"))


def test_data_lie_under_the_root_or_where_the_environment_says(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("PACKS", str(tmp_path))
    assert data_folder("a", tmp_path) == tmp_path / "a"
    assert data_folder("${PACKS}/a", tmp_path / "elsewhere") == tmp_path / "a"
    with pytest.raises(ValueError, match="NOT_SET"):
        data_folder("${NOT_SET}/a", tmp_path)
    with pytest.raises(FileNotFoundError, match="--data"):
        data_folder("b", tmp_path)
