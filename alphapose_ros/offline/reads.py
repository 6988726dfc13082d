"""What the arguments of a run name on the disk: it is read, and must not be written over."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from alphapose_ros.config import Config, leaves
from alphapose_ros.io.sources import LIST


def source_paths(arguments: Sequence[str]) -> list[Path]:
    """Return the files and folders that sources stand for, with those in lists and of globs."""
    return list(dict.fromkeys(path for text in arguments for path in _named(text, Path(), ())))


def setting_paths(config: Config) -> list[Path]:
    """Return the files that settings name."""
    values = [value for value, _ in leaves(config).values()]
    return [Path(value) for value in values if value and isinstance(value, str) and _is_file(value)]


def refuse_folder(folder: Path, reads: Sequence[Path]) -> None:
    """Check that outputs would not lie among the pictures of a source, and become pictures of it.

    Raises:
        ValueError: the folder is a source, or a glob matches files in it.
    """
    for path in reads:
        if path.is_dir() and path.resolve() == folder.resolve():
            raise ValueError(
                f"--out {folder} is a folder that is read itself, where the outputs would be "
                "sources of the next run; choose another one"
            )


def _named(text: str, folder: Path, lists: tuple[Path, ...]) -> Iterator[Path]:
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    if "://" in text:
        return
    path = folder / Path(text).expanduser()
    if path.exists():
        yield path
        if path.suffix.lower() == LIST and path.is_file() and path.resolve() not in lists:
            for line in path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines():
                if name := re.sub(r"(^|\s)#.*", "", line).strip():
                    yield from _named(name, path.parent, (*lists, path.resolve()))
    elif glob.has_magic(text):
        for match in map(Path, glob.glob(str(path), recursive=True)):  # noqa: PTH207
            yield match
            yield match.parent


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # no path at all
        return False
