"""What is told of images that were published and did not come."""

from __future__ import annotations

import math

from alphapose_ros.config import Config
from alphapose_ros.nodes.middleware import room_for_images

ENOUGH = 20  # images taken by the camera, until the share of those that arrived is judged
LOSSY = 0.7  # smallest share that is still ordinary
RECENT_S = 10.0  # for which a full queue is told of after it lost an image


class Losses:
    """Judges how many images of a topic get lost.

    Args:
        topic: in full.
        config: process_every_frame, queue_size.
        images: what they are called.
    """

    def __init__(self, topic: str, config: Config, images: str = "images") -> None:
        self._topic, self._config, self._images = topic, config, images
        self._judged = (0, 0)  # received and lost at the last judgement
        self._verdict = ""  # of it
        self._overflown = (0, -math.inf)  # lost by now, and when that was seen to grow [s]

    def forget(self, received: int, lost: int) -> None:
        """Judge only what comes from now on."""
        self._judged, self._verdict = (received, lost), ""

    def problem(self, received: int, lost: int, now_s: float) -> str:
        """Return what is wrong, and the remedy; "" if nothing is.

        Args:
            received: images so far.
            lost: images so far.
            now_s: by a steady clock.
        """
        if self._config.process_every_frame and self._is_overflowing(lost, now_s):
            return self._overflow(lost)
        arrived, missing = received - self._judged[0], lost - self._judged[1]
        if arrived + missing >= ENOUGH:
            self.forget(received, lost)
            if arrived < LOSSY * (arrived + missing):
                self._verdict = self._lossy(arrived, arrived + missing)
        return self._verdict  # the last one holds until enough came for the next

    def _lossy(self, arrived: int, sent: int) -> str:
        return (
            f"{arrived} of {sent} {self._images} arrived on {self._topic}: DDS loses them on "
            f"the way. Start {room_for_images()}, or have the driver publish reliably, which "
            "image_reliability `auto` follows"
        )

    def _is_overflowing(self, lost: int, now_s: float) -> bool:
        lost_before, grew_s = self._overflown
        if lost > lost_before:
            grew_s = now_s
        self._overflown = (lost, grew_s)
        return now_s - grew_s < RECENT_S

    def _overflow(self, lost: int) -> str:
        return (
            f"{lost} {self._images} were lost on {self._topic}, although process_every_frame is "
            f"set: more of them wait than the {self._config.queue_size} of queue_size. Raise it, "
            "or let the images come slower (`ros2 bag play --rate`)"
        )
