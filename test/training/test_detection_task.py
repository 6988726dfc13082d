from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alphapose_ros.detection.yolox import yolox
from alphapose_ros.training.datasets import held_out
from alphapose_ros.training.detection_task import DetectionBatch, build_task
from alphapose_ros.training.settings import RunConfig, read_training_file
from alphapose_ros.training.trainer import train

SIDE = 96
GROUPS = 200


def make_pack(folder, *, blue, people=1):
    """Write a pack whose pictures have the number of their group in the colour of red."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = np.full((GROUPS, SIDE, SIDE, 3), 114, np.uint8)
    pictures[:, : SIDE // 2] = 0
    pictures[:, : SIDE // 2, :, 0] = blue
    pictures[:, : SIDE // 2, :, 2] = np.arange(GROUPS)[:, None, None]
    corners = np.repeat(np.arange(GROUPS), people)[:, None] * [0.1, 0.05]
    order = rng.permutation(people * GROUPS)  # boxes stand in any order
    np.save(folder / "pictures.npy", pictures)
    np.savez(
        folder / "labels.npz",
        boxes=np.concatenate((corners, corners + 25), axis=1).astype(np.float32)[order],
        pictures=np.repeat(np.arange(GROUPS), people)[order],
        is_ignored=np.zeros(people * GROUPS, bool),
        groups=np.arange(GROUPS),
        sizes=np.tile([SIDE // 2, SIDE], (GROUPS, 1)),
    )
    (folder / "pack.json").write_text(json.dumps({"kind": "pictures", "count": GROUPS}))


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    make_pack(folder / "people", blue=0)
    make_pack(folder / "rooms", blue=200, people=0)
    make_pack(folder / "street", blue=100, people=2)
    return folder


@pytest.fixture
def settings():
    return {
        "task": "detection",
        "run": {"steps": 100},
        "detection": {
            "sizes": [64, 96],
            "batch_sizes": [3, 2],
            "evaluated": 4,
            "evaluated_person_px": 9,
        },
        "augmentation": {
            "mosaic": 0.5,
            "colour": 0.0,
            "jpeg": 0.0,
            "low_resolution": 0.0,
            "grey": 0.0,
        },
        "data": [
            {"folder": "people", "ratio": 0.75},
            {"folder": "rooms", "ratio": 0.25},
            {"folder": "street", "ratio": 0},
        ],
    }


def test_a_batch_depends_on_seed_rank_and_step_alone(settings, packs):
    first = build_task(settings, packs, seed=1).batch(7)
    for part, again in zip(first, build_task(settings, packs, seed=1).batch(7), strict=True):
        assert torch.equal(part, again)
    for other in (
        build_task(settings, packs, seed=2).batch(7),
        build_task(settings, packs, seed=1, rank=1).batch(7),
        build_task(settings, packs, seed=1).batch(9),
    ):
        assert not torch.equal(first.pictures, other.pictures)


def test_sizes_take_turns(settings, packs):
    task = build_task(settings, packs, seed=0)
    shapes = [tuple(task.batch(step).pictures.shape) for step in range(3)]
    assert shapes == [(3, 64, 64, 3), (2, 96, 96, 3), (3, 64, 64, 3)]
    assert task.inputs(task.batch(0)).shape == (3, 3, 64, 64)


def test_boxes_name_their_pictures(settings, packs):
    settings["detection"]["batch_sizes"] = [40, 40]
    settings["augmentation"]["mosaic"] = 0.0
    batch = build_task(settings, packs, seed=0).batch(0)
    blue = batch.pictures[..., 0].flatten(1).amax(dim=1)
    has_people = torch.bincount(batch.rows, minlength=40) > 0
    is_room = blue > 150  # of the padding it is 114, of people 0
    assert not (has_people & is_room).any()
    assert 3 < is_room.sum() < 20
    assert (has_people | is_room).float().mean() > 0.8  # a few people are cut off
    assert len(batch.boxes) == len(batch.rows) == len(batch.is_ignored)


def test_pictures_have_their_own_boxes(settings, packs):
    street = build_task(settings, packs, seed=0).mixture.sources[2]
    for row in (0, 7, GROUPS - 1):
        found = street.example(row)
        corner = [row * 0.1, row * 0.05]
        np.testing.assert_allclose(found.boxes, 2 * [[*corner, corner[0] + 25, corner[1] + 25]])
        assert found.picture.shape == (SIDE // 2, SIDE, 3)


def test_held_out_groups_and_evaluation_sets_are_never_trained_on(settings, packs):
    kept = set(np.flatnonzero(held_out(np.arange(GROUPS))))
    assert kept  # or there is nothing to find
    settings["augmentation"] |= {"mosaic": 0.0, "blur": 0.0}
    task = build_task(settings, packs, seed=0)
    assert set(task.mixture.sources[0].held_out) == kept
    assert len(task.mixture.sources[2].training) == 0
    red, blue = set(), set()
    for step in range(60):
        colours = task.batch(step).pictures.flatten(1, 2)
        darkest = colours[torch.arange(len(colours)), colours[..., 1].argmin(dim=1)]
        red |= set(darkest[:, 2].tolist())
        blue |= set(darkest[:, 0].tolist())
    assert len(red) > 50
    assert not red & kept
    assert 100 not in blue


def test_mosaics_end_before_training_does(settings, packs):
    settings["augmentation"]["mosaic"] = 1.0
    settings["detection"]["plain_after"] = 0.9
    task = build_task(settings, packs, seed=0)
    before, after = task.batch(88), task.batch(90)
    assert not before.is_plain
    assert after.is_plain
    first, last = (task.losses(torch.zeros(3, 84, 6), batch) for batch in (before, after))
    assert first["l1"] == 0
    assert last["l1"] > 0
    assert list(first) == list(last)  # they are columns of log.csv


def test_figures_and_a_sheet_of_every_data_set(settings, packs):
    task = build_task(settings, packs, seed=0)
    results = task.evaluate(task.network.eval())
    assert set(results) >= {"people/ap50", "rooms/alarms", "street/ap50", "street/recall"}
    assert "rooms/ap50" not in results
    assert task.sheet(task.network).ndim == 3


def test_a_teacher_adds_a_loss(settings, packs, tmp_path):
    save_file(yolox("yolox_nano", 80).state_dict(), tmp_path / "teacher.safetensors")
    settings["detection"]["teacher"] = str(tmp_path / "teacher.safetensors")
    task = build_task(settings, packs, seed=0)
    assert task.losses(torch.zeros(3, 84, 6), task.batch(0))["teacher"] > 0


def test_some_steps_of_training(settings, packs, tmp_path):
    settings["run"] = {"steps": 4}
    task = build_task(settings, packs, seed=0)
    run = RunConfig(steps=4, evaluate_steps=2, precision="float32", device="cpu", log_steps=1)
    state = train(task, run, tmp_path / "run", resume=False, settings=settings)
    assert state.step == 4
    assert (tmp_path / "run" / "ema.safetensors").is_file()
    assert "people/ap50" in (tmp_path / "run" / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("detection", {"sizes": [64, 100]}, "multiples of 32"),
        ("detection", {"batch_sizes": [4]}, "2 sizes for 1 batch_sizes"),
        ("detection", {"network": "yolox_atto"}, "unknown detector network"),
        ("detection", {"wings": 2}, "wings"),
        ("augmentation", {"mosaic": 2.0}, "mosaic"),
        ("data", {}, "list of data sets"),
        ("data", [{"folder": "people", "ratio": 0}], "no data set"),
        ("losses", {}, "unknown section 'losses'"),
    ],
)
def test_wrong_settings_are_refused(settings, packs, section, change, message):
    is_tree = isinstance(change, dict) and change
    settings[section] = settings[section] | change if is_tree else change
    with pytest.raises(ValueError, match=message):
        build_task(settings, packs, seed=0)


def test_a_missing_data_set_is_named(settings, packs):
    settings["data"][0]["folder"] = "nowhere"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build_task(settings, packs, seed=0)


def test_the_training_file_of_the_package_is_valid(root, packs):
    settings = read_training_file(root / "config/training/detector.yaml")
    settings["data"] = [{"folder": "people"}]
    task = build_task(settings, packs, seed=0)
    assert isinstance(task.batch(0), DetectionBatch)
