from __future__ import annotations

import itertools
import signal
import threading
import time
from contextlib import contextmanager

import pytest

from alphapose_ros.offline.stages import Stage, run_stages

BOTH = pytest.mark.parametrize("concurrent", [True, False])
pytestmark = pytest.mark.usefixtures("deadline")


class Chain:
    """Five stages that write down what they do, one of which may fail."""

    def __init__(self, fails_at=None, fails_on=None):
        self.out, self.left = [], []
        self.stages = [
            Stage(name=str(number), work=self._work(number, fails_at, fails_on), context=context)
            for number, context in ((number, self._context(number)) for number in range(4))
        ]

    def _work(self, number, fails_at, fails_on):
        def work(item):
            if (number, item) == (fails_at, fails_on):
                raise RuntimeError(f"stage {number}, item {item}")
            if number == 3:
                self.out.append(item)
            return item

        return work

    @contextmanager
    def _context(self, number):
        try:
            yield
        finally:
            self.left.append(number)


@BOTH
def test_every_item_passes_all_stages_in_order(concurrent):
    chain = Chain()
    run_stages(range(200), chain.stages, concurrent=concurrent)
    assert chain.out == list(range(200))
    assert sorted(chain.left) == [0, 1, 2, 3]


@BOTH
@pytest.mark.parametrize("item", [0, 1, 7, 49])
@pytest.mark.parametrize("stage", range(4))
def test_whichever_stage_fails_what_came_before_is_kept_and_the_error_raised(
    stage, item, concurrent
):
    chain = Chain(fails_at=stage, fails_on=item)
    with pytest.raises(RuntimeError, match=f"stage {stage}, item {item}"):
        run_stages(range(50), chain.stages, concurrent=concurrent)
    assert chain.out == list(range(item))
    assert sorted(chain.left) == [0, 1, 2, 3]
    assert not [t for t in threading.enumerate() if t.name in "0123"]


@BOTH
def test_a_source_that_fails_loses_nothing_that_it_gave(concurrent):
    def broken():
        yield from range(20)
        raise OSError("the cable")

    chain = Chain()
    with pytest.raises(OSError, match="the cable"):
        run_stages(broken(), chain.stages, concurrent=concurrent)
    assert chain.out == list(range(20))
    assert sorted(chain.left) == [0, 1, 2, 3]


@BOTH
@pytest.mark.parametrize("moment", ["enter", "exit"])
def test_a_context_that_fails_ends_the_work(concurrent, moment):
    @contextmanager
    def failing():
        if moment == "enter":
            raise OSError("cannot open")
        yield
        raise OSError("cannot close")

    first = Chain().stages[0]
    with pytest.raises(OSError, match="cannot"):
        run_stages(
            range(100),
            [first, Stage(name="last", work=lambda item: item, context=failing())],
            concurrent=concurrent,
        )


def test_reading_runs_only_as_far_ahead_as_the_queues_are_long():
    done, most = itertools.count(), []
    finished = [0]

    def reading():
        for number in range(60):
            most.append(number - finished[0])
            yield number

    def last(item):
        finished[0] = next(done) + 1

    stages = [Stage(name=str(n), work=lambda item: item) for n in range(3)]
    run_stages(reading(), [*stages, Stage(name="last", work=last)], waiting=2)
    # two in each of the four queues, one in each of the four hands, and the one being read
    assert max(most) <= 4 * 2 + 4 + 1


def test_ctrl_c_while_waiting_for_the_last_items_still_leaves_all_contexts():
    chain = Chain()
    arrived, let_go = threading.Event(), threading.Event()
    slow = chain.stages[1].work

    def wait(item):
        arrived.set()
        let_go.wait(20)
        return slow(item)

    stages = list(chain.stages)
    stages[1] = Stage(name="1", work=wait, context=stages[1].context)

    def interrupt():
        arrived.wait(20)
        threading.main_thread()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        let_go.set()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_stages(range(3), stages)
    assert sorted(chain.left) == [0, 1, 2, 3]
    assert chain.out == list(range(len(chain.out)))


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_while_there_is_no_room_gives_up_what_waits(presses):
    out, left, let_go = [], [], threading.Event()
    main = threading.main_thread().ident
    full, is_read = 2 * 2 + 2, threading.Event()  # in the queues and hands

    def reading():
        for number in range(100):
            if number == full:
                is_read.set()
            yield number

    @contextmanager
    def context():
        yield
        left.append(1)

    def last(item):
        assert let_go.wait(20)
        out.append(item)

    def interrupt():
        is_read.wait(20)
        for _ in range(presses):
            time.sleep(0.1)  # the reader waits for room, or for the threads
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.2)
        let_go.set()

    threading.Thread(target=interrupt).start()
    stages = [Stage(name="first", work=int), Stage(name="last", work=last, context=context())]
    with pytest.raises(KeyboardInterrupt):
        run_stages(reading(), stages, waiting=2)
    assert out == [0]  # what the last stage had in its hands
    assert left == [1]
