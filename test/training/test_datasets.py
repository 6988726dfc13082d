from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.training.datasets import held_out, open_crops, open_pictures, spread


def splitmix64(number):
    """Vigna's reference generator, in whole numbers of any size."""
    mask = 2**64 - 1
    z = (number + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_one_group_in_forty_is_held_out_the_same_ones_for_ever():
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # published first output for seed 0
    groups = np.arange(40_000)
    chosen = held_out(groups)
    assert chosen[:200].tolist() == [splitmix64(number) % 40 == 0 for number in range(200)]
    assert 900 < chosen.sum() < 1100
    assert (
        held_out(np.array([2**62, -1, 5]))
        == [splitmix64(n) % 40 == 0 for n in (2**62, 2**64 - 1, 5)]
    ).all()


def test_a_group_is_never_on_both_sides():
    groups = np.random.default_rng(0).integers(0, 300, 5000)
    chosen = held_out(groups)
    assert chosen.any()
    assert not set(groups[chosen]) & set(groups[~chosen])


def test_a_pack_opens_without_reading_its_pixels(crop_pack):
    pack = open_crops(crop_pack(count=7, layout="halpe_26"))
    assert len(pack) == 7
    assert isinstance(pack.crops, np.memmap)
    assert pack.keypoints.shape == (7, 26, 2)
    assert pack.skeleton.id == "halpe_26"
    assert pack.zoom == pytest.approx(1.4)


def test_what_is_no_pack_is_refused(tmp_path, crop_pack):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*no pack\.json"):
        open_crops(tmp_path / "nowhere")
    folder = crop_pack()
    with pytest.raises(ValueError, match="a pack of crops, not of pictures"):
        open_pictures(folder)
    (folder / "labels.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"labels\.npz"):
        open_crops(folder)


def test_labels_of_another_skeleton_are_refused(crop_pack):
    folder = crop_pack(count=3)
    about = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps({**about, "skeleton": "halpe_26"}))
    with pytest.raises(ValueError, match=r"keypoints is \(3, 17, 2\), expected \(3, 26, 2\)"):
        open_crops(folder)


def test_rows_are_spread_evenly():
    assert spread(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert spread(np.arange(3), 4).tolist() == [0, 1, 2]
    assert spread(np.arange(0), 4).tolist() == []
