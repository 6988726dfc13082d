from __future__ import annotations

import threading

import pytest

from alphapose_ros.mailbox import Mailbox, Queue


def test_the_newest_item_wins_and_the_others_are_counted():
    mailbox = Mailbox()
    for item in range(5):
        mailbox.put(item)
    assert mailbox.take() == 4
    assert mailbox.dropped == 4


def make_queue():
    return Queue(2)


@pytest.mark.parametrize("make", [Mailbox, make_queue])
def test_taking_waits_for_an_item(make):
    mailbox = make()
    taken = []
    worker = threading.Thread(target=lambda: taken.append(mailbox.take()), daemon=True)
    worker.start()
    worker.join(0.05)
    assert worker.is_alive()
    mailbox.put("item")
    worker.join(5)
    assert taken == ["item"]
    assert mailbox.dropped == 0


def test_closing_hands_out_what_is_there_and_then_none():
    mailbox = Mailbox()
    mailbox.put(1)
    mailbox.close()
    mailbox.put(2)
    assert mailbox.take() == 1
    assert mailbox.take() is None


@pytest.mark.parametrize("make", [Mailbox, make_queue])
def test_closing_wakes_a_waiting_worker(make):
    mailbox = make()
    worker = threading.Thread(target=mailbox.take, daemon=True)
    worker.start()
    mailbox.close()
    worker.join(5)
    assert not worker.is_alive()


def test_a_queue_hands_out_every_item_in_order_however_slow_the_worker_is():
    queue, items = Queue(3), list(range(200))

    def fill():
        for item in items:
            queue.put(item)

    feeder = threading.Thread(target=fill, daemon=True)
    feeder.start()
    assert [queue.take() for _ in items] == items
    feeder.join(5)
    assert queue.dropped == 0


def test_putting_waits_while_a_queue_is_full():
    queue = Queue(2)
    queue.put(1)
    assert queue.has_room()
    queue.put(2)
    feeder = threading.Thread(target=queue.put, args=(3,), daemon=True)
    feeder.start()
    feeder.join(0.05)
    assert feeder.is_alive()
    assert not queue.has_room()
    assert queue.take() == 1
    feeder.join(5)
    assert not feeder.is_alive()
    assert (queue.take(), queue.take()) == (2, 3)


def test_closing_a_queue_wakes_who_puts_and_counts_what_nobody_takes():
    queue = Queue(2)
    queue.put(1)
    queue.put(2)
    feeder = threading.Thread(target=queue.put, args=(3,), daemon=True)
    feeder.start()
    feeder.join(0.05)  # that it waits, if the machine lets it
    queue.close()
    feeder.join(5)
    assert not feeder.is_alive()
    assert queue.take() is None
    assert queue.dropped == 3


def test_finishing_hands_out_what_is_there_and_then_none():
    queue = Queue(2)
    assert queue.put(1) and queue.put(2)
    queue.finish()
    assert [queue.take(), queue.take(), queue.take()] == [1, 2, None]
    assert queue.dropped == 0


def test_finishing_wakes_a_waiting_worker():
    queue = Queue(2)
    worker = threading.Thread(target=queue.take, daemon=True)
    worker.start()
    queue.finish()
    worker.join(5)
    assert not worker.is_alive()


def test_who_puts_learns_that_nobody_takes_any_more():
    queue = Queue(1)
    queue.put(1)
    found = []
    feeder = threading.Thread(target=lambda: found.append(queue.put(2)), daemon=True)
    feeder.start()
    queue.close()
    feeder.join(5)
    assert found == [False] and not queue.put(3)
