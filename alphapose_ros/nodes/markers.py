"""Markers of people as rclpy publishes them."""

from __future__ import annotations

from collections.abc import Sequence

from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from alphapose_ros import markers
from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.io.colours import Colour, colour_of
from alphapose_ros.markers import FADED, OPAQUE, label
from alphapose_ros.nodes.conversions import RCLPY

__all__ = ["FADED", "OPAQUE", "MarkerBoard", "label"]


class MarkerBoard(markers.MarkerBoard):
    """What RViz shows of each person."""

    def __init__(self) -> None:
        super().__init__(RCLPY)

    def update(
        self,
        tracks: Tracks,
        frame: Frame,
        header: Header,
        config: OutputConfig,
        colours: Sequence[Colour] | None = None,
    ) -> MarkerArray:
        """Return what draws the people of this frame; in the colours of their ids if None."""
        if colours is None:
            colours = [colour_of(track_id) for track_id in tracks.ids]
        return super().update(tracks, frame, header, config, colours)
