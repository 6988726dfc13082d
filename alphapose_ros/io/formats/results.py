"""What a result file says, read into memory; and what a format of result files is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Protocol

from alphapose_ros.skeletons import Skeleton

if TYPE_CHECKING:
    from alphapose_ros.io.ends import FrameResult

USUAL_RATE_HZ = 25.0  # of frames whose times a file does not tell


@dataclass(frozen=True, kw_only=True)
class Results:
    """The people of all frames of one run."""

    skeleton: Skeleton
    frames: Sequence[FrameResult]  # in the order of their index
    source_name: str = ""
    has_stamps: bool = True  # False: the file tells no times; index / rate stands in for them
    notes: tuple[str, ...] = ()  # what reading changed or left out, for people
    read_from: Path | None = None  # the file, where a folder was asked for
    box_error_px: float = 0.0  # by how much rounding may have moved the sides of boxes


class ResultWriter(Protocol):
    """Takes frame after frame; a context manager.

    The file grows under ``NAME.part`` and gets its name when the block ends, also by an exception:
    it is whole then and holds all frames added before. A killed process leaves the part only.
    """

    def __enter__(self) -> ResultWriter: ...

    def __exit__(self, *exception: object) -> None: ...

    def add(self, frame: FrameResult) -> None:
        """Write the people of one frame.

        Raises:
            OSError: disk full, for example; the file keeps the frames added before.
        """


@dataclass(frozen=True)
class Given:
    """A file to read, and what the caller knows of it.

    Raises:
        FileNotFoundError, IsADirectoryError, ValueError: by ``content``, if it cannot be read.
    """

    path: Path
    skeleton: Skeleton | None = None  # of its keypoints; None: told by the file
    rate_hz: float = USUAL_RATE_HZ  # where the file tells no times
    loader: Callable[[Path], Any] | None = None

    @cached_property
    def content(self) -> Any:
        """What a JSON file holds."""
        if self.loader is None:
            raise ValueError(f"{self.path}: is not read as JSON")
        return self.loader(self.path)


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of result files.

    ``reader`` and ``builder`` are addresses of functions, looked up when one is used, since some
    need libraries that not everybody has: Given -> Results; path, Skeleton -> ResultWriter.
    ``holds`` are names of `losses.PARTS`.
    """

    name: str
    meaning: str  # one line for those who choose
    suffix: str  # of its files
    reader: str
    builder: str
    holds: frozenset[str]
    keeps: Callable[[Skeleton], frozenset[str]]  # which keypoints of a skeleton's it has room for
    needs: str = ""  # what pip installs for it

    def read(self, given: Given) -> Results:
        """Read a file of this format.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is of another form or damaged; file, entry and remedy are named.
        """
        return self._resolved(self.reader)(given)

    def writer(self, path: Path, skeleton: Skeleton) -> ResultWriter:
        """Begin a file; an older one of its name stays until the new one is whole."""
        return self._resolved(self.builder)(Path(path), skeleton)

    def _resolved(self, address: str) -> Callable[..., Any]:
        try:
            return resolve_name(address)
        except ModuleNotFoundError as error:
            if not self.needs:
                raise
            raise ValueError(
                f"{self.name} files need {error.name}, which is not installed: "
                f"pip install {self.needs}"
            ) from None
        except ImportError as error:  # it is installed, but does not load
            if not self.needs:
                raise
            raise ValueError(
                f"{self.name} files need {self.needs}, which cannot be loaded: {error}"
            ) from None
