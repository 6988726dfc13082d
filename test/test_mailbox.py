from __future__ import annotations

import threading

from alphapose_ros.mailbox import Mailbox


def test_the_newest_item_wins_and_the_others_are_counted():
    mailbox = Mailbox()
    for item in range(5):
        mailbox.put(item)
    assert mailbox.take() == 4
    assert mailbox.dropped == 4


def test_taking_waits_for_an_item():
    mailbox = Mailbox()
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


def test_closing_wakes_a_waiting_worker():
    mailbox = Mailbox()
    worker = threading.Thread(target=mailbox.take, daemon=True)
    worker.start()
    mailbox.close()
    worker.join(5)
    assert not worker.is_alive()
