"""The pose node for a robot that follows one person: depth, re-ID, positions in a fixed frame.

For example ``ros2 launch alphapose_ros follow.launch.py image_topic:=/camera/color/image_raw
camera_info_topic:=/camera/color/camera_info
depth_topic:=/camera/aligned_depth_to_color/image_raw``, then
``ros2 service call /pose_node/set_target alphapose_ros/srv/SetTarget``. It drives nothing.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

FOLDER = Path(__file__).resolve().parent
SHARE = FOLDER.parent

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "use_depth": ("true", "whether people are placed in metres"),
    "target_frame": ("odom", "fixed frame in which the person's place is told, by TF"),
    "target_file": ("", "where ~/enroll writes who is followed, and a restarted node finds them"),
    "gestures": ("false", "start gesture_node too: what people say with their hands"),
    "rviz_config": (str(SHARE / "rviz/pose_3d.rviz"), "layout of RViz"),
}


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=meaning)
                for name, (default, meaning) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(FOLDER / "pose.launch.py")),
                launch_arguments={
                    "use_depth": LaunchConfiguration("use_depth"),
                    "target_frame": LaunchConfiguration("target_frame"),
                    "target_file": LaunchConfiguration("target_file"),
                    "rviz_config": LaunchConfiguration("rviz_config"),
                }.items(),
            ),
            Node(  # after the inclusion, whose arguments it shares
                condition=IfCondition(LaunchConfiguration("gestures")),
                package="alphapose_ros",
                executable="gesture_node",
                name="gesture_node",
                namespace=LaunchConfiguration("namespace"),
                output="screen",
                parameters=[
                    LaunchConfiguration("params_file"),
                    {
                        "use_sim_time": ParameterValue(
                            LaunchConfiguration("use_sim_time"), value_type=bool
                        )
                    },
                ],
                arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
                respawn=LaunchConfiguration("use_respawn"),
                respawn_delay=2.0,
            ),
        ]
    )
