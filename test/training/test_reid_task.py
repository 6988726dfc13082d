from __future__ import annotations

import csv
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import torch

from alphapose_ros.skeletons import skeleton
from alphapose_ros.training import reid_task
from alphapose_ros.training.datasets import held_out
from alphapose_ros.training.reid_data import HELD_OUT
from alphapose_ros.training.settings import RunConfig, read_training_file
from alphapose_ros.training.trainer import train

COLOURS = [
    (200, 40, 40),
    (40, 200, 40),
    (40, 40, 200),
    (200, 200, 40),
    (200, 40, 200),
    (90, 90, 90),
]
EACH = 4


@pytest.fixture
def folder(annotate, monkeypatch):
    """Six people, each of one colour, in four noisy pictures; two of them are held out."""
    rng = np.random.default_rng(0)
    upright = np.column_stack((np.full(17, 40.0), np.linspace(10, 150, 17), np.full(17, 2.0)))
    images, people, groups = [], [], []
    names = (f"body_{n}" for n in range(1000))
    for number, colour in enumerate(COLOURS):
        group = next(n for n in names if is_out(n) == (number >= 4))
        for _ in range(EACH):
            noise = rng.normal(0, 20, (160, 80, 3))
            image = rng.integers(0, 255, (160, 80, 3))
            image[20:140, 20:60] = np.clip(np.array(colour) + noise[20:140, 20:60], 0, 255)
            people.append(
                {
                    "image_id": len(images),
                    "bbox": [16, 16, 48, 128],
                    "keypoints": upright.reshape(-1).tolist(),
                    "track_id": number,
                }
            )
            images.append(image.astype(np.uint8))
            groups.append(group)
    return annotate(images, people, groups=groups, name="identities").parent


def is_out(name):
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1
    return bool(held_out(np.array([number]), HELD_OUT)[0])


def settings(**changes):
    return {
        "task": "reid",
        "reid": {"people": 4, "each": 3, "others": 0},
        "data": [{"folder": "identities", "ratio": 0.0}],
        **changes,
    }


def test_the_batch_of_a_step_is_always_the_same(folder):
    first, again = (reid_task.build_task(settings(), folder, seed=3) for _ in range(2))
    for one, other in zip(first.batch(5), again.batch(5), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert (first.batch(5)[0] != first.batch(6)[0]).any()


def test_a_batch_holds_identities_pictures_and_heatmaps(folder):
    batch = reid_task.build_task(settings(), folder, seed=0).batch(0)
    assert batch.pictures.shape == (12, 128, 64, 3) and batch.pictures.dtype == torch.uint8
    assert batch.heatmaps.shape == (12, 12, 32, 16)
    assert sorted(batch.identities.tolist()) == [n for n in range(4) for _ in range(3)]
    assert batch.heatmaps.amax() <= 1 and batch.heatmaps.amax() > 0.5


def test_it_learns_to_tell_colours_apart_of_people_never_trained_on(folder, tmp_path):
    task = reid_task.build_task(settings(), folder, seed=0)
    run = RunConfig(steps=30, warmup_steps=3, learning_rate=3e-3, precision="float32", log_steps=5)
    state = train(task, run, tmp_path / "run", resume=False, settings={})
    rows = list(csv.DictReader((tmp_path / "run/log.csv").open()))
    for name in ("identity", "triplet"):
        assert float(rows[-1][name]) < 0.9 * float(rows[0][name])
    found = task.evaluate(state.average.eval())
    assert found["rank1"] == 1 and found["AUC"] > 0.95


def test_the_file_of_settings_is_understood(root):
    tree = read_training_file(root / "config/training/reid.yaml")
    with pytest.raises(FileNotFoundError, match="identities"):
        reid_task.build_task(tree, Path("/nowhere"), seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reid": {"peopel": 3}}, "peopel"),
        ({"losses": {}}, "losses"),
        ({"reid": {"teacher": "/nowhere/t.onnx"}}, "nowhere"),
    ],
)
def test_wrong_settings_are_refused(folder, changes, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        reid_task.build_task(settings(**changes), folder, seed=0)


def test_data_without_identities_are_refused(annotate, marked):
    points = np.tile([20.0, 40.0, 2.0], (len(skeleton("coco_17").names), 1)).reshape(-1).tolist()
    people = [{"image_id": 0, "bbox": [5, 5, 30, 90], "keypoints": points}]
    root = annotate([marked(100, 50, [])], people, name="identities").parent
    with pytest.raises(ValueError, match="track_id"):
        reid_task.build_task(settings(), root, seed=0)
