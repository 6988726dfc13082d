"""`alphapose run`: the people in videos, pictures, cameras and bags, as files, films and bags."""

from __future__ import annotations

import math
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from alphapose_ros.cli.settings import add_settings, chosen

if TYPE_CHECKING:
    from alphapose_ros.config import Config
    from alphapose_ros.io.bag_source import BagTopics
    from alphapose_ros.io.ends import Processed, Source
    from alphapose_ros.offline.run import Wish

TOPICS = ("image", "depth", "camera_info")

EPILOG = """\
A SOURCE is a video, a picture, a glob, a folder of pictures, a list of them (.txt), a stream
(rtsp://, http://), the number of a camera, or a bag (rosbag2: MCAP, SQLite 3; ROS 1). All pictures
together are one source. Each of several sources gets a folder of its own in DIR.

Ctrl-C completes all files with what there is until then; --resume goes on from there, or from where
the process was killed, to the same files as if nothing had happened.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.epilog = EPILOG
    parser.add_argument("source", nargs="+", help="video, picture, folder, camera, stream or bag")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    parser.add_argument(
        "--save",
        default="",
        metavar="LIST",
        help="what to write, by commas: json, video, sheet, images, bag, csv, parquet, mot, "
        "trajectories, timeline, attention (default: json,video,sheet; of single pictures "
        "json,images,sheet)",
    )
    parser.add_argument(
        "--format", default="alphapose", metavar="NAME", help="of results.json (default: alphapose)"
    )
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    earlier.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument("--limit", type=_positive, metavar="N", help="stop after N frames")
    parser.add_argument("--sequential", action="store_true", help="all in one thread")
    _add_source_options(parser)
    add_settings(parser)


def _add_source_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("sources")
    group.add_argument("--rate", type=_rate, metavar="HZ", help="of pictures that are a sequence")
    group.add_argument(
        "--sequence",
        action="store_true",
        default=None,
        help="pictures follow each other in time: people are tracked from one to the next",
    )
    group.add_argument(
        "--no-sequence",
        dest="sequence",
        action="store_false",
        help="pictures have nothing to do with one another",
    )
    group.add_argument(
        "--topics",
        default="",
        metavar="LIST",
        help="of a bag: image=/a,depth=/b,camera_info=/c (default: found by their types)",
    )
    group.add_argument(
        "--copy",
        default="",
        metavar="TOPICS",
        help="with --save bag: topics of the bag to take over, by commas; * for all",
    )
    group.add_argument(
        "--target",
        default="",
        metavar="WHO",
        help="with --save bag: who is followed on target/*: nearest, centre, raised_hand, "
        "track:NUMBER, person:NUMBER",
    )


def run(options: Namespace) -> None:
    """Take each source through the pipeline into its folder; Ctrl-C ends it in good order."""
    from alphapose_ros.io.sinks import files_of
    from alphapose_ros.io.sources import open_sources
    from alphapose_ros.offline.reads import refuse_folder, source_paths
    from alphapose_ros.offline.run import Wish

    reads = tuple(source_paths(options.source))
    wish = Wish(
        config=chosen(options),
        save=_listed(options.save),
        format=options.format,
        limit=options.limit,
        copy=_listed(options.copy),
        target=options.target,
        concurrent=not options.sequential,
        reads=reads,
    )
    files_of(wish.save or ("json",), wish.format)  # a wrong name is said before anything is opened
    sources = open_sources(
        options.source,
        rate_hz=options.rate,
        is_sequence=options.sequence,
        topics=_topics(options.topics),
        target_frame=_target_frame(wish.config),
        is_rectified=wish.config.image_rectified,
    )
    folders = _folders(options.out, [source.name for source in sources])
    for folder in folders:
        refuse_folder(folder, reads)
    failed = 0
    for source, folder in zip(sources, folders, strict=True):
        try:
            with source:
                _run_one(source, folder, wish, options)
        except (OSError, ValueError) as error:
            if len(sources) == 1 or _ends_all(error):
                raise
            print(f"alphapose run: {source.name}: {error}", file=sys.stderr)
            failed += 1
    if failed:
        raise ValueError(f"{failed} of {len(sources)} sources failed")


def _target_frame(config: Config) -> str:
    """Return in which frame people are told; the camera's where nobody has a position."""
    return "" if config.lifting.name == "none" else config.target_frame


def _ends_all(error: Exception) -> bool:
    """Tell whether the sources after one are not begun: no room, or a folder that is taken."""
    from alphapose_ros.offline.outputs import DiskFullError

    return isinstance(error, (DiskFullError, FileExistsError, BlockingIOError, NotADirectoryError))


def _run_one(source: Source, folder: Path, wish: Wish, options: Namespace) -> None:
    """Process one source and tell of it.

    Raises:
        KeyboardInterrupt: it was stopped; all is in order.
    """
    from alphapose_ros.offline.folder import Earlier
    from alphapose_ros.offline.run import run_source

    earlier = Earlier.RESUMED if options.resume else Earlier.REFUSED
    earlier = Earlier.OVERWRITTEN if options.overwrite else earlier
    with closing(_Progress(source, options.limit)) as progress:
        summary = run_source(
            source,
            folder,
            wish,
            earlier=earlier,
            watch=progress,
        )
    if summary is None:
        print(f"{source.name}: finished already, nothing to do: {folder}")
        return
    if not summary.is_complete:
        print(f"stopped after {summary.frames} frames, which are kept; --resume goes on: {folder}")
        raise KeyboardInterrupt
    print(
        f"{summary.frames} frames, {summary.poses} poses, {summary.tracks} tracks, "
        f"{summary.fps:.1f} frames/s: {folder}"
    )


class _Progress:
    """A bar with frames per second, time to go and people; problems above it."""

    def __init__(self, source: Source, limit: int | None) -> None:
        from tqdm import tqdm

        counts = [count for count in (source.frame_count, limit) if count is not None]
        self._problems, self._told = source.problems, 0
        self._bar = tqdm(total=min(counts, default=None), unit="frame", desc=Path(source.name).name)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the bar until close(): other outputs are being completed."""

    def close(self) -> None:
        """Tell the rest, and end the bar."""
        from alphapose_ros.offline.summary import MOST_PROBLEMS

        self._tell_problems()
        if self._told > MOST_PROBLEMS:
            self._bar.write(f"... and {self._told - MOST_PROBLEMS} more problems", file=sys.stderr)
        self._bar.close()

    def add(self, processed: Processed) -> None:
        """Count a frame that is written."""
        people = int((processed.result.tracks.detection_rows >= 0).sum())
        self._bar.set_postfix(people=people, refresh=False)
        self._bar.update()
        self._tell_problems()

    def _tell_problems(self) -> None:
        from alphapose_ros.offline.summary import MOST_PROBLEMS

        new = self._problems[self._told :]
        for problem in new[: max(MOST_PROBLEMS - self._told, 0)]:
            self._bar.write(f"{problem.where}: {problem.what}", file=sys.stderr)
        self._told += len(new)


def _folders(out: Path, names: Sequence[str]) -> list[Path]:
    """Return the folder of each source: ``out``, or one in it for each of several."""
    if len(names) == 1:
        return [out]
    used: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", Path(name.rstrip("/")).name).strip("._") or "source"
        free, number = plain, 1
        while free in used:
            number += 1
            free = f"{plain}_{number}"
        used.append(free)
    return [out / name for name in used]


def _topics(text: str) -> BagTopics | None:
    """Read image=/a,depth=/b,camera_info=/c.

    Raises:
        ValueError: it is something else.
    """
    from alphapose_ros.io.bag_source import BagTopics

    if not text:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    for name, _, topic in pairs:
        if name not in TOPICS or not topic:
            raise ValueError(f"--topics: expected {'=..., '.join(TOPICS)}=..., got {text!r}")
        if [name for name, _, _ in pairs].count(name) > 1:
            raise ValueError(f"--topics: {name} is given twice in {text!r}; choose one")
    return BagTopics(**{name: topic for name, _, topic in pairs})


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = math.nan
    if not 0 < rate_hz < math.inf:
        raise ArgumentTypeError(f"expected a number of Hz above 0, got {text!r}")
    return rate_hz
