from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.pose.flip import averaged, mirrored
from alphapose_ros.pose.heatmap import locate
from alphapose_ros.pose.torch_backend import TorchBackend, build_torch_backend, normalised
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo import find_weights, weights_path

SIZE = (256, 192)
BODY = skeleton("coco_17")
IS_LEFT, IS_RIGHT = (
    np.array([name.startswith(side) for name in BODY.names]) for side in ("left_", "right_")
)


class Equivariant(nn.Module):
    """Stands in for a network that sees mirror images exactly as it sees images.

    Blurred brightness at every fourth pixel; keypoints of the left are drawn to one side of it,
    those of the right to the other one. It looks at 3 pixels to either side, so that no pixel of
    its heatmaps but those of column 0 knows of the crop's border.
    """

    def forward(self, x):
        bright = x.mean(dim=1, keepdim=True)
        blurred = conv2d(bright, torch.ones(1, 1, 3, 3) / 9, padding=1)
        to_right = conv2d(blurred, torch.tensor([[[[1.0, 0, 0, 0, 0]]]]), padding=(0, 2))
        to_left = conv2d(blurred, torch.tensor([[[[0.0, 0, 0, 0, 1]]]]), padding=(0, 2))
        choice = torch.cat((blurred, to_left, to_right), dim=1)[:, :, ::4, ::4]
        return 12 * choice[:, IS_LEFT + 2 * IS_RIGHT]


def plain(method):
    return TorchBackend(Equivariant(), SIZE, torch.device("cpu"), 32, method)


def with_flip(method):
    return replace(plain(method), flip_order=tuple(BODY.flip_order))


def spots():
    image = np.zeros((400, 600, 3), np.uint8)
    for x, y in ((100, 120), (300, 200), (500, 310)):
        cv2.circle(image, (x, y), 9, (255, 255, 255), -1, cv2.LINE_AA)
    boxes = np.array([[50, 50, 160, 190], [270, 120, 331, 290], [440.5, 230.2, 560.3, 371.9]])
    return image, boxes


@pytest.mark.parametrize("method", ["heatmap", "integral", "one_step"])
def test_a_network_without_a_preference_for_a_side_finds_the_same_with_and_without(method):
    image, boxes = spots()
    once, twice = plain(method)(image, boxes), with_flip(method)(image, boxes)
    np.testing.assert_allclose(twice, once, atol=1e-3)
    sides = [once[:, which, 0].mean() for which in (IS_LEFT, IS_RIGHT)]
    assert abs(sides[0] - sides[1]) > 0.2  # left and right differ, so that a wrong order shows


def test_mirroring_by_reversed_columns_would_move_keypoints():
    image, boxes = spots()
    regions = crop_boxes(boxes, SIZE)
    inputs = normalised(torch.from_numpy(crop_people(image, regions, SIZE)))
    network = Equivariant()
    once = locate(network(inputs), "integral")[..., 0] * SIZE[1]

    def moved(of_mirrored):
        together = (network(inputs) + of_mirrored[:, np.array(BODY.flip_order)].flip(-1)) / 2
        return (locate(together, "integral")[..., 0] * SIZE[1] - once).abs().max()

    assert moved(network(inputs.flip(-1))) > 0.3  # pixels of the crop
    assert moved(network(mirrored(inputs))) > 0.3


def test_place_x_of_a_crop_goes_to_w_minus_x():
    row = torch.arange(6.0).reshape(1, 1, 1, 6)
    # Places 6 5 4 3 2 1; there is no pixel at 6, the one at 5 stands in for it.
    assert mirrored(row).flatten().tolist() == [5, 5, 4, 3, 2, 1]


def test_heatmaps_are_put_back_swapped_and_averaged():
    # Two keypoints, left and right, of width 4: pixel j of a mirrored map is 4 - j of the other.
    here = torch.tensor([[[[10.0, 0, 0, 0]], [[20.0, 0, 0, 0]]]])
    there = torch.tensor([[[[9.0, 1, 2, 3]], [[9.0, 4, 5, 6]]]])
    found = averaged(here, there, (1, 0))
    assert found[0, 0, 0].tolist() == [10, 3, 2.5, 2]
    assert found[0, 1, 0].tolist() == [20, 1.5, 1, 0.5]
    assert here[0, 0, 0].tolist() == [10, 0, 0, 0]
    assert there[0, 0, 0].tolist() == [9, 1, 2, 3]


@pytest.fixture(scope="module")
def embedded():
    weights = find_weights(PoseConfig().model)
    return build_torch_backend(weights, weights_path(weights), Compute(), 32)


def test_a_picture_and_its_mirror_image_give_the_same_poses(data, embedded):
    image = cv2.imread(str(data / "pose_datasets/coco/images/000000000785.jpg"))
    order = skeleton("halpe_136").flip_order
    both = replace(embedded, flip_order=tuple(order))
    width = image.shape[1]
    mirror = image[:, ::-1].copy()  # pixel x shows place width - 1 - x
    boxes = np.array([[270.0, 40, 510, 390]])
    mirror_boxes = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width - 1, 0, width - 1, 0]

    def difference(backend):
        here, there = backend(image, boxes)[0], backend(mirror, mirror_boxes)[0, order]
        return np.nanmedian(np.abs(width - 1 - there[:, 0] - here[:, 0]))

    assert difference(both) < 0.1  # px
    assert difference(both) < 0.2 * difference(embedded)
    body = skeleton("halpe_136").group("body")
    once, twice = embedded(image, boxes)[0, body], both(image, boxes)[0, body]
    heatmap_px = np.ptp(crop_boxes(boxes, embedded.input_size)[0, [0, 2]]) / 32
    assert np.nanmedian(np.abs(once[:, :2] - twice[:, :2])) < heatmap_px


def test_the_size_of_a_batch_changes_nothing(embedded):
    image, boxes = spots()
    small = replace(embedded, batch_size=1, flip_order=tuple(skeleton("halpe_136").flip_order))
    large = replace(small, batch_size=32)
    np.testing.assert_allclose(small(image, boxes), large(image, boxes), atol=1e-2)
