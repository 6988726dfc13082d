"""People for Foxglove, which draws them over the camera's own image."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Tracks, TrackState
from alphapose_ros.io.colours import Colour, colour_of
from alphapose_ros.nodes.markers import FADED, OPAQUE, label

try:
    from foxglove_msgs import msg as foxglove
except ImportError:  # an optional package
    foxglove = None

AVAILABLE = foxglove is not None  # whether messages can be made

POINTS, LINE_LOOP, LINE_LIST = 1, 2, 4  # constants of PointsAnnotation.msg
LINE_PX, DOT_PX, FONT_PX = 2.0, 4.0, 14.0


def annotations(
    tracks: Tracks,
    header: Header,
    config: OutputConfig,
    colours: Sequence[Colour] | None = None,
    classes: ModuleType | SimpleNamespace | None = foxglove,
) -> Any:
    """Make a foxglove_msgs/ImageAnnotations: of each person box, skeleton and label.

    Lost people are faded, with their predicted boxes. Only fields are set that all versions of
    the package have.

    Args:
        tracks: the people of one image.
        header: of the image, whose stamp all annotations carry.
        config: which keypoints are drawn.
        colours: of the people; None: those of their ids.
        classes: of the messages, by their names.
    """
    message = classes.ImageAnnotations()
    pen = _Pen(classes, header.stamp)
    for row in np.flatnonzero(tracks.states != TrackState.REMOVED):
        colour = colour_of(tracks.ids[row]) if colours is None else colours[row]
        pen.take(colour, FADED if tracks.states[row] == TrackState.LOST else OPAQUE)
        box = tracks.poses.boxes[row].astype(float)
        if np.isfinite(box).all():
            message.points.append(pen.lines(LINE_LOOP, _corners(box), LINE_PX))
            message.texts.append(pen.text(label(tracks, row), box[:2]))
        keypoints = tracks.poses.keypoints[row].astype(float)
        is_sure = (keypoints[:, 2] >= config.keypoint_score) & np.isfinite(keypoints).all(axis=1)
        edges = tracks.poses.skeleton.edge_rows
        ends = edges[is_sure[edges].all(axis=1)].ravel()
        for kind, places, thickness in (
            (LINE_LIST, keypoints[ends, :2], LINE_PX),
            (POINTS, keypoints[is_sure, :2], DOT_PX),
        ):
            if len(places):
                message.points.append(pen.lines(kind, places, thickness))
    return message


class _Pen:
    """Makes the parts of a message, in one colour."""

    def __init__(self, classes: ModuleType | SimpleNamespace, stamp: Time) -> None:
        self._classes = classes
        self._stamp = stamp

    def take(self, colour: Colour, alpha: float) -> None:
        """Go on in another colour."""
        blue, green, red = (value / 255 for value in colour)
        self._colour = self._classes.Color(r=red, g=green, b=blue, a=alpha)

    def lines(self, kind: int, places: np.ndarray, thickness: float) -> Any:
        """Return lines or dots at places (P, 2) [px]."""
        return self._classes.PointsAnnotation(
            timestamp=self._stamp,
            type=kind,
            points=[self._classes.Point2(x=x, y=y) for x, y in places.tolist()],
            outline_color=self._colour,
            thickness=thickness,
        )

    def text(self, text: str, place: np.ndarray) -> Any:
        """Return a label whose lower left corner is at a place (2,) [px]."""
        x, y = place.tolist()
        return self._classes.TextAnnotation(
            timestamp=self._stamp,
            position=self._classes.Point2(x=x, y=y),
            text=text,
            font_size=FONT_PX,
            text_color=self._classes.Color(r=0.0, g=0.0, b=0.0, a=1.0),
            background_color=self._colour,
        )


def _corners(box: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = box
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
