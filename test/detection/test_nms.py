from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.boxes import iou
from alphapose_ros.detection.nms import nms, soft_nms
from alphapose_ros.frame import Detections


def crowd(count=60, seed=0):
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2)) * 60
    return Detections(
        boxes=np.concatenate((corners, corners + 20 + 30 * rng.random((count, 2))), axis=1),
        scores=rng.random(count),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_iou", [0.3, 0.6])
def test_nms_does_what_its_definition_says(seed, max_iou):
    people = crowd(seed=seed)
    expected = []
    for row in sorted(range(len(people)), key=lambda row: -people.scores[row]):
        overlaps = [iou(people.boxes[[row]], people.boxes[[kept]])[0, 0] for kept in expected]
        if all(overlap <= max_iou for overlap in overlaps):
            expected.append(row)
    np.testing.assert_array_equal(nms(people, max_iou).boxes, people.boxes[expected])


@pytest.mark.parametrize("seed", range(5))
def test_nms_agrees_with_opencv(seed):
    cv2 = pytest.importorskip("cv2")
    people = crowd(seed=seed)
    xywh = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in people.boxes.astype(float).tolist()]
    kept = cv2.dnn.NMSBoxes(xywh, people.scores.tolist(), 0.0, 0.5)
    np.testing.assert_array_equal(nms(people, 0.5).scores, people.scores[np.ravel(kept)])


@pytest.mark.parametrize(("decay", "factor"), [("linear", 1 - 0.5), ("gaussian", np.exp(-0.5))])
def test_soft_nms_lowers_the_score_of_an_overlapping_box(decay, factor):
    # 10 x 10 and its upper half: IoU 0.5, and exp(-0.5^2 / 0.5) = exp(-0.5).
    people = Detections(boxes=[[0, 0, 10, 10], [0, 0, 10, 5]], scores=[0.9, 0.8])
    kept = soft_nms(people, 0.3, decay=decay, min_score=0.1)
    np.testing.assert_allclose(kept.scores, [0.9, 0.8 * factor], rtol=1e-6)


def test_soft_nms_drops_what_has_become_too_weak_and_leaves_others_alone():
    people = Detections(
        boxes=[[0, 0, 9, 9], [0, 0, 9, 9], [50, 50, 60, 60]], scores=[0.9, 0.8, 0.7]
    )
    kept = soft_nms(people, 0.3, decay="linear", min_score=0.1)
    np.testing.assert_allclose(kept.scores, [0.9, 0.7], rtol=1e-6)


def test_soft_nms_refuses_an_unknown_decay():
    with pytest.raises(ValueError, match="none of linear, gaussian"):
        soft_nms(crowd(), 0.5, decay="cubic")


@pytest.mark.parametrize("thin", [nms, soft_nms])
def test_nobody_stays_nobody(thin):
    assert len(thin(Detections.empty(), 0.5)) == 0
