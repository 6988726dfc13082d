"""The folder of a run: what an earlier run left in it, and what becomes of that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alphapose_ros.offline.journal import require_same
from alphapose_ros.offline.locking import locked
from alphapose_ros.offline.summary import Summary

JOURNAL = "journal.bin"  # there while a run is not complete
SUMMARY = "summary.json"
PART = ".part"  # of files that somebody was writing


class Earlier(Enum):
    """What becomes of an earlier run in the same folder."""

    REFUSED = "refused"  # an error
    RESUMED = "resumed"  # nothing is done where it is complete
    OVERWRITTEN = "overwritten"


class RunFolder:
    """A folder with the outputs of one run, a summary, and a journal until it is complete.

    Only what summary.json names as an output of a run is ever removed. In their order: writing(),
    and while it is open check(), clear(), and end() or withdraw().

    Args:
        path: of the folder; made by writing().
        files: names of the outputs, files and folders; patterns such as timeline_[0-9]*.png where
            there may be several.
        made_with: names and values, in JSON, that the outputs depend on.
        limit: most frames; a run that ended by another limit can be resumed.
        reads: files and folders that the run reads, which are never removed.
    """

    def __init__(
        self,
        path: Path,
        files: Sequence[str],
        made_with: Mapping[str, Any],
        *,
        limit: int | None = None,
        reads: Iterable[Path] = (),
    ) -> None:
        self.path = Path(path)
        self.journal = self.path / JOURNAL
        self._summary = self.path / SUMMARY
        self._files = list(files)
        self._made_with = json.loads(json.dumps(made_with))
        self._limit = limit
        self._reads = [Path(path).resolve() for path in reads]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the folder and keep others out; one that stays empty is removed again.

        Raises:
            NotADirectoryError: there is a file of that name.
            BlockingIOError: another run is writing there.
        """
        is_new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise NotADirectoryError(
                f"{self.path}: there is a file in the place of the folder; choose another (--out)"
            ) from error
        try:
            with locked(self.path):
                yield
        finally:
            if is_new:
                with suppress(OSError):
                    self.path.rmdir()

    def check(self, earlier: Earlier) -> bool:
        """Look whether there is room for the outputs, or can be made; nothing is touched yet.

        Returns:
            Whether there is something to do: False where the run to resume is complete.

        Raises:
            FileExistsError: there are outputs of an earlier run that is to be refused, outputs
                that cannot be told to be of a run, or that this run reads itself.
            ValueError: the run to resume is complete, but was made with something else.
        """
        told = self._told()
        there = self._there(self._files)
        resume = earlier is Earlier.RESUMED
        if resume and self._is_done(told):
            require_same(told["made_with"], self._made_with, self._summary)
            if told.get("limit") is None:
                self.journal.unlink(missing_ok=True)
            return False
        marks = [path.name for path in (self.journal, self._summary) if path.exists()]
        is_ours = bool(told) or self.journal.exists()
        is_free = not there and not marks
        if not (is_free or earlier is Earlier.OVERWRITTEN or (resume and is_ours)):
            raise FileExistsError(self._why_not([*there, *marks][0], resume=resume))
        self._refuse_strangers([*there, *marks], told, resume=resume)
        self._refuse_sources([*self._there(_outputs(told)), *([] if resume else [JOURNAL])])
        return True

    def clear(self, *, keep_journal: bool) -> None:
        """Remove what an earlier run left, and say what will be written from now on.

        Raises:
            OSError: it cannot be removed or written.
        """
        old = _outputs(self._told())
        self._write({"is_complete": False}, list(dict.fromkeys([*old, *self._files])))
        self._remove(old)
        if not keep_journal:
            self.journal.unlink(missing_ok=True)
        self._write({"is_complete": False}, self._files)

    def end(self, summary: Summary) -> None:
        """Write summary.json; of a complete run, nobody needs the journal then.

        A run that ended by its limit keeps it, so that it can be resumed with another one.

        Raises:
            OSError: it cannot be written.
        """
        self._write(summary.to_json(), self._there(self._files))
        if summary.is_complete and summary.limit is None:
            self.journal.unlink(missing_ok=True)

    def withdraw(self) -> None:
        """Leave nothing of a run that has not got to its first frame."""
        self._remove(self._files)
        for path in (self.journal, self._summary):
            path.unlink(missing_ok=True)

    def _write(self, figures: Mapping[str, Any], outputs: Sequence[str]) -> None:
        told = {**figures, "outputs": list(outputs), "made_with": self._made_with}
        part = self._summary.with_name(SUMMARY + PART)
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        part.replace(self._summary)

    def _is_done(self, told: Mapping[str, Any]) -> bool:
        """Tell whether the run is complete, up to the limit that is asked for now."""
        is_same = told.get("limit") is None or told["limit"] == self._limit
        return bool(told.get("is_complete")) and is_same

    def _told(self) -> dict[str, Any]:
        """Return what summary.json says; nothing where there is none, or another program's."""
        try:
            told = json.loads(self._summary.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
            return {}
        is_ours = isinstance(told, dict) and isinstance(told.get("made_with"), dict)
        return told if is_ours else {}

    def _there(self, patterns: Sequence[str]) -> list[str]:
        """Return what is in the folder under these names, begun files too."""
        names = sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
        return [name for pattern in patterns for name in names if _is_of(name, pattern)]

    def _refuse_strangers(
        self, names: Sequence[str], told: Mapping[str, Any], *, resume: bool
    ) -> None:
        """Check that all of these names are of the earlier run."""
        ours = self._there(_outputs(told)) + [SUMMARY, JOURNAL] * bool(told) + [JOURNAL] * resume
        for name in names:
            if name not in ours:
                raise FileExistsError(
                    f"{self.path / name} is there and not of a run: choose another folder (--out)"
                )

    def _refuse_sources(self, names: Sequence[str]) -> None:
        """Check that nothing is read that would be removed."""
        for name in names:
            path = (self.path / name).resolve()
            for source in self._reads:
                if path == source or path in source.parents:
                    raise FileExistsError(
                        f"{source} is read by this run, which would replace {self.path / name}: "
                        "choose another folder (--out)"
                    )

    def _why_not(self, found: str, *, resume: bool) -> str:
        if resume:
            return (
                f"{self.path / found} is there, but no {JOURNAL} to resume from: choose another "
                "folder (--out)"
            )
        return (
            f"{self.path / found} is there: go on with that run (--resume), begin anew "
            "(--overwrite), or choose another folder (--out)"
        )

    def _remove(self, patterns: Sequence[str]) -> None:
        for name in dict.fromkeys(self._there(patterns)):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _outputs(told: Mapping[str, Any]) -> list[str]:
    """Return the outputs that a summary names."""
    names = told.get("outputs")
    names = names if isinstance(names, list) else []
    return [name for name in names if isinstance(name, str)]


def _is_of(name: str, pattern: str) -> bool:
    """Tell whether a name is that of an output, or of one that somebody was writing."""
    forms = (pattern, f"{pattern}{PART}", f"{pattern}.*{PART}", f".{pattern}*{PART}")
    return any(fnmatchcase(name, form) for form in forms)
