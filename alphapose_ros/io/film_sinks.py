"""overlay.mp4 and contact_sheet.png as sinks, for which every frame is drawn once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.io.colours import IdentityColours
from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.overlay import Film, Sheet
from alphapose_ros.io.render import draw


class Drawing:
    """Draws people into their frames; a frame that is asked for again is not drawn again.

    Args:
        job: of the run; ``output.keypoint_score`` and ``output.privacy`` count.
    """

    def __init__(self, job: Job) -> None:
        self._output = job.config.output
        self._colours = IdentityColours()
        self._last: tuple[Processed, np.ndarray] | None = None

    def __call__(self, processed: Processed) -> np.ndarray:
        """Return the drawn frame, (H, W, 3) BGR, read-only; frames come in their order."""
        if self._last is None or self._last[0] is not processed:
            result = processed.result
            drawn = draw(
                processed.item.frame.image,
                result.tracks,
                keypoint_score=self._output.keypoint_score,
                colours=self._colours(result.tracks),
                privacy=self._output.privacy,
                found=result.found,
            )
            drawn.setflags(write=False)
            self._last = processed, drawn
        return self._last[1]


class FilmSink:
    """Writes overlay.mp4 into a folder, which has to exist."""

    def __init__(self, folder: Path, job: Job, drawing: Drawing) -> None:
        self._film = Film(folder, job.rate_hz)
        self._drawing = drawing

    def __enter__(self) -> FilmSink:
        return self

    def __exit__(self, *exception: object) -> None:
        self._film.close()

    def add(self, processed: Processed) -> None:
        """Append a frame."""
        self._film.add(self._drawing(processed), processed.item.frame.stamp_ns)


class SheetSink:
    """Writes contact_sheet.png into a folder, which has to exist."""

    def __init__(self, folder: Path, drawing: Drawing) -> None:
        self._sheet = Sheet(folder)
        self._drawing = drawing

    def __enter__(self) -> SheetSink:
        return self

    def __exit__(self, *exception: object) -> None:
        self._sheet.close()

    def add(self, processed: Processed) -> None:
        """Take a frame, which may become one of the sheet's."""
        frame, tracks = processed.item.frame, processed.result.tracks
        self._sheet.add(self._drawing(processed), frame.stamp_ns, tracks)
