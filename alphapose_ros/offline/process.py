"""Source -> Pipeline -> sinks: read, detect, pose, follow and write, each in its own thread."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from alphapose_ros.frame import Poses
from alphapose_ros.io.ends import Item, Processed, Source
from alphapose_ros.offline.journal import Journal
from alphapose_ros.offline.outputs import CutOff, Outputs
from alphapose_ros.offline.placing import Placing
from alphapose_ros.offline.stages import Stage, run_stages
from alphapose_ros.offline.stopping import Stop, hearing_stop
from alphapose_ros.offline.summary import Summary, Tally
from alphapose_ros.pipeline import Detected, Pipeline


def process(  # noqa: PLR0913  choices that have nothing to do with one another
    source: Source,
    pipeline: Pipeline,
    outputs: Outputs,
    *,
    journal: Journal | None = None,
    limit: int | None = None,
    concurrent: bool = True,
    needs_ground: bool = False,
) -> Summary:
    """Take every frame of a source through the pipeline to all outputs, none left out.

    The result is the same in one thread as in five. Ctrl-C and SIGTERM end it in order: the frames
    read until then are finished, all outputs closed, and the summary says so.

    Args:
        source: open; read in the calling thread.
        pipeline: which has seen nothing yet. Where the pictures are no sequence, tracking starts
            afresh at each of them.
        outputs: not open yet; opened, filled and closed in one thread.
        journal: findings of a run that was cut off, and where those of this one are kept.
        limit: most frames.
        concurrent: False: all in the calling thread.
        needs_ground: whether people stand on z = 0 of the target frame.

    Raises:
        Exception: that of the source, a stage or an output; the frames before it are written.

    Source: paper 5.1 (loading, detection, transformation, estimation, processing). The second and
        third are ours in another cut: crops are made inside the estimator, so that they never leave
        its device, and what the paper calls processing is done by two threads.
    """
    run = _Run(source, pipeline, outputs, journal, Placing(needs_ground=needs_ground))
    stages = [
        Stage(name="detect", work=run.detect),
        Stage(name="pose", work=run.estimate),
        Stage(name="follow", work=run.follow),
        Stage(name="write", work=run.write, context=run.writing()),
    ]
    with hearing_stop() as stop:
        run_stages(run.read(stop, limit), stages, concurrent=concurrent)
    problems = (*source.problems, *run.placing.problems)
    told = run.tally.summary(source.name, problems, is_complete=run.is_complete)
    return replace(told, limit=limit if run.is_limited else None)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One frame on its way."""

    item: Item
    is_kept: bool = False  # what the networks gave is in the journal
    detected: Detected | None = None
    found: Poses | None = None
    processed: Processed | None = None


class _Run:
    """The work of the five stages."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        outputs: Outputs,
        journal: Journal | None,
        placing: Placing,
    ) -> None:
        self.tally = Tally()
        self._frames_read = 0
        self._has_ended = False  # the source, or its part that is wanted
        self.is_limited = False  # to the source's beginning
        self._source = source
        self._pipeline = pipeline
        self._outputs = outputs
        self._journal = journal
        self.placing = placing

    @property
    def is_complete(self) -> bool:
        """Whether every frame that is wanted has been written."""
        return self._has_ended and self.tally.frames == self._frames_read

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open and close the outputs, which learn whether frames are missing at the end."""
        with self._outputs:
            yield
            if not self.is_complete or self.is_limited:
                raise CutOff

    def read(self, stop: Stop, limit: int | None) -> Iterator[_Work]:
        source = iter(self._source)
        items = islice(source, limit)
        try:
            while not stop.is_asked:
                with self.tally.timing("read"):
                    item = next(items, None)
                if item is None:
                    self._has_ended = True
                    self.is_limited = self._frames_read == limit
                    return
                self._frames_read += 1
                yield _Work(item=item)
        finally:
            if isinstance(source, Generator):
                source.close()  # it may have a last word to say

    def detect(self, work: _Work) -> _Work:
        frame = work.item.frame
        kept = self._journal.kept(frame) if self._journal else None
        if kept is not None:
            return replace(work, is_kept=True, detected=kept[0], found=kept[1])
        with self.tally.timing("detect"):
            return replace(work, detected=self._pipeline.detect(frame))

    def estimate(self, work: _Work) -> _Work:
        if work.is_kept:
            return work
        with self.tally.timing("pose"):
            return replace(work, found=self._pipeline.estimate(work.item.frame, work.detected))

    def follow(self, work: _Work) -> _Work:
        frame = work.item.frame
        with self.tally.timing("follow"):
            if self._journal and not work.is_kept:
                self._keep(work)
            if not self._source.is_sequence:
                self._pipeline.reset()
            ground = self.placing.ground(work.item)
            result = self._pipeline.finish(frame, work.detected, work.found, ground)
            placed = self.placing.place(work.item, result.tracks)
            processed = Processed(item=work.item, result=result, placed=placed)
            return replace(work, processed=processed)

    def _keep(self, work: _Work) -> None:
        try:
            self._journal.add(work.item.frame, work.detected, work.found)
        except OSError as error:
            raise self._outputs.explained(self._journal.path.name, error) from error

    def write(self, work: _Work) -> None:
        with self.tally.timing("write"):
            self._outputs.add(work.processed)
        self.tally.count(work.processed.result.tracks)
        self.tally.frames_resumed += work.is_kept
