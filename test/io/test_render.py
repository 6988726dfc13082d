from itertools import combinations

import numpy as np
import pytest

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.io.render import colour_of, contact_sheet, draw
from alphapose_ros.skeletons import SKELETONS, skeleton


def black(height=360, width=480):
    return np.zeros((height, width, 3), np.uint8)


def poses(keypoints, boxes, name="coco_17"):
    n = len(keypoints)
    return Poses(
        skeleton=skeleton(name),
        keypoints=keypoints,
        boxes=np.reshape(boxes, (n, 4)),
        box_scores=np.ones(n),
        scores=np.ones(n),
    )


def person(name="coco_17", score=0.9, **places):
    """Keypoints of one person, of which only ``places`` (name: (x, y)) are known."""
    s = skeleton(name)
    keypoints = np.tile([np.nan, np.nan, 0.0], (len(s.names), 1))
    for keypoint, place in places.items():
        keypoints[s.index(keypoint)] = *place, score
    return keypoints


def tracks(of, ids=None, states=TrackState.TRACKED):
    n = len(of)
    zeros = np.zeros(n)
    return Tracks(
        poses=of,
        ids=np.arange(1, n + 1) if ids is None else ids,
        states=np.broadcast_to(states, n),
        ages_s=zeros,
        unseen_s=zeros,
        hits=zeros,
        detection_rows=zeros,
        velocities_px=np.zeros((n, 2)),
        person_ids=zeros - 1,
        identity_scores=zeros,
    )


BOX = (100, 60, 300, 340)
FAR_BOX = (2000, 2000, 2001, 2281)  # as tall as BOX, but out of sight
NOBODY = person()


def near(picture, colour, tolerance=8):
    return (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=-1)


def bright(colour):
    return np.round(0.55 * np.array(colour) + 0.45 * 255)


def test_the_argument_is_not_written_to_and_the_result_is_new():
    image = black()
    image.flags.writeable = False
    arm = person(right_shoulder=(150, 100), right_elbow=(250, 100))
    drawn = draw(image, tracks(poses([arm], [BOX])))
    assert drawn.any() and not image.any()
    assert not np.shares_memory(draw(image, Tracks.empty(skeleton("coco_17"))), image)


@pytest.mark.parametrize("record", [Poses, Tracks])
@pytest.mark.parametrize("name", SKELETONS)
def test_a_frame_without_people_stays_as_it_is(record, name):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw(image, record.empty(skeleton(name))), image)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_is_drawn_whole_with_holes_and_beyond_the_border(name):
    random = np.random.default_rng(1)
    keypoints = random.uniform(-100, 600, (5, len(skeleton(name).names), 3))
    keypoints[..., 2] = 1.0
    keypoints[1, ::2, :2] = np.nan
    keypoints[2, :, 0] = np.inf
    keypoints[3, :, 1] = -1e30
    keypoints[4] = np.nan
    boxes = np.array([BOX, (-50, -50, 9000, 9000), [np.nan] * 4, [1e30] * 4, (9, 9, 2, 2)])
    assert draw(black(), tracks(poses(keypoints, boxes, name))).any()
    assert draw(black(), tracks(poses(keypoints, boxes, name), states=TrackState.LOST)).any()


def test_a_limb_has_its_person_s_colour_and_the_left_is_brighter():
    arms = person(
        right_shoulder=(120, 100),
        right_elbow=(280, 100),
        left_shoulder=(120, 200),
        left_elbow=(280, 200),
    )
    drawn = draw(black(), tracks(poses([arms], [FAR_BOX]), ids=[7]))
    np.testing.assert_allclose(drawn[100, 240], colour_of(7), atol=2)
    np.testing.assert_allclose(drawn[200, 240], bright(colour_of(7)), atol=2)


def test_colours_stay_with_the_ids_whatever_the_rows():
    one = person(right_shoulder=(50, 50), right_elbow=(90, 90))
    two = person(right_shoulder=(300, 50), right_elbow=(340, 90))
    people = tracks(poses([one, two], [(20, 20, 120, 320), (270, 20, 390, 320)]), ids=[4, 9])
    np.testing.assert_array_equal(draw(black(), people), draw(black(), people[[1, 0]]))
    alone = draw(black(), people[[1]])
    np.testing.assert_array_equal(draw(black(), people)[:, 250:], alone[:, 250:])


@pytest.mark.parametrize("first", [1, 100, 12345])
def test_colours_of_people_seen_together_differ(first):
    colours = [np.array(colour_of(first + i), float) for i in range(8)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) > 60
    assert all(0 <= value <= 255 for colour in colours for value in colour)


def test_keypoints_below_the_score_are_left_out_with_their_edges():
    arm = person(right_shoulder=(120, 100), right_elbow=(280, 100))
    people = poses([arm], [FAR_BOX])
    weak = people.keypoints.copy()
    weak[0, skeleton("coco_17").index("right_elbow"), 2] = 0.29
    drawn = draw(black(), poses(weak, [FAR_BOX]))
    assert drawn[100, 120].any() and not drawn[:, 130:].any()
    assert draw(black(), poses(weak, [FAR_BOX]), keypoint_score=0.29)[100, 200].any()
    assert not draw(black(), poses(weak, [FAR_BOX]), keypoint_score=0.95).any()


def test_tracked_lost_tentative_and_removed_people_look_different():
    def box_of(state):
        people = tracks(poses([NOBODY], [(100, 60, 300, 640)]), ids=[3], states=state)
        return draw(black(720, 960), people)[630:650, 110:290]  # the lower side, without corners

    def lines(picture, colour):
        return near(picture, colour).all(axis=1).sum()  # rows that are coloured all along

    colour = colour_of(3)
    assert lines(box_of(TrackState.TRACKED), colour) > lines(box_of(TrackState.TENTATIVE), colour)
    assert lines(box_of(TrackState.TENTATIVE), colour) == 1
    lost = box_of(TrackState.LOST)
    assert not near(lost, colour).any() and lines(lost, (200, 200, 200)) == 0
    dashes = near(lost, (200, 200, 200)).any(axis=0)
    assert 0.4 < dashes.mean() < 0.7 and np.abs(np.diff(dashes.astype(int))).sum() > 10
    removed = draw(black(), tracks(poses([NOBODY], [BOX]), states=TrackState.REMOVED))
    assert not removed.any()


def test_tracks_carry_their_id_and_poses_do_not():
    def above(people):
        return draw(black(), people)[40:58, 100:140]

    labels = [above(tracks(poses([NOBODY], [BOX]), ids=[i])) for i in (1, 2)]
    assert near(labels[0], colour_of(1)).sum() > 50 and near(labels[1], colour_of(2)).sum() > 50
    assert not np.array_equal(near(labels[0], colour_of(1)), near(labels[1], colour_of(2)))
    assert not above(poses([NOBODY], [BOX])).any()


def test_a_label_stays_in_the_picture():
    for box in ((-30, -30, 100, 350), (470, 300, 600, 700)):
        drawn = draw(black(), tracks(poses([NOBODY], [box]), ids=[888], states=TrackState.LOST))
        assert near(drawn, (200, 200, 200)).sum() > 300


def test_people_may_have_other_colours_than_those_of_their_ids():
    arm = person(right_shoulder=(120, 100), right_elbow=(280, 100))
    drawn = draw(black(), tracks(poses([arm], [BOX]), ids=[7]), colours=[colour_of(2)])
    assert near(drawn, colour_of(2)).sum() > 200 and not near(drawn, colour_of(7)).any()
    np.testing.assert_array_equal(
        near(draw(black(), tracks(poses([arm], [BOX]), ids=[7])), colour_of(7)).any(axis=1),
        near(drawn, colour_of(2)).any(axis=1),
    )


def noise():
    return np.random.default_rng(0).integers(0, 256, (360, 480, 3), dtype=np.uint8)


def unchanged(drawn, image):
    """Part of the noise that can be seen."""
    return float((drawn == image).all(axis=2).mean())


HEAD = {"nose": (200, 90), "left_eye": (208, 82), "right_eye": (192, 82)}


@pytest.mark.parametrize("state", list(TrackState))
def test_with_privacy_nothing_of_a_face_is_left_whatever_is_known_of_the_person(state):
    image = noise()
    pose = NOBODY if state in (TrackState.LOST, TrackState.REMOVED) else person(**HEAD)
    people = tracks(poses([pose], [BOX]), states=state)
    drawn = draw(image, people, privacy=True)
    assert unchanged(drawn[62:110, 175:225], image[62:110, 175:225]) < 0.01
    assert unchanged(drawn[290:335, 110:290], image[290:335, 110:290]) > 0.99
    assert unchanged(draw(image, people)[62:110, 175:225], image[62:110, 175:225]) > 0.5


def test_with_privacy_people_who_are_not_drawn_are_covered_too():
    image = noise()
    found = poses([NOBODY], [(300, 10, 400, 350)])
    nobody = Tracks.empty(skeleton("coco_17"))
    drawn = draw(image, nobody, privacy=True, found=found)
    assert unchanged(drawn[20:100, 300:400], image[20:100, 300:400]) < 0.01
    np.testing.assert_array_equal(draw(image, nobody, found=found), image)


def test_with_privacy_no_face_is_drawn_by_its_keypoints_either():
    layout = skeleton("halpe_136")
    keypoints = np.tile([np.nan, np.nan, 0.0], (136, 1))
    keypoints[layout.group("face")] = [(200, 90, 0.9)]
    keypoints[layout.group("face"), 0] += np.linspace(-40, 40, 68)
    people = poses([keypoints], [FAR_BOX], "halpe_136")
    assert draw(black(), people).any()
    found = draw(black(), people, privacy=True)
    assert set(np.unique(found)) <= {0, 64}  # the fill alone


def width_at(picture, x):
    """Count the coloured pixels of a column, dark rims left out."""
    return int((picture[:, x].max(axis=-1) > 100).sum())


def test_lines_are_wider_for_larger_people_and_in_larger_pictures():
    arm = person(right_shoulder=(100, 100), right_elbow=(300, 100))

    def width(height, shape):
        return width_at(draw(black(*shape), poses([arm], [(0, 3000, 1, 3000 + height)])), 200)

    assert width(50, (1080, 1920)) < width(400, (1080, 1920)) < width(900, (1080, 1920)) <= 10
    assert width(900, (360, 480)) < width(900, (1080, 1920))


def test_fingers_are_thinner_than_limbs_and_vanish_when_small():
    def hand(size):
        return person(
            "halpe_136",
            right_shoulder=(50, 300),
            right_elbow=(450, 300),
            right_hand_wrist=(100, 100),
            right_hand_thumb_1=(100 + size, 100),
        )

    def drawn(size):
        return draw(black(1080, 1920), poses([hand(size)], [(0, 3000, 1, 3600)], "halpe_136"))

    large = drawn(200)
    assert 0 < width_at(large, 200) - width_at(drawn(8), 200) < width_at(drawn(8), 200) / 2
    assert not drawn(8)[80:120].any()
    assert near(large, (255, 255, 255))[80:120].any()  # dots
    middle = drawn(60)[80:120]
    assert middle.any() and not near(middle, (255, 255, 255)).any()


def test_small_people_are_not_hidden_under_dots():
    knee = person(right_knee=(50, 50))
    assert not draw(black(), poses([knee], [(0, 3000, 1, 3060)])).any()
    assert draw(black(), poses([knee], [(0, 3000, 1, 3200)]))[50, 50].all()


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))]
)
def test_other_images_are_refused(image):
    with pytest.raises(ValueError, match=r"image must be \(H, W, 3\) uint8 BGR, got"):
        draw(image, Poses.empty(skeleton("coco_17")))


def test_a_contact_sheet_shows_each_image_in_its_place_above_its_caption():
    images = [np.full((90, 160, 3), (40 * i, 250, 0), np.uint8) for i in range(5)]
    sheet = contact_sheet(images, [f"t = {i} s" for i in range(5)], columns=3, tile_width=80)
    height, width = sheet.shape[0] // 2, sheet.shape[1] // 3
    assert sheet.shape == (2 * height, 3 * width, 3) and width == 84
    for i, image in enumerate(images):
        y, x = height * (i // 3), width * (i % 3)
        np.testing.assert_array_equal(sheet[y + 20, x + 40], image[0, 0])
        caption = sheet[y + 2 + 45 : y + height, x : x + width]
        assert near(caption, (255, 255, 255), 60).any()
    assert not near(sheet[height:, 2 * width :], (255, 255, 255), 60).any()  # the place left over


def test_a_contact_sheet_fits_images_of_other_shapes_and_has_a_title():
    wide, tall = np.full((50, 100, 3), 255, np.uint8), np.full((100, 20, 3), 255, np.uint8)
    plain = contact_sheet([wide, tall], ["", ""], columns=4, tile_width=100)
    tile = near(plain[:, 104:], (255, 255, 255))
    assert tile.any(axis=0).sum() == 10 and tile.any(axis=1).sum() == 50
    titled = contact_sheet([wide, tall], ["", ""], tile_width=100, title=["one", "two"])
    head = len(titled) - len(plain)
    assert head > 20 and titled.shape[1] == plain.shape[1]
    np.testing.assert_array_equal(titled[head:], plain)
    assert near(titled[: head // 2], (255, 255, 255), 90).any()


def test_a_long_caption_is_made_smaller_until_it_fits():
    image = np.zeros((40, 120, 3), np.uint8)
    sheet = contact_sheet([image], ["a very long caption for so small a tile"], tile_width=120)
    assert not near(sheet[44:, -6:], (255, 255, 255), 60).any()


def test_a_contact_sheet_needs_images_and_a_caption_for_each():
    with pytest.raises(ValueError, match="got 0 for 0"):
        contact_sheet([], [])
    with pytest.raises(ValueError, match="got 2 for 1"):
        contact_sheet([black()], ["a", "b"])
