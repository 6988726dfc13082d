from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alphapose_ros.detection.yolox import decode, decode_boxes, decode_rows, grid, yolox


def test_predictions_are_those_of_a_published_graph(coco_nano, published_graph, picture):
    image = picture[None].transpose(0, 3, 1, 2).astype(np.float32)
    (expected,) = published_graph.run(None, {published_graph.get_inputs()[0].name: image})
    with torch.no_grad():
        ours = coco_nano(torch.from_numpy(image))
    ours[..., 4:] = ours[..., 4:].sigmoid()  # the graph does it inside
    assert np.abs(expected[..., 4]).max() > 0.5  # somebody is there
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(("height", "width", "cells"), [(64, 64, 84), (32, 96, 63)])
def test_a_prediction_for_every_cell(height, width, cells):
    network = yolox("yolox_nano").eval()
    assert network(torch.zeros(2, 3, height, width)).shape == (2, cells, 6)
    assert len(grid(height, width)[0]) == cells


def test_cells_begin_at_a_low_score():
    predictions = yolox("yolox_nano").eval()(torch.zeros(1, 3, 64, 64))
    _, scores = decode(predictions, 64, 64)
    assert scores.max() < 0.01


def test_boxes_around_known_cells():
    # Cell (x 1, y 2) of the grid of 32-pixel cells in an image of 96 x 64 (rows x columns): the
    # fine grids come first, with 12 * 8 + 6 * 4 cells, then row 2 of 2 columns.
    row = 12 * 8 + 6 * 4 + 2 * 2 + 1
    predictions = torch.zeros(1, 12 * 8 + 6 * 4 + 3 * 2, 6)
    predictions[0, row, :4] = torch.tensor([0.5, 0.25, np.log(2.0), np.log(3.0)])
    boxes, scores = decode(predictions, 96, 64)
    # Centre (1.5, 2.25) * 32, width 2 * 32, height 3 * 32; scores 0.5 * 0.5.
    torch.testing.assert_close(boxes[0, row], torch.tensor([16.0, 24.0, 80.0, 120.0]))
    torch.testing.assert_close(scores, torch.full_like(scores, 0.25))
    rows = decode_rows(predictions, 96, 64)
    torch.testing.assert_close(
        rows[0, row], torch.tensor([1.5 * 32, 2.25 * 32, 2.0 * 32, 3.0 * 32, 0.5, 0.5])
    )


def test_grids_go_row_by_row():
    corners, strides = grid(32, 64)
    assert corners[:9].tolist() == [[8.0 * x, 0.0] for x in range(8)] + [[0.0, 8.0]]
    assert strides.unique_consecutive().tolist() == [8, 16, 32]


def test_boxes_of_some_cells_alone():
    corners, strides = grid(64, 64)
    predictions = torch.randn(84, 6, generator=torch.Generator().manual_seed(0))
    some = torch.tensor([3, 50, 83])
    expected = decode_boxes(predictions, corners, strides)[some]
    torch.testing.assert_close(
        decode_boxes(predictions[some], corners[some], strides[some]), expected
    )


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match="yolox_s"):
        yolox("yolox_small")


def test_batch_norms_are_those_of_published_checkpoints():
    norms = [m for m in yolox("yolox_nano").modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.03)}
