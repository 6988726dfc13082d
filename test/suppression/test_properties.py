"""What holds of pose NMS for any poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis, see requirements-test.txt")
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapose_ros.config import SuppressionConfig
from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms

ALL = SuppressionConfig(min_score=0.0)
OURS = ("parametric", "oks", "soft_oks")
NAMES = st.sampled_from(["coco_17", "halpe_26", "coco_wholebody_133", "halpe_136"])


@st.composite
def crowds(draw, smallest=0):
    """Poses of people who stand anywhere, some of them several times, some keypoints absent."""
    name, seed = draw(NAMES), draw(st.integers(0, 2**32 - 1))
    count, people = draw(st.integers(smallest, 12)), draw(st.integers(1, 4))
    jitter = draw(st.sampled_from([0.0, 0.01, 0.05, 0.3]))
    absent, unsure = draw(st.sampled_from([(0, 0), (0.3, 0.3), (1, 0), (0, 1)]))
    rng = np.random.default_rng(seed)
    shape = (count, len(skeleton(name).names))
    base = rng.random((people, shape[1], 2)) * [60, 150] + rng.random((people, 1, 2)) * 100
    who = rng.integers(0, people, count)
    keypoints = np.empty((*shape, 3))
    keypoints[..., :2] = base[who] + rng.normal(0, jitter * 150, (*shape, 2))
    keypoints[..., 2] = rng.random(shape)
    keypoints[rng.random(shape) < unsure, 2] = 0
    keypoints[rng.random(shape) < absent] = [np.nan, np.nan, 0]
    corner = base.min(axis=1)[who]
    return Poses(
        skeleton=skeleton(name),
        keypoints=keypoints,
        boxes=np.hstack((corner, corner + [60, 150])),
        box_scores=rng.random(count),
        scores=rng.permutation(np.linspace(0.2, 0.9, count)),
    )


@pytest.mark.filterwarnings("error")
@settings(deadline=None, max_examples=60)
@given(poses=crowds(), method=st.sampled_from(OURS))
def test_a_set_is_never_emptied_and_grows_by_nobody(poses, method):
    kept = pose_nms(poses, method, config=ALL)
    assert min(1, len(poses)) <= len(kept) <= len(poses)
    assert (np.diff(kept.scores) <= 0).all()
    assert ((kept.scores >= 0) & (kept.scores <= 1)).all()
    assert np.isfinite(kept.keypoints[..., 2]).all()
    assert (np.isnan(kept.keypoints[..., 0]) <= (kept.keypoints[..., 2] == 0)).all()


@pytest.mark.filterwarnings("error")
@settings(deadline=None, max_examples=60)
@given(poses=crowds(), constants=st.sampled_from(["heatmap", "regression"]))
def test_the_reference_s_rule_survives_anything(poses, constants):
    kept = pose_nms(poses, "reference", constants)
    assert len(kept) <= len(poses)
    assert ((kept.scores >= 0) & (kept.scores <= 1)).all()


@settings(deadline=None, max_examples=60)
@given(poses=crowds(), factor=st.sampled_from([1 / 16, 0.25, 4.0, 16.0]))
def test_a_larger_picture_gives_larger_poses_of_the_same_people(poses, factor):
    larger = replace(
        poses, keypoints=poses.keypoints * [factor, factor, 1], boxes=poses.boxes * factor
    )
    kept, kept_larger = pose_nms(poses, config=ALL), pose_nms(larger, config=ALL)
    np.testing.assert_allclose(kept_larger.boxes, kept.boxes * factor)
    expected = kept.keypoints * [factor, factor, 1]
    np.testing.assert_allclose(kept_larger.keypoints, expected, rtol=1e-4, atol=1e-3)


@settings(deadline=None, max_examples=60)
@given(poses=crowds(), shift=st.sampled_from([(512, -256), (-2048, 4096)]))
def test_people_elsewhere_in_the_picture_are_the_same_people(poses, shift):
    moved = replace(
        poses,
        keypoints=poses.keypoints + np.array([*shift, 0]),
        boxes=poses.boxes + np.tile(shift, 2),
    )
    kept, kept_moved = pose_nms(poses, config=ALL), pose_nms(moved, config=ALL)
    np.testing.assert_allclose(kept_moved.boxes, kept.boxes + np.tile(shift, 2), atol=1e-2)
    expected = kept.keypoints + np.array([*shift, 0])
    np.testing.assert_allclose(kept_moved.keypoints, expected, rtol=0, atol=1e-2)


@settings(deadline=None, max_examples=60)
@given(poses=crowds(), seed=st.integers(0, 1000), method=st.sampled_from(OURS))
def test_the_order_in_which_poses_come_does_not_matter(poses, seed, method):
    order = np.random.default_rng(seed).permutation(len(poses))
    kept, kept_mixed = (pose_nms(some, method, config=ALL) for some in (poses, poses[order]))
    np.testing.assert_allclose(kept_mixed.keypoints, kept.keypoints, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(kept_mixed.scores, kept.scores, rtol=1e-5)


@settings(deadline=None, max_examples=60)
@given(poses=crowds(smallest=1))
def test_once_more_leaves_hardly_fewer(poses):
    once = pose_nms(poses, config=ALL)
    twice = pose_nms(once, config=ALL)
    assert 1 <= len(twice) <= len(once)
    if len(once) == len(poses):  # nobody was merged
        np.testing.assert_array_equal(twice.keypoints, once.keypoints)


@settings(deadline=None, max_examples=60)
@given(poses=crowds(smallest=1), seed=st.integers(0, 1000))
def test_where_a_keypoint_without_score_lies_does_not_matter(poses, seed):
    rng = np.random.default_rng(seed)
    keypoints = poses.keypoints.copy()
    is_lost = rng.random(keypoints.shape[:2]) < 0.3
    outcomes = []
    for place in (np.nan, 1e6, poses.keypoints[is_lost, :2]):  # the last: where it was found
        keypoints[is_lost, :2], keypoints[is_lost, 2] = place, 0
        outcomes.append(pose_nms(replace(poses, keypoints=keypoints), config=ALL))
    for other in outcomes[1:]:
        np.testing.assert_array_equal(outcomes[0].boxes, other.boxes)
