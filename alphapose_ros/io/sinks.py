"""Sinks by name: what `alphapose run --save` writes into the folder of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from alphapose_ros.io.attention import AttentionSink
from alphapose_ros.io.bag_sink import BagSink
from alphapose_ros.io.ends import FrameResult, Job, Processed, Sink
from alphapose_ros.io.film_sinks import Drawing, FilmSink, SheetSink
from alphapose_ros.io.formats import FORMATS
from alphapose_ros.io.formats.results import Format
from alphapose_ros.io.images_sink import ImagesSink
from alphapose_ros.io.timeline import TimelineSink
from alphapose_ros.io.trajectories import TrajectoriesSink

RESULTS = "results"  # name of result files, before their ending
USUAL = ("json", "video", "sheet")  # of videos, bags and cameras
USUAL_OF_PICTURES = ("json", "images", "sheet")  # that have nothing to do with one another


@dataclass(frozen=True)
class Plan:
    """What the sinks of a run have in common, and what a user chose for them.

    Raises:
        ValueError: by ``results_format``, if there is no such format.
    """

    folder: Path
    job: Job
    format: str = "alphapose"  # of results.json
    copy_from: Path | None = None  # a bag
    copy_topics: Sequence[str] = ()
    target: str = ""  # who is followed in the bag

    @cached_property
    def drawing(self) -> Drawing:
        """Draws each frame once for all sinks that show it."""
        return Drawing(self.job)

    @property
    def results_format(self) -> Format:
        """The format of result files that is asked for."""
        return format_called(self.format)


@dataclass(frozen=True)
class Kind:
    """One kind of sink."""

    file: str  # or folder, in the folder of the run; "" where the format gives the ending
    build: Callable[[Plan], Sink]
    more: tuple[str, ...] = ()  # patterns of further files


class ResultsSink:
    """Writes a result file, frame by frame.

    Args:
        folder: has to exist.
        job: of the run.
        chosen: format of the file.
    """

    def __init__(self, folder: Path, job: Job, chosen: Format) -> None:
        self._writer = chosen.writer(Path(folder) / results_file(chosen), job.skeleton)

    def __enter__(self) -> ResultsSink:
        self._writer.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.__exit__(*exception)

    def add(self, processed: Processed) -> None:
        """Write the people of one frame."""
        self._writer.add(frame_result(processed))


def _bag(plan: Plan) -> Sink:
    copied = {"copy_from": plan.copy_from, "copy_topics": plan.copy_topics}
    return BagSink(
        plan.folder / "bag", plan.job, target=plan.target, **copied if plan.copy_topics else {}
    )


def _table(name: str, plan: Plan) -> Sink:
    return ResultsSink(plan.folder, plan.job, format_called(name))


SINKS: Mapping[str, Kind] = {
    "json": Kind("", lambda plan: ResultsSink(plan.folder, plan.job, plan.results_format)),
    "video": Kind("overlay.mp4", lambda plan: FilmSink(plan.folder, plan.job, plan.drawing)),
    "sheet": Kind("contact_sheet.png", lambda plan: SheetSink(plan.folder, plan.drawing)),
    "images": Kind("images", lambda plan: ImagesSink(plan.folder, plan.job)),
    "bag": Kind("bag", _bag),
    "csv": Kind("results.csv", partial(_table, "csv")),
    "parquet": Kind("results.parquet", partial(_table, "parquet")),
    "mot": Kind("results.txt", partial(_table, "mot")),
    "trajectories": Kind(
        "trajectories.png",
        lambda plan: TrajectoriesSink(plan.folder, plan.job),
        ("trajectories_m.png",),
    ),
    "timeline": Kind(
        "timeline.png",
        lambda plan: TimelineSink(plan.folder, plan.job),
        ("timeline_[0-9]*.png",),
    ),
    "attention": Kind("attention", lambda plan: AttentionSink(plan.folder, plan.job)),
}


def check_names(names: Sequence[str]) -> None:
    """Check that there are sinks of these names.

    Raises:
        ValueError: there is none of a name.
    """
    for name in names:
        if name not in SINKS:
            raise ValueError(f"--save: {name!r} is none of {', '.join(SINKS)}")


def build_sinks(names: Sequence[str], plan: Plan) -> dict[str, Sink]:
    """Return the sinks of a run by their names; they open nothing yet.

    Raises:
        ValueError: there is no such sink or format, or what it needs is not installed.
    """
    check_names(names)
    return {name: SINKS[name].build(plan) for name in dict.fromkeys(names)}


def files_of(names: Sequence[str], results: str) -> list[str]:
    """Return the main file or folder of each sink in the folder of a run.

    Args:
        names: of the sinks.
        results: format of "json".

    Raises:
        ValueError: there is no such sink or format.
    """
    check_names(names)
    files = [SINKS[name].file or results_file(format_called(results)) for name in names]
    twice = [file for file in files if files.count(file) > 1 and file]
    if len(set(names)) == len(names) and twice:
        raise ValueError(f"--save and --format would both write {twice[0]}; leave one of them out")
    return files


def all_files_of(names: Sequence[str], results: str) -> list[str]:
    """Return all files and folders that sinks may write, as patterns; arguments of files_of()."""
    return files_of(names, results) + [more for name in names for more in SINKS[name].more]


def results_file(chosen: Format) -> str:
    """Return the name of a result file."""
    return f"{RESULTS}{chosen.suffix}"


def format_called(name: str) -> Format:
    """Return a format of result files.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in FORMATS:
        raise ValueError(f"--format: {name!r} is none of {', '.join(FORMATS)}")
    return FORMATS[name]


def frame_result(processed: Processed) -> FrameResult:
    """Return what result files keep of a frame."""
    item, frame = processed.item, processed.item.frame
    height, width = frame.image.shape[:2]
    return FrameResult(
        name=item.name,
        index=frame.index,
        stamp_ns=frame.stamp_ns,
        width=width,
        height=height,
        tracks=processed.result.tracks,
    )
