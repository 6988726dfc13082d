from __future__ import annotations

import numpy as np
import pytest
import torch

from alphapose_ros.pose.heatmap import decode_combined
from alphapose_ros.pose.torch_backend import normalised
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.pose_task import PoseBatch, build_task, taught
from alphapose_ros.training.settings import RunConfig
from alphapose_ros.training.trainer import start, train, train_step

SMALL = {"sizes": [[64, 64], [64, 32]], "batch_sizes": [4, 6]}
CPU = {"device": "cpu", "threads": 1, "warmup_steps": 1}


def settings(*folders, **sections):
    data = [{"folder": str(folder), "ratio": 1.0} for folder in folders]
    return {"task": "pose", "pose": SMALL, "data": data, **sections}


@pytest.fixture
def task(crop_pack, tmp_path):
    folders = crop_pack("whole", layout="halpe_136"), crop_pack("body", layout="coco_17", seed=1)
    return build_task(settings(*folders), tmp_path, seed=3)


def batch_of(places, weights, absent=None, size=(64, 48)):
    keypoints = torch.tensor(places, dtype=torch.float32)[None]
    weights = torch.tensor(weights, dtype=torch.float32)[None]
    absent = torch.zeros_like(weights) if absent is None else torch.tensor(absent)[None]
    return PoseBatch(torch.zeros(1, *size, 3, dtype=torch.uint8), keypoints, weights, absent)


def test_batches_depend_on_seed_rank_and_step_alone(crop_pack, tmp_path):
    tree = settings(crop_pack(layout="halpe_136"))

    def bytes_of(step, **options):
        task = build_task(tree, tmp_path, **{"seed": 3, **options})
        task.batch(5)  # what was made before does not matter
        return b"".join(part.numpy().tobytes() for part in task.batch(step))

    first = bytes_of(2)
    assert bytes_of(2) == first
    assert len({first, bytes_of(4), bytes_of(2, seed=4), bytes_of(2, rank=1)}) == 4


def test_sizes_take_turns(task):
    shapes = [tuple(task.batch(step).crops.shape) for step in range(4)]
    assert shapes == [(4, 64, 64, 3), (6, 64, 32, 3)] * 2
    assert all(part.shape[:2] == (6, 136) for part in task.batch(1)[1:])


def test_a_body_pack_leaves_face_and_hands_alone(task):
    weights = task.batch(0).weights  # two people of either pack
    assert (weights[:2] > 0).all()
    assert (weights[2:, :17] > 0).all()
    assert not weights[2:, 17:].any()


def test_what_is_outside_or_absent_is_taught_to_be_nowhere():
    places = [(10.0, 20.0), (-3.0, 20.0), (47.4, 63.4), (47.6, 10.0), (5.0, 5.0), (6.0, 6.0)]
    batch = batch_of(places, [1.0, 1.0, 0.5, 0.5, 0.0, 0.0], absent=[0, 0, 0, 0, 0.4, 0])
    positions, weights = taught(batch)
    torch.testing.assert_close(positions[0, 0], torch.tensor([2.5, 5.0]))
    assert positions[0, :, 0].isnan().tolist() == [False, True, False, True, True, True]
    torch.testing.assert_close(weights[0], torch.tensor([1.0, 0.3, 0.5, 0.15, 0.4, 0.0]))


def test_a_batch_is_learnt_with_positions_and_scores(crop_pack, tmp_path):
    pose = {"sizes": [[64, 64]], "batch_sizes": [4]}
    loss = {"face_weight": 30.0, "hand_weight": 30.0, "score_weight": 2.0}
    tree = settings(crop_pack(layout="halpe_136"), pose=pose, loss=loss)
    task = build_task(tree, tmp_path, seed=0)
    run = RunConfig(**CPU, steps=50, learning_rate=4e-3, schedule="constant", ema_decay=0.5)
    state, batch = start(task.network, run, torch.device("cpu"), {}), task.batch(0)
    batch.weights[:, 130:] = 0
    batch.absent[:, 130:] = 1.0  # not there: only their scores are taught
    losses = [train_step(task, state.network, state, run, batch) for _ in range(run.steps)]
    parts = {"heatmap": 0.5, "face": 0.5, "hands": 0.5, "scores": 0.8}  # scores end at an entropy
    for name, part in parts.items():
        assert losses[-1][name] < part * losses[0][name], name
    with torch.no_grad():
        found = decode_combined(state.average(normalised(batch.crops)))
    error = (found[:, :130, :2] * 4 - batch.keypoints[:, :130]).norm(dim=-1).nan_to_num(99)
    assert error.median() < 8.0
    assert found[:, 94:130, 2].mean() > found[:, 130:, 2].mean() + 0.2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_ends_with_the_same_weights(crop_pack, tmp_path, precision):
    tree = settings(crop_pack(layout="halpe_136"))
    config = {**CPU, "steps": 6, "precision": precision}

    def run(name, *, resume=False, **more):
        task = build_task(tree, tmp_path, seed=3)
        return train(task, RunConfig(**config, **more), tmp_path / name, resume=resume, settings={})

    straight = run("straight")
    assert run("parts", stop_after_minutes=1e-6).step == 1
    assert run("parts", resume=True, stop_after_minutes=1e-6).step == 2
    resumed = run("parts", resume=True)
    for name, value in straight.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_figures_and_sheet_are_of_people_held_out(crop_pack, tmp_path):
    folders = (
        crop_pack("whole", layout="halpe_136", count=200),
        crop_pack("body", layout="coco_17", count=200),
        crop_pack("tiny", layout="coco_17", count=1, groups=[0]),  # nobody held out
    )
    task = build_task(settings(*folders), tmp_path, seed=3)
    figures = task.evaluate(task.network)
    names = {name.split("/")[0] for name in figures}
    assert names == {"whole", "body"}
    assert {"whole/left_hand_close", "whole/face_error", "body/oks"} <= set(figures)
    assert not any(name.startswith("body/face") for name in figures)
    assert all(np.isfinite(value) for value in figures.values())
    sheet = task.sheet(task.network)
    assert sheet.dtype == np.uint8
    assert sheet.ndim == 3


def test_without_people_held_out_there_is_nothing_to_show(crop_pack, tmp_path):
    task = build_task(
        settings(crop_pack(layout="coco_17", count=3, groups=[0, 0, 0])), tmp_path, seed=3
    )
    assert task.evaluate(task.network) == {}
    assert task.sheet(task.network).shape == (1, 1, 3)


def test_weights_to_begin_with_are_loaded(crop_pack, tmp_path):
    tree = settings(crop_pack(layout="halpe_136"))
    task = build_task(tree, tmp_path, seed=3)
    torch.save(task.network.state_dict(), tmp_path / "first.pt")
    tree = {**tree, "pose": {**SMALL, "initial": str(tmp_path / "first.pt")}}
    other = build_task(tree, tmp_path, seed=99)
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])


def test_a_network_for_bodies_has_heatmaps_only(crop_pack, tmp_path):
    tree = settings(crop_pack(layout="coco_17"), pose={**SMALL, "skeleton": "halpe_26"})
    task = build_task(tree, tmp_path, seed=3)
    batch = task.batch(0)
    losses = task.losses(task.network(task.inputs(batch)), batch)
    assert losses["heatmap"] > 0
    assert losses["face"] == losses["hands"] == losses["scores"] == 0
    assert len(skeleton("halpe_26").names) == batch.keypoints.shape[1]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"augmentations": {}}, "unknown section 'augmentations'"),
        ({"loss": {"sigma": -1.0}}, "loss: sigma"),
        ({"pose": {"sizes": [[64, 48]], "batch_sizes": [4, 4]}}, "1 sizes, 2 batch_sizes"),
        ({"pose": {"sizes": [[64, 42]], "batch_sizes": [4]}}, "multiples of 32"),
        ({"pose": {"sizes": [64, 48], "batch_sizes": [4, 4]}}, "64 is no pair of height and width"),
        ({"pose": {"network": "fastpose_huge"}}, "fastpose_huge"),
        ({"data": []}, "data: expected a list"),
        ({"data": [{"path": "x"}]}, r"data\.0: unknown setting 'path'"),
        ({"data": [{"ratio": 1.0}]}, r"data\.0: folder is missing"),
        ({"data": [{"folder": "missing"}]}, "missing does not exist"),
    ],
)
def test_a_wrong_training_file_is_refused_before_anything_starts(
    crop_pack, tmp_path, sections, message
):
    tree = {**settings(crop_pack(layout="halpe_136")), **sections}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        build_task(tree, tmp_path, seed=3)
