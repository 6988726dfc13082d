from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("offline_bench", ROOT / "benchmarks/offline.py")
bench = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "noise.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (160, 120))
    for seed in range(4):
        writer.write(np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8))
    writer.release()
    return path


def test_both_ways_are_timed_stage_by_stage(video, tmp_path, capsys):
    boxes = tmp_path / "boxes.json"
    box = {"bbox": [20, 10, 40, 90], "score": 0.9}
    boxes.write_text(json.dumps([{"image_id": index, **box} for index in range(4)]))
    settings = ["--set", "detector.name=file", "--set", f"detector.boxes_file={boxes}"]
    bench.main(["--video", str(video), "--rounds", "2", *settings])
    said = capsys.readouterr().out
    for name in ("one thread", "five threads"):
        row = re.search(rf"\| {name} \|(.*)\|\n", said).group(1)
        assert len([float(cell) for cell in row.split("|")]) == 1 + len(bench.STAGES)
    assert "median of 2 rounds" in said and "4 frames each" in said


def test_memory_is_that_of_a_process_of_so_many_frames(video, capsys, monkeypatch):
    monkeypatch.setattr(bench, "MINUTES", (0.01, 0.02))
    bench.main(["--video", str(video), "--memory", "--set", "threads=1"])
    rows = re.findall(
        r"\| ([\d.]+) \| (\d+) \| (\d+) \| \d+ s \| ([\d.]+) MB", capsys.readouterr().out
    )
    assert [row[:3] for row in rows] == [("0.01", "6", "6"), ("0.02", "12", "12")]
    assert all(float(row[3]) > 50 for row in rows)
