from __future__ import annotations

import math
import weakref

import pytest
import torch
from torch import nn

from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.detection.yolov3 import ANCHORS, Boxes, Convolution, Pool, yolov3_spp

# Row: centre x, y, width, height, object, first class; the reference's, in an image of 96 x 96.
REFERENCE_ROWS = {
    0: (14.99813, 16.32705, 112.0252, 95.13165, 0.50425, 0.5283),
    4: (47.57548, 15.45717, 184.72516, 216.53294, 0.50862, 0.49034),
    26: (79.80612, 79.81194, 400.13382, 356.75967, 0.49671, 0.49348),
    27: (7.81442, 8.19964, 29.96393, 67.59397, 0.52058, 0.50358),
    100: (7.98618, 71.94321, 57.66005, 43.68586, 0.52967, 0.49597),
    134: (87.98699, 88.11381, 58.42998, 109.56709, 0.46104, 0.47842),
    135: (3.91079, 3.97532, 10.58994, 12.50284, 0.46971, 0.50917),
    400: (35.98523, 60.10039, 18.84328, 29.4193, 0.53213, 0.48195),
    566: (91.96261, 91.83441, 30.851, 21.21485, 0.48269, 0.50658),
}


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return yolov3_spp(80)


def test_rows_are_those_of_the_reference(fill_by_name):
    network = fill_by_name(build_detection_network("yolov3_spp", pool_padding="zero"), 0.6)
    images = torch.arange(3 * 96 * 96).remainder(251).div(251).view(1, 3, 96, 96)
    with torch.inference_mode():
        rows = network(images)[0, list(REFERENCE_ROWS), :6]
    torch.testing.assert_close(rows, torch.tensor([*REFERENCE_ROWS.values()]), atol=1e-4, rtol=0)


def test_the_weights_fill_the_published_file(network):
    state = network.state_dict()
    stored = [t.numel() for name, t in state.items() if "num_batches" not in name]
    assert sum(stored) == 63_052_381
    assert 5 * 4 + 4 * sum(stored) == 252_209_544  # bytes: a header of five numbers before them


def test_numbers_of_layers_are_darknets(network):
    layers = network.module_list
    assert len(layers) == 114
    found = [number for number, layer in enumerate(layers) if isinstance(layer, Boxes)]
    assert found == [89, 101, 113]
    assert [layers[number].stride for number in found] == [32, 16, 8]
    assert [n for n, layer in enumerate(layers) if isinstance(layer, Pool)] == [78, 80, 82]
    assert [layers[number].size for number in (78, 80, 82)] == [5, 9, 13]
    assert network.sources[83] == (82, 80, 78, 77)
    assert (network.sources[93], network.sources[105]) == ((92, 61), (104, 36))
    assert (network.sources[90], network.sources[102]) == ((86,), (98,))
    assert network.sources[4] == (3, 1)


def test_what_follows_the_convolutions(network):
    layers = [layer for layer in network.module_list if isinstance(layer, Convolution)]
    assert len(layers) == 76
    assert sum(len(layer) == 1 for layer in layers) == 3  # predictions are logits
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    slopes = [m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)]
    assert {norm.eps for norm in norms} == {1e-5}
    assert slopes == [0.1] * len(norms)


def test_a_box_of_one_cell_by_hand():
    # Three anchors of 5 + 2 numbers, on a grid of 2 x 3 cells of 16 pixels; cell (x 2, y 1) is the
    # last, its middle anchor, 62 x 45 pixels, the last but one row.
    raw = torch.zeros(1, 3 * 7, 2, 3)
    raw[0, 7:14, 1, 2] = torch.tensor(
        [0.0, math.log(3.0), math.log(2.0), math.log(0.5), math.log(4.0), -math.log(4.0), 0.0]
    )
    rows = Boxes(16)(raw)
    assert rows.shape == (1, 18, 7)
    expected = [(2 + 0.5) * 16, (1 + 0.75) * 16, 62 * 2, 45 / 2, 0.8, 0.2, 0.5]
    torch.testing.assert_close(rows[0, -2], torch.tensor(expected))
    torch.testing.assert_close(rows[0, 3, :4], torch.tensor([24.0, 8.0, 30.0, 61.0]))


def test_anchors_are_those_of_coco():
    published = "10,13, 16,30, 33,23, 30,61, 62,45, 59,119, 116,90, 156,198, 373,326"
    numbers = [int(number) for number in published.split(",")]
    ours = [side for stride in (8, 16, 32) for anchor in ANCHORS[stride] for side in anchor]
    assert ours == numbers


def test_what_lies_outside_a_pooled_feature():
    feature = torch.full((1, 1, 6, 6), -1.0)
    assert (Pool(5, has_zeros=False)(feature) == -1).all()
    with_zeros = Pool(5, has_zeros=True)(feature)
    assert with_zeros.shape == feature.shape
    assert (with_zeros[..., 2:4, 2:4] == -1).all()  # away from the border
    assert with_zeros.sum() == -4  # and 0 near it


def test_features_are_let_go_when_nobody_reads_them_any_more(network):
    outputs, alive = [], []

    def count(layer, inputs, output):
        outputs.append(weakref.ref(output))
        alive.append(sum(reference() is not None for reference in outputs))

    hooks = [layer.register_forward_hook(count) for layer in network.module_list]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64, device="meta"))
    for hook in hooks:
        hook.remove()
    assert len(alive) == 114
    # Three pools, their source under three numbers, all joined, and two of the backbone's.
    assert max(alive) <= 9


def test_an_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="none of darknet, zero"):
        yolov3_spp(80, pool_padding="ones")
