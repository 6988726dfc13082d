"""One source into one folder: pipeline, outputs, journal and summary put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from alphapose_ros.config import Config
from alphapose_ros.io.bag_copy import BagCopy
from alphapose_ros.io.bag_sink import OUTPUTS
from alphapose_ros.io.bag_source import BagSource
from alphapose_ros.io.ends import Job, Sink, Source
from alphapose_ros.io.sinks import USUAL, USUAL_OF_PICTURES, Plan, all_files_of, build_sinks
from alphapose_ros.io.video_sources import StreamSource
from alphapose_ros.lifting import needs_ground
from alphapose_ros.offline.folder import Earlier, RunFolder
from alphapose_ros.offline.journal import Journal
from alphapose_ros.offline.made_with import findings_made_with, run_made_with
from alphapose_ros.offline.outputs import Outputs
from alphapose_ros.offline.process import process
from alphapose_ros.offline.reads import setting_paths
from alphapose_ros.offline.summary import Summary
from alphapose_ros.pipeline import Pipeline

USUAL_RATE_HZ = 25.0  # of frames of which nobody knows the rate


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants of a run."""

    config: Config
    save: tuple[str, ...] = ()  # names in SINKS; none: the usual ones
    format: str = "alphapose"  # of results.json
    limit: int | None = None  # most frames
    copy: tuple[str, ...] = ()  # topics of a bag
    target: str = ""  # who is followed in the bag that is written
    concurrent: bool = True
    reads: tuple[Path, ...] = ()  # files and folders that are sources: never removed


def run_source(
    source: Source,
    folder: Path,
    wish: Wish,
    *,
    earlier: Earlier = Earlier.REFUSED,
    watch: Sink | None = None,
    build_pipeline: Callable[[Config], Pipeline] = Pipeline,
) -> Summary | None:
    """Take one source through a pipeline into a folder.

    Args:
        source: open.
        folder: made where it is not there.
        wish: settings and outputs.
        earlier: what becomes of an earlier run in the folder. To resume one, everything is written
            anew, and the networks run only for frames that they had not got to.
        watch: gets every frame after all outputs.
        build_pipeline: settings -> Pipeline.

    Returns:
        The figures, None where the run to resume was complete. Whoever stops a camera or stream,
        which does not end by itself, has it complete.

    Raises:
        FileExistsError: there is an earlier run, which is neither to be resumed nor overwritten, or
            something that is not of a run; nothing has been touched then.
        BlockingIOError: another run is writing into the folder.
        DiskFullError: there is no room; the run can be resumed once there is.
        ValueError, OSError: a setting, output or source is wrong.
    """
    usual = USUAL if source.is_sequence else USUAL_OF_PICTURES
    wish = replace(wish, save=tuple(dict.fromkeys(wish.save or usual)))
    _check_bag_wishes(wish, source)
    if earlier is Earlier.RESUMED and is_live(source):
        raise ValueError(f"{source.name} cannot be read a second time, so nothing can be resumed")
    place = RunFolder(
        folder,
        all_files_of(wish.save, wish.format),
        _made_with(wish, source),
        limit=wish.limit,
        reads=_reads(wish, source),
    )
    with place.writing():
        if not place.check(earlier):
            return None
        pipeline = build_pipeline(wish.config)
        outputs = _outputs(source, pipeline, wish, place, watch)
        try:
            summary = _process(source, pipeline, wish, place, outputs, earlier)
        finally:
            if is_live(source):
                pipeline.keep()
        if is_live(source):
            summary = replace(summary, is_complete=True)
        elif summary.is_complete:  # else resuming would begin with people known from this source
            pipeline.keep()
        place.end(summary)
        return summary


def _check_bag_wishes(wish: Wish, source: Source) -> None:
    if (wish.copy or wish.target) and "bag" not in wish.save:
        raise ValueError("--copy and --target are for bags: add `bag` to --save")
    if wish.copy and not isinstance(source, BagSource):
        raise ValueError(f"--copy: {source.name} is no bag, it has no topics to copy")


def is_live(source: Source) -> bool:
    """Tell whether a source is a camera or stream: without end, and nothing comes twice."""
    return isinstance(source, StreamSource)


def _reads(wish: Wish, source: Source) -> list[Path]:
    bag = [source.path] if isinstance(source, BagSource) else []
    return [*wish.reads, *bag, *setting_paths(wish.config)]


def _outputs(
    source: Source, pipeline: Pipeline, wish: Wish, place: RunFolder, watch: Sink | None
) -> Outputs:
    """Return the outputs, not open yet; what cannot be written is said here."""
    rate_hz = source.rate_hz or USUAL_RATE_HZ
    plan = Plan(
        folder=place.path,
        job=Job(config=wish.config, skeleton=pipeline.skeleton, rate_hz=rate_hz),
        format=wish.format,
        copy_from=source.path if isinstance(source, BagSource) else None,
        copy_topics=wish.copy,
        target=wish.target,
    )
    sinks = build_sinks(wish.save, plan)
    if wish.copy:
        with BagCopy(source.path, wish.copy, without=[f"/{name}" for name in OUTPUTS]):
            pass  # there are such topics, and they can be copied
    return Outputs(sinks if watch is None else {**sinks, "watch": watch}, place.path)


def _process(
    source: Source,
    pipeline: Pipeline,
    wish: Wish,
    place: RunFolder,
    outputs: Outputs,
    earlier: Earlier,
) -> Summary:
    """Make room and fill it; an earlier run is removed only once all else is known to be right."""
    resume = earlier is Earlier.RESUMED
    made_with = None if is_live(source) else findings_made_with(wish.config, source)
    with ExitStack() as opened:
        journal = None
        if made_with is not None and resume:
            kept = Journal(place.journal, made_with, pipeline.skeleton, resume=True)
            journal = opened.enter_context(kept)
        place.clear(keep_journal=resume)
        if made_with is not None and not resume:
            kept = Journal(place.journal, made_with, pipeline.skeleton, resume=False)
            journal = opened.enter_context(kept)
        try:
            return process(
                source,
                pipeline,
                outputs,
                journal=journal,
                limit=wish.limit,
                concurrent=wish.concurrent,
                needs_ground=needs_ground(wish.config.lifting),
            )
        except BaseException:
            if not outputs.frames and not (journal and journal.frames):
                opened.close()
                place.withdraw()
            raise


def _made_with(wish: Wish, source: Source) -> dict[str, object]:
    return run_made_with(
        wish.config,
        source,
        save=sorted(wish.save),
        format=wish.format,
        copy=sorted(wish.copy),
        target=wish.target,
    )
