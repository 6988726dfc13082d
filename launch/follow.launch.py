"""The pose node for a robot that follows one person: depth, re-ID, positions in a fixed frame.

For example ``ros2 launch alphapose_ros follow.launch.py image_topic:=/camera/color/image_raw
camera_info_topic:=/camera/color/camera_info
depth_topic:=/camera/aligned_depth_to_color/image_raw``, then
``ros2 service call /pose_node/set_target alphapose_ros/srv/SetTarget``. It drives nothing.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import (
    PythonLaunchDescriptionSource,
    load_python_launch_file_as_module,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

SHARE = Path(__file__).resolve().parents[1]
POSE = load_python_launch_file_as_module(str(SHARE / "launch/pose.launch.py"))

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "use_depth": ("", "whether people are placed in metres; empty: true, or as params_file says"),
    "target_frame": ("", "frame of the person's place, by TF; empty: odom, or as params_file says"),
    "target_file": ("", "where ~/enroll writes who is followed, and a restarted node finds them"),
    "gestures": ("false", "start gesture_node too: what people say with their hands"),
    "rviz_config": (str(SHARE / "rviz/pose_3d.rviz"), "layout of RViz"),
}
WANTED = {  # unless params_file says otherwise
    "use_depth": ("lifting.name", "none", "true"),
    "target_frame": ("target_frame", "", "odom"),
}


def start_gestures(context: LaunchContext) -> list[Node]:
    """Return the gesture node where it is asked for."""
    if LaunchConfiguration("gestures").perform(context) != "true":
        return []
    return [
        Node(
            package="alphapose_ros",
            executable="gesture_node",
            name="gesture_node",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            parameters=[LaunchConfiguration("params_file"), *POSE.sim_time(context)],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            respawn=LaunchConfiguration("use_respawn"),
            respawn_delay=2.0,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *POSE.declare(ARGUMENTS, booleans=("use_depth", "gestures")),
            OpaqueFunction(function=POSE.prefer, args=[WANTED]),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(POSE.__file__),
                launch_arguments={
                    "use_depth": LaunchConfiguration("use_depth"),
                    "target_frame": LaunchConfiguration("target_frame"),
                    "target_file": LaunchConfiguration("target_file"),
                    "rviz_config": LaunchConfiguration("rviz_config"),
                }.items(),
            ),
            # After the inclusion, whose arguments it shares.
            OpaqueFunction(function=start_gestures),
        ]
    )
