import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import decode as benchmark

REFERENCE = """
import numpy as np

def heatmap_to_coord_simple(heatmaps, box):
    (k, h, w), (x1, y1, x2, y2) = heatmaps.shape, box
    places = heatmaps.numpy().reshape(k, -1).argmax(axis=1)
    x = (places % w - w / 2) * (x2 - x1) / w + (x1 + x2) / 2
    y = (places // w - h / 2) * (x2 - x1) / w + (y1 + y2) / 2
    return np.stack((x, y), axis=1), np.ones((k, 1))
"""


@pytest.fixture(autouse=True)
def _no_reference(monkeypatch):
    monkeypatch.delenv("ALPHAPOSE_REFERENCE", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] == "alphapose"]:
        monkeypatch.delitem(sys.modules, name)


def run(tmp_path, *arguments):
    file = tmp_path / "out/times.json"
    benchmark.main(["--people", "1", "2", "--rounds", "1", "--json", str(file), *arguments])
    return json.loads(file.read_text())


def test_stored_times_are_those_of_one_person_and_are_said_to_be_stored(tmp_path, capsys):
    rows = run(tmp_path)
    assert len(rows) == 2 * sum(map(len, benchmark.CASES.values()))
    by_case = {(row["decoding"], row["keypoints"], row["people"]): row for row in rows}
    assert by_case["combined", 136, 2]["reference_ms"] == pytest.approx(2 * 2.18)
    assert by_case["heatmap", 17, 1]["reference_ms"] == pytest.approx(0.25)
    assert by_case["dark", 136, 1]["reference_ms"] is None
    for row in rows:
        if row["reference_ms"]:
            assert row["times"] == pytest.approx(row["reference_ms"] / row["ours_ms"])
    printed = capsys.readouterr().out.splitlines()
    assert "reference (stored), ms" in printed[0]
    assert {line.count("|") for line in printed} == {8}


def test_a_reference_that_is_there_is_run_on_the_same_heatmaps(tmp_path, monkeypatch):
    folder = tmp_path / "source/alphapose/utils"
    folder.mkdir(parents=True)
    (folder / "transforms.py").write_text(REFERENCE)
    monkeypatch.setenv("ALPHAPOSE_REFERENCE", str(tmp_path / "source"))
    monkeypatch.setattr(benchmark, "CASES", {17: ("heatmap", "dark")})
    rows = run(tmp_path, "--keypoints", "17")
    quarter_px = 0.25 * (benchmark.BOX[2] - benchmark.BOX[0]) / benchmark.WIDTH
    for row in rows:
        if row["decoding"] == "heatmap":
            assert row["px"] == pytest.approx(quarter_px, abs=1e-3)  # it knows no quarters
            assert row["times"] > 0
        else:
            assert row["reference_ms"] is None


def test_a_folder_without_the_reference_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ALPHAPOSE_REFERENCE", str(tmp_path))
    with pytest.raises(SystemExit, match="cannot be used"):
        run(tmp_path)


def test_the_heatmaps_have_one_peak_each():
    heatmaps = benchmark.made_heatmaps(2, 3, np.random.default_rng(0)).numpy()
    assert heatmaps.shape == (2, 3, benchmark.HEIGHT, benchmark.WIDTH)
    assert np.all(heatmaps.max(axis=(2, 3)) > 0.7)
    assert np.all(np.median(heatmaps, axis=(2, 3)) < 0.01)
