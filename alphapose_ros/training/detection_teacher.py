"""A trained detector that shows another one what it sees, in every cell: distillation."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.detection.yolox import Conv, decode_boxes, grid, yolox
from alphapose_ros.training.detection_losses import paired_iou

PERSON = 0  # class of teachers that know several, as those trained on COCO do


class Teacher:
    """A YOLOX of any size whose scores and boxes are targets of every cell.

    Labels say who is there; the teacher says besides how sure one can be, and sees people whom
    the labels forgot.
    """

    def __init__(self, network: nn.Module) -> None:
        """Take a trained network, which is changed so as to run faster."""
        for module in network.eval().modules():
            if isinstance(module, Conv):
                module.conv = fuse_conv_bn_eval(module.conv, module.bn)
                module.bn = nn.Identity()
        self._network = network.requires_grad_(requires_grad=False)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Return predictions (B, A, 6) for pictures (B, 3, s, s), people the only class."""
        self._network.to(pictures.device, memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16):
            return self._network(pictures).float()[..., : 5 + PERSON + 1]


def open_teacher(path: str | Path, network: str, classes: int) -> Teacher:
    """Return the teacher in a weights file.

    Args:
        path: the file.
        network: its size, a name in detection.yolox.SIZES.
        classes: that it knows; people are the first.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is of another network.
    """
    return Teacher(load_checkpoint(yolox(network, classes), path))


def teacher_loss(predictions: Tensor, taught: Tensor, size: tuple[int, int]) -> Tensor:
    """Return how far predictions are from a teacher's, a mean over the cells that see somebody.

    Cross-entropy of the object's logit with the teacher's score as target; in the cells in
    which that is high, also 1 - IoU^2 of the boxes and cross-entropy of the class.

    Args:
        predictions: (B, A, 6).
        taught: (B, A, 6), the teacher's.
        size: height and width of the pictures [px].
    """
    corners, strides = grid(*size, device=predictions.device)
    classes = taught[..., 5].sigmoid()
    scores = taught[..., 4].sigmoid() * classes
    boxes = decode_boxes(predictions, corners, strides)
    overlap = paired_iou(boxes, decode_boxes(taught, corners, strides))
    objects = binary_cross_entropy_with_logits(predictions[..., 4], scores, reduction="sum")
    sure = binary_cross_entropy_with_logits(predictions[..., 5], classes, reduction="none")
    sure = sure + 5 * (1 - overlap**2)
    return (objects + (scores * sure).sum()) / scores.sum().clamp_min(1)
