"""The folder of a run: what an earlier run left in it, and what becomes of that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from alphapose_ros.offline.journal import require_same
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

    Args:
        path: of the folder; made by begin().
        files: names of the outputs, files and folders.
        made_with: names and values, in JSON, that the outputs depend on.
    """

    def __init__(self, path: Path, files: Sequence[str], made_with: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.journal = self.path / JOURNAL
        self._summary = self.path / SUMMARY
        self._files = list(files)
        self._made_with = json.loads(json.dumps(made_with))

    def begin(self, earlier: Earlier) -> bool:
        """Make room for the outputs.

        Returns:
            Whether there is something to do: False where the run to resume is complete.

        Raises:
            FileExistsError: there are outputs of an earlier run that is to be refused, or outputs
                that cannot be told to be of a run.
            ValueError: the run to resume is complete, but was made with something else.
        """
        is_ours = self.journal.exists() or bool(self._told())
        there = [name for name in self._files if (self.path / name).exists()]
        resume = earlier is Earlier.RESUMED
        if resume and self._is_complete():
            require_same(self._told()["made_with"], self._made_with, self._summary)
            self.journal.unlink(missing_ok=True)
            return False
        is_free = not there and not self.journal.exists() and not self._is_complete()
        if not (is_free or earlier is Earlier.OVERWRITTEN or (resume and is_ours)):
            raise FileExistsError(self._why_not(there, resume=resume))
        folders = [name for name in there if (self.path / name).is_dir()]
        if folders and not is_ours:
            raise FileExistsError(
                f"{self.path / folders[0]} is there and not of a run: choose another folder (--out)"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._write({"is_complete": False})  # what is written from now on is ours
        if not resume:
            self.journal.unlink(missing_ok=True)
        self._clear(there)
        return True

    def end(self, summary: Summary) -> None:
        """Write summary.json; of a complete run, nobody needs the journal then.

        Raises:
            OSError: it cannot be written.
        """
        self._write(summary.to_json())
        if summary.is_complete:
            self.journal.unlink(missing_ok=True)

    def _write(self, figures: Mapping[str, Any]) -> None:
        told = {**figures, "made_with": self._made_with}
        part = self._summary.with_name(SUMMARY + PART)
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        part.replace(self._summary)

    def _is_complete(self) -> bool:
        return bool(self._told().get("is_complete"))

    def _told(self) -> dict[str, Any]:
        """Return what summary.json says; nothing where there is none, or another program's."""
        try:
            told = json.loads(self._summary.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return told if isinstance(told, dict) and "made_with" in told else {}

    def _why_not(self, there: Sequence[str], *, resume: bool) -> str:
        found = next(iter([*there, *self._marks()]))
        if resume:
            return (
                f"{self.path / found} is there, but no {JOURNAL} to resume from: begin anew "
                "(--overwrite), or choose another folder (--out)"
            )
        return (
            f"{self.path / found} is there: go on with that run (--resume), begin anew "
            "(--overwrite), or choose another folder (--out)"
        )

    def _marks(self) -> list[str]:
        return [path.name for path in (self.journal, self._summary) if path.exists()]

    def _clear(self, names: Sequence[str]) -> None:
        for name in names:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
