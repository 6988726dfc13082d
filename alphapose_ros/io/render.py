"""Pictures of people: boxes, identities and skeletons drawn onto images, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.colours import Colour, colour_of
from alphapose_ros.io.faces import cover_faces
from alphapose_ros.skeletons import Skeleton

_GREY = (200, 200, 200)
_DARK = (24, 24, 24)
_WHITE = (255, 255, 255)
_FINE = ("face", "left_hand", "right_hand")  # groups of keypoints too close for thick lines
_FINE_EDGES_PX = 12.0  # smallest face or hand to draw at all
_FINE_DOTS_PX = 120.0  # and with dots
_DOTS_PX = 80.0  # smallest height of a person to draw dots at all: they would hide it
_SHIFT = 4  # OpenCV takes coordinates in parts of 1 / 2**4 pixel
_FAR_PX = 1e5  # beyond this, OpenCV's integers would overflow


def draw(
    image: np.ndarray,
    people: Tracks | Poses,
    *,
    keypoint_score: float = 0.3,
    colours: Sequence[Colour] | None = None,
    privacy: bool = False,
    found: Poses | None = None,
) -> np.ndarray:
    """Draw people onto a copy of the image.

    Each person keeps one colour, with the left limbs brighter than the right. Tracked people have a
    solid box and their id, tentative ones a thin box and "id?", lost ones a dashed grey box.

    Args:
        image: (H, W, 3) uint8 BGR.
        people: N people, N may be 0; of Poses, which have no ids, the row gives the colour.
        keypoint_score: keypoints with a lower score are left out, and so are their edges.
        colours: of the people; None: those of their ids.
        privacy: whether faces are covered first, and none is drawn.
        found: all people found in the image, whose faces are covered too where some of them are
            none of ``people``.

    Returns:
        (H, W, 3) uint8 BGR, new.

    Raises:
        ValueError: the image has another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8 BGR, got {image.shape} {image.dtype}")
    canvas = np.array(image, order="C")
    poses = people.poses if isinstance(people, Tracks) else people
    ids = people.ids if isinstance(people, Tracks) else np.arange(1, len(people) + 1)
    states = people.states if isinstance(people, Tracks) else np.full(len(ids), TrackState.TRACKED)
    colours = [colour_of(number) for number in ids] if colours is None else colours
    if privacy:
        for persons in (poses,) if found is None else (poses, found):
            cover_faces(canvas, persons)
    shown = [row for row in range(len(ids)) if states[row] != TrackState.REMOVED]
    for row in shown:
        _draw_box(canvas, poses.boxes[row], colours[row], TrackState(states[row]))
    for row in shown:
        visible = _visible(poses.keypoints[row], keypoint_score)
        if privacy and "face" in poses.skeleton.groups:
            visible[poses.skeleton.group("face")] = np.nan
        height = float(np.ptp(poses.boxes[row, 1::2]))
        _draw_pose(canvas, poses.skeleton, visible, height, colours[row])
    for row in shown if isinstance(people, Tracks) else ():
        _draw_label(canvas, poses.boxes[row], ids[row], TrackState(states[row]), colours[row])
    return canvas


def contact_sheet(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    *,
    columns: int = 4,
    tile_width: int = 480,
    title: Sequence[str] = (),
) -> np.ndarray:
    """Lay out images in a grid, each above its caption.

    Args:
        images: one or more of (H, W, 3) uint8 BGR, of any sizes; each is fitted into a tile of the
            first one's aspect.
        captions: a line for each, such as its time; ASCII, as OpenCV's font has nothing else.
        columns: tiles in a row.
        tile_width: in pixels.
        title: lines above the grid.

    Returns:
        The sheet, (H, W, 3) uint8 BGR.

    Raises:
        ValueError: no image, or another number of captions.
    """
    if not len(images) or len(captions) != len(images):
        raise ValueError(
            f"need a caption for each of one or more images, got {len(captions)} for {len(images)}"
        )
    height, width = images[0].shape[:2]
    size = (tile_width, max(1, round(tile_width * height / width)))
    tiles = [_tile(*pair, size) for pair in zip(images, captions, strict=True)]
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], _DARK)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    head = [_text_bar(line, rows[0].shape[1], scale=0.8) for line in title]
    return np.vstack([*head, *rows])


def _visible(keypoints: np.ndarray, lowest_score: float) -> np.ndarray:
    """Blank what is not to be drawn: (K, 2) x y, NaN NaN there."""
    with np.errstate(invalid="ignore"):
        good = (keypoints[:, 2] >= lowest_score) & (np.abs(keypoints[:, :2]) < _FAR_PX).all(axis=1)
    return np.where(good[:, None], keypoints[:, :2], np.nan)


def _draw_pose(
    canvas: np.ndarray, skeleton: Skeleton, points: np.ndarray, height: float, colour: Colour
) -> None:
    """Draw edges and keypoints; line widths follow the person's height [px]."""
    width = _line_width(canvas, height)
    room = _room(skeleton, points)
    fine = np.isfinite(room)
    fixed = np.round(np.nan_to_num(points) * 2**_SHIFT).astype(int)
    shades = [_shade(colour, name) for name in skeleton.names]
    seen = np.isfinite(points).all(axis=1)
    edges = skeleton.edge_rows[seen[skeleton.edge_rows].all(axis=1)]
    thin = fine[edges].any(axis=1)
    if width > 1:  # a dark rim keeps the limbs visible on any background
        _draw_edges(canvas, fixed, edges[~thin], width + 2, None)
    roomy = (room[edges] >= _FINE_EDGES_PX).all(axis=1)
    _draw_edges(canvas, fixed, edges[thin & roomy], max(1, width // 3), shades)
    _draw_edges(canvas, fixed, edges[~thin], width, shades)
    _draw_dots(canvas, fixed, seen & fine & (room >= _FINE_DOTS_PX), 0.3 * width, None)
    if height >= _DOTS_PX:
        _draw_dots(canvas, fixed, seen & ~fine, 0.65 * width + 0.5, shades)


def _room(skeleton: Skeleton, points: np.ndarray) -> np.ndarray:
    """Return for each keypoint of a face or hand how large that is [px], for the others Inf."""
    room = np.full(len(points), np.inf)
    for name in set(_FINE) & set(skeleton.groups):
        rows = skeleton.group(name)
        seen = points[rows][np.isfinite(points[rows]).all(axis=1)]
        room[rows] = np.ptp(seen, axis=0).max() if len(seen) else 0.0
    return room


def _draw_edges(
    canvas: np.ndarray,
    points: np.ndarray,
    edges: np.ndarray,
    width: int,
    shades: Sequence[Colour] | None,
) -> None:
    """Draw edges (E, 2) between points in parts of pixels, in the outer end's shade or dark."""
    for start, stop in edges:
        colour = _DARK if shades is None else shades[stop]
        ends = points[start].tolist(), points[stop].tolist()
        cv2.line(canvas, *ends, colour, width, cv2.LINE_AA, _SHIFT)


def _draw_dots(
    canvas: np.ndarray,
    points: np.ndarray,
    which: np.ndarray,
    radius: float,
    shades: Sequence[Colour] | None,
) -> None:
    """Draw a white dot per keypoint, ringed in its shade where there is room."""
    for row in np.flatnonzero(which):
        centre = points[row].tolist()
        if shades is not None:
            around = round((radius + 1.0) * 2**_SHIFT)
            cv2.circle(canvas, centre, around, shades[row], cv2.FILLED, cv2.LINE_AA, _SHIFT)
        inside = round(radius * 2**_SHIFT)
        cv2.circle(canvas, centre, inside, _WHITE, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_box(canvas: np.ndarray, box: np.ndarray, colour: Colour, state: TrackState) -> None:
    if not (np.abs(box) < _FAR_PX).all():
        return
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    if state is not TrackState.LOST:
        thick = 1 if state is TrackState.TENTATIVE else (_line_width(canvas, y2 - y1) + 1) // 2
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, thick)
        return
    cv2.rectangle(canvas, (x1, y1), (x2, y2), _DARK, 1)  # seen between the dashes
    dash = max(4, round(_unit(canvas) * 7))
    for x in range(max(x1, -dash), min(x2, canvas.shape[1]), 2 * dash):
        for y in (y1, y2):
            cv2.line(canvas, (x, y), (min(x + dash, x2), y), _GREY, 1)
    for y in range(max(y1, -dash), min(y2, canvas.shape[0]), 2 * dash):
        for x in (x1, x2):
            cv2.line(canvas, (x, y), (x, min(y + dash, y2)), _GREY, 1)


def _draw_label(
    canvas: np.ndarray, box: np.ndarray, track_id: int, state: TrackState, colour: Colour
) -> None:
    """Write the id above the box, or inside it where there is no room above."""
    if not (np.abs(box) < _FAR_PX).all():
        return
    text = f"{track_id}?" if state is TrackState.TENTATIVE else str(track_id)
    colour = _GREY if state is TrackState.LOST else colour
    scale = 0.42 * _unit(canvas) ** 0.7
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    pad = max(2, height // 3)
    full_height, full_width = height + 2 * pad, width + 2 * pad
    x = int(np.clip(round(float(box[0])), 0, max(0, canvas.shape[1] - full_width)))
    y = round(float(box[1])) - full_height
    y = int(np.clip(y if y >= 0 else y + full_height, 0, max(0, canvas.shape[0] - full_height)))
    cv2.rectangle(canvas, (x, y), (x + full_width, y + full_height), colour, cv2.FILLED)
    ink = _DARK if np.dot(colour, (0.114, 0.587, 0.299)) > 130 else _WHITE
    where = (x + pad, y + full_height - pad)
    cv2.putText(canvas, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)


def _unit(canvas: np.ndarray) -> float:
    """Return how much larger than 640 x 360 the picture is, at least 1."""
    return max(1.0, min(canvas.shape[0] / 360.0, canvas.shape[1] / 480.0))


def _line_width(canvas: np.ndarray, height: float) -> int:
    """Return the width of a limb of a person of ``height``, in whole pixels."""
    if not np.isfinite(height):
        return 1
    return int(np.clip(round(height / 90.0), 1, round(2.0 * _unit(canvas))))


def _shade(colour: Colour, name: str) -> Colour:
    """Return the colour, brighter for keypoints of the left."""
    if not name.startswith("left_"):
        return colour
    blue, green, red = (round(0.55 * value + 0.45 * 255) for value in colour)
    return blue, green, red


def _tile(image: np.ndarray, caption: str, size: tuple[int, int]) -> np.ndarray:
    """Fit an image into a tile of ``size`` (width, height), centred on dark, with its caption."""
    factor = min(size[0] / image.shape[1], size[1] / image.shape[0])
    fitted = [max(1, round(factor * side)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(image, fitted, interpolation=cv2.INTER_AREA)
    tile = np.full((size[1], size[0], 3), _DARK, dtype=np.uint8)
    x, y = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    tile[y : y + fitted[1], x : x + fitted[0]] = small
    return np.pad(
        np.vstack([tile, _text_bar(caption, size[0], scale=0.5)]), ((2, 2), (2, 2), (0, 0))
    )


def _text_bar(text: str, width: int, scale: float) -> np.ndarray:
    """Return a dark bar with one line of text, made smaller where it would not fit."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (text_width, text_height), _ = cv2.getTextSize(text, font, scale, 1)
    height = round(2.2 * text_height)
    fit = min(1.0, (width - 12) / max(1, text_width))
    bar = np.full((height, width, 3), _DARK, dtype=np.uint8)
    where = (6, round(0.5 * (height + text_height * fit)))
    cv2.putText(bar, text, where, font, scale * fit, _WHITE, 1, cv2.LINE_AA)
    return bar
