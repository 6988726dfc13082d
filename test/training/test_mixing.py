from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.datasets import held_out, open_crops
from alphapose_ros.training.mixing import Mixture, Source

HALPE = skeleton("halpe_136")


def source(folder, weight=1.0, target=HALPE):
    return Source(open_crops(folder), target, weight)


def test_a_coco_pack_teaches_its_17_keypoints_and_nothing_else(crop_pack):
    pack = source(crop_pack(layout="coco_17"), weight=0.5)
    person = pack.person(3)
    assert np.flatnonzero(person.weights).tolist() == list(range(17))  # Halpe begins with COCO's
    np.testing.assert_allclose(person.weights[:17], 0.5)
    np.testing.assert_array_equal(person.keypoints[:17], pack.pack.keypoints[3])


def test_keypoints_are_found_by_name_whatever_their_order(crop_pack):
    pack = source(crop_pack(layout="mpii_16"))
    person = pack.person(0)
    names = skeleton("mpii_16").names
    for row, name in enumerate(HALPE.names):
        assert person.weights[row] == (name in names)
        if name in names:
            place = pack.pack.keypoints[0, names.index(name)]
            np.testing.assert_array_equal(person.keypoints[row], place)
    assert person.weights.sum() == 12  # both ankles, knees, hips, wrists, elbows, shoulders


def test_ratios_hold_within_each_batch(crop_pack):
    sources = [source(crop_pack(name, seed=seed)) for seed, name in enumerate("abc")]
    mixture = Mixture(sources, [0.5, 0.3, 0.2])
    owner = {one.pack.crops[row].tobytes(): one for one in sources for row in range(len(one.pack))}
    for seed in range(20):
        people = mixture.draw(np.random.default_rng(seed), 20)
        counts = [sum(owner[p.crop.tobytes()] is one for p in people) for one in sources]
        assert sum(counts) == 20
        assert np.abs(np.array(counts) - [10, 6, 4]).max() <= 1


def test_people_held_out_are_never_drawn(crop_pack):
    folder = crop_pack(count=200, size=(8, 6))
    pack = open_crops(folder)
    hidden = {pack.crops[row].tobytes() for row in np.flatnonzero(held_out(pack.groups))}
    assert hidden
    mixture = Mixture([source(folder)], [1])
    seen = {
        p.crop.tobytes()
        for seed in range(40)
        for p in mixture.draw(np.random.default_rng(seed), 64)
    }
    assert len(seen) == 200 - len(hidden)
    assert not seen & hidden


def test_a_data_set_with_ratio_0_is_for_evaluation_only(crop_pack):
    sources = [source(crop_pack("a")), source(crop_pack("b", layout="halpe_26"))]
    people = Mixture(sources, [0, 1]).draw(np.random.default_rng(0), 50)
    assert all(person.weights[25] for person in people)


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        ([], "need one each"),
        ([0.0], "no data set has a ratio above 0"),
        ([-1.0], "need one each"),
        ([1.0, 1.0], "need one each"),
    ],
)
def test_ratios_must_fit_the_data_sets(crop_pack, ratios, message):
    with pytest.raises(ValueError, match=message):
        Mixture([source(crop_pack())], ratios)


def test_a_data_set_whose_people_are_all_held_out_is_named(crop_pack):
    group = int(np.flatnonzero(held_out(np.arange(1000)))[0])
    folder = crop_pack("small", groups=np.full(40, group))
    with pytest.raises(ValueError, match="small: all of it is held out"):
        Mixture([source(folder)], [1.0])
