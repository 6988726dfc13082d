from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_tracks import DT_NS, VIEW, somebody, tracks_of

from alphapose_ros.config import TargetConfig
from alphapose_ros.following.records import NO_TRACK, NOBODY, SelectBy, TargetStatus, View, Wish
from alphapose_ros.following.target import Target
from alphapose_ros.frame import TrackState

NONE, SELECTING, TRACKING, LOST, REIDENTIFYING = TargetStatus
LOST_TRACK, REMOVED = TrackState.LOST, TrackState.REMOVED


class Story:
    """Frames at 10 Hz, one after the other."""

    def __init__(self, **settings):
        self.target = Target(TargetConfig(**settings))
        self.stamp_ns = 0
        self.tracks, self.view = tracks_of(), VIEW

    def __call__(self, *people, frames=1, metres=True):
        self.tracks = tracks_of(*people, metres=metres)
        for _ in range(frames):
            self.stamp_ns += DT_NS
            state = self.target.update(self.tracks, self.stamp_ns, self.view)
        return state

    def select(self, by, **values):
        return self.target.select(Wish(by=by, **values), self.tracks, self.view)

    def begin(self, *people, track_id=1, **settings):
        self(*people, **settings)
        assert self.select(SelectBy.TRACK_ID, track_id=track_id).success


def test_without_a_choice_there_is_no_target():
    state = Story()(somebody(1))
    assert state.status == NONE
    assert (state.track_id, state.person_id, state.position) == (NO_TRACK, NOBODY, None)


def test_who_is_chosen_is_followed_with_place_and_facing():
    story = Story()
    story.begin(somebody(1, person_id=7, at=(1.0, 3.0), score=0.75), somebody(2))
    state = story(somebody(2), somebody(1, person_id=7, at=(1.1, 3.0), score=0.75))
    assert (state.status, state.track_id, state.person_id) == (TRACKING, 1, 7)
    assert state.position.tolist() == [1.1, 0.0, 3.0]
    assert state.facing.tolist() == [0.0, 0.0, -1.0]
    assert state.confidence == pytest.approx(0.75)
    assert not state.is_predicted
    assert state.time_since_seen_s == 0


# Loss, prediction, silence


def test_who_is_lost_is_predicted_for_a_moment_and_then_nothing_is_told():
    story = Story(predict_s=0.3)
    story.begin(somebody(1, person_id=7))
    story(somebody(1, person_id=7, at=(0.0, 3.0), velocity=(1.0, 0.0, 0.0)))
    states = [story(somebody(1, state=LOST_TRACK)) for _ in range(6)]
    assert [s.status for s in states] == [LOST] * 6
    assert [s.position is not None for s in states] == [True] * 3 + [False] * 3
    np.testing.assert_allclose([s.position[0] for s in states[:3]], [0.1, 0.2, 0.3])
    assert all(s.is_predicted for s in states[:3])
    assert states[2].covariance[0, 0] > states[0].covariance[0, 0] > 0.01**2
    assert [s.reason for s in states] == ["hidden"] * 3 + ["timeout"] * 3
    np.testing.assert_allclose([s.time_since_seen_s for s in states], 0.1 * np.arange(1, 7))
    assert [s.confidence for s in states[3:]] == [0, 0, 0]


def test_who_was_at_the_side_of_the_picture_has_left_the_view():
    story = Story()
    story.begin(somebody(1))
    story(somebody(1, box=(580.0, 100.0, 640.0, 400.0)))
    assert story(somebody(1, state=LOST_TRACK)).reason == "left_view"


def test_in_frames_without_depth_the_place_is_predicted_and_then_nothing_is_told():
    story = Story(predict_s=0.3)
    story.begin(somebody(1))
    story(somebody(1))
    states = [story(somebody(1), metres=False) for _ in range(5)]
    assert [s.status for s in states] == [TRACKING] * 5
    assert [s.position is not None for s in states] == [True] * 3 + [False] * 2
    assert story(somebody(1)).position is not None


ODOM, CAMERA = (replace(VIEW, frame_id=name) for name in ("odom", "camera"))


def test_a_predicted_place_stays_in_the_frame_in_which_it_was_measured():
    story = Story(predict_s=0.3)
    story.view = ODOM
    story.begin(somebody(1))
    story(somebody(1, at=(5.0, 2.0), velocity=(1.0, 0.0, 0.0)))
    story.view = CAMERA
    states = [story(somebody(1), metres=False) for _ in range(4)]
    assert [s.frame_id for s in states] == ["odom"] * 3 + [""]
    np.testing.assert_allclose([s.position[0] for s in states[:3]], [5.1, 5.2, 5.3])
    assert states[3].position is None
    state = story(somebody(1, at=(0.5, 3.0)))
    assert (state.frame_id, state.position.tolist()) == ("camera", [0.5, 0.0, 3.0])
    assert not state.is_predicted


def test_who_is_chosen_and_then_without_a_place_is_told_in_the_frame_of_the_choice():
    story = Story()
    story.view = ODOM
    story.begin(somebody(1, at=(5.0, 2.0)))
    story.view = CAMERA
    assert story(somebody(1), metres=False).frame_id == "odom"


def test_people_without_places_can_be_followed():
    story = Story()
    story.begin(somebody(1, person_id=7), metres=False)
    state = story(somebody(1, person_id=7), metres=False)
    assert (state.status, state.position) == (TRACKING, None)
    story(metres=False, frames=10)
    state = story(somebody(5, person_id=7), metres=False, frames=5)
    assert (state.status, state.track_id) == (TRACKING, 5)


# Found again


def test_a_short_gap_of_the_own_track_needs_no_proof():
    story = Story(predict_s=0.3)
    story.begin(somebody(1, person_id=7))
    story(somebody(1, person_id=7))
    story(somebody(1, state=LOST_TRACK), frames=2)
    assert story(somebody(1, person_id=-1)).status == TRACKING  # withheld until one look confirms


def test_after_a_longer_loss_the_person_must_be_seen_for_some_frames_in_a_row():
    story = Story(confirmations=5)
    story.begin(somebody(1, person_id=7))
    story(somebody(1, state=REMOVED))
    assert story(frames=30).status == LOST
    again = somebody(4, person_id=7)
    states = [story(again) for _ in range(4)]
    assert [s.status for s in states] == [REIDENTIFYING] * 4
    assert [s.position for s in states] == [None] * 4
    np.testing.assert_allclose([s.confidence for s in states], [0.2, 0.4, 0.6, 0.8])
    story(somebody(4, person_id=-1))  # a frame in which nobody is told who it is: from the start
    assert [story(again).status for _ in range(5)] == [REIDENTIFYING] * 4 + [TRACKING]
    state = story(again)
    assert (state.track_id, state.person_id, state.reason) == (4, 7, "reidentified")
    assert state.position is not None


def test_a_look_alike_who_comes_meanwhile_is_not_taken():
    story = Story()
    story.begin(somebody(1, person_id=7))
    story(somebody(1, state=LOST_TRACK), frames=10)
    state = story(somebody(1, state=LOST_TRACK), somebody(2, person_id=8), frames=50)
    assert (state.status, state.position) == (LOST, None)
    state = story(somebody(2, person_id=8), somebody(3, person_id=-1), frames=50)
    assert (state.status, state.position) == (REIDENTIFYING, None)
    state = story(somebody(2, person_id=8), somebody(3, person_id=7), frames=5)
    assert (state.status, state.track_id) == (TRACKING, 3)


def test_the_track_that_is_still_there_wins_over_a_look_alike():
    story = Story(confirmations=5)
    story.begin(somebody(1, person_id=7), somebody(2))
    story(somebody(1, person_id=7), somebody(2))
    both = [somebody(1, person_id=-1), somebody(2, person_id=7)]
    assert {story(*both).track_id for _ in range(4)} == {1}
    assert story(somebody(1, person_id=7), somebody(2)).track_id == 1
    assert {story(*both).track_id for _ in range(4)} == {1}  # counted from the start again


def test_nobody_takes_over_from_the_track_that_is_the_target_for_certain():
    story = Story(confirmations=5)
    story.begin(somebody(1, person_id=7, score=0.5))
    both = [somebody(2, person_id=7, score=0.9), somebody(1, person_id=7, score=0.5)]
    assert {story(*both).track_id for _ in range(20)} == {1}


def test_another_track_that_stays_the_targets_person_shows_a_switch():
    story = Story(confirmations=5)
    story.begin(somebody(1, person_id=7, at=(0.5, 3.0)), somebody(2))
    story(somebody(1, person_id=7), somebody(2))
    both = [somebody(1, person_id=-1), somebody(2, person_id=7, at=(0.5, 3.0))]
    story(*both, frames=4)
    state = story(*both)
    assert (state.status, state.reason, state.position) == (LOST, "id_switch_detected", None)
    assert story(*both).track_id == 2


def test_a_track_that_becomes_somebody_else_is_lost_at_once_without_prediction():
    story = Story(predict_s=0.3)
    story.begin(somebody(1, person_id=7))
    story(somebody(1, person_id=7))
    story(somebody(1, person_id=-1), frames=3)
    state = story(somebody(1, person_id=8))
    assert (state.status, state.reason) == (LOST, "id_switch_detected")
    assert (state.track_id, state.person_id, state.position) == (NO_TRACK, 7, None)
    assert state.time_since_seen_s == pytest.approx(0.4)  # since it was the target for certain
    state = story(somebody(1, person_id=8), frames=20)
    assert (state.status, state.position) == (LOST, None)


@pytest.mark.parametrize(("metres_away", "expected"), [(2.5, TRACKING), (9.0, REIDENTIFYING)])
def test_whoever_would_have_had_to_be_faster_is_not_the_target(metres_away, expected):
    story = Story(max_speed_mps=4.0, confirmations=3)
    story.begin(somebody(1, person_id=7, at=(0.0, 3.0)))
    story(somebody(1, person_id=7, at=(0.0, 3.0)))
    story(frames=5)
    far = somebody(2, person_id=7, at=(metres_away, 3.0))
    state = story(far, frames=3)  # the first one after 0.6 s: 2.4 m and the slack
    assert state.status == expected
    if expected == REIDENTIFYING:
        assert state.reason == "too_fast"
        assert story(far, frames=20).status == TRACKING  # by then there was time enough


@pytest.mark.parametrize(("view", "expected"), [(ODOM, REIDENTIFYING), (CAMERA, TRACKING)])
def test_places_in_two_frames_say_nothing_of_how_fast_somebody_was(view, expected):
    story = Story(max_speed_mps=4.0, confirmations=3)
    story.view = ODOM
    story.begin(somebody(1, person_id=7, at=(0.0, 3.0)))
    story(frames=5)
    story.view = view
    state = story(somebody(2, person_id=7, at=(9.0, 3.0)), frames=3)
    assert state.status == expected


# Without re-ID


def test_without_person_ids_the_track_alone_counts():
    story = Story()
    story.begin(somebody(1), somebody(2))
    story(somebody(1), somebody(2))
    assert story(somebody(1, state=LOST_TRACK), somebody(2), frames=20).status == LOST
    state = story(somebody(1), somebody(2))
    assert (state.status, state.track_id, state.reason) == (TRACKING, 1, "found_again")


def test_without_person_ids_the_target_ends_with_its_track():
    story = Story()
    story.begin(somebody(1), somebody(2))
    state = story(somebody(1, state=REMOVED), somebody(2))
    assert (state.status, state.reason, state.track_id) == (NONE, "timeout", NO_TRACK)


def test_who_the_target_is_may_be_told_later():
    story = Story()
    story.begin(somebody(1))
    assert story.target.person_id == NOBODY
    assert story(somebody(1, person_id=7)).person_id == 7
    assert story(somebody(1, person_id=-1)).person_id == 7
    assert story.target.person_id == 7


# Choosing


def choice(by, *people, metres=True, **values):
    story = Story(max_range_m=8.0)
    story(*people, metres=metres)
    return story.select(by, **values)


def test_the_nearest_is_chosen_by_metres_and_else_by_the_size_of_the_box():
    near, far = somebody(1, at=(0.0, 2.0)), somebody(2, at=(0.0, 4.0), box=(0.0, 0.0, 600.0, 470.0))
    assert choice(SelectBy.NEAREST, far, near) == (True, 1, "")
    assert choice(SelectBy.NEAREST, far, near, metres=False) == (True, 2, "")


def test_the_nearest_is_the_nearest_to_the_camera_wherever_that_is():
    view = View(width=640, height=480, place=(10.0, 0.0, 3.0))
    tracks = tracks_of(somebody(1, at=(0.0, 3.0)), somebody(2, at=(9.0, 3.0)))
    found = Target(TargetConfig()).select(Wish(by=SelectBy.NEAREST), tracks, view)
    assert found.track_id == 2


def test_the_one_in_the_middle_is_chosen():
    people = somebody(1, at=(-1.0, 3.0)), somebody(2, at=(0.2, 5.0)), somebody(3, at=(1.0, 2.0))
    assert choice(SelectBy.CENTRE, *people).track_id == 2


def test_the_one_whose_box_holds_the_pixel_is_chosen():
    people = somebody(1, at=(0.0, 2.0)), somebody(2, at=(0.1, 6.0))  # the second one's box inside
    assert choice(SelectBy.PIXEL, *people, x=328.0, y=240.0).track_id == 2
    assert choice(SelectBy.PIXEL, *people, x=300.0, y=100.0).track_id == 1
    found = choice(SelectBy.PIXEL, *people, x=10.0, y=10.0)
    assert found == (False, NO_TRACK, "nobody's box holds 10, 10")


def test_the_one_with_the_person_id_is_chosen():
    people = somebody(1, person_id=4), somebody(2, person_id=7)
    assert choice(SelectBy.PERSON_ID, *people, person_id=7).track_id == 2


@pytest.mark.parametrize("by", [SelectBy.NEAREST, SelectBy.CENTRE])
def test_tentative_and_lost_tracks_are_not_chosen(by):
    tentative = somebody(1, state=TrackState.TENTATIVE, at=(0.0, 1.0))
    lost = somebody(2, state=LOST_TRACK, at=(0.0, 1.0))
    assert choice(by, tentative, lost) == (False, NO_TRACK, "nobody is in view")
    assert choice(by, tentative, lost, somebody(3, at=(1.0, 5.0))).track_id == 3


def test_a_track_that_is_not_in_view_is_refused_with_those_that_are():
    found = choice(SelectBy.TRACK_ID, somebody(3), somebody(2), track_id=9)
    assert found == (False, NO_TRACK, "track 9 is not in view; in view are 2, 3")


def test_nobody_too_far_away_becomes_the_target():
    found = choice(SelectBy.TRACK_ID, somebody(1, at=(0.0, 9.5)), track_id=1)
    assert found == (False, NO_TRACK, "track 1 is 9.5 m away; target.max_range_m is 8")


def test_a_person_who_is_in_view_but_too_far_away_is_refused():
    found = choice(SelectBy.PERSON_ID, somebody(1, person_id=3, at=(0.0, 9.5)), person_id=3)
    assert found == (False, NO_TRACK, "track 1 is 9.5 m away; target.max_range_m is 8")


def test_a_person_who_is_lost_is_not_in_view():
    hidden = somebody(1, person_id=3, at=(0.0, 9.5), state=LOST_TRACK)
    found = choice(SelectBy.PERSON_ID, hidden, somebody(2, person_id=4), person_id=3)
    assert found.success
    assert found.message == "person 3 is not in view; becomes the target once there"


def test_a_person_who_is_waited_for_becomes_the_target_only_when_near_enough():
    story = Story(confirmations=3, max_range_m=8.0)
    story(somebody(1, person_id=4))
    assert story.select(SelectBy.PERSON_ID, person_id=7).success
    state = story(somebody(2, person_id=7, at=(0.0, 9.5)), frames=10)
    assert (state.status, state.position, state.confidence) == (SELECTING, None, 0)
    near = somebody(2, person_id=7, at=(0.0, 7.5))
    assert [story(near).status for _ in range(3)] == [SELECTING, SELECTING, TRACKING]
    assert story(somebody(2, person_id=7, at=(0.0, 9.5))).status == TRACKING


def test_a_target_that_was_lost_is_found_again_at_any_range():
    story = Story(confirmations=3, max_range_m=8.0)
    story.begin(somebody(1, person_id=7, at=(0.0, 7.5)))
    story(frames=20)
    assert story(somebody(2, person_id=7, at=(0.0, 9.5)), frames=3).status == TRACKING


def test_a_wish_that_fails_leaves_the_target_as_it_was():
    story = Story()
    story.begin(somebody(1))
    assert not story.select(SelectBy.TRACK_ID, track_id=9).success
    assert story(somebody(1)).status == TRACKING


def test_a_person_who_is_not_there_yet_is_waited_for():
    story = Story(confirmations=3)
    story(somebody(1, person_id=4))
    found = story.select(SelectBy.PERSON_ID, person_id=7)
    assert (found.success, found.track_id) == (True, NO_TRACK)
    state = story(somebody(1, person_id=4), frames=50)
    assert (state.status, state.person_id, state.position) == (SELECTING, 7, None)
    state = story(somebody(1, person_id=4), somebody(2, person_id=7), frames=3)
    assert (state.status, state.track_id) == (TRACKING, 2)


def test_a_cleared_target_is_none():
    story = Story()
    story.begin(somebody(1))
    story.target.clear()
    state = story(somebody(1))
    assert (state.status, state.reason, state.track_id) == (NONE, "cleared", NO_TRACK)


# Stamps


def test_stamps_that_go_back_end_the_target():
    story = Story()
    story.begin(somebody(1, person_id=7), frames=50)
    story.stamp_ns -= 4_000_000_000
    state = story(somebody(1, person_id=7))
    assert (state.status, state.reason) == (NONE, "time_went_back")


def test_images_out_of_order_do_not():
    story = Story()
    story.begin(somebody(1), frames=50)
    story.stamp_ns -= 300_000_000
    assert story(somebody(1)).status == TRACKING
    assert story(somebody(1, state=LOST_TRACK)).time_since_seen_s == 0


def test_settings_change_between_two_frames():
    story = Story(predict_s=0.3)
    story.begin(somebody(1, person_id=7))
    story(somebody(1, person_id=7))
    story.target.config = TargetConfig(predict_s=1.0)
    assert story(somebody(1, state=LOST_TRACK), frames=8).position is not None
