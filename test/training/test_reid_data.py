from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.reid.heatmaps import BODY
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.reid_data import Identities, PeoplePack, open_people, pack_people

COCO = skeleton("coco_17")


def person(image_id, box, wrist=None, **more):
    """Return an annotation whose keypoints lie in the middle, but for the left wrist."""
    x, y, width, height = box
    keypoints = np.tile([x + width / 2, y + height / 2, 2.0], (17, 1))
    if wrist is not None:
        keypoints[COCO.index("left_wrist")] = wrist
    return {
        "image_id": image_id,
        "bbox": box,
        "keypoints": keypoints.reshape(-1).tolist(),
        **more,
    }


@pytest.fixture
def pack(annotate, marked, tmp_path):
    images = [marked(200, 160, [(70, 90)], spread=2.0), marked(200, 160, [])]
    people = [
        person(0, [50, 40, 40, 100], (70, 90, 1), track_id=5),
        person(0, [60, 20, 60, 120], track_id=6, iscrowd=1),
        person(0, [10, 10, 10, 100], track_id=7),  # too narrow
        person(1, [130, 120, 40, 100], track_id=5),  # reaches beyond the picture
        person(1, [20, 20, 40, 100]),
    ]
    return pack_people(annotate(images, people), tmp_path / "pack")


def test_people_are_cut_out_with_their_labels(pack):
    assert pack.pictures.shape == (3, 160, 80, 3)
    assert pack.identities.tolist() == [5, 5, -1]
    wrist = pack.keypoints[0, BODY.index("left_wrist")]
    row, column = np.unravel_index(pack.pictures[0, ..., 0].argmax(), (160, 80))
    np.testing.assert_allclose(wrist[:2], (column, row), atol=1)
    assert wrist[2] == 0.5 and pack.keypoints[0, BODY.index("left_hip"), 2] == 1


def test_the_box_is_known_in_the_picture(pack):
    """The picture shows 1.25 of the box, so this is 64 x 128 in the middle of 80 x 160."""
    np.testing.assert_allclose(pack.boxes[0], [7.5, 15.5, 71.5, 143.5], atol=1.0)
    right, below = pack.boxes[1, 2:]
    assert right > 79.5 and below > 159.5  # what the image does not show is not made up


def test_a_pack_is_made_once_and_opened_again(pack, tmp_path):
    again = open_people(pack.folder)
    np.testing.assert_array_equal(again.pictures, pack.pictures)
    np.testing.assert_array_equal(again.keypoints, pack.keypoints)
    with pytest.raises(FileExistsError, match="exists"):
        pack_people(tmp_path / "source", pack.folder)


def test_sources_without_anybody_are_refused(annotate, marked, tmp_path):
    source = annotate([marked(50, 50, [])], [])
    with pytest.raises(ValueError, match="nobody"):
        pack_people(source, tmp_path / "none")


def listed(identities, groups, tmp_path):
    count = len(identities)
    return PeoplePack(
        "listed",
        tmp_path,
        np.zeros((count, 160, 80, 3), np.uint8),
        np.zeros((count, 4), np.float32),
        np.zeros((count, 12, 3), np.float32),
        np.array(identities),
        np.array(groups),
    )


def test_equal_numbers_of_two_packs_are_two_people(tmp_path):
    packs = [listed([3, 3, 1, 1, 2, -1, -1], [0] * 7, tmp_path), listed([3, 3], [0] * 2, tmp_path)]
    assert not packs[0].is_held_out.any()
    found = Identities(packs)
    rows = [one.tolist() for one in found.rows]
    assert rows == [[[0, 2], [0, 3]], [[0, 0], [0, 1]], [[1, 0], [1, 1]]]


def test_a_batch_has_as_many_pictures_of_each_as_asked_for(tmp_path):
    found = Identities([listed([0] * 5 + [1] * 2 + [2] * 9, [0] * 16, tmp_path)])
    rng = np.random.default_rng(0)
    rows, identities = found.draw(rng, people=3, each=4)
    assert sorted(identities) == [0] * 4 + [1] * 4 + [2] * 4
    for number, (_, row) in zip(identities, rows, strict=True):
        assert [row in range(5), row in range(5, 7), row in range(7, 16)][number]
    assert len({row for _, row in rows[identities == 2]}) == 4  # none twice where there are enough


def test_whole_groups_are_held_out(tmp_path):
    groups = np.repeat(np.arange(400), 2)
    pack = listed(groups, groups, tmp_path)
    held = pack.is_held_out.reshape(400, 2)
    assert (held[:, 0] == held[:, 1]).all() and 15 < held[:, 0].sum() < 70
    assert len(Identities([pack])) == 400 - held[:, 0].sum()
