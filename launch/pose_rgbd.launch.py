"""The pose node for a camera with depth: people in metres, shown in space.

For example ``ros2 launch alphapose_ros pose_rgbd.launch.py image_topic:=/camera/color/image_raw
camera_info_topic:=/camera/color/camera_info
depth_topic:=/camera/aligned_depth_to_color/image_raw``.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import (
    PythonLaunchDescriptionSource,
    load_python_launch_file_as_module,
)
from launch.substitutions import LaunchConfiguration

SHARE = Path(__file__).resolve().parents[1]
POSE = load_python_launch_file_as_module(str(SHARE / "launch/pose.launch.py"))

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "use_depth": ("", "whether people are placed in metres; empty: true, or as params_file says"),
    "rviz_config": (str(SHARE / "rviz/pose_3d.rviz"), "layout of RViz"),
}
WANTED = {"use_depth": ("lifting.name", "none", "true")}  # unless params_file says otherwise


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *POSE.declare(ARGUMENTS, booleans=("use_depth",)),
            OpaqueFunction(function=POSE.prefer, args=[WANTED]),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(POSE.__file__),
                launch_arguments={
                    "use_depth": LaunchConfiguration("use_depth"),
                    "rviz_config": LaunchConfiguration("rviz_config"),
                }.items(),
            ),
        ]
    )
