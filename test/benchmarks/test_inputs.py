import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import inputs as benchmark
import pairing_streams as streams


class BlackBridge:
    """A bridge that makes everything black, and knows no YUV."""

    def imgmsg_to_cv2(self, message, desired):
        assert desired == "bgr8"
        if "yuv" in message.encoding:
            raise RuntimeError("no such | encoding")
        return np.zeros((message.height, message.width, 3), np.uint8)

    def compressed_imgmsg_to_cv2(self, message):
        return np.zeros((480, 640, 3), np.uint8)


class Newest:
    """A synchroniser that pairs what came last, and is no good after an exception."""

    def __init__(self, inputs, size, slop_s):
        self.last, self.is_broken = {}, False
        for number, one in enumerate(inputs):
            one.registerCallback(lambda image, number=number: self.add(number, image))

    def registerCallback(self, take):
        self.take = take

    def add(self, number, image):
        self.last[number] = image
        if len(self.last) == 2 and not self.is_broken:
            self.is_broken = True
            self.take(self.last[0], self.last[1])
            self.is_broken = False
            self.last.clear()


class Input:
    def registerCallback(self, call):
        self.signalMessage = call


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(benchmark, "SIZES", {"720p": (32, 24)})
    monkeypatch.setattr(streams, "SECONDS", 3.0)
    monkeypatch.setattr(benchmark, "BRIDGE", None)
    monkeypatch.setattr(streams, "ApproximateTimeSynchronizer", None)


def run(tmp_path, capsys):
    file = tmp_path / "out/inputs.json"
    benchmark.main(["--rounds", "1", "--json", str(file)])
    return json.loads(file.read_text()), capsys.readouterr().out


def test_ours_alone_is_right_everywhere_and_the_others_are_said_to_be_missing(tmp_path, capsys):
    found, printed = run(tmp_path, capsys)
    assert "cv_bridge cannot be imported: ours alone" in printed
    assert "message_filters cannot be imported: ours alone" in printed
    assert [row["encoding"] for row in found["decoders"]] == [case.name for case in benchmark.CASES]
    assert all(int(row["errors"]["ours"]) <= 2 for row in found["decoders"])
    assert all(row["720p"]["ours"] > 0 for row in found["decoders"])
    assert all("ValueError" in row["ours"] for row in found["damage"])
    for row in found["pairing"]:
        assert row["ours"]["right"] == row["possible"] > 20
        assert row["ours"]["wrong"] <= 2
    assert "| 110 more pairs of 110 |" in printed
    assert "| is taken at once |" in printed


def test_the_others_are_run_on_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "BRIDGE", BlackBridge())
    monkeypatch.setattr(streams, "ApproximateTimeSynchronizer", Newest)
    monkeypatch.setattr(streams, "SimpleFilter", Input, raising=False)
    found, printed = run(tmp_path, capsys)
    assert "cannot be imported" not in printed
    errors = {row["encoding"]: row["errors"]["cv_bridge"] for row in found["decoders"]}
    assert int(errors["bgr8"]) > 100
    assert errors["yuv422"] == "RuntimeError: no such / encoding"
    assert "cv_bridge" not in found["decoders"][list(errors).index("yuv422")]["720p"]
    assert found["damage"][1]["cv_bridge"].startswith("a picture, wrong by 2")
    lost = next(row for row in found["pairing"] if "tenth" in row["streams"])
    assert lost["message_filters"]["wrong"] > 0
    assert "| 0 more pairs of 110 |" in printed
    for table in printed.split("\n\n")[1:]:  # all lines of a table have as many cells
        assert len({line.count("|") for line in table.strip().splitlines()}) == 1


@pytest.mark.parametrize("case", benchmark.CASES, ids=lambda case: case.name)
def test_messages_are_as_long_as_their_encoding_says(case):
    message = benchmark.message_of(case, benchmark.picture(32, 24, 2))
    rows = {"nv12": 36, "nv21": 36, "nv24": 72}.get(case.encoding, 24)
    assert len(message.data) == rows * message.step
    assert (message.width, message.height) == (32, 24)


def test_streams_have_known_partners_and_arrive_in_order():
    for case in streams.STREAMS:
        events = streams.events_of(case, 3.0)
        assert events == sorted(events, key=lambda event: event.at_s)
        kinds = [[e.image.number for e in events if e.is_depth == kind] for kind in (False, True)]
        assert all(len(numbers) == len(set(numbers)) for numbers in kinds)
        assert set(kinds[0]) & set(kinds[1])


def test_the_real_cv_bridge_sees_the_same_pictures():
    bridge = pytest.importorskip("cv_bridge").CvBridge()
    compared = 0
    for case in benchmark.CASES:
        if case.padding or case.is_bigendian:
            continue  # of which it makes nothing, or something else
        message = benchmark.message_of(case, benchmark.picture(64, 48, 2))
        try:
            theirs = bridge.imgmsg_to_cv2(message, "bgr8")
        except TypeError as error:  # its own is one; it knows fewer encodings
            assert any(words in str(error) for words in ("Unrecognized", "not a color format"))
            continue
        compared += 1
        np.testing.assert_allclose(benchmark.ours(message).astype(int), theirs, atol=1)
    assert compared >= 20


def test_the_real_synchroniser_makes_the_same_pairs_where_it_is_simple(monkeypatch):
    filters = pytest.importorskip("message_filters")
    name = "ApproximateTimeSynchronizer"
    monkeypatch.setattr(streams, name, getattr(filters, name))
    monkeypatch.setattr(streams, "SimpleFilter", filters.SimpleFilter, raising=False)
    events = streams.events_of(streams.STREAMS[0], 3.0)
    ours, theirs = (streams.paired(way, events, 0.015) for way in (streams.Ours, streams.Theirs))
    assert ours == theirs
    assert len(ours) == 90
