"""The ends of the offline path: videos, bags, result files and pictures; none of it needs ROS."""
