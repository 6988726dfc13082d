"""Launch files and RViz layouts agree with the node; the real launch system runs where it is.

Every argument is tried with the real launch system by tools/check_launch.sh.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml

from alphapose_ros.config import Config, leaves
from alphapose_ros.nodes import video_source
from alphapose_ros.nodes.topics import TOPICS

FOLDER = Path(__file__).resolve().parents[1] / "launch"
SHOWN_AS = {  # what the displays of RViz subscribe to
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}
# With the repository on sys.path, `import launch` finds our folder: look for launch_ros.
HAS_LAUNCH = importlib.util.find_spec("launch_ros") is not None and shutil.which("ros2")
needs_launch = pytest.mark.skipif(not HAS_LAUNCH, reason="needs launch_ros and the ros2 command")


def constant(file: str, name: str) -> ast.expr:
    """Return the expression assigned to a constant of a launch file, without running it."""
    tree = ast.parse((FOLDER / file).read_text())
    (found,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return found


def keys(file: str, name: str) -> list[str]:
    return [ast.literal_eval(key) for key in constant(file, name).keys]


@pytest.fixture(scope="module", params=sorted(FOLDER.parent.glob("rviz/*")), ids=lambda p: p.name)
def layout(request):
    return yaml.safe_load(request.param.read_text())["Visualization Manager"]


def subscribing(displays):
    """All displays that subscribe to a topic, those in groups too."""
    for display in displays:
        if "Topic" in display:
            yield display
        yield from subscribing(display.get("Displays", []))


def test_rviz_shows_topics_that_the_node_publishes(layout):
    displays = list(subscribing(layout["Displays"]))
    assert "markers" in {display["Topic"]["Value"] for display in displays}
    for display in displays:
        topic = TOPICS[display["Topic"]["Value"]]
        assert not topic.is_input
        assert topic.type == SHOWN_AS[display["Class"]]


def test_rviz_asks_for_no_more_than_the_node_offers(layout):
    for display in subscribing(layout["Displays"]):
        topic = TOPICS[display["Topic"]["Value"]]
        assert topic.is_reliable or display["Topic"]["Reliability Policy"] == "Best Effort"
        assert topic.is_latched or display["Topic"]["Durability Policy"] == "Volatile"


def test_the_layout_of_the_demo_looks_at_the_frame_of_the_video_source():
    layout = yaml.safe_load((FOLDER.parent / "rviz/pose.rviz").read_text())
    source = Path(video_source.__file__).read_text()
    (frame_id,) = re.findall(r'"frame_id", "(\w+)"', source)
    assert layout["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame_id


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.py")))
def test_every_argument_is_declared_and_used(file):
    text = (FOLDER / file).read_text()
    used = set(re.findall(r'LaunchConfiguration\("(\w+)"\)', text))
    if file == "pose.launch.py":
        parameters = {*keys(file, "OVERRIDES"), *keys(file, "SWITCHES")}
        assert set(keys(file, "ARGUMENTS")) == used | parameters
    else:
        assert set(keys(file, "ARGUMENTS")) <= used
        assert used <= {*keys(file, "ARGUMENTS"), *keys("pose.launch.py", "ARGUMENTS")}


def test_arguments_override_settings_that_exist():
    settings = leaves(Config()) | {"use_sim_time": (False, None)}  # which every node has
    for value in constant("pose.launch.py", "OVERRIDES").values:
        parameter, kind = ast.unparse(value.elts[0]).strip("'"), ast.unparse(value.elts[1])
        assert type(settings[parameter][0]).__name__ == kind


def test_switches_choose_what_can_be_chosen():
    settings = leaves(Config())
    for value in constant("pose.launch.py", "SWITCHES").values:
        parameter, *states = ast.literal_eval(value)
        default, rules = settings[parameter]
        assert set(states) <= set(rules.choices)
        wanted = "auto" if default == "none" else default
        assert states == [wanted, "none"]  # true: as it comes, or where that is off, by itself


def test_an_argument_that_overrides_is_empty_unless_given():
    arguments = constant("pose.launch.py", "ARGUMENTS")
    defaults = dict(zip(keys("pose.launch.py", "ARGUMENTS"), arguments.values, strict=True))
    for name in (*keys("pose.launch.py", "OVERRIDES"), *keys("pose.launch.py", "SWITCHES")):
        assert ast.literal_eval(defaults[name].elts[0]) == ""


MODULES = """
launch launch.actions launch.conditions launch.launch_description_sources launch.substitutions
launch_ros.actions launch_ros.parameter_descriptions
"""


def load(file):
    module = ModuleType(file)
    module.__file__ = str(FOLDER / file)
    exec((FOLDER / file).read_text(), vars(module))
    return module


@pytest.fixture
def pose(monkeypatch):
    """Return pose.launch.py with stand-ins for the launch system."""
    for name in MODULES.split():
        monkeypatch.setitem(sys.modules, name, MagicMock())
    return load("pose.launch.py")


def settled(pose, **arguments):
    """Return the values of all arguments of pose.launch.py where some are given."""
    declared = pose.ARGUMENTS | pose.REFUSED
    values = {name: default for name, (default, _) in declared.items()} | arguments
    context = SimpleNamespace(launch_configurations=values)
    pose.settle(context, declared, pose.BOOLEANS)
    pose.refuse(context)
    return values


def test_an_empty_argument_has_its_default(pose):
    declared = pose.ARGUMENTS | pose.REFUSED
    values = settled(pose, **dict.fromkeys(declared, ""))
    assert values == {name: default for name, (default, _) in declared.items()}
    assert values["image_topic"] == "image" and values["use_respawn"] == "false"


@pytest.mark.parametrize(
    ("text", "value"), [("True", "true"), ("FALSE", "false"), ("on", "true"), ("0", "false")]
)
def test_booleans_are_taken_in_all_ways_of_writing(pose, text, value):
    values = settled(pose, **dict.fromkeys(pose.BOOLEANS, text))
    assert {values[name] for name in pose.BOOLEANS} == {value}


@pytest.mark.parametrize(
    "argument", ["log_level:=pose_node:=debug", "log_level:=WARN", "device:=cuda:1"]
)
def test_right_values_are_taken_as_they_are(pose, argument):
    name, _, value = argument.partition(":=")
    assert settled(pose, **{name: value})[name] == value


WRONG = {  # argument: what is said of it
    "rviz:=maybe": "neither true nor false",
    "use_respawn:=maybe": "neither true nor false",
    "use_sim_time:=maybe": "neither true nor false",
    "autostart:=2": "neither true nor false",
    "log_level:=loud": "none of debug, info, warn, error, fatal",
    "image_transport:=theora": "none of raw, compressed",
    "device:=gpu": "none of auto, cpu, cuda, cuda:N",
    "params_file:=/none.yaml": "no such file",
    "use_composition:=true": "nodes in Python cannot be composed",
}


@pytest.mark.parametrize("argument", WRONG)
def test_a_wrong_value_is_refused(pose, argument):
    name, _, value = argument.partition(":=")
    with pytest.raises(ValueError, match=re.escape(f"{argument}: {WRONG[argument]}")):
        settled(pose, **{name: value})


def test_the_checks_know_the_choices_of_the_node(pose):
    choices = leaves(Config())["image_transport"][1].choices
    form, words = pose.FORMS["image_transport"]
    assert tuple(words.split(", ")) == choices
    assert all(re.fullmatch(form, choice) for choice in choices)


@pytest.mark.parametrize(
    ("frame", "arguments"),
    [("", ["-d", "/my.rviz"]), ("camera_optical", ["-d", "/my.rviz", "-f", "camera_optical"])],
)
def test_rviz_has_the_fixed_frame_that_is_given_or_that_of_the_layout(pose, frame, arguments):
    given = {"rviz": "true", "rviz_config": "/my.rviz", "rviz_fixed_frame": frame}
    values = settled(pose, params_file=str(FOLDER.parent / "config/pose.yaml"), **given)
    pose.LaunchConfiguration = lambda name: SimpleNamespace(perform=lambda _: values[name])
    pose.start_rviz(None)
    called = pose.Node.call_args.kwargs["arguments"]
    assert [word if isinstance(word, str) else word.perform(None) for word in called] == arguments


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.py")))
def test_arguments_are_checked_before_anything_starts(file):
    """What the launch system has started when an action fails goes on without it."""
    (made,) = (
        node
        for node in ast.parse((FOLDER / file).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "generate_launch_description"
    )
    actions = [ast.unparse(action) for action in made.body[-1].value.args[0].elts]
    assert re.match(r"\*(POSE\.)?declare\(", actions[0])
    if file == "pose.launch.py":
        assert actions[1] == "OpaqueFunction(function=refuse)"


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.py")))
def test_every_boolean_is_known_as_one(file):
    text = (FOLDER / file).read_text()
    checked = ast.unparse(constant(file, "BOOLEANS")) if file == "pose.launch.py" else ""
    checked += "".join(re.findall(r"booleans=(\(.*?\))\)", text)) + str(
        keys("pose.launch.py", "SWITCHES")
    )
    arguments = constant(file, "ARGUMENTS")
    for name, value in zip(keys(file, "ARGUMENTS"), arguments.values, strict=True):
        if ast.unparse(value.elts[0]) in ("'true'", "'false'"):
            assert name in checked


def preferred(pose, folder, file, content, **arguments):
    """Return what a launch file that includes pose.launch.py fills in for a params_file."""
    (folder / "params.yaml").write_text(content)
    sys.modules[
        "launch.launch_description_sources"
    ].load_python_launch_file_as_module.return_value = pose
    wanted = load(file).WANTED
    values = dict.fromkeys(wanted, "") | {"params_file": str(folder / "params.yaml")} | arguments
    pose.prefer(SimpleNamespace(launch_configurations=values), wanted)
    return {name: values[name] for name in wanted}


FOLLOW, OWN = "follow.launch.py", {"use_depth": "true", "target_frame": "odom"}
SAYS = "{ros__parameters: {target_frame: map, lifting: {name: ground}}}"


@pytest.mark.parametrize(
    ("content", "filled_in"),
    [
        (f"/**: {SAYS}", dict.fromkeys(OWN, "")),
        (
            "/**: {ros__parameters: {target_frame: map, lifting.name: ground}}",
            dict.fromkeys(OWN, ""),
        ),
        (f"/front/pose_node: {SAYS}", dict.fromkeys(OWN, "")),
        (f"/front: {{pose_node: {SAYS}}}", dict.fromkeys(OWN, "")),
        (f"/*/pose_node: {SAYS}", dict.fromkeys(OWN, "")),
        (f"/**/pose_node: {SAYS}", dict.fromkeys(OWN, "")),
        ("/**: {ros__parameters: {target_frame: map}}", {"use_depth": "true", "target_frame": ""}),
        (f"pose_node: {SAYS}", OWN),  # of a node without namespace
        (f"/rear/pose_node: {SAYS}", OWN),
        (f"/**/gesture_node: {SAYS}", OWN),
        ((FOLDER.parent / "config/pose.yaml").read_text(), OWN),  # all as it comes
        ("", OWN),
        ("[1, 2", OWN),
        ("/**:", OWN),
    ],
)
def test_defaults_of_follow_leave_params_file_its_say(pose, tmp_path, content, filled_in):
    assert preferred(pose, tmp_path, FOLLOW, content, namespace="front") == filled_in


def test_a_file_for_a_node_without_namespace_is_read(pose, tmp_path):
    assert preferred(pose, tmp_path, FOLLOW, f"pose_node: {SAYS}") == dict.fromkeys(OWN, "")
    assert preferred(pose, tmp_path, FOLLOW, f"/**/pose_node: {SAYS}") == dict.fromkeys(OWN, "")


def test_a_given_argument_wins_over_params_file(pose, tmp_path):
    given = {"use_depth": "false", "target_frame": "base_link"}
    assert preferred(pose, tmp_path, FOLLOW, f"/**: {SAYS}", **given) == given


def test_depth_is_wanted_unless_params_file_names_another_way(pose, tmp_path):
    file = "pose_rgbd.launch.py"
    assert preferred(pose, tmp_path, file, f"/**: {SAYS}") == {"use_depth": ""}
    assert preferred(pose, tmp_path, file, "/**:") == {"use_depth": "true"}


def test_what_is_taken_for_not_said_is_the_default_of_the_node(pose, tmp_path):
    preferred(pose, tmp_path, FOLLOW, "")
    for parameter, default, _ in load(FOLLOW).WANTED.values():
        assert leaves(Config())[parameter][0] == default


@needs_launch
@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.py")))
def test_launch_shows_its_arguments(file):
    command = ["ros2", "launch", FOLDER / file, "--show-args"]
    shown = subprocess.check_output(command, text=True, timeout=60)
    assert {f"'{name}':" for name in keys("pose.launch.py", "ARGUMENTS")} <= set(shown.split())


@needs_launch
def test_launch_starts_the_node_and_ends_on_ctrl_c(tmp_path, monkeypatch):
    """Arguments arrive as parameters, remaps and namespace; those not given leave params_file."""
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "")  # the transport of all tests
    (tmp_path / "pose.yaml").write_text(
        "/**: {ros__parameters: {device: cpu, threads: 1, autostart: false, use_sim_time: true}}"
    )
    arguments = {
        "params_file": tmp_path / "pose.yaml",
        "namespace": "front",
        "image_topic": "/camera/image_raw",
        "autostart": "true",
    }
    command = ["ros2", "launch", FOLDER / "pose.launch.py"]
    command += [f"{name}:={value}" for name, value in arguments.items()]
    log = tmp_path / "log"
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            end = time.monotonic() + 60
            while "active, waiting for images on /camera/image_raw" not in log.read_text():
                assert time.monotonic() < end and process.poll() is None, log.read_text()
                time.sleep(0.2)
            ask = ["ros2", "param", "get", "--no-daemon", "--spin-time", "5"]
            threads = subprocess.run(
                [*ask, "/front/pose_node", "threads"], capture_output=True, text=True, check=False
            )
            assert threads.stdout.split()[-1:] == ["1"], threads.stderr
            clock = subprocess.run(
                [*ask, "/front/pose_node", "use_sim_time"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert clock.stdout.split()[-1:] == ["True"], clock.stderr
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert "process has finished cleanly" in log.read_text()


NAMES = """
namespace use_sim_time params_file autostart use_composition container_name use_respawn log_level
image_topic camera_info_topic depth_topic depth_camera_info_topic image_transport use_depth
use_tracking use_reid target_frame target_file device model rviz rviz_config
rviz_fixed_frame
"""


def test_the_arguments_have_the_names_that_other_launch_files_use():
    declared = {*keys("pose.launch.py", "ARGUMENTS"), *keys("pose.launch.py", "REFUSED")}
    assert declared == set(NAMES.split())


@needs_launch
@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("container_name:=box", "nodes in Python cannot be composed"),
        ("use_tracking:=perhaps", "use_tracking:=perhaps: neither true nor false"),
        ("use_depth:=perhaps", "use_depth:=perhaps: neither true nor false"),
        ("rviz:=maybe", "rviz:=maybe: neither true nor false"),
        ("gestures:=maybe", "gestures:=maybe: neither true nor false"),
    ],
)
def test_launch_refuses_before_it_starts_anything(argument, reason):
    file = "follow.launch.py" if "gestures" in argument else "pose.launch.py"
    command = ["ros2", "launch", FOLDER / file, argument]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert reason in ended.stdout + ended.stderr
    assert "process started" not in ended.stdout + ended.stderr


def test_the_example_gives_arguments_that_there_are():
    text = (FOLDER.parent / "docs/launch.md").read_text()
    (code,) = re.findall(r"```python\n# two_cameras.launch.py\n(.*?)```", text, re.DOTALL)
    tree = ast.parse(code)
    (common,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "common"
    )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    people = [call for call in calls if ast.unparse(call.func) == "people_seen_by"]
    given = {ast.literal_eval(key) for key in common.keys}
    given |= {keyword.arg for call in people for keyword in call.keywords}
    assert len(people) == 2
    assert given <= set(keys("pose.launch.py", "ARGUMENTS"))


def test_every_argument_is_tried_by_the_script():
    """The script itself finds out what it leaves out, where there is a launch system."""
    checks = (FOLDER.parent / "tools/launch_checks.py").read_text()
    files = ("pose", "pose_rgbd", "follow", "demo")
    names = {name for file in files for name in keys(f"{file}.launch.py", "ARGUMENTS")}
    names |= set(keys("pose.launch.py", "REFUSED"))
    assert {
        name for name in names if f" {name}" not in checks and f'"{name}' not in checks
    } == set()
