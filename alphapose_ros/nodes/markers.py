"""Skeletons for RViz."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Camera, Frame, Tracks
from alphapose_ros.io.render import colour_of

PLANE_M = 1.0  # in front of the camera, where 2-D skeletons are shown
LINES, POINTS = "skeleton", "keypoints"  # namespaces
LINE_WIDTH_M, POINT_SIZE_M = 0.004, 0.012


class MarkerBoard:
    """What RViz shows: one list of lines and one of points per person, by track id.

    A person without depth is drawn on a plane one metre in front of the camera, as on the
    picture; without CameraInfo the focal length is taken to be the image's width.
    """

    def __init__(self) -> None:
        self._shown: set[int] = set()

    def clear(self, header: Header) -> MarkerArray:
        """Return what removes everything."""
        self._shown = set()
        return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])

    def update(
        self, tracks: Tracks, frame: Frame, header: Header, config: OutputConfig
    ) -> MarkerArray:
        """Return what draws the people of this frame and removes those who are gone."""
        markers, drawn = [], set()
        for track_id, keypoints in zip(tracks.ids.tolist(), tracks.poses.keypoints, strict=True):
            places = on_plane(keypoints, frame, config.keypoint_score)
            if np.isfinite(places).any():
                drawn.add(track_id)
                edges = tracks.poses.skeleton.edge_rows
                markers += _person(track_id, places, edges, header, config.marker_lifetime_s)
        gone = [
            Marker(header=header, ns=name, id=track_id, action=Marker.DELETE)
            for track_id in sorted(self._shown - drawn)
            for name in (LINES, POINTS)
        ]
        self._shown = drawn
        return MarkerArray(markers=gone + markers)


def on_plane(keypoints: np.ndarray, frame: Frame, min_score: float) -> np.ndarray:
    """Put keypoints (K, 3) [px] on the plane before the camera: (K, 3) [m], NaN where weak."""
    height, width = frame.image.shape[:2]
    guess = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]])
    matrix = frame.camera.matrix if isinstance(frame.camera, Camera) else guess
    places = np.full(keypoints.shape, np.nan)
    sure = (keypoints[:, 2] >= min_score) & np.isfinite(keypoints[:, 0])
    focal, centre = matrix[[0, 1], [0, 1]], matrix[:2, 2]
    places[sure, :2] = (keypoints[sure, :2] - centre) / focal * PLANE_M
    places[sure, 2] = PLANE_M
    return places


def _person(
    track_id: int, places: np.ndarray, edges: np.ndarray, header: Header, lifetime_s: float
) -> list[Marker]:
    is_sure = np.isfinite(places[:, 0])
    ends = places[edges[is_sure[edges].all(axis=1)].ravel()]
    lines = _marker(LINES, Marker.LINE_LIST, track_id, header, lifetime_s)
    lines.scale.x = LINE_WIDTH_M
    lines.points = _points(ends)
    dots = _marker(POINTS, Marker.SPHERE_LIST, track_id, header, lifetime_s)
    dots.scale.x = dots.scale.y = dots.scale.z = POINT_SIZE_M
    dots.points = _points(places[is_sure])
    return [lines, dots]


def _marker(name: str, kind: int, track_id: int, header: Header, lifetime_s: float) -> Marker:
    marker = Marker(header=header, ns=name, id=track_id, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    blue, green, red = colour_of(track_id)
    marker.color = ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=1.0)
    marker.lifetime = Duration(seconds=lifetime_s).to_msg()
    return marker


def _points(places: np.ndarray) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in places.tolist()]
