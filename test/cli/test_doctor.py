"""The command: whatever ROS does, it ends, with a table, a file and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from alphapose_ros import devices, pipeline
from alphapose_ros.cli import doctor, main
from alphapose_ros.config import Config, with_values
from alphapose_ros.io.findings import FAIL, OK, WARN, Finding, to_line, worst
from alphapose_ros.zoo import find_weights, main_path

GOOD = Finding(OK, "publisher", "there is one")


@pytest.fixture
def without_ros(monkeypatch):
    """As where rclpy is not installed."""
    find = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "rclpy" else find(name))


@pytest.fixture
def python(monkeypatch, tmp_path):
    """Have a shell script stand in for the Python that examines ROS."""

    def become(script):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(doctor.sys, "executable", str(path))

    return become


# The whole command, in a process of its own


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "alphapose_ros", "doctor", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_a_look_round_without_a_camera_is_no_failure(tmp_path):
    code, said = command("--seconds=0.2", f"--json={tmp_path / 'found.json'}")
    assert code == 0, said
    report = json.loads((tmp_path / "found.json").read_text())
    found = {one["subject"]: one for one in report["findings"]}
    assert found["ROS 2"]["values"]["domain"] == os.environ["ROS_DOMAIN_ID"]
    assert found["images"]["level"] == report["worst"] == WARN
    assert found["networks"]["values"]["milliseconds"] > 0
    assert [found[name]["level"] for name in ("messages", "weights", "device")] == [OK] * 3
    for one in report["findings"]:
        assert f"{one['level']:<4}  {one['subject']}" in said


def test_a_camera_that_is_not_there_is_a_failure():
    code, said = command("/nowhere/image", "--seconds=0.2")
    assert code == 1
    assert "FAIL  publisher      nobody publishes on /nowhere/image" in said
    assert "OK    networks" in said  # it goes on with what it can


# ROS that is missing, broken or stuck


@pytest.mark.parametrize(("topic", "level", "code"), [("", WARN, 0), ("/image", FAIL, 1)])
def test_without_ros_the_rest_is_examined(capsys, without_ros, topic, level, code):
    try:
        assert main(["doctor", topic]) == code
    except SystemExit as end:
        assert end.code == code
    said = capsys.readouterr().out
    assert f"{level:<4}  ROS 2" in said
    assert "rclpy is not installed" in said
    assert "OK    networks" in said


def test_an_examination_that_hangs_is_ended_and_what_it_said_is_kept(python):
    python(f"echo '{to_line(GOOD)}'; exec sleep 600")
    found = doctor.examine_ros("/image", 0.1, slack_s=0.5)
    assert found[0] == GOOD
    assert (found[1].level, "did not end within 0.6 s" in found[1].text) == (FAIL, True)


def test_an_examination_that_breaks_off_is_told_with_its_last_words(python):
    python(f"echo '{to_line(GOOD)}'; echo no middleware >&2; exit 3")
    found = doctor.examine_ros("/image", 0.1)
    assert found[0] == GOOD
    assert found[1].level == FAIL
    assert "exit code 3: no middleware" in found[1].text


@pytest.mark.parametrize(
    ("name", "value", "words", "remedy"),
    [
        ("ROS_DOMAIN_ID", "300", "'300', not a number from 0 to 232", "ROS_DOMAIN_ID, or export"),
        ("ROS_DOMAIN_ID", "abc", "'abc', not a number from 0 to 232", "ROS_DOMAIN_ID, or export"),
        ("RMW_IMPLEMENTATION", "rmw_none_cpp", "'rmw_none_cpp', which is", "-rmw-none-cpp"),
    ],
)
def test_an_environment_with_which_ros_cannot_begin_is_told(
    monkeypatch, name, value, words, remedy
):
    monkeypatch.setenv(name, value)
    found = doctor.examine_ros("", 0.1)[0]
    assert found.level == FAIL
    assert f"{name} is {words}" in found.text
    assert remedy in found.remedy
    assert "Source ROS" not in found.remedy


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("one\ntwo\n\n   \n", "one | two"),
        ("1\n2\n3\n4\n", "2 | 3 | 4"),
        ("\x1b[31;1mall is red\x1b[m\n\0", "all is red"),
        (
            "before\nTraceback (most recent call last):\n  File 1\n    f()\n    ^^^\n"
            "OSError: no disk\n",
            "OSError: no disk",
        ),
        ("", ""),
    ],
)
def test_the_last_words_say_why(said, reason):
    assert doctor._last_words(said) == reason


def test_only_where_something_is_not_installed_ros_is_to_be_sourced():
    gone = doctor._judge_end(1, "Traceback (most recent call last)\nImportError: librcl.so", {})
    assert gone.remedy == doctor.SOURCE_ROS
    assert "ros2 topic list" in doctor._judge_end(-11, "", {"ROS_DOMAIN_ID": "232"}).remedy


def test_what_is_said_on_standard_output_is_shown_where_there_is_nothing_else(python):
    python(f"echo '{to_line(GOOD)}'; echo no ports; exit 1")
    assert doctor.examine_ros("", 0.1)[1].text.endswith("exit code 1: no ports")


def test_the_topic_and_the_time_are_handed_on(python):
    python('printf \'{"level": "OK", "subject": "asked", "text": "%s"}\' "$*"')
    asked = doctor.examine_ros("/image", 2.5)[0]
    assert asked.text == "-m alphapose_ros.nodes.doctor /image --seconds=2.5"
    assert "/image" not in doctor.examine_ros("", 2.5)[0].text


def test_messages_that_are_not_compiled_are_told(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    found = doctor._messages()
    assert found.level == FAIL
    assert "source install/setup.bash" in found.remedy


@pytest.mark.parametrize("text", ["0", "-1", "1e9", "long"])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(SystemExit) as end:
        main(["doctor", f"--seconds={text}"])
    assert end.value.code == 2


# Machine


def examined(**values):
    named = {name.replace("__", "."): value for name, value in values.items()}
    found = list(doctor.examine_machine(lambda: with_values(Config(), named)))
    return {finding.subject: finding for finding in found}


def test_settings_that_are_wrong_are_told():
    found = examined(tracker__speed=3)
    assert found["settings"].level == FAIL
    assert "tracker.speed" in found["settings"].text


def test_the_remedy_for_wrong_settings_is_told(capsys, without_ros, tmp_path):
    assert_settings_fail(capsys, "--config", "/no/such.yaml", told="'/no/such.yaml'")
    (tmp_path / "odd.yaml").write_text("- 3")
    assert_settings_fail(capsys, "--config", str(tmp_path / "odd.yaml"), told="not a ROS parameter")
    assert_settings_fail(capsys, "--set", "device", told="'device': expected name=value")
    assert_settings_fail(capsys, "--set", "devise=cpu", told="unknown setting 'devise'; did you")


def assert_settings_fail(capsys, *arguments, told):
    with pytest.raises(SystemExit):
        main(["doctor", *arguments])
    said = " ".join(capsys.readouterr().out.split())
    assert "FAIL settings" in said
    assert told in said
    assert "-> `alphapose config` prints all settings" in said


def test_without_onnx_runtime_it_says_what_would_be_faster(monkeypatch):
    monkeypatch.setattr(devices, "has_torch", lambda: True)
    monkeypatch.setattr(devices, "has_onnx_runtime", lambda: False)
    found = doctor.judge_device(with_values(Config(), {"device": "cpu"}))
    assert (found.level, found.remedy) == (WARN, "pip install onnxruntime")
    torch = {"device": "cpu", "runtime": "torch"}
    assert doctor.judge_device(with_values(Config(), torch)).level == OK


def test_a_device_that_is_not_there_is_told():
    found = examined(device="cuda:99")
    assert found["device"].level == FAIL
    assert "cuda:99" in found["device"].text
    assert "networks" not in found


def test_a_gpu_that_lies_idle_is_told(monkeypatch):
    monkeypatch.setattr(devices, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(devices, "pick_device", lambda name: "cpu")
    found = doctor.judge_device(Config())
    assert found.level == WARN
    assert "there is an NVIDIA GPU" in found.text
    assert doctor.judge_device(with_values(Config(), {"device": "cpu"})).level == OK


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ALPHAPOSE_ROS_CACHE", str(tmp_path))
    return tmp_path


def test_weights_that_are_missing_are_told_with_the_way_to_get_them(cache):
    config = with_values(Config(), {"detector.model": "yolox_nano"})
    found = list(doctor.examine_machine(lambda: config))
    (missing,) = (finding for finding in found if finding.level == FAIL)
    assert missing.subject == "weights"
    assert "alphapose models download yolox_nano" in missing.text
    assert "networks" not in [finding.subject for finding in found]  # which could not load


def test_weights_that_were_changed_are_told(cache):
    file = main_path(find_weights("yolox_nano", "detection"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"something else")
    (file.parent / "hashes.json").write_text(json.dumps({file.name: {"sha256": "0" * 64}}))
    found = doctor._judge_weights("yolox_nano", "detection")
    assert found.level == FAIL
    assert "damaged or was changed" in found.text


def test_weights_that_do_not_load_are_told(tmp_path):
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"no graph")
    found = examined(pose__weights=str(file))
    assert found["networks"].level == FAIL
    assert "mine.onnx" in found["networks"].text


def test_networks_that_break_in_an_unheard_of_way_are_a_finding(monkeypatch):
    def broken(config):
        raise NameError("no driver")

    monkeypatch.setattr(pipeline, "Pipeline", broken)
    found = doctor.judge_networks(Config())
    assert (found.level, found.text) == (FAIL, "NameError: no driver")


def test_a_runtime_that_is_there_but_broken_is_told_with_the_reason(tmp_path):
    (tmp_path / "onnxruntime").mkdir()
    broken = tmp_path / "onnxruntime/__init__.py"
    broken.write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    code = (
        "from alphapose_ros.cli import doctor; from alphapose_ros.config import Config\n"
        "from alphapose_ros.io.findings import to_line\n"
        "print(to_line(doctor.judge_networks(Config())))"
    )
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["level"] == FAIL
    assert "onnxruntime is installed, but does not load" in found["text"]
    assert "libgomp.so.1" in found["text"]
    assert found["remedy"] == "pip install --force-reinstall onnxruntime"


def test_only_weights_that_are_used_are_looked_at():
    assert doctor._weights_of(Config()) == [
        ("yolox_nano_person", "detection"),
        ("fastpose_small_halpe_136", "pose"),
        ("reid_small", "reid"),
    ]
    bare = with_values(Config(), {"detector.name": "hog", "tracker.name": "none"})
    assert doctor._weights_of(bare) == [("fastpose_small_halpe_136", "pose")]


def test_this_machine_is_in_order():
    assert worst(doctor.examine_machine(Config)) == OK
