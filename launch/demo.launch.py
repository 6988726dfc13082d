"""A video file or webcam as the camera of the pose node, shown in RViz if asked for.

For example ``ros2 launch alphapose_ros demo.launch.py video:=people.mp4 rviz:=true``.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

FOLDER = Path(__file__).resolve().parent

ARGUMENTS = {  # name: default, meaning; beside those of pose.launch.py
    "video": (None, "path of a video, or index of a webcam"),
    "loop": ("true", "begin again at the end of the video"),
    "namespace": ("", "namespace of all nodes and topics"),
}


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch` runs."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=meaning)
                for name, (default, meaning) in ARGUMENTS.items()
            ),
            # First, for it sets the environment in which images arrive.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(FOLDER / "pose.launch.py"))),
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
