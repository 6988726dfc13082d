from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alphapose_ros.checkpoints import CheckpointError
from alphapose_ros.detection.yolox import yolox
from alphapose_ros.training.detection_teacher import Teacher, open_teacher, teacher_loss

SIZE = (64, 64)


@pytest.fixture(scope="module")
def network():
    """A network of three classes with batch norms that do something."""
    torch.manual_seed(0)
    network = yolox("yolox_nano", classes=3).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -1, 1)
            nn.init.uniform_(module.running_var, 0.2, 2.0)
    return network


def test_a_teacher_predicts_what_its_network_did(network):
    pictures = 255 * torch.rand(2, 3, *SIZE)
    with torch.no_grad():
        expected = network(pictures)[..., :6]
    taught = Teacher(deepcopy(network))(pictures)
    assert not taught.requires_grad
    difference = (taught - expected).abs().mean() / (
        expected - expected.mean(dim=1, keepdim=True)
    ).abs().mean()
    assert difference < 0.1  # bfloat16 has 8 bits


def test_a_teacher_comes_from_a_file(network, tmp_path):
    save_file(network.state_dict(), tmp_path / "teacher.safetensors")
    teacher = open_teacher(tmp_path / "teacher.safetensors", "yolox_nano", 3)
    assert teacher(torch.zeros(1, 3, *SIZE)).shape == (1, 84, 6)
    with pytest.raises(CheckpointError, match="do not fit"):
        open_teacher(tmp_path / "teacher.safetensors", "yolox_nano", 80)


def test_a_pupil_becomes_like_its_teacher():
    taught = torch.full((1, 84, 6), -6.0)
    taught[0, 70] = torch.tensor([0.2, 0.7, 0.5, 1.0, 5.0, 5.0])  # one cell sees somebody
    pupil = torch.zeros(1, 84, 6, requires_grad=True)
    optimizer = torch.optim.Adam([pupil], lr=0.1)
    for _ in range(200):
        loss = teacher_loss(pupil, taught, SIZE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = pupil.detach()[0, :, 4].sigmoid()
    assert scores.argmax() == 70
    assert scores[70] > 0.95
    assert scores[torch.arange(84) != 70].max() < 0.1
    torch.testing.assert_close(pupil.detach()[0, 70, :4], taught[0, 70, :4], atol=0.1, rtol=0)


def test_boxes_of_cells_that_see_nobody_are_free():
    taught = torch.full((1, 84, 6), -20.0)
    taught[..., :4] = 0.3
    pupil = torch.zeros(1, 84, 6, requires_grad=True)
    teacher_loss(pupil, taught, SIZE).backward()
    assert pupil.grad[..., :4].abs().max() < 1e-6
    assert (pupil.grad[..., 4] > 0).all()
