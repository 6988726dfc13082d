from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from alphapose_ros.config import Config, LiftingConfig, OutputConfig, with_values
from alphapose_ros.frame import Camera, Frame, Poses, Tracks, TrackState
from alphapose_ros.io.colours import IdentityColours, colour_of
from alphapose_ros.lifting.lifter import Lifter
from alphapose_ros.lifting.moving import Placed
from alphapose_ros.markers import on_plane
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.nodes.outputs import MESSAGE_CLASSES, Done, Outputs
from alphapose_ros.nodes.target import Follower
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
HEADER = Header(frame_id="camera")
FRAME = Frame(image=np.zeros((480, 640, 3), np.uint8))
BOX = (160, 120, 480, 360)


def tracks_of(*ids, place=(320, 240), score=0.9, state=TrackState.TRACKED, person_ids=-1):
    """People all of whose keypoints lie in one place."""
    n = len(ids)
    keypoints = np.tile([*place, score], (n, 17, 1))
    boxes, ones = np.tile(BOX, (n, 1)), np.ones(n)
    return Tracks(
        poses=Poses(skeleton=BODY, keypoints=keypoints, boxes=boxes, box_scores=ones, scores=ones),
        ids=ids,
        states=np.broadcast_to(state, n),
        ages_s=ones,
        unseen_s=ones,
        hits=ones,
        detection_rows=np.arange(n),
        velocities_px=np.zeros((n, 2)),
        person_ids=np.broadcast_to(person_ids, n),
        identity_scores=ones,
    )


def lost(*ids):
    return tracks_of(*ids, place=(np.nan, np.nan), score=0.0, state=TrackState.LOST)


def in_space(tracks, keypoints_3d, **values):
    lifted = np.broadcast_to(keypoints_3d, (len(tracks), 17, 3))
    return replace(tracks, poses=replace(tracks.poses, keypoints_3d=lifted), **values)


def update(board, tracks, frame=FRAME, **config):
    return board.update(tracks, frame, HEADER, OutputConfig(**config)).markers


def by_name(markers):
    return {marker.ns: marker for marker in markers}


def xyz(points):
    return np.array([(point.x, point.y, point.z) for point in points])


def test_each_person_is_one_list_of_lines_one_of_points_and_a_label():
    lines, points, text = update(MarkerBoard(), tracks_of(7))
    assert (lines.ns, lines.type, lines.id) == ("skeleton", Marker.LINE_LIST, 7)
    assert (points.ns, points.type, points.id) == ("keypoints", Marker.SPHERE_LIST, 7)
    assert (text.ns, text.type, text.id) == ("label", Marker.TEXT_VIEW_FACING, 7)
    assert len(lines.points) == 2 * len(BODY.edges)
    assert len(points.points) == 17
    for marker in (lines, points, text):
        assert marker.header == HEADER
        assert marker.action == Marker.ADD
        assert marker.pose.orientation.w == 1.0
        assert (marker.color.a, marker.frame_locked) == (1.0, False)
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 500_000_000)


def test_lines_join_the_ends_of_the_edges_that_are_seen():
    tracks = tracks_of(1)
    keypoints = tracks.poses.keypoints.copy()
    keypoints[0, :, 0] = 320 + 10 * np.arange(17)
    keypoints[0, BODY.index("left_elbow"), 2] = 0.1
    tracks = replace(tracks, poses=replace(tracks.poses, keypoints=keypoints))
    lines, points, _ = update(MarkerBoard(), tracks)
    ends = np.round(xyz(lines.points)[:, 0] * 64).astype(int).reshape(-1, 2)
    hidden = BODY.index("left_elbow")
    assert ends.tolist() == [edge for edge in BODY.edge_rows.tolist() if hidden not in edge]
    assert len(points.points) == 16


@pytest.mark.parametrize(
    ("state", "person_id", "text"),
    [
        (TrackState.TENTATIVE, -1, "7 tentative"),
        (TrackState.TRACKED, -1, "7 tracked"),
        (TrackState.TRACKED, 3, "7 person 3 tracked"),
        (TrackState.LOST, 12, "7 person 12 lost"),
    ],
)
def test_the_label_tells_track_person_and_state(state, person_id, text):
    tracks = tracks_of(7, state=state, person_ids=person_id)
    assert by_name(update(MarkerBoard(), tracks))["label"].text == text


def test_the_label_stands_above_the_head():
    text = by_name(update(MarkerBoard(), tracks_of(7, place=(400, 100))))["label"].pose.position
    assert text.y < (100 - 240) / 640
    np.testing.assert_allclose([text.x, text.z], [80 / 640, 1.0])


def test_who_is_gone_is_deleted_once():
    board = MarkerBoard()
    update(board, tracks_of(1, 2))
    markers = update(board, tracks_of(2))
    gone = {(m.ns, m.id) for m in markers if m.action == Marker.DELETE}
    assert gone == {("skeleton", 1), ("keypoints", 1), ("label", 1)}
    assert len(markers) == 3 + 3
    assert [m.action for m in update(board, tracks_of(2))] == [Marker.ADD] * 3


def test_a_removed_track_is_deleted_at_once():
    board = MarkerBoard()
    update(board, tracks_of(1))
    assert {m.action for m in update(board, tracks_of(1, state=TrackState.REMOVED))} == {
        Marker.DELETE
    }


def test_weak_keypoints_are_not_drawn_and_their_person_is_deleted():
    board = MarkerBoard()
    update(board, tracks_of(1))
    assert {m.action for m in update(board, tracks_of(1, score=0.1))} == {Marker.DELETE}


def test_absent_keypoints_are_not_drawn_even_where_all_are_wanted():
    absent = tracks_of(1, place=(np.nan, np.nan), score=0.0)
    assert update(MarkerBoard(), absent, keypoint_score=0.0) == []


def test_somebody_lost_is_a_faded_box_and_keeps_the_label():
    board = MarkerBoard()
    update(board, tracks_of(1))
    markers = update(board, lost(1))
    assert [(m.ns, m.action) for m in markers] == [
        ("keypoints", Marker.DELETE),
        ("skeleton", Marker.ADD),
        ("label", Marker.ADD),
    ]
    corners = xyz(markers[1].points)
    np.testing.assert_allclose(corners.min(axis=0), [-0.25, -120 / 640, 1])
    np.testing.assert_allclose(corners.max(axis=0), [0.25, 120 / 640, 1])
    assert all(0 < m.color.a < 0.5 for m in markers[1:])
    assert markers[2].text == "1 lost"


def test_the_plane_is_a_metre_away_and_seen_through_the_camera_s_lens():
    matrix = [[500, 0, 300], [0, 400, 200], [0, 0, 1]]
    camera = Camera(matrix=matrix, distortion=np.zeros(5))
    frame = Frame(image=FRAME.image, camera=camera)
    points = by_name(update(MarkerBoard(), tracks_of(1, place=(400, 240)), frame))["keypoints"]
    np.testing.assert_allclose(xyz(points.points[:1]), [[100 / 500, 40 / 400, 1]])


def test_a_calibration_for_another_size_is_brought_to_that_of_the_image():
    """Of another shape it is for another picture, and not taken."""
    height, width = FRAME.image.shape[:2]
    matrix = np.array([[1000, 0, width - 0.5], [0, 1000, height - 0.5], [0, 0, 1]])  # in the middle
    twice = Camera(matrix=matrix, distortion=np.zeros(5), width=2 * width, height=2 * height)
    frame = Frame(image=FRAME.image, camera=twice)
    np.testing.assert_allclose(
        on_plane(np.array([width / 2 - 0.5, height / 2 - 0.5]), frame)[:2], 0
    )
    np.testing.assert_allclose(on_plane(np.array([width / 2 + 49.5, 0]), frame)[0], 0.1)
    other = Frame(image=FRAME.image, camera=replace(twice, width=3 * width))
    np.testing.assert_array_equal(
        on_plane(np.array([9.0, 9.0]), other), on_plane(np.array([9.0, 9.0]), FRAME)
    )


def test_people_with_depth_are_drawn_where_they_are():
    keypoints = np.zeros((17, 3)) + (1.5, -0.5, 4.0)
    keypoints[3:] = np.nan
    markers = by_name(update(MarkerBoard(), in_space(tracks_of(1), keypoints)))
    np.testing.assert_allclose(xyz(markers["keypoints"].points), [[1.5, -0.5, 4.0]] * 3)
    assert "velocity" not in markers
    weak = update(MarkerBoard(), in_space(tracks_of(1, score=0.1), keypoints))
    assert weak == []


def test_who_has_no_depth_among_those_who_have_is_not_put_on_the_plane():
    keypoints = np.full((2, 17, 3), 2.0)
    keypoints[1] = np.nan
    markers = update(MarkerBoard(), in_space(tracks_of(1, 2), keypoints))
    assert {m.id for m in markers} == {1}
    known = in_space(tracks_of(1, 2), keypoints, positions=[[2, 2, 2], [1, 0, 5]])
    unseen = replace(known, poses=replace(known.poses, keypoints=np.full((2, 17, 3), np.nan)))
    place = [m for m in update(MarkerBoard(), unseen) if (m.ns, m.id) == ("keypoints", 2)]
    np.testing.assert_allclose(xyz(place[0].points), [[1, 0, 5]])
    assert update(MarkerBoard(), in_space(lost(2), np.nan)) == []


LENS = Camera(matrix=[[500, 0, 320], [0, 500, 240], [0, 0, 1]], distortion=np.zeros(5))
SEEN = Frame(image=FRAME.image, camera=LENS)


@pytest.mark.parametrize("others", [False, True])
def test_who_has_a_position_but_no_depth_is_drawn_flat_and_there(others):
    """As when a depth image is missing, or people are placed by their feet."""
    tracks = replace(tracks_of(1, 2, place=(420, 190)), positions=[[0.8, -0.4, 4], [0, 0, 3]])
    if others:
        lifted = np.full((2, 17, 3), np.nan)
        lifted[1] = 3.0
        tracks = in_space(tracks, lifted)
    markers = by_name([m for m in update(MarkerBoard(), tracks, SEEN) if m.id == 1])
    np.testing.assert_allclose(xyz(markers["keypoints"].points), [[0.8, -0.4, 4]] * 17)
    np.testing.assert_allclose(xyz(markers["skeleton"].points)[:, 2], 4)
    assert (markers["keypoints"].scale.x, markers["skeleton"].scale.x) == (0.04, 0.02)


def test_a_flat_figure_is_seen_through_the_lens():
    """Barrel distortion brings x = 0.2 to 0.2 (1 - 0.5 * 0.04) = 0.196."""
    camera = replace(LENS, distortion=np.array([-0.5, 0, 0, 0, 0]))
    tracks = replace(tracks_of(1, place=(320 + 0.196 * 500, 240)), positions=[[0.8, 0, 4]])
    points = by_name(update(MarkerBoard(), tracks, replace(SEEN, camera=camera)))["keypoints"]
    np.testing.assert_allclose(xyz(points.points), [[0.8, 0, 4]] * 17, atol=1e-5)


def test_a_skeleton_stays_where_it_is_while_one_depth_image_is_missing():
    lifter, board, found = Lifter(LiftingConfig(name="depth")), MarkerBoard(), []
    for index in range(6):
        depth = None if index == 4 else np.full((480, 640), 4.0, np.float32)
        frame = replace(SEEN, depth=depth, stamp_ns=index * 100_000_000)
        tracks = tracks_of(1)
        keypoints = tracks.poses.keypoints + np.linspace([-40, -90, 0], [40, 90, 0], 17)
        tracks = replace(tracks, poses=replace(tracks.poses, keypoints=keypoints))
        tracks = lifter(tracks, frame)
        if depth is None:  # the pipeline leaves out what is unknown of all
            tracks = replace(tracks, poses=replace(tracks.poses, keypoints_3d=None))
        found.append(by_name(update(board, tracks, frame))["keypoints"])
    np.testing.assert_allclose([xyz(m.points)[:, 2].mean() for m in found], 4, atol=0.2)
    assert {m.scale.x for m in found} == {0.04}


def test_who_has_no_position_among_those_who_have_is_not_put_on_the_plane():
    tracks = replace(tracks_of(1, 2), positions=[[0, 0, 4], [np.nan] * 3])
    assert {m.id for m in update(MarkerBoard(), tracks)} == {1}
    nobody = replace(tracks, positions=np.full((2, 3), np.nan))
    plane = [m for m in update(MarkerBoard(), nobody) if m.ns == "keypoints"]
    assert [(m.id, m.points[0].z, m.scale.x) for m in plane] == [(1, 1.0, 0.004), (2, 1.0, 0.004)]


def test_nobody_is_drawn_upside_down_behind_the_camera():
    tracks = replace(tracks_of(1, place=(420, 190)), positions=[[0.1, 0.2, -0.5]])
    points = by_name(update(MarkerBoard(), tracks))["keypoints"].points
    np.testing.assert_allclose(xyz(points), [[0.1, 0.2, -0.5]])


@pytest.mark.parametrize(
    ("stamps_s", "setting_s", "lifetimes_s"),
    [
        ([0, 0.1, 0.2], 0.5, [0.5, 0.5, 0.5]),
        ([0, 1, 2, 2.1], 0.5, [0.5, 3, 3, 0.5]),
        ([0, 1, 2], 4.0, [4, 4, 4]),
        ([0, 60, 61], 0.5, [0.5, 10, 3]),
        ([0, 60], 20.0, [20, 20]),
        ([100, 100, 0], 0.5, [0.5, 0.5, 0.5]),
        ([0, 1], 0.0, [0, 0]),  # for ever
    ],
)
def test_markers_stay_for_three_images_where_these_come_slowly(stamps_s, setting_s, lifetimes_s):
    board = MarkerBoard()
    for _ in range(2):
        found = []
        for stamp_s in stamps_s:
            frame = replace(FRAME, stamp_ns=round(stamp_s * 1e9))
            stays = update(board, tracks_of(1), frame, marker_lifetime_s=setting_s)[0].lifetime
            found.append(stays.sec + stays.nanosec / 1e9)
        np.testing.assert_allclose(found, lifetimes_s)
        board.clear(HEADER)  # and it begins anew


def test_an_arrow_shows_the_way_of_a_second():
    moving = {"positions": [[0, 1, 4]], "velocities": [[0.5, 0, -1]]}
    markers = by_name(update(MarkerBoard(), in_space(tracks_of(1), (0, 0, 4), **moving)))
    assert markers["velocity"].type == Marker.ARROW
    np.testing.assert_allclose(xyz(markers["velocity"].points), [[0, 1, 4], [0.5, 1, 3]])
    assert min(markers["velocity"].scale.x, markers["velocity"].scale.y) > 0


@pytest.mark.parametrize(
    ("positions", "velocities"),
    [
        ([[0, 1, 4]], [[0.01, 0, 0.01]]),
        ([[0, 1, 4]], [[np.nan] * 3]),
        ([[np.nan] * 3], [[1, 1, 1]]),
        (None, [[1, 1, 1]]),
        ([[0, 1, 4]], None),
    ],
)
def test_there_is_no_arrow_where_the_way_is_unknown_or_nothing(positions, velocities):
    tracks = in_space(tracks_of(1), (0, 0, 4), positions=positions, velocities=velocities)
    assert {m.ns for m in update(MarkerBoard(), tracks)} == {"skeleton", "keypoints", "label"}


def test_no_point_is_ever_nan():
    random = np.random.default_rng(0)
    tracks = lost(1, 2, 3, 4)
    keypoints = np.where(random.random((4, 17, 3)) < 0.5, np.nan, random.random((4, 17, 3)))
    boxes = np.array([BOX, BOX, [np.nan] * 4, BOX])
    poses = replace(tracks.poses, keypoints=keypoints, boxes=boxes)
    positions = np.where([[1], [0], [0], [1]], 2.0, np.nan) * np.ones(3)
    for lifted in (None, random.choice([np.nan, np.inf, 1.0], (4, 17, 3))):
        for place in (None, positions):
            for state in (TrackState.LOST, TrackState.TRACKED):
                people = replace(
                    tracks,
                    poses=replace(poses, keypoints_3d=lifted),
                    positions=place,
                    velocities=place,
                    states=np.full(4, state),
                )
                for marker in update(MarkerBoard(), people, keypoint_score=0.0):
                    where = marker.pose.position
                    assert np.isfinite([where.x, where.y, where.z]).all()
                    assert np.isfinite(xyz(marker.points)).all()
                    assert len(marker.points) or marker.type == Marker.TEXT_VIEW_FACING


def test_clearing_deletes_all_and_forgets_who_was_there():
    board = MarkerBoard()
    update(board, tracks_of(1))
    assert [m.action for m in board.clear(HEADER).markers] == [Marker.DELETEALL]
    assert update(board, tracks_of()) == []


def test_the_colour_is_that_of_the_person_in_the_overlay():
    colour = update(MarkerBoard(), tracks_of(3))[0].color
    blue, green, red = colour_of(3)
    np.testing.assert_allclose([colour.r, colour.g, colour.b], np.divide([red, green, blue], 255))


def test_colours_may_be_those_of_the_identity():
    colours = IdentityColours()
    colours(tracks_of(3, person_ids=1))
    back = tracks_of(8, person_ids=1)
    markers = MarkerBoard().update(back, FRAME, HEADER, OutputConfig(), colours(back)).markers
    blue, green, red = colour_of(3)
    for marker in markers:
        got = [marker.color.r, marker.color.g, marker.color.b]
        np.testing.assert_allclose(got, np.divide([red, green, blue], 255))


@pytest.fixture
def outputs(graph, monkeypatch):
    """Those of an active node; annotations too, of another type where theirs is not installed."""
    monkeypatch.setitem(MESSAGE_CLASSES, "annotations", MarkerArray)
    node = LifecycleNode("pose_node", context=graph.context)
    outputs = Outputs(node, Follower(Config().target))
    outputs.open()
    node.trigger_configure()
    node.trigger_activate()
    outputs.begin(BODY)
    yield outputs
    node.destroy_node()


BUILDERS = {  # of what is to be looked at: the message, its maker, and what that makes here
    "markers": (MarkerArray, "MarkerBoard.update", MarkerArray()),
    "annotations": (MarkerArray, "annotations", MarkerArray()),
    "overlay": (Image, "draw", FRAME.image),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_looked_at_is_made_only_where_somebody_subscribes(
    graph, monkeypatch, outputs, name
):
    made = []

    def counted(topic, thing):
        return lambda *_, **__: made.append(topic) or thing

    for topic, (_, builder, thing) in BUILDERS.items():
        monkeypatch.setattr(f"alphapose_ros.nodes.outputs.{builder}", counted(topic, thing))
    people = tracks_of(1)
    result = Result(poses=people.poses, tracks=people, stage_ms={})
    done = Done(FRAME, result, HEADER, Config(), Placed(people, "camera", np.zeros(3)))
    outputs.show(done)
    assert made == []

    heard = graph.listen(BUILDERS[name][0], name)

    def arrived():
        outputs.show(done)
        return heard

    graph.spin_until(arrived)
    assert set(made) == {name}


def test_with_privacy_nothing_is_drawn_of_faces(monkeypatch, outputs):
    whole = skeleton("halpe_136")
    people = tracks_of(1)
    keypoints = np.tile((320, 240, 0.9), (1, 136, 1))
    people = replace(people, poses=replace(people.poses, skeleton=whole, keypoints=keypoints))
    drawn = []

    def draw(tracks, *_):
        drawn.append(tracks.poses.keypoints[0, whole.group("face"), 2].max())

    monkeypatch.setattr(MarkerBoard, "update", lambda _, *given: draw(*given))
    monkeypatch.setattr("alphapose_ros.nodes.outputs.annotations", draw)
    monkeypatch.setattr(Outputs, "_is_heard", lambda _, name: name != "overlay")
    monkeypatch.setattr(Outputs, "_publish", lambda *_: None)
    result = Result(poses=people.poses, tracks=people, stage_ms={})
    for privacy in (False, True):
        config = with_values(Config(), {"output.privacy": privacy})
        outputs.show(Done(FRAME, result, HEADER, config, Placed(people, "camera", np.zeros(3))))
    np.testing.assert_allclose(drawn, [0.9, 0.9, 0, 0])


def test_pictures_are_wiped_at_the_end(graph, outputs):
    heard = graph.listen(MarkerArray, "annotations")

    def wiped():
        outputs.end(BODY)
        return heard

    graph.spin_until(wiped)
    assert heard[-1] == MarkerArray()


def test_markers_of_a_crowd_are_made_and_written():
    whole = skeleton("halpe_136")
    n = 20
    tracks = tracks_of(*range(1, n + 1))
    keypoints = np.random.default_rng(0).uniform(0, 400, (n, 136, 3))
    keypoints[..., 2] = 0.9
    poses = replace(tracks.poses, skeleton=whole, keypoints=keypoints)
    tracks, board, times = replace(tracks, poses=poses), MarkerBoard(), []
    for _ in range(30):
        start = time.perf_counter()
        message = board.update(tracks, FRAME, HEADER, OutputConfig())
        made = time.perf_counter()
        data = serialize_message(message)
        times.append((made - start, time.perf_counter() - made))
    made, written = 1e3 * np.min(times, axis=0)
    print(
        f"markers of 20 people x 136 keypoints: made in {made:.2f} ms, written in {written:.2f} ms,"
        f" {len(data)} bytes"
    )
    assert len(message.markers) == 3 * n
    assert sum(len(marker.points) for marker in message.markers) == n * (136 + 2 * len(whole.edges))
