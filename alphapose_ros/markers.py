"""People for RViz: skeletons, labels and velocities, as messages for topics and bags alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Camera, Frame, Tracks, TrackState
from alphapose_ros.lifting.camera import rays, scaled
from alphapose_ros.messages import Dialect, duration

ARROW, LINE_LIST, SPHERE_LIST, TEXT_VIEW_FACING = 0, 5, 7, 9  # types of Marker.msg
ADD, DELETE, DELETEALL = 0, 2, 3  # and its actions
PLANE_M = 1.0  # in front of the camera, where 2-D skeletons are shown
LINES, POINTS, LABEL, VELOCITY = "skeleton", "keypoints", "label", "velocity"  # namespaces
OPAQUE, FADED = 1.0, 0.35  # of people who are seen, and of those who are predicted
ARROW_S = 1.0  # an arrow shows the way of so long a time
SLOWEST_M_S = 0.05  # that is drawn as an arrow
PERIODS = 3  # between images, that markers stay at least ...
LONGEST_S = 10.0  # ... but no longer than this

Colour = tuple[int, int, int]  # blue, green, red, 0 to 255


@dataclass(frozen=True)
class Sizes:
    """How large things are drawn [m]."""

    line: float
    point: float
    text: float  # at most
    least_text: float


ON_PLANE = Sizes(line=0.002, point=0.004, text=0.03, least_text=0.01)
IN_SPACE = Sizes(line=0.02, point=0.04, text=0.15, least_text=0.1)
TEXT_PART = 0.1  # height of a label in parts of the person's


@dataclass(frozen=True)
class Figure:
    """What is drawn of one person, in the camera's frame: x to the right, y down, z away [m]."""

    points: np.ndarray  # (P, 3) finite
    ends: np.ndarray  # (E, 2) rows of points that lines join
    has_dots: bool
    sizes: Sizes
    velocity: np.ndarray  # (2, 3) from where to where, or (0, 3)


class MarkerBoard:
    """What RViz shows of each person: lines, points, a label, an arrow, by track id.

    A person without depth is drawn on a plane one metre in front of the camera, as on the
    picture; without CameraInfo the focal length is taken to be the image's width. Who has a
    position but no keypoints in metres is drawn flat where that is. Lost people are faded: their
    predicted box, or where they are predicted to be.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Begin with nothing shown.

        Args:
            dialect: how messages are made; also of Marker, MarkerArray, Pose, Quaternion and
                ColorRGBA, whose fields that are not given have their default values.
        """
        self._msgs = dialect.msgs
        self._dialect = dialect
        self._shown: set[tuple[int, str]] = set()  # track id, namespace
        self._stamp_ns: int | None = None  # of the last image

    def clear(self, header: Any) -> Any:
        """Return the MarkerArray that removes everything."""
        self._shown, self._stamp_ns = set(), None
        marker = self._msgs.Marker(header=header, action=DELETEALL)
        return self._msgs.MarkerArray(markers=[marker])

    def update(
        self,
        tracks: Tracks,
        frame: Frame,
        header: Any,
        config: OutputConfig,
        colours: Sequence[Colour],
    ) -> Any:
        """Return the MarkerArray that draws the people of this frame and removes what is gone.

        Args:
            tracks: of this frame, with all that is in metres in the camera's frame.
            frame: the image, for its size, camera and stamp.
            header: of the image.
            config: what is drawn, and for how long it stays by itself at least.
            colours: of the people.
        """
        places = _places(tracks, frame, config.keypoint_score)
        lifetime_s = self._lifetime_s(config.marker_lifetime_s, frame.stamp_ns)
        pen = _Pen(self._msgs, header, duration(lifetime_s, self._dialect))
        for row in np.flatnonzero(tracks.states != TrackState.REMOVED):
            figure = _figure(tracks, row, places[row], frame)
            if len(figure.points):
                alpha = FADED if tracks.states[row] == TrackState.LOST else OPAQUE
                pen.take(int(tracks.ids[row]), colours[row], alpha)
                pen.draw(figure, label(tracks, row))
        shown = {(marker.id, marker.ns) for marker in pen.markers}
        gone = [
            self._msgs.Marker(header=header, ns=name, id=track_id, action=DELETE)
            for track_id, name in sorted(self._shown - shown)
        ]
        self._shown = shown
        return self._msgs.MarkerArray(markers=gone + pen.markers)

    def _lifetime_s(self, wanted_s: float, stamp_ns: int) -> float:
        """Return how long markers stay, so that they do not blink where images come slowly."""
        last_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        if last_ns is None or not wanted_s:  # 0: they stay for ever
            return wanted_s
        return max(wanted_s, min(PERIODS * (stamp_ns - last_ns) / 1e9, LONGEST_S))


def label(tracks: Tracks, row: int) -> str:
    """Return what is written at a person: number of the track, person if known, state."""
    person = int(tracks.person_ids[row])
    who = f" person {person}" if person >= 0 else ""
    return f"{tracks.ids[row]}{who} {TrackState(tracks.states[row]).name.lower()}"


def on_plane(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """Put pixels (..., 2) x y on the plane before the camera: (..., 3) [m], NaN where they are."""
    matrix = _camera_matrix(frame)
    focal, centre = matrix[[0, 1], [0, 1]], matrix[:2, 2]
    places = (pixels - centre) / focal * PLANE_M
    return np.concatenate((places, np.where(np.isnan(places[..., :1]), np.nan, PLANE_M)), axis=-1)


def _at_distance(pixels: np.ndarray, z_m: np.ndarray, frame: Frame) -> np.ndarray:
    """Put the pixels (N, K, 2) of people as far away as they are (N,): (N, K, 3) [m].

    NaN where the pixels are, where the distance is unknown, and behind the camera.
    """
    return _rays(pixels, frame) * np.where(z_m > 0, z_m, np.nan)[:, None, None]


def _rays(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """Return x y 1 (..., 3) of pixels (..., 2), through the lens where it is known."""
    height, width = frame.image.shape[:2]
    if isinstance(frame.camera, Camera):
        try:
            return rays(pixels, scaled(frame.camera, width, height))
        except ValueError:  # that of another picture, or with a lens that nobody knows
            pass
    return on_plane(pixels, frame) / PLANE_M


def _camera_matrix(frame: Frame) -> np.ndarray:
    """Return (3, 3) for the pixels of the image, guessed where no calibration is for them."""
    height, width = frame.image.shape[:2]
    if isinstance(frame.camera, Camera):
        try:
            return scaled(frame.camera, width, height).matrix
        except ValueError:  # that of another picture
            pass
    return np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]])


def _places(tracks: Tracks, frame: Frame, min_score: float) -> np.ndarray:
    """Return where the keypoints are drawn, (N, K, 3) [m], NaN where they are not.

    Where somebody is in space, who has no place there is not drawn, as that is not on the plane.
    """
    poses = tracks.poses
    pixels = np.where(poses.keypoints[..., 2:] >= min_score, poses.keypoints[..., :2], np.nan)
    if not _is_in_space(tracks):
        return _finite(on_plane(pixels, frame))
    places = np.full((*pixels.shape[:2], 3), np.nan)
    if poses.keypoints_3d is not None:
        places = _finite(np.where(np.isnan(pixels[..., :1]), np.nan, poses.keypoints_3d))
    if tracks.positions is not None:
        # No depth in this image, or people who are placed by their feet: flat, where they are.
        rows = np.isnan(places).all(axis=(1, 2)) & np.isfinite(tracks.positions).all(axis=1)
        places[rows] = _finite(_at_distance(pixels[rows], tracks.positions[rows, 2], frame))
    return places


def _finite(points: np.ndarray) -> np.ndarray:
    """Return points (..., 3), NaN where one of their numbers is not finite."""
    return np.where(np.isfinite(points).all(axis=-1, keepdims=True), points, np.nan)


def _is_in_space(tracks: Tracks) -> bool:
    """Whether it is known of anybody where they are, in this image or from those before."""
    is_placed = tracks.positions is not None and np.isfinite(tracks.positions).all(axis=1).any()
    return bool(is_placed) or tracks.poses.keypoints_3d is not None


def _figure(tracks: Tracks, row: int, places: np.ndarray, frame: Frame) -> Figure:
    """Choose what is drawn of a person: keypoints, the place, or a predicted box on the plane."""
    is_in_space = _is_in_space(tracks)
    position = np.empty((0, 3))
    if tracks.positions is not None and np.isfinite(tracks.positions[row]).all():
        position = tracks.positions[row : row + 1]
    way = _way(tracks, row, position)
    is_there = np.isfinite(places[:, 0])
    if is_there.any():
        numbers = np.cumsum(is_there) - 1  # of the rows that are there
        edges = tracks.poses.skeleton.edge_rows
        ends = numbers[edges[is_there[edges].all(axis=1)]]
        return Figure(places[is_there], ends, True, IN_SPACE if is_in_space else ON_PLANE, way)
    if is_in_space:
        return Figure(position, _SIDES[:0], True, IN_SPACE, way)
    corners = _box_on_plane(tracks.poses.boxes[row], frame)
    is_lost = tracks.states[row] == TrackState.LOST
    return Figure(corners if is_lost else corners[:0], _SIDES, False, ON_PLANE, way)


_SIDES = np.array([(0, 1), (1, 2), (2, 3), (3, 0)])  # of a box, by its corners


def _box_on_plane(box: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the four corners of a box (4,) on the plane, (4, 3); none where it has none."""
    corners = on_plane(box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2), frame)
    return corners if np.isfinite(corners).all() else corners[:0]


def _way(tracks: Tracks, row: int, position: np.ndarray) -> np.ndarray:
    """Return from where to where a person moves, (2, 3); (0, 3) where unknown or hardly at all."""
    velocity = np.full(3, np.nan) if tracks.velocities is None else tracks.velocities[row]
    if len(position) and np.linalg.norm(velocity) >= SLOWEST_M_S:  # not where it is NaN
        return np.concatenate((position, position + ARROW_S * velocity))
    return np.empty((0, 3))


class _Pen:
    """Makes the markers of one frame, person by person."""

    def __init__(self, msgs: Any, header: Any, lifetime: Any) -> None:
        self._msgs = msgs
        self._header, self._lifetime = header, lifetime
        self._upright = msgs.Quaternion(x=0.0, y=0.0, z=0.0, w=1.0)
        self._here = self._place((0.0, 0.0, 0.0))
        self.markers: list[Any] = []

    def take(self, track_id: int, colour: Colour, alpha: float) -> None:
        """Go on with another person."""
        blue, green, red = (value / 255 for value in colour)
        self._id = track_id
        self._colour = self._msgs.ColorRGBA(r=red, g=green, b=blue, a=alpha)

    def draw(self, figure: Figure, text: str) -> None:
        """Add the markers of one person."""
        sizes, points = figure.sizes, self._points(figure.points)
        if len(figure.ends):
            ends = [points[end] for end in figure.ends.ravel().tolist()]
            self._add(LINES, LINE_LIST, (sizes.line, 0.0, 0.0), points=ends)
        if figure.has_dots:
            self._add(POINTS, SPHERE_LIST, (sizes.point,) * 3, points=points)
        low, high = figure.points.min(axis=0), figure.points.max(axis=0)
        size = float(np.clip(TEXT_PART * (high[1] - low[1]), sizes.least_text, sizes.text))
        x, _, z = (0.5 * (low + high)).tolist()
        above = self._place((x, float(low[1]) - size, z))  # the head
        self._add(LABEL, TEXT_VIEW_FACING, (0.0, 0.0, size), pose=above, text=text)
        if len(figure.velocity):
            width, ends = IN_SPACE.line, self._points(figure.velocity)
            self._add(VELOCITY, ARROW, (width, 3 * width, 4 * width), points=ends)

    def _add(
        self, name: str, kind: int, scale: tuple[float, float, float], **fields: object
    ) -> None:
        x, y, z = scale
        marker = self._msgs.Marker(
            header=self._header,
            ns=name,
            id=self._id,
            type=kind,
            action=ADD,
            scale=self._msgs.Vector3(x=x, y=y, z=z),
            color=self._colour,
            lifetime=self._lifetime,
            **({"pose": self._here} | fields),
        )
        self.markers.append(marker)

    def _place(self, place: tuple[float, float, float]) -> Any:
        x, y, z = place
        position = self._msgs.Point(x=x, y=y, z=z)
        return self._msgs.Pose(position=position, orientation=self._upright)

    def _points(self, places: np.ndarray) -> list[Any]:
        return [self._msgs.Point(x=x, y=y, z=z) for x, y, z in places.tolist()]
