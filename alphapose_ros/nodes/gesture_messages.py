"""What people say with their hands as messages, and as arrows for RViz."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros import msg as own
from alphapose_ros.following.gestures import Gesture, Gestures
from alphapose_ros.io.colours import colour_of

ARROW_M = 2.0  # length of a drawn arrow
SHAFT_M = 0.03  # its width
MOST_IDS = 2**30  # that an int32 tells apart, with two hands each
LIFETIME = Duration(seconds=0.5).to_msg()  # of an arrow, where nothing follows


def to_message(found: Gestures, header: Header) -> own.GestureArray:
    """Make the message of `gestures`.

    Args:
        found: of all people in one image.
        header: of `tracks`.
    """
    rows = [
        _row(found, row, hand, gesture)
        for row, hand, gesture in np.argwhere(found.since_ns >= 0).tolist()
    ]
    return own.GestureArray(header=header, gestures=rows)


def _row(found: Gestures, row: int, hand: int, gesture: int) -> own.Gesture:
    points = gesture + 1 == Gesture.POINTING
    unknown = np.full(3, np.nan)
    origin = found.origins[row, hand] if points else unknown
    direction = found.directions[row, hand] if points else unknown
    seconds, nanoseconds = divmod(int(found.since_ns[row, hand, gesture]), 10**9)
    person_id = int(found.person_ids[row])
    return own.Gesture(
        gesture=gesture + 1,
        hand=hand + 1,
        track_id=int(found.ids[row]),
        person_id="" if person_id < 0 else str(person_id),
        is_new=bool(found.is_new[row, hand, gesture]),
        since=Time(sec=seconds, nanosec=nanoseconds),
        origin=Point(**_xyz(origin)),
        direction=Vector3(**_xyz(direction)),
    )


def _xyz(vector: np.ndarray) -> dict[str, float]:
    return dict(zip("xyz", vector.tolist(), strict=True))


class Arrows:
    """Draws where people point, in the colour of their track."""

    def __init__(self) -> None:
        self._shown: set[int] = set()

    def __call__(self, found: Gestures, header: Header) -> MarkerArray:
        """Return what draws the arrows of one image and removes those that are gone.

        Args:
            found: of all people in the image.
            header: of `tracks`.
        """
        arrows = [
            _arrow(found, row, hand, header)
            for row, hand in np.argwhere(found.is_pointing).tolist()
        ]
        shown = {arrow.id for arrow in arrows}
        gone = [
            Marker(header=header, ns="pointing", id=number, action=Marker.DELETE)
            for number in sorted(self._shown - shown)
        ]
        self._shown = shown
        return MarkerArray(markers=gone + arrows)


def _arrow(found: Gestures, row: int, hand: int, header: Header) -> Marker:
    track_id = int(found.ids[row])
    blue, green, red = colour_of(track_id)
    start = found.origins[row, hand]
    arrow = Marker(
        header=header, ns="pointing", id=2 * (track_id % MOST_IDS) + hand, type=Marker.ARROW
    )
    arrow.action, arrow.lifetime = Marker.ADD, LIFETIME
    arrow.pose.orientation.w = 1.0
    arrow.scale.x, arrow.scale.y, arrow.scale.z = SHAFT_M, 3 * SHAFT_M, 4 * SHAFT_M
    arrow.color = ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=1.0)
    stop = start + ARROW_M * found.directions[row, hand]
    arrow.points = [Point(**_xyz(start)), Point(**_xyz(stop))]
    return arrow
