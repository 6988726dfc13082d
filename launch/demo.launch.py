"""A video file or webcam as the camera of the pose node, shown in RViz if asked for.

For example ``ros2 launch alphapose_ros demo.launch.py video:=people.mp4 rviz:=true``.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import (
    PythonLaunchDescriptionSource,
    load_python_launch_file_as_module,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

SHARE = Path(__file__).resolve().parents[1]
POSE = load_python_launch_file_as_module(str(SHARE / "launch/pose.launch.py"))

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "video": (None, "path of a video, or index of a webcam"),
    "loop": ("true", "begin again at the end of the video"),
    "namespace": ("", "namespace of all nodes and topics"),
}


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *POSE.declare(ARGUMENTS, booleans=("loop",)),
            # First, for it sets the environment in which images arrive.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(POSE.__file__)),
            Node(
                package="alphapose_ros",
                executable="video_source",
                name="video_source",
                namespace=LaunchConfiguration("namespace"),
                output="screen",
                parameters=[
                    {
                        "video": ParameterValue(LaunchConfiguration("video"), value_type=str),
                        "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
                    }
                ],
                remappings=[
                    ("image", LaunchConfiguration("image_topic")),
                    ("camera_info", LaunchConfiguration("camera_info_topic")),
                ],
            ),
        ]
    )
