from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header

from alphapose_ros.frame import Poses, PositionSource, Tracks, TrackState
from alphapose_ros.messages import (
    About,
    Dialect,
    poses_from_message,
    poses_to_message,
    rows_in_poses,
    rows_of,
    skeleton_to_message,
    tracks_from_message,
    tracks_to_message,
)
from alphapose_ros.msg import PoseArray, SkeletonDefinition, TrackedPerson, TrackedPersonArray
from alphapose_ros.nodes.conversions import RCLPY
from alphapose_ros.skeletons import SKELETONS, skeleton

BODY = skeleton("coco_17")


def some_poses(count=2):
    keypoints = np.random.default_rng(0).random((count, 17, 3)).astype(np.float32)
    keypoints[0, 3] = [np.nan, np.nan, 0]
    return Poses(
        skeleton=BODY,
        keypoints=keypoints,
        boxes=[[10, 20, 40, 80], [-5, 0, 5, 30]],
        box_scores=[0.9, 0.5],
        scores=[0.75, 0.25],
    )


def some_tracks():
    poses = some_poses()
    keypoints = poses.keypoints.copy()
    keypoints[1] = [np.nan, np.nan, 0]
    return Tracks(
        poses=replace(poses, keypoints=keypoints),
        ids=[7, 3],
        states=[TrackState.TRACKED, TrackState.LOST],
        ages_s=[2.25, 1.9999999999],
        unseen_s=[0.0, 0.5],
        hits=[12, 4],
        detection_rows=[1, -1],
        velocities_px=[[3, -4], [0, 0]],
        person_ids=[-1, 2],
        identity_scores=[np.nan, 0.5],
    )


def about(frame_id="camera"):
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = 12, 345
    return About(header, width=640, height=480, first_id=100)


def through_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def test_poses_arrive_as_they_were():
    poses = some_poses()
    message = through_the_wire(poses_to_message(poses, about(), RCLPY))
    assert message.header == about().header
    assert (message.image_width, message.image_height) == (640, 480)
    assert message.skeleton_id == "coco_17"
    assert [person.detection_id for person in message.people] == [100, 101]
    assert message.people[0].bbox.tolist() == [10, 20, 30, 60]
    for person, keypoints in zip(message.people, poses.keypoints, strict=True):
        np.testing.assert_array_equal(np.reshape(person.keypoints, (17, 3)), keypoints)
        assert len(person.keypoints_3d) == len(person.embedding) == 0


def test_tracks_arrive_as_they_were():
    message = through_the_wire(tracks_to_message(some_tracks(), about(), RCLPY))
    seen, lost = message.people
    assert (seen.track_id, seen.state, seen.hits) == (7, TrackedPerson.STATE_TRACKED, 12)
    assert (seen.age.sec, seen.age.nanosec) == (2, 250_000_000)
    assert seen.pose.detection_id == 101
    assert seen.velocity_2d.tolist() == [3, -4]
    assert (seen.person_id, lost.person_id) == ("", "2")
    assert np.isnan(seen.identity_score)
    assert lost.state == TrackedPerson.STATE_LOST
    assert len(lost.pose.keypoints) == 0
    assert lost.pose.detection_id == 0
    assert lost.age.nanosec < 10**9
    assert not seen.position_valid
    assert np.isnan([seen.position.x, seen.velocity.z, *seen.position_covariance]).all()


@pytest.mark.parametrize(
    ("make", "record"), [(poses_to_message, some_poses), (tracks_to_message, some_tracks)]
)
def test_messages_are_those_that_the_constructors_would_make(make, record):
    by_constructors = make(record(), about(), replace(RCLPY, rows_of=rows_of))
    assert repr(make(record(), about(), RCLPY)) == repr(by_constructors)


def test_somebody_unseen_may_come_before_others():
    tracks = replace(some_tracks(), detection_rows=[-1, 0])
    lost, seen = through_the_wire(tracks_to_message(tracks, about(), RCLPY)).people
    assert len(lost.pose.keypoints) == 0
    np.testing.assert_array_equal(seen.pose.keypoints, tracks.poses.keypoints[1].ravel())


def test_what_is_empty_of_everybody_stays_empty():
    poses = replace(some_poses(), embeddings=np.empty((2, 0)))
    message = poses_to_message(poses, replace(about(), embeddings=True), RCLPY)
    assert [len(person.embedding) for person in message.people] == [0, 0]


def test_messages_may_be_changed_and_records_stay_as_they_are():
    tracks = some_tracks()
    for person in tracks_to_message(tracks, about(), RCLPY).people:
        for changed in (person.velocity_2d, person.position_covariance, person.pose.bbox):
            changed[:] = 5
    np.testing.assert_array_equal(tracks.velocities_px, some_tracks().velocities_px)
    np.testing.assert_array_equal(tracks.poses.boxes, some_tracks().poses.boxes)


def test_what_people_look_like_is_told_only_where_it_is_known_and_wanted():
    looks = np.float32([[0.6, 0.8], [np.nan, np.nan]])
    poses = replace(some_poses(), embeddings=looks)
    tracks = replace(some_tracks(), poses=replace(some_tracks().poses, embeddings=looks))
    wanted = replace(about(), embeddings=True)
    for message in (
        poses_to_message(poses, wanted, RCLPY),
        tracks_to_message(tracks, wanted, RCLPY),
    ):
        known, unknown = (getattr(one, "pose", one) for one in through_the_wire(message).people)
        np.testing.assert_array_equal(known.embedding, looks[0])
        assert len(unknown.embedding) == 0
    for message in (
        poses_to_message(poses, about(), RCLPY),
        tracks_to_message(tracks, about(), RCLPY),
    ):
        assert not any(len(getattr(one, "pose", one).embedding) for one in message.people)


def test_positions_in_metres_are_marked_valid():
    tracks = replace(
        some_tracks(),
        positions=[[1, 2, 3], [np.nan] * 3],
        position_covariances=np.tile(np.eye(3), (2, 1, 1)),
    )
    seen, lost = tracks_to_message(tracks, about(), RCLPY).people
    assert (seen.position.x, seen.position.y, seen.position.z) == (1, 2, 3)
    assert seen.position_covariance.tolist() == np.eye(3).ravel().tolist()
    assert (seen.position_valid, lost.position_valid) == (True, False)


def test_what_a_position_comes_from_and_where_somebody_faces_is_told():
    tracks = replace(
        some_tracks(),
        position_sources=[PositionSource.DEPTH, PositionSource.NONE],
        facings=[[0, 0.6, -0.8], [np.nan] * 3],
        facing_stds=[0.25, np.nan],
    )
    seen, lost = tracks_to_message(tracks, about(), RCLPY).people
    assert (seen.position_source, lost.position_source) == (
        seen.POSITION_DEPTH,
        lost.POSITION_NONE,
    )
    assert (seen.facing.x, seen.facing.y, seen.facing.z) == (0, 0.6, -0.8)
    assert (seen.facing_valid, lost.facing_valid) == (True, False)
    assert seen.facing_std == 0.25
    assert np.isnan(lost.facing_std)
    plain = tracks_to_message(some_tracks(), about(), RCLPY).people[0]
    assert (plain.position_source, plain.facing_valid) == (0, False)
    assert np.isnan(plain.facing_std)


def test_a_message_reads_back_as_the_record():
    tracks = some_tracks()
    read = tracks_from_message(tracks_to_message(tracks, about(), RCLPY), BODY)
    np.testing.assert_array_equal(read.poses.keypoints, tracks.poses.keypoints)
    np.testing.assert_allclose(read.poses.boxes, tracks.poses.boxes)
    for name in ("ids", "states", "hits", "person_ids", "velocities_px", "unseen_s"):
        np.testing.assert_allclose(getattr(read, name), getattr(tracks, name))


def test_rows_among_the_poses_are_told_by_the_messages_of_both():
    poses = poses_to_message(some_poses(), about(), RCLPY)
    tracks = tracks_to_message(some_tracks(), about(), RCLPY)
    assert rows_in_poses(tracks, poses).tolist() == [1, -1] == some_tracks().detection_rows.tolist()
    assert tracks_from_message(tracks, BODY).detection_rows.tolist() == [0, -1]
    tracks.people[0].pose.detection_id = 102
    with pytest.raises(ValueError, match="detection_id 102 is none of theirs"):
        rows_in_poses(tracks, poses)


def in_space():
    """Tracks of which the first is known in metres and by looks, and the second is not."""
    nowhere, covariance = [np.nan] * 3, np.arange(9.0).reshape(3, 3)
    poses = replace(
        some_tracks().poses,
        keypoints_3d=np.stack((np.ones((17, 3)), np.full((17, 3), np.nan))),
        embeddings=[[0.6, 0.8], [np.nan, np.nan]],
    )
    return replace(
        some_tracks(),
        poses=poses,
        positions=[[1, 2, 3], nowhere],
        position_covariances=[covariance, np.full((3, 3), np.nan)],
        velocities=[[0.5, 0, -1], nowhere],
        velocity_covariances=[covariance + 1, np.full((3, 3), np.nan)],
        position_sources=[PositionSource.GROUND, PositionSource.NONE],
        facings=[[0, 0.6, -0.8], nowhere],
        facing_stds=[0.25, np.nan],
    )


def test_poses_read_back_as_they_were():
    poses = replace(
        some_poses(),
        embeddings=[[0.6, 0.8], [np.nan, np.nan]],
        keypoints_3d=np.stack((np.ones((17, 3)), np.full((17, 3), np.nan))),
    )
    message = through_the_wire(poses_to_message(poses, replace(about(), embeddings=True), RCLPY))
    read = poses_from_message(message, BODY)
    for name in ("keypoints", "boxes", "box_scores", "scores", "embeddings", "keypoints_3d"):
        np.testing.assert_array_equal(getattr(read, name), getattr(poses, name), err_msg=name)
    plain = poses_from_message(poses_to_message(some_poses(), about(), RCLPY), BODY)
    assert plain.embeddings is plain.keypoints_3d is None
    assert len(poses_from_message(poses_to_message(Poses.empty(BODY), about(), RCLPY), BODY)) == 0
    with pytest.raises(ValueError, match="poses are of skeleton 'coco_17', not 'halpe_136'"):
        poses_from_message(message, skeleton("halpe_136"))


IN_SPACE = (
    *("positions", "position_covariances", "velocities", "velocity_covariances"),
    *("position_sources", "facings", "facing_stds"),
)


def test_what_is_known_in_metres_reads_back():
    wanted = replace(about(), embeddings=True)
    tracks = in_space()
    read = tracks_from_message(through_the_wire(tracks_to_message(tracks, wanted, RCLPY)), BODY)
    for name in IN_SPACE:
        np.testing.assert_array_equal(getattr(read, name), getattr(tracks, name), err_msg=name)
    for name in ("keypoints_3d", "embeddings"):
        np.testing.assert_array_equal(getattr(read.poses, name), getattr(tracks.poses, name))


def test_what_is_known_of_nobody_reads_back_as_none():
    read = tracks_from_message(tracks_to_message(some_tracks(), about(), RCLPY), BODY)
    assert {getattr(read, name) for name in IN_SPACE} == {None}
    assert read.poses.keypoints_3d is read.poses.embeddings is None


def test_messages_of_old_bags_have_fewer_fields():
    message = tracks_to_message(in_space(), about(), RCLPY)
    late = ("position_source", "facing_valid", "facing", "facing_std")
    names = [name for name in TrackedPerson.get_fields_and_field_types() if name not in late]
    people = [
        SimpleNamespace(**{name: getattr(person, name) for name in names})
        for person in message.people
    ]
    read = tracks_from_message(SimpleNamespace(skeleton_id="coco_17", people=people), BODY)
    np.testing.assert_array_equal(read.positions, in_space().positions)
    assert read.facings is read.facing_stds is read.position_sources is None


def test_what_is_marked_invalid_is_not_believed():
    message = tracks_to_message(in_space(), about(), RCLPY)
    for person in message.people:
        person.position_valid = person.facing_valid = False
    message.people[1].velocity_valid = True
    message.people[1].velocity.x = message.people[1].velocity.y = 0.0
    message.people[1].velocity.z = 2.0
    read = tracks_from_message(message, BODY)
    assert read.positions is read.position_covariances is None
    assert read.facings is read.facing_stds is None
    np.testing.assert_array_equal(read.velocities, [[0.5, 0, -1], [0, 0, 2]])


def test_reading_with_the_wrong_skeleton_is_refused():
    message = tracks_to_message(some_tracks(), about(), RCLPY)
    with pytest.raises(ValueError, match="of skeleton 'coco_17', not 'halpe_136'"):
        tracks_from_message(message, skeleton("halpe_136"))


def test_nobody_is_an_empty_message():
    empty = poses_to_message(Poses.empty(BODY), about(), RCLPY)
    assert through_the_wire(empty) == PoseArray(
        header=about().header, image_width=640, image_height=480, skeleton_id="coco_17"
    )
    nobody = tracks_to_message(Tracks.empty(BODY), about(), RCLPY)
    assert isinstance(nobody, TrackedPersonArray)
    assert len(tracks_from_message(nobody, BODY)) == 0


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_arrives_whole(name):
    ours = skeleton(name)
    message = through_the_wire(skeleton_to_message(ours, Header(), RCLPY))
    assert isinstance(message, SkeletonDefinition)
    assert tuple(message.keypoint_names) == ours.names
    assert np.reshape(message.edges, (-1, 2)).tolist() == ours.edge_rows.tolist()
    starts_and_end = list(message.group_offsets)
    bounds = dict(zip(message.group_names, pairwise(starts_and_end), strict=True))
    assert bounds == {name: tuple(rows) for name, rows in ours.groups.items()}
    np.testing.assert_allclose(message.sigmas, ours.sigmas, rtol=1e-6)


def bag_dialect(root):
    """Our messages as the bag library knows them, from the same definitions."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for file in (root / "msg").glob("*.msg"):
        types.update(get_types_from_msg(file.read_text(), f"alphapose_ros/msg/{file.stem}"))
    store.register(types)
    names = {name.rpartition("/")[2]: name for name in store.types}
    ours = ("PoseArray", "PersonPose", "TrackedPerson", "TrackedPersonArray", "SkeletonDefinition")
    full = {name: f"alphapose_ros/msg/{name}" for name in ours}
    full |= {name: names[name] for name in ("Point", "Vector3")}
    full |= {"Duration": "builtin_interfaces/msg/Duration"}
    classes = {name: store.types[path] for name, path in full.items()}
    return store, Dialect(msgs=SimpleNamespace(**classes), flat=np.ravel)


def test_the_same_code_makes_messages_for_bags(root):
    store, dialect = bag_dialect(root)
    stamp = store.types["builtin_interfaces/msg/Time"](sec=12, nanosec=345)
    header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")
    in_bag = tracks_to_message(some_tracks(), About(header, 640, 480, 100), dialect)
    data = bytes(store.serialize_cdr(in_bag, "alphapose_ros/msg/TrackedPersonArray"))
    read = deserialize_message(data, TrackedPersonArray)
    assert read.header == about().header
    expected = tracks_to_message(some_tracks(), about(), RCLPY)
    assert [p.pose.detection_id for p in read.people] == [101, 0]
    np.testing.assert_array_equal(read.people[0].pose.keypoints, expected.people[0].pose.keypoints)
