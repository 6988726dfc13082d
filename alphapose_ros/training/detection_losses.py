"""What YOLOX learns by: which cells answer for which person (SimOTA), and the losses of both.

People of a whole batch stand in one list, each with the row of its picture, so that nothing is
padded and no picture is worked on alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from alphapose_ros.detection.yolox import decode_boxes, grid

CENTRE_CELLS = 1.5  # a cell may answer for people whose centre is so near, in its own size
CANDIDATES = 10  # best overlaps whose sum says how many cells answer for a person
OVERLAP_COST = 3.0  # of -log IoU beside the cost of the score
NOT_NEAR = 1e5  # cost of cells that may not answer


class People(NamedTuple):
    """T people of a batch."""

    boxes: Tensor  # (T, 4) x1 y1 x2 y2 [px]
    rows: Tensor  # (T,) int64: picture of each
    is_ignored: Tensor  # (T,) bool: neither a person nor background


@dataclass(frozen=True)
class DetectionLoss:
    """Losses of predictions of one class, each a mean over the cells that answer for somebody."""

    box_weight: float = 5.0

    def __call__(
        self, predictions: Tensor, people: People, size: tuple[int, int], *, l1_weight: float = 0.0
    ) -> dict[str, Tensor]:
        """Return "boxes", "objects", "classes" and "l1".

        Args:
            predictions: (B, A, 6), as YOLOX returns them.
            people: whom the pictures show.
            size: height and width of the pictures [px].
            l1_weight: of the distance to the numbers that would be exact.

        Source: Ge et al., "YOLOX", arXiv 2107.08430, and its published losses: 1 - IoU^2 of boxes,
        cross-entropy of the object's logit, and of the class's with the IoU as target.
        """
        corners, strides = grid(*size, device=predictions.device)
        boxes = decode_boxes(predictions, corners, strides)
        centres = corners + strides[:, None] / 2
        known = People(*(part[~people.is_ignored] for part in people))
        with torch.no_grad():
            cost, overlap = costs(predictions, boxes, known, centres, strides)
            which, cells = assign(cost, overlap, known.rows)
        rows = known.rows[which]
        count = max(len(which), 1)
        answers, targets = predictions[rows, cells], known.boxes[which]
        quality = paired_iou(boxes[rows, cells], targets)

        is_object = predictions.new_zeros(predictions.shape[:2])
        is_object[rows, cells] = 1
        counts = is_object.bool() | ~is_inside_ignored(centres, people, len(predictions))
        objects = binary_cross_entropy_with_logits(
            predictions[..., 4], is_object, weight=counts.float(), reduction="sum"
        )
        classes = binary_cross_entropy_with_logits(answers[:, 5], quality.detach(), reduction="sum")
        exact = encode(targets, corners[cells], strides[cells])
        return {
            "boxes": self.box_weight * (1 - quality**2).sum() / count,
            "objects": objects / count,
            "classes": classes / count,
            "l1": l1_weight * (answers[:, :4] - exact).abs().sum() / count,
        }


def costs(
    predictions: Tensor, boxes: Tensor, people: People, centres: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how badly each cell suits each person, and how much their boxes overlap.

    Args:
        predictions: (B, A, 6).
        boxes: (B, A, 4) decoded from them.
        people: T people, none ignored.
        centres: of the cells (A, 2) [px].
        strides: of the cells (A,) [px].

    Returns:
        Cost (T, A) and IoU (T, A); where a cell is too far away, NOT_NEAR or more and 0.
    """
    middle = (people.boxes[:, :2] + people.boxes[:, 2:]) / 2
    distance = (middle[:, None] - centres).abs().amax(dim=2)
    is_near = distance < CENTRE_CELLS * strides
    overlap = paired_iou(boxes[people.rows], people.boxes[:, None]) * is_near
    log_score = (logsigmoid(predictions[..., 4]) + logsigmoid(predictions[..., 5])) / 2
    cost = -log_score[people.rows] - OVERLAP_COST * (overlap + 1e-8).log()
    return cost + NOT_NEAR * ~is_near, overlap


def assign(cost: Tensor, overlap: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the cells that answer for each person; none answers for two.

    A person gets as many of its cheapest cells as its best overlaps sum up to, at least one. A
    cell that several people want stays with the one it costs least.

    Args:
        cost: (T, A).
        overlap: IoU (T, A), 0 where a cell is not near.
        rows: picture (T,) of each person.

    Returns:
        Pairs of rows of the people and cells, (P,) each.

    Source: Ge et al., "OTA", CVPR 2021, in the simple form of YOLOX, section 2.1.
    """
    if not len(cost):
        return rows.new_zeros(0), rows.new_zeros(0)
    most = min(CANDIDATES, cost.shape[1])
    wanted = overlap.topk(most).values.sum(dim=1).int().clamp_min(1)
    price, cells = cost.topk(most, largest=False)
    rank = torch.arange(most, device=cost.device)
    is_chosen = (rank < wanted[:, None]) & (price < NOT_NEAR)
    which, place = is_chosen.nonzero(as_tuple=True)
    price, cells = price[which, place], cells[which, place]

    key = rows[which] * cost.shape[1] + cells
    size = (int(rows.max()) + 1) * cost.shape[1]
    lowest = price.new_full((size,), torch.inf).scatter_reduce(0, key, price, "amin")
    is_cheapest = price == lowest[key]
    return which[is_cheapest], cells[is_cheapest]


def is_inside_ignored(centres: Tensor, people: People, pictures: int) -> Tensor:
    """Tell for each picture which cells (B, A) have their centre in an ignored box."""
    boxes, rows = people.boxes[people.is_ignored], people.rows[people.is_ignored]
    is_inside = ((centres > boxes[:, None, :2]) & (centres < boxes[:, None, 2:])).all(dim=2)
    count = centres.new_zeros(pictures, len(centres))
    return count.index_add_(0, rows, is_inside.float()) > 0


def paired_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU (...,) of boxes (..., 4) with others (..., 4), one by one."""
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    common = (high - low).clamp_min(0).prod(dim=-1)
    areas = [(b[..., 2:] - b[..., :2]).prod(dim=-1) for b in (boxes, others)]
    return common / (areas[0] + areas[1] - common).clamp_min(1e-9)


def encode(boxes: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """Return what cells would have to predict (N, 4) for boxes (N, 4) [px]."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp_min(1e-3)
    scale = strides[:, None]
    return torch.cat(((centres - corners) / scale, (sides / scale).log()), dim=1)
