"""Draws the markers in a bag as RViz would show them: from the camera and from the side.

    python tools/draw_markers.py BAG --out FILE.png [--topic markers] [--at SECONDS ...]

BAG is what the recorder wrote. Without --at the message with the most markers is drawn. Additions
and deletions of all messages up to that one count, lifetimes do not: what is never deleted stays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alphapose_ros.io.bag import BagError, BagReader

ADD, DELETE, DELETE_ALL = 0, 2, 3  # of visualization_msgs/Marker
ARROW, LINE_LIST, SPHERE_LIST, TEXT = 0, 5, 7, 9
KNOWN = (ARROW, LINE_LIST, SPHERE_LIST, TEXT)
TYPE = "visualization_msgs/msg/MarkerArray"
VIEWS = {"from the camera": (0, "x to the right [m]"), "from the side": (2, "z forwards [m]")}

Scene = dict[tuple[str, int], Any]  # markers by namespace and id


def apply(scene: Scene, markers: list[Any]) -> None:
    """Change a scene as RViz does.

    Raises:
        ValueError: a marker could not be shown.
    """
    for marker in markers:
        key = (marker.ns, marker.id)
        if marker.action == DELETE_ALL:
            scene.clear()
        elif marker.action == DELETE:
            scene.pop(key, None)
        else:
            check(marker)
            scene[key] = marker


def check(marker: Any) -> None:
    """Raise ValueError for a marker that RViz would refuse or misplace."""
    place = marker.pose.position
    numbers = [*points_of(marker).ravel(), place.x, place.y, place.z]
    if marker.action != ADD or marker.type not in KNOWN:
        raise ValueError(f"{marker.ns} {marker.id}: action {marker.action}, type {marker.type}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{marker.ns} {marker.id}: points that are no numbers")
    if marker.type != TEXT and not len(marker.points):
        raise ValueError(f"{marker.ns} {marker.id}: no points")
    if marker.type == LINE_LIST and len(marker.points) % 2:
        raise ValueError(f"{marker.ns} {marker.id}: half a line")


def points_of(marker: Any) -> np.ndarray:
    """Return the points of a marker (P, 3) [m]."""
    return np.array([(p.x, p.y, p.z) for p in marker.points], float).reshape(-1, 3)


def scenes(path: Path, topic: str) -> Iterator[tuple[float, Scene]]:
    """Yield seconds since the first message, and what is shown from then on; always one scene.

    Raises:
        BagError: the bag cannot be read.
        ValueError: it has no such topic of markers, or one that could not be shown.
    """
    with BagReader(path) as bag:
        names = [n for n, kind in bag.topics.items() if kind == TYPE and n.endswith(topic)]
        if not names:
            raise ValueError(f"{path}: no markers on a topic {topic!r}; it has {list(bag.topics)}")
        scene: Scene = {}
        first_ns = None
        for message in bag.messages(names[:1]):
            first_ns = message.stamp_ns if first_ns is None else first_ns
            apply(scene, bag.decode(message).markers)
            yield (message.stamp_ns - first_ns) / 1e9, scene


def draw(axes: Axes, scene: Scene, across: int) -> None:
    """Draw a scene; ``across`` is the coordinate that is seen to the right, y is down."""
    for marker in scene.values():
        colour = (marker.color.r, marker.color.g, marker.color.b, marker.color.a)
        points = points_of(marker)[:, [across, 1]]
        if marker.type == LINE_LIST:
            for start, stop in points.reshape(-1, 2, 2):
                axes.plot(*zip(start, stop, strict=True), color=colour, linewidth=1.2)
        elif marker.type == SPHERE_LIST:
            axes.scatter(*points.T, color=[colour], s=4, zorder=3)
        elif marker.type == ARROW:
            axes.annotate(
                "", points[1], points[0], arrowprops={"arrowstyle": "->", "color": colour}
            )
        else:
            place = marker.pose.position
            where = ((place.x, place.y, place.z)[across], place.y)
            axes.annotate(marker.text, where, color=colour, fontsize=7, ha="center", va="bottom")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_facecolor("0.18")
    axes.invert_yaxis()


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--topic", default="markers")
    parser.add_argument("--at", type=float, nargs="+", default=[])
    options = parser.parse_args()
    try:
        shown = [(time_s, dict(scene)) for time_s, scene in scenes(options.bag, options.topic)]
    except (BagError, ValueError) as error:
        sys.exit(f"draw_markers: {error}")
    if not shown:
        sys.exit(f"draw_markers: {options.bag}: no message on {options.topic}")
    fullest = max(shown, key=lambda item: len(item[1]))
    chosen = [min(shown, key=lambda item: abs(item[0] - time_s)) for time_s in options.at]
    chosen = chosen or [fullest]
    figure = Figure(figsize=(13, 6 * len(chosen)), layout="constrained")
    grid = figure.subplots(len(chosen), len(VIEWS), squeeze=False)
    for row, (time_s, scene) in zip(grid, chosen, strict=True):
        for axes, (name, (across, text)) in zip(row, VIEWS.items(), strict=True):
            draw(axes, scene, across)
            axes.set(title=f"{time_s:.2f} s, {name}", xlabel=text, ylabel="y down [m]")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=110)
    sys.stdout.write(f"{len(shown)} messages, {len(fullest[1])} markers at most: {options.out}\n")


if __name__ == "__main__":
    main()
