from __future__ import annotations

import pytest
import torch

from alphapose_ros.detection.yolox import decode, decode_boxes, grid
from alphapose_ros.training.detection_losses import (
    NOT_NEAR,
    DetectionLoss,
    People,
    assign,
    costs,
    encode,
    is_inside_ignored,
    paired_iou,
)

SIZE = (64, 96)  # height, width: 96 + 24 + 6 cells
CELLS = 126
TWO = [[8.0, 8.0, 24.0, 56.0], [50.0, 6.0, 80.0, 60.0]]


def people(boxes, rows=None, is_ignored=None):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    rows = torch.zeros(len(boxes), dtype=torch.int64) if rows is None else torch.tensor(rows)
    ignored = [False] * len(boxes) if is_ignored is None else is_ignored
    return People(boxes, rows, torch.tensor(ignored, dtype=torch.bool))


def random_predictions(pictures=1, seed=0):
    return torch.randn(pictures, CELLS, 6, generator=torch.Generator().manual_seed(seed))


def one_by_one(cost, overlap, rows):
    """Assign in loops: each person its cheapest cells, then each cell its cheapest person."""
    wanted = {}
    for person in range(len(cost)):
        best = sorted(overlap[person].tolist(), reverse=True)[:10]
        count = max(int(sum(best)), 1)
        for cell in sorted(range(cost.shape[1]), key=lambda c: cost[person, c])[:count]:
            if cost[person, cell] < NOT_NEAR:
                wanted.setdefault((int(rows[person]), cell), []).append(person)
    return {(min(them, key=lambda p: cost[p, c]), c) for (_, c), them in wanted.items()}


@pytest.mark.parametrize("seed", range(6))
def test_cells_are_assigned_as_in_loops(seed):
    random = torch.Generator().manual_seed(seed)
    cost = 5 * torch.rand(7, 40, generator=random)
    overlap = torch.rand(7, 40, generator=random) * (torch.rand(7, 40, generator=random) < 0.4)
    cost[overlap == 0] += NOT_NEAR
    rows = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    which, cells = assign(cost, overlap, rows)
    pairs = list(zip(which.tolist(), cells.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == one_by_one(cost, overlap, rows)


def test_one_cell_serves_people_of_two_pictures():
    cost, overlap = torch.tensor([[1.0, 9.0], [2.0, 9.0]]), torch.tensor([[0.9, 0.0], [0.9, 0.0]])
    same = assign(cost, overlap, torch.tensor([0, 0]))
    assert [part.tolist() for part in same] == [[0], [0]]  # the cheaper of the two has it
    apart = assign(cost, overlap, torch.tensor([0, 1]))
    assert [part.tolist() for part in apart] == [[0, 1], [0, 0]]


def test_only_cells_near_the_centre_may_answer():
    corners, strides = grid(*SIZE)
    centres = corners + strides[:, None] / 2
    predictions = random_predictions()
    boxes = decode_boxes(predictions, corners, strides)
    cost, overlap = costs(predictions, boxes, people([TWO[0]]), centres, strides)
    far = cost[0] >= NOT_NEAR
    # The centre is (16, 32). 1.5 cells of 8 px around it: x 4..28 holds centres 12 and 20 (4 and
    # 28 are as far as 12 px), y the same around 32; likewise for 16 and 32 px.
    near = sorted(centres[~far & (strides == 8)].tolist())
    assert near == [[12, 28], [12, 36], [20, 28], [20, 36]]
    assert (overlap[0, far] == 0).all()


def test_predictions_that_learn_find_the_people():
    predictions = torch.zeros(2, CELLS, 6, requires_grad=True)
    there = people([*TWO, [30, 20, 60, 50]], rows=[0, 0, 1])
    optimizer = torch.optim.Adam([predictions], lr=0.1)
    for _ in range(150):
        losses = DetectionLoss()(predictions, there, SIZE, l1_weight=1.0)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    boxes, scores = decode(predictions.detach(), *SIZE)
    for row in (0, 1):
        sure = scores[row, :, 0] > 0.5
        expected = there.boxes[there.rows == row]
        overlap = paired_iou(boxes[row, sure][:, None], expected)
        assert (overlap.amax(dim=0) > 0.9).all()  # everybody is found
        assert (overlap.amax(dim=1) > 0.7).all()  # and nothing else


def test_exact_boxes_cost_nothing():
    corners, strides = grid(*SIZE)
    predictions = torch.full((1, CELLS, 6), -12.0)
    cell = 4 * 12 + 2  # corner (16, 32)
    predictions[0, :, :4] = encode(torch.tensor([TWO[0]]), corners, strides)
    predictions[0, cell, 4:] = 12.0
    losses = DetectionLoss()(predictions, people([TWO[0]]), SIZE, l1_weight=1.0)
    assert losses["boxes"] < 1e-4
    assert losses["l1"] < 1e-4


def test_nothing_is_denied_in_ignored_boxes():
    predictions = random_predictions().requires_grad_()
    ignored = people([[0, 0, 48, 64]], is_ignored=[True])
    sum(DetectionLoss()(predictions, ignored, SIZE).values()).backward()
    corners, strides = grid(*SIZE)
    is_left = corners[:, 0] + strides / 2 < 48
    assert (predictions.grad[0, is_left] == 0).all()
    assert (predictions.grad[0, ~is_left, 4] > 0).all()  # elsewhere there is nobody


def test_ignored_boxes_concern_their_own_picture():
    corners, strides = grid(*SIZE)
    centres = corners + strides[:, None] / 2
    there = people([[0, 0, 96, 64], [0, 0, 96, 64]], rows=[1, 2], is_ignored=[True, False])
    found = is_inside_ignored(centres, there, 3)
    assert found.all(dim=1).tolist() == [False, True, False]
    assert not found[[0, 2]].any()


def test_people_who_are_found_count_even_inside_of_ignored_boxes():
    predictions = random_predictions().requires_grad_()
    both = people([[0, 0, 96, 64], TWO[0]], is_ignored=[True, False])
    DetectionLoss()(predictions, both, SIZE)["objects"].backward()
    assert (predictions.grad[0, :, 4] < 0).sum() >= 1


@pytest.mark.parametrize("pictures", [1, 3])
def test_pictures_without_people_teach_that_nobody_is_there(pictures):
    predictions = random_predictions(pictures).requires_grad_()
    losses = DetectionLoss()(predictions, people([]), SIZE, l1_weight=1.0)
    assert losses["boxes"] == losses["classes"] == losses["l1"] == 0
    losses["objects"].backward()
    assert (predictions.grad[..., 4] > 0).all()


def test_a_picture_learns_the_same_in_any_batch():
    alone = random_predictions().requires_grad_()
    DetectionLoss()(alone, people(TWO), SIZE)["boxes"].backward()
    both = torch.cat((random_predictions(seed=9), alone.detach())).requires_grad_()
    DetectionLoss()(both, people(TWO, rows=[1, 1]), SIZE)["boxes"].backward()
    torch.testing.assert_close(both.grad[1], alone.grad[0])
    assert (both.grad[0] == 0).all()


def test_encoded_boxes_decode_to_themselves():
    corners, strides = grid(*SIZE)
    boxes = torch.tensor(TWO)[torch.arange(CELLS) % 2]
    back = decode_boxes(encode(boxes, corners, strides), corners, strides)
    torch.testing.assert_close(back, boxes, atol=1e-3, rtol=0)


def test_overlap_by_hand():
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 0, 0]])
    others = torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]])
    torch.testing.assert_close(paired_iou(boxes, others), torch.tensor([1 / 3, 0, 0]))
