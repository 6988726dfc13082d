import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs pycocotools, see requirements-test.txt")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import average_precision as benchmark


def test_both_evaluators_find_the_same(tmp_path, capsys):
    file = tmp_path / "out/figures.json"
    benchmark.main(["--pictures", "40", "--people", "90", "--json", str(file)])
    result = json.loads(file.read_text())
    assert (result["pictures"], result["people"]) == (40, 90)
    assert 100 < result["poses"] < 250
    for name, value in result["pycocotools"].items():
        if name != "seconds":
            assert result["ours"][name] == pytest.approx(value, abs=1e-12)
    printed = capsys.readouterr().out
    assert printed.count(f"{result['ours']['AP']:.6f}") >= 2
    assert {line.count("|") for line in printed.splitlines() if "|" in line} == {9}


def test_the_data_are_neither_too_easy_nor_the_same_with_another_seed():
    figures = [benchmark.measured(60, 150, seed)["ours"]["AP"] for seed in (0, 0, 1)]
    assert figures[0] == figures[1] != figures[2]
    assert np.all(np.array(figures) > 0.1)
    assert np.all(np.array(figures) < 0.9)
