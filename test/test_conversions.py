from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray as GeometryPoseArray
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header

from alphapose_ros import Person, Poses, Tracks, TrackState, from_numpy, skeleton, to_numpy
from alphapose_ros.frame import PositionSource
from alphapose_ros.msg import PersonPose, PoseArray, SkeletonDefinition, TrackedPersonArray
from alphapose_ros.skeletons import SKELETONS, Skeleton

HEADER = Header(frame_id="camera")
HEADER.stamp.sec = 12
RANDOM = np.random.default_rng(0)


def some_poses(count=3, name="coco_17", **more):
    keypoints = RANDOM.random((count, len(skeleton(name).names), 3), np.float32)
    keypoints[:1, 3] = [np.nan, np.nan, 0]
    return Poses(
        skeleton=skeleton(name),
        keypoints=keypoints,
        boxes=np.reshape([[10 + n, 20, 40 + n, 80] for n in range(count)], (-1, 4)),
        box_scores=np.linspace(0.5, 1, count),
        scores=np.linspace(0.25, 0.75, count),
        **more,
    )


def some_tracks(count=3, **more):
    poses = some_poses(count, keypoints_3d=RANDOM.random((count, 17, 3)))
    return Tracks(
        poses=poses,
        ids=np.arange(5, 5 + count),
        states=np.full(count, TrackState.TRACKED),
        ages_s=np.arange(count) / 4,
        unseen_s=np.zeros(count),
        hits=np.arange(count) + 1,
        detection_rows=np.arange(count),
        velocities_px=RANDOM.random((count, 2)),
        person_ids=np.full(count, -1),
        identity_scores=np.full(count, np.nan),
        **more,
    )


def through_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def assert_same(found, wanted):
    """Compare two records field by field."""
    assert type(found) is type(wanted)
    for item in fields(wanted):
        one, other = getattr(found, item.name), getattr(wanted, item.name)
        if isinstance(other, Poses):
            assert_same(one, other)
        elif isinstance(other, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=item.name)
        else:
            assert one == other, item.name


@pytest.mark.parametrize("count", [0, 1, 3])
def test_poses_go_there_and_back(count):
    poses = some_poses(count)
    message = through_the_wire(from_numpy(poses, PoseArray, HEADER, size=(640, 480), first_id=9))
    assert message.header == HEADER
    assert (message.image_width, message.image_height) == (640, 480)
    assert [person.detection_id for person in message.people] == list(range(9, 9 + count))
    assert_same(to_numpy(message), poses)


def test_what_re_id_and_depth_add_to_poses_goes_there_and_back():
    poses = some_poses(embeddings=RANDOM.random((3, 8)), keypoints_3d=RANDOM.random((3, 17, 3)))
    assert_same(to_numpy(through_the_wire(from_numpy(poses, PoseArray, HEADER))), poses)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_tracks_go_there_and_back(count):
    tracks = some_tracks(
        count,
        positions=RANDOM.random((count, 3)),
        position_covariances=RANDOM.random((count, 3, 3)),
        velocities=RANDOM.random((count, 3)),
        velocity_covariances=RANDOM.random((count, 3, 3)),
        position_sources=np.full(count, PositionSource.GROUND),
        facings=RANDOM.random((count, 3)),
        facing_stds=RANDOM.random(count),
    )
    found = to_numpy(through_the_wire(from_numpy(tracks, TrackedPersonArray, HEADER)))
    if not count:  # nobody tells whether positions would be known
        tracks = Tracks.empty(tracks.poses.skeleton)
    assert_same(found, tracks)


def test_a_lost_person_is_a_row_of_nan_and_nothing_in_3d_is_none():
    tracks = some_tracks(2)
    message = from_numpy(tracks, TrackedPersonArray, HEADER)
    message.people[1].state = int(TrackState.LOST)
    message.people[1].pose.keypoints = message.people[1].pose.keypoints_3d = []
    found = to_numpy(message)
    assert np.isnan(found.poses.keypoints[1, :, :2]).all()
    assert (found.poses.keypoints[1, :, 2] == 0).all()
    assert np.isnan(found.poses.keypoints_3d[1]).all()
    assert found.detection_rows.tolist() == [0, -1]
    assert found.positions is found.velocities is found.poses.embeddings is None
    assert found[found.states == TrackState.LOST].ids.tolist() == [6]


def frame_of_four():
    """Messages of one image: of four poses the second is in no track, and one track is lost."""
    poses = some_poses(4)
    tracks = some_tracks(4)
    tracks = replace(
        tracks, poses=poses[[3, 0, 1, 2]], states=[1, 1, 2, 1], detection_rows=[3, 0, -1, 2]
    )
    return (
        through_the_wire(from_numpy(poses, PoseArray, HEADER, first_id=40)),
        through_the_wire(from_numpy(tracks, TrackedPersonArray, HEADER, first_id=40)),
    )


def test_rows_of_tracked_people_are_those_of_the_poses_that_are_handed_over():
    poses, tracks = frame_of_four()
    found, all_there = to_numpy(tracks, poses=poses), to_numpy(poses)
    assert found.detection_rows.tolist() == [3, 0, -1, 2]
    seen = found[found.detection_rows >= 0]
    np.testing.assert_array_equal(seen.poses.boxes, all_there.boxes[seen.detection_rows])
    again = from_numpy(found, TrackedPersonArray, HEADER, first_id=poses.people[0].detection_id)
    assert [one.pose.detection_id for one in again.people] == [43, 40, 0, 42]


def test_rows_of_tracked_people_alone_are_their_order_among_the_poses():
    _, tracks = frame_of_four()
    assert to_numpy(tracks).detection_rows.tolist() == [2, 0, -1, 1]


def test_rows_are_not_taken_from_the_poses_of_another_image():
    poses, tracks = frame_of_four()
    later = Header(frame_id="camera")
    later.stamp.sec = 13
    with pytest.raises(ValueError, match=r"not of the image .* are of: their stamps differ"):
        to_numpy(tracks, poses=replaced(poses, header=later))
    with pytest.raises(ValueError, match=r"not of the image .*: detection_id 43 is none of theirs"):
        to_numpy(tracks, poses=replaced(poses, people=poses.people[:3]))
    with pytest.raises(TypeError, match="rows of a TrackedPersonArray, not of a PoseArray"):
        to_numpy(poses, poses=poses)
    assert len(to_numpy(replaced(tracks, people=[]), poses=poses)) == 0


def replaced(message, **values):
    """A message with some fields changed."""
    names = message.get_fields_and_field_types()
    return type(message)(**{name: getattr(message, name) for name in names} | values)


@pytest.mark.parametrize(
    ("field", "length", "said"),
    [
        ("keypoints", 1, "keypoints of people[1] must have 51 numbers or none, got 1"),
        ("keypoints", 48, "keypoints of people[1] must have 51 numbers or none, got 48"),
        ("keypoints_3d", 50, "keypoints_3d of people[1] must have 51 numbers or none, got 50"),
        ("embedding", 1, "embedding of people[1] must have 8 numbers or none, got 1"),
        ("embedding", 4, "embedding of people[1] must have 8 numbers or none, got 4"),
    ],
)
def test_arrays_of_a_wrong_length_are_refused_by_name(field, length, said):
    poses = some_poses(3, embeddings=np.ones((3, 8)))
    tracks = replace(some_tracks(3), poses=poses)
    for record, message_class in ((poses, PoseArray), (tracks, TrackedPersonArray)):
        message = from_numpy(record, message_class, HEADER)
        setattr(getattr(message.people[1], "pose", message.people[1]), field, [1.0] * length)
        with pytest.raises(ValueError, match=re.escape(said)):
            to_numpy(message)


@pytest.mark.parametrize("field", ["keypoints", "keypoints_3d"])
def test_one_person_of_half_a_keypoint_is_refused(field):
    message = from_numpy(some_poses(1), PoseArray, HEADER).people[0]
    setattr(message, field, [1.0] * 50)
    with pytest.raises(ValueError, match=f"^{field} must have three numbers per keypoint, got 50"):
        to_numpy(message)


def test_a_position_that_is_not_valid_is_nan():
    tracks = some_tracks(2, positions=[[1, 2, 3], [np.nan] * 3])
    message = from_numpy(tracks, TrackedPersonArray, HEADER)
    message.people[1].position.x = 4.0  # and is not to be believed
    found = to_numpy(message).positions
    assert found[0].tolist() == [1, 2, 3]
    assert np.isnan(found[1]).all()


def test_one_person_is_read_without_a_copy():
    message = through_the_wire(from_numpy(some_poses(1), PoseArray, HEADER)).people[0]
    person = to_numpy(message)
    assert person.keypoints.shape == (17, 3)
    assert np.shares_memory(person.keypoints, np.asarray(message.keypoints))
    assert not person.keypoints.flags.writeable
    assert person.box.tolist() == [10, 20, 40, 80]
    assert person.keypoints_3d is person.embedding is None


def test_one_person_goes_there_and_back():
    person = Person(
        keypoints=RANDOM.random((17, 3)),
        box=[1, 2, 30, 40],
        box_score=0.5,
        score=0.25,
        detection_id=7,
        keypoints_3d=RANDOM.random((17, 3)),
        embedding=RANDOM.random(8),
    )
    assert_same(to_numpy(through_the_wire(from_numpy(person, PersonPose))), person)


def test_one_person_of_another_skeleton_is_refused():
    message = from_numpy(some_poses(1), PoseArray, HEADER).people[0]
    assert to_numpy(message, skeleton("coco_17")).keypoints.shape == (17, 3)
    with pytest.raises(ValueError, match="51 numbers are not the keypoints of halpe_136"):
        to_numpy(message, skeleton("halpe_136"))


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_goes_there_and_back(name):
    ours = skeleton(name)
    found = to_numpy(through_the_wire(from_numpy(ours, SkeletonDefinition)))
    assert (found.id, found.names, found.groups) == (ours.id, ours.names, ours.groups)
    assert found.edges == ours.edges
    assert found.edge_rows.tolist() == ours.edge_rows.tolist()
    assert found.flip_pairs == ours.flip_pairs
    np.testing.assert_allclose(found.sigmas, ours.sigmas, rtol=1e-6)


def test_a_bare_skeleton_is_read():
    found = to_numpy(SkeletonDefinition(id="hand", keypoint_names=["wrist", "thumb"]))
    assert found.names == ("wrist", "thumb")
    assert found.edge_rows.shape == (0, 2)
    assert found.groups == {"all": (0, 2)}
    assert np.isnan(found.sigmas).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"edges": [0]}, "edges of skeleton 'hand' .* of its 2 .* got 1 numbers up to 0"),
        ({"edges": [0, 5]}, "edges of skeleton 'hand' .* got 2 numbers up to 5"),
        ({"group_names": ["g"]}, "group_offsets of skeleton 'hand' must be 2 for 1 .* got 0"),
        ({"group_offsets": [0, 2]}, "group_offsets of skeleton 'hand' must be 1 for 0 .* got 2"),
    ],
)
def test_a_skeleton_that_does_not_fit_together_is_refused_by_name(values, said):
    with pytest.raises(ValueError, match=said):
        to_numpy(SkeletonDefinition(id="hand", keypoint_names=["wrist", "thumb"], **values))


def test_a_person_id_of_another_publisher_that_is_no_number_is_refused_by_name():
    message = from_numpy(some_tracks(), TrackedPersonArray, HEADER)
    message.people[2].person_id = "alice"
    said = r"person_id of people\[2\] must be a whole number or empty, got 'alice'"
    with pytest.raises(ValueError, match=said):
        to_numpy(message)


def test_people_of_a_skeleton_of_the_publishers_own_are_read():
    own = replace(skeleton("coco_17"), id="mine")
    message = from_numpy(replace(some_poses(), skeleton=own), PoseArray, HEADER)
    with pytest.raises(ValueError, match="'mine' is not known here: hand to_numpy"):
        to_numpy(message)
    definition = through_the_wire(from_numpy(own, SkeletonDefinition))
    found = to_numpy(message, to_numpy(definition))
    assert isinstance(found.skeleton, Skeleton)
    assert found.skeleton.id == "mine"
    with pytest.raises(ValueError, match="of skeleton 'mine', not 'coco_17'"):
        to_numpy(message, skeleton("coco_17"))


@pytest.mark.parametrize("message", [GeometryPoseArray(), Header(), None])
def test_other_messages_are_refused_by_name(message):
    with pytest.raises(TypeError, match=type(message).__name__ + r" is none of .* PoseArray"):
        to_numpy(message)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(
        TypeError, match=r"Poses become an alphapose_ros\.msg\.PoseArray, not a geo"
    ):
        from_numpy(some_poses(), GeometryPoseArray, HEADER)
    with pytest.raises(TypeError, match=r"Tracks become an alphapose_ros\.msg\.TrackedPerson"):
        from_numpy(some_tracks(), PoseArray, HEADER)
    with pytest.raises(TypeError, match="PoseArray needs the header of its image"):
        from_numpy(some_poses(), PoseArray)
    with pytest.raises(TypeError, match="ndarray is none of Person, Poses"):
        from_numpy(np.zeros(3), PoseArray)


def test_messages_of_a_bag_are_read(root):
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for file in (root / "msg").glob("*.msg"):
        types.update(get_types_from_msg(file.read_text(), f"alphapose_ros/msg/{file.stem}"))
    store.register(types)

    def from_bag(message):
        data = bytes(serialize_message(message))
        return store.deserialize_cdr(data, f"alphapose_ros/msg/{type(message).__name__}")

    tracks = some_tracks(positions=RANDOM.random((3, 3)))
    in_bag = from_bag(from_numpy(tracks, TrackedPersonArray, HEADER))
    found = to_numpy(in_bag)
    assert_same(replace(found, position_covariances=None), tracks)
    assert to_numpy(in_bag.people[0].pose).keypoints.shape == (17, 3)
    poses, tracks = frame_of_four()
    found = to_numpy(from_bag(tracks), poses=from_bag(poses))
    assert found.detection_rows.tolist() == [3, 0, -1, 2]
    assert to_numpy(from_bag(from_numpy(skeleton("coco_17"), SkeletonDefinition))).id == "coco_17"


STRICT = """
import numpy as np
from std_msgs.msg import Header
from alphapose_ros import Person, Poses, Tracks, from_numpy, skeleton
from alphapose_ros.frame import PositionSource
from alphapose_ros.msg import PersonPose, PoseArray, SkeletonDefinition, TrackedPersonArray
try:
    PersonPose().keypoints = np.zeros(3, np.float32)
except AssertionError:
    print("strict")
ours = skeleton("coco_17")
poses = Poses(skeleton=ours, keypoints=np.ones((1, 17, 3)), boxes=[[1, 2, 3, 4]], box_scores=[1],
              scores=[1], embeddings=np.ones((1, 8)))
one = dict.fromkeys(("ids", "states", "ages_s", "unseen_s", "hits", "detection_rows"), [1])
tracks = Tracks(poses=poses, **one, velocities_px=[[1, 2]], person_ids=[1], identity_scores=[1],
                positions=[[1, 2, 3]], position_covariances=np.ones((1, 3, 3)))
from_numpy(poses, PoseArray, Header())
from_numpy(tracks, TrackedPersonArray, Header())
from_numpy(ours, SkeletonDefinition)
from_numpy(Person(keypoints=np.ones((17, 3)), box=[1, 2, 3, 4]), PersonPose)
print("legal")
"""


def test_every_field_is_legal_where_rclpy_checks_them_as_in_humble():
    env = {**os.environ, "ROS_PYTHON_CHECK_FIELDS": "1"}
    said = subprocess.check_output([sys.executable, "-c", STRICT], text=True, env=env)
    assert said.split() == ["strict", "legal"]


def test_reading_needs_neither_networks_nor_ros():
    code = "import alphapose_ros as a, sys; a.to_numpy, a.from_numpy; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert "alphapose_ros.conversions" in loaded
    assert not {"torch", "cv2", "scipy", "rclpy"} & loaded


def test_the_speed_is_told():
    poses = some_poses(20, "halpe_136")
    message = through_the_wire(from_numpy(poses, PoseArray, HEADER))

    def milliseconds(work):
        times = []
        for _ in range(50):
            begin = time.perf_counter()
            work()
            times.append(time.perf_counter() - begin)
        return 1e3 * np.median(times)

    read = milliseconds(lambda: to_numpy(message))
    write = milliseconds(lambda: from_numpy(poses, PoseArray, HEADER))
    print(f"20 people of 136 keypoints: to_numpy {read:.3f} ms, from_numpy {write:.3f} ms")
    assert_same(to_numpy(message), poses)
