from __future__ import annotations

import pytest

from alphapose_ros.config import (
    Config,
    TrackerConfig,
    leaves,
    load_config,
    parse_setting,
    to_yaml,
    with_values,
)


def written(tmp_path, text):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_is_generated_from_the_declarations(root):
    assert (root / "config/pose.yaml").read_text() == to_yaml(Config()), (
        "run `alphapose config > config/pose.yaml`"
    )


def test_the_shipped_file_gives_the_defaults(root):
    assert load_config(root / "config/pose.yaml") == load_config(None) == Config()


def test_every_default_keeps_its_own_rules():
    for name, (value, rules) in leaves(Config()).items():
        assert rules.meaning, name
        if rules.low is not None:
            assert rules.low <= value <= rules.high, name
        if rules.choices:
            assert value in rules.choices, name


def test_a_file_changes_what_it_names(tmp_path):
    path = written(
        tmp_path,
        "pose_node:\n  ros__parameters:\n    use_sim_time: true\n    device: cpu\n"
        "    tracker:\n      max_age_s: 3\n    detector.score_threshold: 0.25\n",
    )
    config = load_config(path)
    assert config.device == "cpu"
    assert config.tracker.max_age_s == 3.0
    assert config.detector.score_threshold == 0.25
    assert config.detector.nms_iou == Config().detector.nms_iou


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker: {max_age: 3}", r"unknown setting 'tracker.max_age'; did you mean"),
        ("tracker: {max_age_s: -1}", r"tracker.max_age_s: -1.0 is not in 0.0 .. 3600.0"),
        ("tracker: {max_age_s: .nan}", "max_age_s: nan is not in"),
        ("tracker: {name: sort}", r"tracker.name: 'sort' is none of msim, none"),
        ("autostart: 1", "autostart: 1 is no bool"),
        ("threads: true", "threads: True is no int"),
        ("detector: {score_threshold: high}", "detector.score_threshold: 'high' is no float"),
    ],
)
def test_a_wrong_line_is_named_with_its_file(tmp_path, text, message):
    path = written(tmp_path, f"/**:\n  ros__parameters:\n    {text}\n")
    with pytest.raises(ValueError, match=message) as error:
        load_config(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "pose_node: {device: cpu}", "{a: [}"])
def test_what_is_no_parameter_file_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="not a ROS parameter file"):
        load_config(written(tmp_path, text))


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert load_config(written(tmp_path, "")) == Config()


def test_the_nearest_range_must_be_below_the_farthest():
    refused = r"^lifting\.min_range_m: 10 is not below max_range_m, 10$"
    with pytest.raises(ValueError, match=refused):
        with_values(Config(), {"lifting.min_range_m": 10.0})
    both = with_values(Config(), {"lifting.min_range_m": 10.0, "lifting.max_range_m": 10.5})
    with pytest.raises(ValueError, match="min_range_m: 10 is not below max_range_m, 8"):
        with_values(both, {"lifting.max_range_m": 8.0})


def test_a_frame_of_tf_begins_with_no_slash():
    with pytest.raises(ValueError, match=r"^target\.tf_frame: '/person' begins with a slash"):
        with_values(Config(), {"target.tf_frame": "/person"})
    assert with_values(Config(), {"target.tf_frame": "a/person"}).target.tf_frame == "a/person"


def test_settings_by_name_leave_the_others():
    changed = with_values(Config(), {"tracker.max_age_s": 5.0, "device": "cpu"})
    assert changed.tracker == TrackerConfig(max_age_s=5.0)
    assert Config().tracker.max_age_s == 4.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tracker.max_age_s=3", ("tracker.max_age_s", 3)),
        ("device=cuda:1", ("device", "cuda:1")),
        ("autostart=false", ("autostart", False)),
        ("pose.weights=", ("pose.weights", "")),
        ("pose.weights=a=b", ("pose.weights", "a=b")),
    ],
)
def test_settings_of_the_command_line(text, expected):
    assert parse_setting(text) == expected


def test_a_value_that_is_no_yaml_is_refused_in_one_line():
    with pytest.raises(ValueError, match="'device=\\[': the value cannot be read") as error:
        parse_setting("device=[")
    assert "\n" not in str(error.value)


def test_a_setting_without_a_value_is_refused():
    with pytest.raises(ValueError, match="expected name=value"):
        parse_setting("device")
