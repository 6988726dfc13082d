"""images/: every picture of a run with the people drawn into it, under its own name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import cv2

from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.film_sinks import Drawing
from alphapose_ros.io.formats.names import Names

JPEG_QUALITY = 92  # of 100: lines stay sharp


class ImagesSink:
    """Writes images/NAME.jpg for every picture; pictures of videos are named by their number.

    Args:
        folder: has to exist.
        job: of the run; ``output.keypoint_score`` and ``output.privacy`` count.
        drawing: shared with other sinks that show the same frames, so that each is drawn once.
    """

    def __init__(self, folder: Path, job: Job, drawing: Drawing | None = None) -> None:
        self._folder = Path(folder) / "images"
        self._drawing = drawing or Drawing(job)
        self._used = Names()

    def __enter__(self) -> ImagesSink:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave what was written."""

    def add(self, processed: Processed) -> None:
        """Draw one picture.

        Raises:
            OSError: it cannot be written.
        """
        path = self._folder / self._free(drawn_name(processed.item.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", self._drawing(processed), quality)
        path.write_bytes(data.tobytes())

    def _free(self, wanted: PurePosixPath) -> PurePosixPath:
        """Return a name that no picture of this run has: a_2.jpg where a.jpg is taken.

        A run that is resumed draws all pictures again in their order, so that names are the same.
        """
        free, number = wanted, 1
        while str(free) in self._used:
            number += 1
            free = wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")
        self._used.add(str(free))
        return free


def drawn_name(name: str) -> PurePosixPath:
    """Return what the drawn picture is called: other pictures, other names.

    Folders stay, so that pictures of equal names in several folders do not meet; a name never
    leads out of the folder. An ending other than .jpg stays, so that a.png does not meet a.jpg.
    Few names meet all the same, as a.png.jpg and a.png do: ImagesSink numbers them.

    >>> print(drawn_name("street/1.jpg"), drawn_name("/data/1.png"), drawn_name("../1.JPG"))
    street/1.jpg data/1.png.jpg up/1.JPG
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part.replace(":", "") for part in path.parts if part != "/"]
    parts = ["up" if part == ".." else part for part in parts]
    if path.suffix.lower() != ".jpg":
        parts[-1:] = [f"{parts[-1]}.jpg" if parts else "picture.jpg"]
    return PurePosixPath(*parts)
