"""attention/attention.png: where the re-identification network looks, person by person."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import cv2
import numpy as np

from alphapose_ros.config import Config
from alphapose_ros.frame import Poses, TrackState
from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.faces import cover_faces
from alphapose_ros.io.overlay import Spread
from alphapose_ros.io.render import contact_sheet
from alphapose_ros.io.timeline import write_picture
from alphapose_ros.reid import POSE_GUIDED, find_model
from alphapose_ros.reid.crop import crop_pictures, crop_regions, is_usable
from alphapose_ros.reid.embedder import CONFIDENT, FEWEST_KEYPOINTS, HEATMAP_STRIDE
from alphapose_ros.reid.heatmaps import body_heatmaps, body_keypoints
from alphapose_ros.zoo import main_path

MOST_FRAMES = 8  # of a run
MOST_PEOPLE = 3  # of a frame: the largest
COLUMNS = 2  # people side by side
TILE = (192, 96)  # height, width of one picture [px]
STRONG = 3.0  # times the mean: what is brightest in a map
TITLE = (
    "Where re-identification looks. From left to right: picture, heatmaps of the body,",
    "attention (mean of all maps), each map by itself; blue: less than elsewhere, red: more",
)
MAPS = "alphapose_ros.reid.maps:AttentionMaps"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """One person as the network gets it."""

    caption: str
    picture: np.ndarray  # (h, w, 3) BGR uint8
    heatmaps: np.ndarray  # (12, h/4, w/4) float32


class AttentionSink:
    """Writes attention/attention.png into a folder: people of frames spread over the run.

    Nothing is written, and the log says why, where the re-ID in use is not guided by poses.

    Args:
        folder: has to exist.
        job: of the run; with ``output.privacy``, faces are covered.
    """

    def __init__(self, folder: Path, job: Job) -> None:
        self._folder = Path(folder) / "attention"
        self._privacy = job.config.output.privacy
        self._looks: Spread[list[Look]] = Spread(2 * MOST_FRAMES)
        self._why_not = why_no_maps(job.config)
        self._weights, self._size = None, (0, 0)
        if self._why_not:
            log.warning("no attention maps: %s", self._why_not)
            return
        weights = find_model(job.config.reid)
        self._size = weights.input_size
        own = job.config.reid.weights
        self._weights = Path(own) if own else main_path(weights)

    def __enter__(self) -> AttentionSink:
        return self

    def __exit__(self, *exception: object) -> None:
        """Write the sheet.

        Raises:
            OSError: it cannot be written.
            CheckpointError: the weights do not fit.
        """
        frames = [looks for looks in self._looks.items if looks]
        if self._why_not or not frames:
            return
        chosen = np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round()
        looks = [look for row in chosen.astype(int) for look in frames[row]]
        try:
            maps = resolve_name(MAPS)(self._weights)
        except ModuleNotFoundError as error:
            log.warning("no attention maps: they need %s, which is not installed", error.name)
            return
        found = maps(np.stack([look.heatmaps for look in looks]), self._size)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_picture(self._folder / "attention.png", draw_attention(looks, found))

    def add(self, processed: Processed) -> None:
        """Take a frame and its people."""
        if self._why_not or not self._looks.wants_next():
            return
        frame, result = processed.item.frame, processed.result
        seen = result.tracks[result.tracks.states == TrackState.TRACKED]
        image = frame.image
        if self._privacy:
            image = image.copy()
            cover_faces(image, result.tracks.poses)
            cover_faces(image, result.poses if result.found is None else result.found)
        captions = [f"frame {frame.index}, track {number}" for number in seen.ids]
        self._looks.add(looks_of(image, seen.poses, captions, self._size))


def why_no_maps(config: Config) -> str:
    """Return why there is no attention that a pose guides with these settings; "" if there is.

    Raises:
        ValueError, FileNotFoundError, CheckpointError: the re-ID network is not known.
    """
    if config.tracker.name != "msim":
        return f"tracker.name {config.tracker.name} does not use re-identification; set msim"
    if config.reid.name == "none":
        return "reid.name is none; set small"
    weights = find_model(config.reid)
    if weights.network not in POSE_GUIDED:
        return f"{weights.network} is not guided by poses; {', '.join(POSE_GUIDED)} is"
    if not config.reid.pose_guided:
        return "reid.pose_guided is false, so that all places count alike"
    if config.reid.weights.endswith(".onnx"):
        return f"{config.reid.weights} is a graph, which keeps its maps; name the weights"
    return ""


def looks_of(
    image: np.ndarray, people: Poses, captions: Sequence[str], size: tuple[int, int]
) -> list[Look]:
    """Return the largest people of a frame as the network gets them.

    Args:
        image: (H, W, 3) BGR uint8.
        people: N poses.
        captions: of the people.
        size: height and width of the network's pictures.
    """
    keypoints = body_keypoints(people)
    with np.errstate(invalid="ignore"):
        known = (keypoints[..., 2] >= CONFIDENT).sum(axis=1)
    usable = np.flatnonzero(is_usable(people.boxes, image.shape[:2]) & (known >= FEWEST_KEYPOINTS))
    heights = people.boxes[usable, 3] - people.boxes[usable, 1]
    rows = np.sort(usable[np.argsort(-heights, kind="stable")[:MOST_PEOPLE]])
    regions = crop_regions(people.boxes[rows], image.shape[:2])
    pictures = crop_pictures(image, regions, size)[..., ::-1]
    small = size[0] // HEATMAP_STRIDE, size[1] // HEATMAP_STRIDE
    heatmaps = body_heatmaps(keypoints[rows], regions, small)
    return [
        Look(captions[row], picture, heatmap)
        for row, picture, heatmap in zip(rows, pictures, heatmaps, strict=True)
    ]


def draw_attention(looks: Sequence[Look], maps: np.ndarray) -> np.ndarray:
    """Draw people, their heatmaps and their attention maps.

    Args:
        looks: N people, one or more.
        maps: (N, M, h, w), each with a sum of 1.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    strips = [_strip(look, of_person) for look, of_person in zip(looks, maps, strict=True)]
    captions = [look.caption for look in looks]
    return contact_sheet(
        strips, captions, columns=COLUMNS, tile_width=strips[0].shape[1], title=TITLE
    )


def _strip(look: Look, maps: np.ndarray) -> np.ndarray:
    """Lay out one person: picture, heat, mean of the maps (M, h, w), and each of them."""
    size = TILE[::-1]
    picture = cv2.resize(np.ascontiguousarray(look.picture), size, interpolation=cv2.INTER_LINEAR)
    places = maps[0].size  # so that 1 is the mean of a map
    heat = look.heatmaps.max(axis=0) * STRONG
    fields = [heat, maps.mean(axis=0) * places, *(maps * places)]
    return np.hstack([picture, *(_heated(picture, field) for field in fields)])


def _heated(picture: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Lay a map (h, w) over a picture, from 0 (blue) to STRONG (red)."""
    large = cv2.resize(field.astype(np.float32), picture.shape[1::-1])
    level = np.clip(large * (255 / STRONG), 0, 255).round().astype(np.uint8)
    heat = cv2.applyColorMap(level, cv2.COLORMAP_TURBO)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(grey, 0.45, heat, 0.55, 0)
