"""The programs that talk ROS; nothing outside of this folder imports rclpy or messages."""

from alphapose_ros.memory import hold_memory_steady

hold_memory_steady()  # before any of them imports rclpy
