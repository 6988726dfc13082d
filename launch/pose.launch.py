"""The pose node for one camera, and RViz if asked for.

For example ``ros2 launch alphapose_ros pose.launch.py image_topic:=/camera/image_raw``.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
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

ARGUMENTS = {  # name: default, meaning
    "namespace": ("", "namespace of the node and of all its topics"),
    "use_sim_time": ("false", "take the time from /clock, as for a bag that is played"),
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
    "depth_camera_info_topic": ("depth_camera_info", "intrinsics of depth that is not registered"),
    "target_frame": ("", "frame of positions, by TF (odom, map); empty: as params_file says"),
    "target_file": ("", "what the person to follow looks like; empty: as params_file says"),
    "device": ("", "auto, cpu, cuda or cuda:N; empty: as params_file says"),
    "model": ("", "pose weights by name; empty: as params_file says"),
    "rviz": ("false", "open RViz too"),
    "rviz_config": (str(SHARE / "rviz/pose.rviz"), "layout of RViz"),
}
REFUSED = {  # what comes with other packages' launch files: default, why it is all one can choose
    "use_composition": ("false", "nodes in Python cannot be composed"),
    "container_name": ("", "nodes in Python cannot be composed"),
}
OVERRIDES = {  # argument: parameter of the node, type
    "autostart": ("autostart", bool),
    "image_transport": ("image_transport", str),
    "device": ("device", str),
    "model": ("pose.model", str),
    "target_frame": ("target_frame", str),
    "target_file": ("target.file", str),
}
SWITCHES = {  # argument: parameter of the node, its value where true, and where false
    "use_tracking": ("tracker.name", "msim", "none"),
    "use_reid": ("reid.name", "small", "none"),
    "use_depth": ("lifting.name", "auto", "none"),
}


def given(context: LaunchContext) -> dict[str, ParameterValue | str]:
    """Return the parameters that arguments set; an empty argument leaves params_file its say."""
    chosen: dict[str, ParameterValue | str] = {
        parameter: ParameterValue(LaunchConfiguration(argument), value_type=kind)
        for argument, (parameter, kind) in OVERRIDES.items()
        if LaunchConfiguration(argument).perform(context)
    }
    for argument, (parameter, when_true, when_false) in SWITCHES.items():
        if text := LaunchConfiguration(argument).perform(context):
            chosen[parameter] = when_true if is_true(argument, text) else when_false
    return chosen


def is_true(argument: str, text: str) -> bool:
    """Read a boolean as YAML and ROS parameters write it.

    Raises:
        ValueError: it is none.
    """
    value = yaml.safe_load(text)
    if not isinstance(value, bool):
        raise ValueError(f"{argument}:={text}: neither true nor false")
    return value


def refuse(context: LaunchContext) -> None:
    """Stop the launch where an argument asks for what this package does not do.

    Raises:
        ValueError: with the argument and the reason.
    """
    for name, (default, reason) in REFUSED.items():
        value = LaunchConfiguration(name).perform(context)
        if value.lower() != default:
            raise ValueError(f"{name}:={value}: {reason}; leave it at {default!r}")


def start_node(context: LaunchContext) -> list[Node]:
    """Return the pose node."""
    use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    return [
        Node(
            package="alphapose_ros",
            executable="pose_node",
            name="pose_node",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            parameters=[
                LaunchConfiguration("params_file"),
                {"use_sim_time": use_sim_time, **given(context)},
            ],
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


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=meaning)
                for name, (default, meaning) in {**ARGUMENTS, **REFUSED}.items()
            ),
            SetEnvironmentVariable("RCUTILS_LOGGING_BUFFERED_STREAM", "1"),
            *(
                SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile))
                for name, profile in PROFILES.items()
            ),
            OpaqueFunction(function=refuse),
            OpaqueFunction(function=start_node),
            Node(
                condition=IfCondition(LaunchConfiguration("rviz")),
                package="rviz2",
                executable="rviz2",
                namespace=LaunchConfiguration("namespace"),
                output="screen",
                arguments=["-d", LaunchConfiguration("rviz_config")],
                parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
            ),
        ]
    )
