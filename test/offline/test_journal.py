from __future__ import annotations

import numpy as np
import pytest
from made_run import BODY, MadePipeline, MadeSource

from alphapose_ros.frame import Detections, Poses
from alphapose_ros.offline.journal import Journal
from alphapose_ros.pipeline import Detected

MADE_WITH = {"version": "1", "pose.model": "small", "threads": 1}
FRAMES = [item.frame for item in MadeSource(8)]


def filled(path, count=8):
    pipeline = MadePipeline()
    with Journal(path, MADE_WITH, BODY, resume=False) as journal:
        for frame in FRAMES[:count]:
            assert journal.kept(frame) is None
            detected = pipeline.detect(frame)
            journal.add(frame, detected, pipeline.estimate(frame, detected))
    return path.read_bytes()


def kept(path, frames=FRAMES):
    with Journal(path, MADE_WITH, BODY, resume=True) as journal:
        found = [journal.kept(frame) for frame in frames]
    return [one for one in found if one is not None]


def equal(record, other):
    values = {k: v for k, v in vars(record).items() if k != "skeleton"}
    for name, value in values.items():
        np.testing.assert_array_equal(value, vars(other)[name])
    return True


def test_what_comes_out_is_to_the_bit_what_went_in(tmp_path):
    filled(tmp_path / "j")
    pipeline = MadePipeline()
    found = kept(tmp_path / "j")
    assert len(found) == 8
    for frame, (detected, poses) in zip(FRAMES, found, strict=True):
        expected = pipeline.detect(frame)
        assert equal(expected.people, detected.people)
        assert detected.counts.tolist() == [True, False]
        assert equal(pipeline.estimate(frame, expected), poses)
        assert poses.skeleton is BODY


def test_embeddings_and_frames_without_people_are_kept_too(tmp_path):
    rng = np.random.default_rng(0)
    people = Detections(
        boxes=rng.uniform(0, 50, (2, 4)), scores=[0.5, 0.4], embeddings=rng.normal(size=(2, 8))
    )
    poses = Poses(
        skeleton=BODY,
        keypoints=rng.normal(size=(2, 17, 3)),
        boxes=people.boxes,
        box_scores=people.scores,
        scores=people.scores,
        embeddings=rng.normal(size=(2, 5)),
        keypoints_3d=rng.normal(size=(2, 17, 3)),
    )
    nobody = Detected(people=Detections.empty(), counts=np.ones(0, bool))
    with Journal(tmp_path / "j", MADE_WITH, BODY, resume=False) as journal:
        journal.add(FRAMES[0], Detected(people=people, counts=np.ones(2, bool)), poses)
        journal.add(FRAMES[1], nobody, Poses.empty(BODY))
    (first, first_poses), (second, second_poses) = kept(tmp_path / "j")
    assert equal(people, first.people) and equal(poses, first_poses)
    assert len(second.people) == len(second_poses) == len(second.counts) == 0


def test_wherever_it_was_cut_off_every_whole_record_before_counts(tmp_path):
    whole = filled(tmp_path / "j")
    ends = [len(filled(tmp_path / f"j{count}", count)) for count in range(9)]
    assert ends[-1] == len(whole)
    for size in {*range(0, len(whole), 97), *ends, *(end - 1 for end in ends)}:
        (tmp_path / "cut").write_bytes(whole[:size])
        count = sum(end <= size for end in ends[1:])
        assert len(kept(tmp_path / "cut")) == count
        assert (tmp_path / "cut").stat().st_size == ends[count]


def test_after_a_cut_new_records_follow_the_last_whole_one(tmp_path):
    whole = filled(tmp_path / "j")
    (tmp_path / "j").write_bytes(whole[:-7])
    pipeline = MadePipeline()
    with Journal(tmp_path / "j", MADE_WITH, BODY, resume=True) as journal:
        assert journal.frames == 7
        for frame in FRAMES:
            if journal.kept(frame) is None:
                detected = pipeline.detect(frame)
                journal.add(frame, detected, pipeline.estimate(frame, detected))
    assert pipeline.networks == 1
    assert (tmp_path / "j").read_bytes() == whole


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_damage_ends_it_there(tmp_path, place):
    whole = bytearray(filled(tmp_path / "j"))
    whole[int(place * len(whole))] ^= 1
    (tmp_path / "j").write_bytes(whole)
    assert len(kept(tmp_path / "j")) in range(1, 8)


def test_other_settings_are_refused_by_name(tmp_path):
    filled(tmp_path / "j")
    other = {**MADE_WITH, "pose.model": "large", "pose.flip": True}
    with pytest.raises(ValueError, match=r'pose\.flip was null, now true, pose\.model was "small"'):
        Journal(tmp_path / "j", other, BODY, resume=True)
    assert len(kept(tmp_path / "j")) == 8


def test_another_picture_is_refused(tmp_path):
    filled(tmp_path / "j")
    changed = [item.frame for item in MadeSource(8, change=1)]
    with pytest.raises(ValueError, match="frame 0 is not the picture that it was"):
        kept(tmp_path / "j", changed)


def test_a_file_is_never_overwritten_unasked(tmp_path):
    filled(tmp_path / "j")
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "j", MADE_WITH, BODY, resume=False)


def test_a_file_that_is_something_else_is_refused(tmp_path):
    with Journal(tmp_path / "j", MADE_WITH, BODY, resume=False) as journal:
        record = b"no header"
        journal._out.seek(0)
        journal._write(record)
    with pytest.raises(ValueError, match="holds no findings of alphapose run"):
        kept(tmp_path / "j")


def test_every_record_is_with_the_operating_system_before_the_next_frame(tmp_path):
    pipeline = MadePipeline()
    with Journal(tmp_path / "j", MADE_WITH, BODY, resume=False) as journal:
        for frame in FRAMES:
            before = (tmp_path / "j").stat().st_size
            detected = pipeline.detect(frame)
            journal.add(frame, detected, pipeline.estimate(frame, detected))
            assert (tmp_path / "j").stat().st_size > before
