from __future__ import annotations

import pytest
import torch

from alphapose_ros.pose.simplepose import (
    doubling,
    simplepose_res50,
    simplepose_res101,
    simplepose_res152,
)


@pytest.mark.parametrize(
    ("build", "millions"),
    [(simplepose_res50, 34.0), (simplepose_res101, 53.0), (simplepose_res152, 68.6)],
)
def test_there_are_as_many_parameters_as_published(build, millions):
    """Source: Sun et al., Deep High-Resolution Representation Learning, 2019, Table 1."""
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build(17).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_pixel_spreads_over_four_by_four():
    """A transposed convolution puts its kernel around each pixel, a border of one cut off."""
    convolution, norm, _ = doubling(1)
    assert convolution.bias is None
    assert norm.num_features == 256
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 1, 1] = 1
    with torch.inference_mode():
        seen = convolution(image)[0]
    expected = torch.zeros(256, 6, 6)
    expected[:, 1:5, 1:5] = convolution.weight[0]
    torch.testing.assert_close(seen, expected)


def test_there_is_no_squeeze_and_excitation():
    with torch.device("meta"):
        assert not [name for name in simplepose_res50(17).state_dict() if ".se." in name]
