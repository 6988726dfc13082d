"""The files that come with the package."""

from __future__ import annotations

from pathlib import Path


def share(name: str) -> Path:
    """Return where a file such as ``config/pose.yaml`` lies, in any kind of installation.

    Walks up from this file: to the checkout, or to the ``share`` folder of pip or colcon.

    Raises:
        FileNotFoundError: the installation lacks the file.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / "package.xml").is_file() and (folder / name).exists():
            return folder / name
        if (folder / "share/alphapose_ros" / name).exists():
            return folder / "share/alphapose_ros" / name
    raise FileNotFoundError(
        f"{name} is missing from the installation of alphapose_ros at {__file__}; install it again"
    )
