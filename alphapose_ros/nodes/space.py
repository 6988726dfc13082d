"""What images and their people have to do with metres: depth, ground, TF, and what is wrong."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node

from alphapose_ros.config import Config
from alphapose_ros.frame import Frame, Tracks
from alphapose_ros.lifting import Ground, needs_ground
from alphapose_ros.lifting.moving import Mover, Placed, unknown
from alphapose_ros.nodes.depth import BY_DEPTH, DepthReader, DepthReception
from alphapose_ros.nodes.diagnostics import OK, WARN, Judgement
from alphapose_ros.nodes.health import Report
from alphapose_ros.nodes.reception import Arrival
from alphapose_ros.nodes.transforms import NoTransformError, build_transforms


class Space:
    """Gives frames their depth and ground, and brings their people to target_frame.

    What goes wrong costs positions only, and is told in the report.

    Args:
        node: that subscribes to TF, where TF is needed.
        config: all settings.

    Raises:
        ValueError: TF is needed and not installed, or lifting.depth_offset is wrong.
    """

    def __init__(self, node: Node, config: Config) -> None:
        self._config = config
        self._reader = DepthReader(config.lifting, self._find)
        self._mover = Mover()
        self._matrix: np.ndarray | None = None  # camera to target_frame, as the frame has asked
        self._problem = ""  # of the last frame
        self._recent = ""  # of any since the last report
        self._transforms = build_transforms(node, config)

    def reset(self) -> None:
        """Forget what was before."""
        self._mover.reset()
        self._problem = self._recent = ""

    def stop(self) -> None:
        """Receive no transforms any more."""
        if self._transforms is not None:
            self._transforms.stop()

    def prepare(self, frame: Frame, arrival: Arrival, config: Config) -> Frame:
        """Return the frame with its depth, if any; without its camera where that is of no use."""
        self._config, self._problem, self._matrix = config, "", None
        if config.lifting.name == "none":
            return frame
        frame, problem = self._reader(frame, arrival.camera_info, arrival.depth)
        self._note(problem)
        return frame

    def ground(self, frame: Frame) -> Ground | None:
        """Return the ground that people stand on, by TF; None where settings or nothing tell it.

        It is z = 0 of target_frame.
        """
        config = self._config
        if not needs_ground(config.lifting) or frame.camera is None:
            return None
        if not config.target_frame:
            if config.lifting.name == "ground":
                self._note(
                    "people have no positions on the ground: set lifting.camera_height_m and "
                    "lifting.camera_pitch_deg, or target_frame, whose z = 0 is the ground"
                )
            return None
        try:
            return Ground.from_transform(self._to_target(frame))
        except (LookupError, ValueError) as error:
            self._note(f"people have no positions on the ground: {error.args[0]}")
            return None

    def place(self, tracks: Tracks, frame: Frame) -> Placed:
        """Return people in target_frame; of whom nothing is known in metres without TF."""
        target, here = self._config.target_frame, np.zeros(3)
        if not target or self._config.lifting.name == "none":
            return Placed(tracks, frame.frame_id, here)
        try:
            matrix = self._to_target(frame)
        except NoTransformError as error:
            self._note(f"people have no positions: {error.args[0]}")
            return Placed(unknown(tracks), frame.frame_id, here)
        return Placed(self._mover(tracks, matrix, frame.stamp_ns), target, matrix[:3, 3])

    def report(self, depth: DepthReception | None) -> list[Report]:
        """Judge what happened since the last report; nothing to say where nothing is lifted."""
        config, recent, self._recent = self._config, self._recent or self._problem, ""
        if config.lifting.name == "none":
            return []
        figures = {"lifting": config.lifting.name, "target_frame": config.target_frame}
        if depth is not None:
            counts = depth.counts
            figures |= {
                "depth_topic": depth.topic,
                "depth_received": str(counts.received),
                "frames_with_depth": str(counts.paired),
                "frames_without_depth": str(counts.without_depth),
                "depth_unpaired": str(counts.unpaired),
                "depth_lost": str(counts.lost),
            }
            problem = depth.problem(config.image_timeout_s)
            recent = recent or problem
        elif config.lifting.name in BY_DEPTH:
            return [("positions", Judgement(OK, "disabled by ~/enable"), figures)]
        judgement = Judgement(WARN, recent) if recent else Judgement(OK, "nothing is amiss")
        return [("positions", judgement, figures)]

    def _to_target(self, frame: Frame) -> np.ndarray:
        """Look up the transform of the frame that was prepared last, once unless it is missing."""
        if self._matrix is None:
            self._matrix = self._find(self._config.target_frame, frame.frame_id, frame.stamp_ns)
        return self._matrix

    def _find(self, target: str, source: str, stamp_ns: int) -> np.ndarray:
        return self._transforms(target, source, stamp_ns, self._config.tf_timeout_s)

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem
        self._recent = problem or self._recent
