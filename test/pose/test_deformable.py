from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from alphapose_ros.pose import deformable
from alphapose_ros.pose.deformable import (
    DeformableConv2d,
    deform_conv2d,
    sampled_conv2d,
    torchvision_operator,
)

CASES = {  # height, width, kernel, stride, padding
    "stride 1": (8, 6, 3, 1, 1),
    "stride 2": (8, 6, 3, 2, 1),
    "odd sides": (7, 5, 3, 1, 1),
    "odd sides, stride 2": (7, 5, 3, 2, 1),
    "no padding": (9, 7, 3, 2, 0),
    "one pixel wide": (6, 1, 3, 1, 1),
    "kernel 5": (6, 9, 5, 2, 2),
}
OFFSETS = {
    "none": torch.zeros,
    "a few pixels": lambda shape: 2 * torch.randn(shape),
    "whole pixels": lambda shape: torch.randint(-4, 5, shape).float(),  # onto and along borders
    "half pixels": lambda shape: torch.randint(-9, 10, shape) / 2,
    "just inside of -1 and H": lambda shape: torch.randint(-3, 4, shape) * (1 - 1e-3),
    "far outside": lambda shape: 300 * torch.randn(shape),
}


def inputs(case, offsets, seed=0):
    height, width, side, stride, padding = CASES[case]
    torch.manual_seed(seed)
    size = [(length + 2 * padding - side) // stride + 1 for length in (height, width)]
    x = torch.randn(2, 4, height, width)
    offset = OFFSETS[offsets]((2, 2 * side * side, *size))
    weight = torch.randn(3, 4, side, side) / side
    mask = torch.rand(2, side * side, *size)
    return x, offset, weight, mask, {"stride": stride, "padding": padding}


def pixel(image, y, x):
    """Return all channels of one pixel of (C, H, W), 0 outside."""
    inside = 0 <= y < image.shape[1] and 0 <= x < image.shape[2]
    return image[:, y, x] if inside else np.zeros(len(image))


def bilinear(image, y, x):
    top, left = int(np.floor(y)), int(np.floor(x))
    down, right = y - top, x - left
    upper = (1 - right) * pixel(image, top, left) + right * pixel(image, top, left + 1)
    lower = (1 - right) * pixel(image, top + 1, left) + right * pixel(image, top + 1, left + 1)
    return (1 - down) * upper + down * lower


def by_hand(x, offset, weight, mask, stride, padding):
    """Deformable convolution in loops, one tap of one output at a time."""
    x, offset, weight = (tensor.double().numpy() for tensor in (x, offset, weight))
    outputs, side = len(weight), weight.shape[2]
    result = np.zeros((len(x), outputs, *offset.shape[2:]))
    for n, row, column in product(*map(range, (len(x), *offset.shape[2:]))):
        for tap, (i, j) in enumerate(product(range(side), range(side))):
            dy, dx = offset[n, 2 * tap : 2 * tap + 2, row, column]
            y, x_ = row * stride - padding + i + dy, column * stride - padding + j + dx
            factor = 1 if mask is None else mask[n, tap, row, column].item()
            result[n, :, row, column] += factor * weight[:, :, i, j] @ bilinear(x[n], y, x_)
    return result


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("offsets", "modulated"), [*((name, False) for name in OFFSETS), ("a few pixels", True)]
)
def test_every_tap_looks_where_it_is_sent(case, offsets, modulated):
    x, offset, weight, mask, how = inputs(case, offsets)
    mask = mask if modulated else None
    expected = by_hand(x, offset, weight, mask, **how)
    np.testing.assert_allclose(deform_conv2d(x, offset, weight, mask, **how), expected, atol=1e-5)


needs_torchvision = pytest.mark.skipif(
    torchvision_operator() is None, reason="torchvision is not installed for this PyTorch"
)


@needs_torchvision
@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize("case", CASES)
def test_torchvision_computes_the_same(case, offsets, modulated):
    x, offset, weight, mask, how = inputs(case, offsets)
    mask = mask if modulated else None
    theirs = torchvision_operator()(x, offset, weight, mask=mask, **how)
    ours = sampled_conv2d(x, offset, weight, mask, **how)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@needs_torchvision
@pytest.mark.parametrize(
    ("channels", "height", "stride"), [(128, 64, 2), (256, 16, 1), (512, 8, 1)]
)
def test_torchvision_computes_the_same_in_the_sizes_of_fastpose(channels, height, stride):
    torch.manual_seed(1)
    x = torch.randn(3, channels, height, height * 3 // 4)
    offset = 3 * torch.randn(3, 18, height // stride, height * 3 // 4 // stride)
    weight = torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5
    ours = sampled_conv2d(x, offset, weight, stride=stride, padding=1)
    theirs = torchvision_operator()(x, offset, weight, stride=stride, padding=1)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def gradients(operator, tensors, how):
    tensors = [tensor.double().requires_grad_() for tensor in tensors]
    x, offset, weight, mask = tensors
    result = operator(x, offset, weight, mask=mask, **how)
    shares = torch.linspace(-1, 1, result.numel(), dtype=torch.double).view(result.shape)
    return torch.autograd.grad((result * shares).sum(), tensors)


@pytest.mark.parametrize("case", ["odd sides, stride 2", "one pixel wide"])
def test_gradients_are_those_of_small_differences(case):
    *tensors, how = inputs(case, "a few pixels")
    tensors = [tensor.double().requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(
        lambda x, offset, weight, mask: sampled_conv2d(x, offset, weight, mask, **how), tensors
    )


@needs_torchvision
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_torchvision(case):
    *tensors, how = inputs(case, "a few pixels")
    ours = gradients(sampled_conv2d, tensors, how)
    theirs = gradients(torchvision_operator(), tensors, how)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-9)


def test_without_offsets_it_is_a_convolution():
    layer = DeformableConv2d(4, 3, 3, 2, 1)
    x = torch.randn(2, 4, 9, 6)
    expected = F.conv2d(x, layer.weight, stride=2, padding=1)
    torch.testing.assert_close(layer(x, torch.zeros(2, 18, 5, 3)), expected)


def test_a_large_batch_goes_in_pieces(monkeypatch):
    x, offset, weight, mask, how = inputs("odd sides", "a few pixels")
    x, offset, mask = (torch.cat((tensor, tensor.flip(0), tensor)) for tensor in (x, offset, mask))
    whole = sampled_conv2d(x, offset, weight, mask, **how)
    pieces = []
    sample = deformable.sample_taps

    def counted(piece, *rest):
        pieces.append(len(piece))
        return sample(piece, *rest)

    monkeypatch.setattr(deformable, "sample_taps", counted)
    monkeypatch.setattr(deformable, "MAX_SAMPLES", 4 * 4 * 9 * 7 * 5)  # of four images
    torch.testing.assert_close(sampled_conv2d(x, offset, weight, mask, **how), whole)
    assert pieces == [4, 2]


def test_an_empty_batch_is_ordinary():
    x, offset, weight, mask, how = inputs("stride 2", "none")
    assert deform_conv2d(x[:0], offset[:0], weight, mask[:0], **how).shape == (0, 3, 4, 3)


def test_offsets_to_infinity_see_nothing():
    x, offset, weight, _, how = inputs("stride 1", "none")
    for far in (float("inf"), -float("inf"), 1e30):
        assert torch.all(deform_conv2d(x, offset + far, weight, **how) == 0)


def test_what_is_not_a_number_stays_in_its_place():
    x, offset, weight, _, how = inputs("stride 1", "none")
    offset[0, 4, 2, 3] = float("nan")
    unknown = deform_conv2d(x, offset, weight, **how).isnan()
    assert unknown[0, :, 2, 3].all()
    assert unknown.sum() == 3


class Devices(TorchDispatchMode):
    """Notes where the results of all operators lie."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.seen |= {leaf.device.type for leaf in tree_leaves(result) if torch.is_tensor(leaf)}
        return result


def test_nothing_is_computed_on_another_device():
    x, offset, weight, mask, how = inputs("stride 2", "a few pixels")
    x, offset, weight, mask = (tensor.to("meta") for tensor in (x, offset, weight, mask))
    with Devices() as devices:
        result = deform_conv2d(x, offset, weight, mask, **how)
    assert result.shape == (2, 3, 4, 3)
    assert devices.seen == {"meta"}


def test_half_precision_does_not_round_places():
    x, offset, weight, _, how = inputs("stride 1", "a few pixels")
    x, weight = x.bfloat16(), weight.bfloat16()
    expected = by_hand(x.float(), offset, weight.float(), None, **how)
    ours = deform_conv2d(x, offset, weight, **how)
    assert ours.dtype == torch.bfloat16
    np.testing.assert_allclose(ours.float(), expected, atol=0.1)


def test_it_can_be_exported_for_any_number_of_images():
    pytest.importorskip("torch", minversion="2.10")
    x, offset, weight, _, how = inputs("stride 2", "a few pixels")

    class Layer(torch.nn.Module):
        def forward(self, x, offset):
            return deform_conv2d(x, offset, weight, **how)

    people = torch.export.Dim("people")
    program = torch.export.export(Layer(), (x, offset), dynamic_shapes=({0: people}, {0: people}))
    x, offset = torch.cat((x, x.flip(0), x)), torch.cat((offset, offset.flip(0), offset))
    expected = deform_conv2d(x, offset, weight, **how)
    torch.testing.assert_close(program.module()(x, offset), expected)


def test_only_gpus_get_torchvision_s_operator(monkeypatch):
    asked = []
    operator = lambda *tensors, **how: asked.append((len(tensors), how))  # noqa: E731
    monkeypatch.setattr(deformable, "torchvision_operator", lambda: operator)
    on_gpu = SimpleNamespace(is_cuda=True)
    deform_conv2d(on_gpu, on_gpu, on_gpu, stride=2, padding=1)
    assert asked == [(3, {"stride": 2, "padding": 1, "mask": None})]
    x, offset, weight, mask, how = inputs("stride 1", "none")
    deform_conv2d(x, offset, weight, mask, **how)
    assert len(asked) == 1


@pytest.mark.parametrize("error", [ModuleNotFoundError("none"), RuntimeError("another PyTorch")])
def test_a_torchvision_that_does_not_load_is_none(monkeypatch, error):
    def broken(address):
        raise error

    monkeypatch.setattr(deformable, "resolve_name", broken)
    assert torchvision_operator.__wrapped__() is None
