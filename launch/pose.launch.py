"""The pose node for one camera, and RViz if asked for.

For example ``ros2 launch alphapose_ros pose.launch.py image_topic:=/camera/image_raw``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(__file__).resolve().parents[1]
FAST_DDS = str(SHARE / "config/fastdds_images.xml")
PROFILES = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": FAST_DDS,  # of Fast DDS 2
    "FASTDDS_DEFAULT_PROFILES_FILE": FAST_DDS,  # of Fast DDS 3
    "CYCLONEDDS_URI": (SHARE / "config/cyclonedds_images.xml").as_uri(),
}

ARGUMENTS = {  # name: default, which an empty one has too; meaning
    "namespace": ("", "namespace of the node and of all its topics"),
    "use_sim_time": ("", "take the time from /clock, as for a played bag; empty: as params_file"),
    "params_file": (str(SHARE / "config/pose.yaml"), "settings of the node"),
    "autostart": ("", "whether the node activates itself; empty: as params_file says"),
    "use_respawn": ("false", "start the node again when it dies"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
    "image_topic": ("image", "images of the camera"),
    "camera_info_topic": ("camera_info", "intrinsics of the camera"),
    "image_transport": ("", "raw, or compressed on image_topic/compressed; empty: as params_file"),
    "use_tracking": ("", "whether people are followed over time; empty: as params_file says"),
    "use_reid": ("", "whether people are known again who come back; empty: as params_file says"),
    "use_depth": ("", "whether people are placed in metres; empty: as params_file says"),
    "depth_topic": ("depth", "depth of the images, registered to them if params_file says nothing"),
    "depth_camera_info_topic": (
        "depth_camera_info",
        "intrinsics of depth, where it is not registered or in a frame of its own",
    ),
    "target_frame": ("", "frame of positions, by TF (odom, map); empty: as params_file says"),
    "target_file": ("", "what the person to follow looks like; empty: as params_file says"),
    "device": ("", "auto, cpu, cuda or cuda:N; empty: as params_file says"),
    "model": ("", "pose weights by name; empty: as params_file says"),
    "rviz": ("false", "open RViz too"),
    "rviz_config": (str(SHARE / "rviz/pose.rviz"), "layout of RViz"),
    "rviz_fixed_frame": ("", "Fixed Frame of RViz: frame_id of images, odom; empty: the layout's"),
}
REFUSED = {  # what comes with other packages' launch files: default, why it is all one can choose
    "use_composition": ("false", "nodes in Python cannot be composed"),
    "container_name": ("", "nodes in Python cannot be composed"),
}
SWITCHES = {  # argument: parameter of the node, its value where true, and where false
    "use_tracking": ("tracker.name", "msim", "none"),
    "use_reid": ("reid.name", "small", "none"),
    "use_depth": ("lifting.name", "auto", "none"),
}
BOOLEANS = ("use_sim_time", "autostart", "use_respawn", "rviz", *SWITCHES)
FORMS = {  # argument: what it looks like, in words
    "log_level": (r"(?i:(.+:=)?(debug|info|warn|error|fatal))", "debug, info, warn, error, fatal"),
    "image_transport": ("raw|compressed", "raw, compressed"),
    "device": (r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda, cuda:N"),
}
TRUTHS = {"true": "true", "false": "false", "1": "true", "0": "false"}
TRUTHS |= {"yes": "true", "no": "false", "on": "true", "off": "false"}  # as YAML 1.1 has them
WILD = {"*": "/[^/]+", "**": "(/[^/]+)*"}  # as in names of nodes in parameter files
OVERRIDES = {  # argument: parameter of the node, type
    "use_sim_time": ("use_sim_time", bool),
    "autostart": ("autostart", bool),
    "image_transport": ("image_transport", str),
    "device": ("device", str),
    "model": ("pose.model", str),
    "target_frame": ("target_frame", str),
    "target_file": ("target.file", str),
}


def declare(
    arguments: dict[str, tuple[str | None, str]], booleans: tuple[str, ...]
) -> list[Action]:
    """Declare arguments and check them, before anything starts; other launch files use it too.

    Args:
        arguments: default and meaning by name.
        booleans: those of them that are true or false.
    """
    return [
        *(
            DeclareLaunchArgument(name, default_value=default, description=meaning)
            for name, (default, meaning) in arguments.items()
        ),
        OpaqueFunction(function=settle, args=[arguments, booleans]),
    ]


def settle(
    context: LaunchContext, arguments: dict[str, tuple[str | None, str]], booleans: tuple[str, ...]
) -> None:
    """Give empty arguments their defaults, and booleans one way of writing.

    Raises:
        ValueError: a boolean is none.
    """
    values = context.launch_configurations
    for name, (default, _) in arguments.items():
        values[name] = values[name] or default or ""
        if name in booleans and values[name]:
            if values[name].lower() not in TRUTHS:
                raise ValueError(f"{name}:={values[name]}: neither true nor false")
            values[name] = TRUTHS[values[name].lower()]


def refuse(context: LaunchContext) -> None:
    """Stop the launch where an argument has a wrong value, or asks for what is not done here.

    Raises:
        ValueError: with the argument and the reason.
    """
    values = context.launch_configurations
    for name, (default, reason) in REFUSED.items():
        if values[name].lower() != default:
            raise ValueError(f"{name}:={values[name]}: {reason}; leave it at {default!r}")
    for name, (form, words) in FORMS.items():
        if values[name] and not re.fullmatch(form, values[name]):
            raise ValueError(f"{name}:={values[name]}: none of {words}")
    if not Path(values["params_file"]).is_file():
        raise ValueError(f"params_file:={values['params_file']}: no such file")


def prefer(context: LaunchContext, wanted: dict[str, tuple[str, str, str]]) -> None:
    """Fill in arguments that are empty, where params_file leaves their parameters as they come.

    Args:
        context: of a launch file that includes this one.
        wanted: parameter, its own default and the value wanted of the argument, by argument.
    """
    values = context.launch_configurations
    for argument, (parameter, default, value) in wanted.items():
        as_it_comes = all(found == default for found in said(values, parameter))
        values[argument] = values[argument] or (value if as_it_comes else "")


def said(values: dict[str, Any], parameter: str) -> Iterator[Any]:
    """Yield what params_file says of a parameter of the node."""
    names = (values.get(name) or "" for name in ("ros_namespace", "namespace"))
    node = str(PurePosixPath("/", *names, "pose_node"))
    try:
        content = yaml.safe_load(Path(values.get("params_file") or "").read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return  # none, or one that is refused later
    for keys, value in leaves(content):
        name, _, rest = ".".join(keys).partition(".ros__parameters.")
        steps = name.replace(".", "/").split("/")
        form = "".join(WILD.get(step, "/" + re.escape(step)) for step in steps if step)
        if rest == parameter and re.fullmatch(form, node):
            yield value


def leaves(tree: Any, *keys: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values of nested dictionaries, each with the keys that lead to it."""
    if not isinstance(tree, dict):
        yield keys, tree
        return
    for key, below in tree.items():
        yield from leaves(below, *keys, str(key))


def given(context: LaunchContext) -> list[dict[str, ParameterValue | str]]:
    """Return the parameters that arguments set; an empty argument leaves params_file its say."""
    values = context.launch_configurations
    chosen: dict[str, ParameterValue | str] = {
        parameter: ParameterValue(LaunchConfiguration(argument), value_type=kind)
        for argument, (parameter, kind) in OVERRIDES.items()
        if values[argument]
    }
    for argument, (parameter, when_true, when_false) in SWITCHES.items():
        if values[argument]:
            chosen[parameter] = when_true if values[argument] == "true" else when_false
    return [chosen] if chosen else []


def start_node(context: LaunchContext) -> list[Node]:
    """Return the pose node."""
    return [
        Node(
            package="alphapose_ros",
            executable="pose_node",
            name="pose_node",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            parameters=[LaunchConfiguration("params_file"), *given(context)],
            remappings=[
                ("image", LaunchConfiguration("image_topic")),
                ("camera_info", LaunchConfiguration("camera_info_topic")),
                ("depth", LaunchConfiguration("depth_topic")),
                ("depth_camera_info", LaunchConfiguration("depth_camera_info_topic")),
            ],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            respawn=LaunchConfiguration("use_respawn"),
            respawn_delay=2.0,
        )
    ]


def start_rviz(context: LaunchContext) -> list[Node]:
    """Return RViz where it is asked for."""
    if LaunchConfiguration("rviz").perform(context) != "true":
        return []
    arguments = ["-d", LaunchConfiguration("rviz_config")]
    fixed_frame = LaunchConfiguration("rviz_fixed_frame")
    if fixed_frame.perform(context):
        arguments += ["-f", fixed_frame]
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            arguments=arguments,
            parameters=sim_time(context),
        )
    ]


def sim_time(context: LaunchContext) -> list[dict[str, bool]]:
    """Return the parameter for other nodes, nothing where the argument was not given."""
    text = LaunchConfiguration("use_sim_time").perform(context)
    return [{"use_sim_time": text == "true"}] if text else []


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *declare({**ARGUMENTS, **REFUSED}, BOOLEANS),
            OpaqueFunction(function=refuse),
            SetEnvironmentVariable("RCUTILS_LOGGING_BUFFERED_STREAM", "1"),
            *(
                SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile))
                for name, profile in PROFILES.items()
            ),
            OpaqueFunction(function=start_node),
            OpaqueFunction(function=start_rviz),
        ]
    )
