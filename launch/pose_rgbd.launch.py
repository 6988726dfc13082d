"""The pose node for a camera with depth: people in metres, shown in space.

For example ``ros2 launch alphapose_ros pose_rgbd.launch.py image_topic:=/camera/color/image_raw
camera_info_topic:=/camera/color/camera_info
depth_topic:=/camera/aligned_depth_to_color/image_raw``.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

FOLDER = Path(__file__).resolve().parent
SHARE = FOLDER.parent

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "use_depth": ("true", "whether people are placed in metres"),
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
                    "rviz_config": LaunchConfiguration("rviz_config"),
                }.items(),
            ),
        ]
    )
