import contextlib
import io
import json

import numpy as np
import pytest

from alphapose_ros.skeletons import SKELETONS, Skeleton, skeleton

GROUPS = ("body", "contour", "feet", "face", "left_hand", "right_hand", "hand")
RIGHT_FIRST = ("interhand_42",)  # the data set's own order
# 300-W numbers that swap in a mirrored face, typed from the data set's figure.
FACE_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((i, 43 - i) for i in range(17, 22)),
    *((31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)),
)
# WFLW's numbers, typed from the data set's figure.
WFLW_PAIRS = (
    *((i, 32 - i) for i in range(16)),
    *((33, 46), (34, 45), (35, 44), (36, 43), (37, 42), (38, 50), (39, 49), (40, 48), (41, 47)),
    *((55, 59), (56, 58), (60, 72), (61, 71), (62, 70), (63, 69), (64, 68)),
    *((65, 75), (66, 74), (67, 73), (76, 82), (77, 81), (78, 80), (83, 87), (84, 86)),
    *((88, 92), (89, 91), (93, 95), (96, 97)),
)
COCO_PAIRS = tuple((i, i + 1) for i in range(1, 16, 2))


def load(data, name):
    return json.loads((data / "pose_datasets" / name).read_text())


def points(annotation, field="keypoints"):
    return np.array(annotation[field], np.float64).reshape(-1, 3)


def of_image(annotations, image_id):
    (found,) = [a for a in annotations["annotations"] if a["image_id"] == image_id]
    return found


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_is_consistent(name):
    s = skeleton(name)
    assert s.id == name and len(s.names) == int(name.rsplit("_", 1)[1])
    assert len(set(s.names)) == len(s.names) == len(s.sigmas)
    assert {end for edge in s.edges for end in edge} == set(s.names)  # nothing undrawn
    assert len({frozenset(edge) for edge in s.edges}) == len(s.edges)
    assert len(s.flip_pairs) == sum(k.startswith("right_") for k in s.names)
    assert all(0 < sigma < 0.2 for sigma in s.sigmas)
    assert hash(s) == hash(skeleton(name))


@pytest.mark.parametrize("name", SKELETONS)
def test_names_are_lower_snake_case(name):
    assert all(k.replace("_", "").isalnum() and k == k.lower() for k in skeleton(name).names)


@pytest.mark.parametrize("name", SKELETONS)
def test_groups_cover_all_rows_once_and_in_order(name):
    s = skeleton(name)
    rows = np.arange(len(s.names))
    np.testing.assert_array_equal(np.concatenate([rows[s.group(g)] for g in s.groups]), rows)
    assert set(s.groups) <= set(GROUPS)
    assert list(s.groups) == sorted(s.groups, key=GROUPS.index, reverse=name in RIGHT_FIRST)


@pytest.mark.parametrize("name", SKELETONS)
def test_the_groups_hold_what_their_names_say(name):
    s = skeleton(name)
    for side in ("left_hand", "right_hand"):
        of_hand = [k for k in s.names if k.startswith(side)]
        assert of_hand == (list(s.names[s.group(side)]) if side in s.groups else [])
    of_feet = [k for k in s.names if k.endswith(("_toe", "_heel"))]
    assert of_feet == (list(s.names[s.group("feet")]) if "feet" in s.groups else [])
    assert ("chin" in s.names) == ("face" in s.groups)


@pytest.mark.parametrize("name", SKELETONS)
def test_mirroring_twice_gives_the_pose_back(name):
    s = skeleton(name)
    rows = np.arange(len(s.names))
    np.testing.assert_array_equal(s.flip_order[s.flip_order], rows)
    assert sum(s.flip_order != rows) == 2 * len(s.flip_pairs)


@pytest.mark.parametrize("name", SKELETONS)
def test_mirrored_edges_are_edges_again(name):
    s = skeleton(name)
    edges = {frozenset(edge) for edge in s.edge_rows.tolist()}
    assert {frozenset(edge) for edge in s.flip_order[s.edge_rows].tolist()} == edges


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("coco_17", COCO_PAIRS),
        ("halpe_26", (*COCO_PAIRS, (20, 21), (22, 23), (24, 25))),
        (
            "halpe_68",
            (
                *COCO_PAIRS,
                (20, 21),
                (22, 23),
                (24, 25),
                *zip(range(26, 47), range(47, 68), strict=True),
            ),
        ),
        (
            "halpe_136",
            (
                *(*COCO_PAIRS, (20, 21), (22, 23), (24, 25)),
                *((26 + a, 26 + b) for a, b in FACE_PAIRS),
                *zip(range(94, 115), range(115, 136), strict=True),
            ),
        ),
        (
            "coco_wholebody_133",
            (
                *(*COCO_PAIRS, (17, 20), (18, 21), (19, 22)),
                *((23 + a, 23 + b) for a, b in FACE_PAIRS),
                *zip(range(91, 112), range(112, 133), strict=True),
            ),
        ),
        ("crowdpose_14", tuple((i, i + 1) for i in range(0, 12, 2))),
        ("posetrack_15", tuple((i, i + 1) for i in range(3, 15, 2))),
        ("mpii_16", ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))),
        ("single_hand_21", ()),
        ("lsp_14", ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9))),
        (
            "mpii_trb_40",
            (
                *((i, i + 1) for i in range(0, 12, 2)),
                (14, 15),
                *((i, i + 6) for i in (*range(16, 22), *range(28, 34))),
            ),
        ),
        ("face_68", FACE_PAIRS),
        ("wflw_98", WFLW_PAIRS),
        ("interhand_42", tuple((i, 21 + i) for i in range(21))),
    ],
)
def test_flip_pairs_are_those_of_the_data_sets(name, pairs):
    found = {frozenset(pair) for pair in skeleton(name).flip_pairs}
    assert found == {frozenset(pair) for pair in pairs}


def test_coco_17_is_the_annotation_file_s(data):
    (category,) = load(data, "coco/test_coco.json")["categories"]
    s = skeleton("coco_17")
    assert list(s.names) == category["keypoints"]
    official = {frozenset((a - 1, b - 1)) for a, b in category["skeleton"]}
    assert {frozenset(edge) for edge in s.edge_rows.tolist()} == official


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("crowdpose_14", "crowdpose/test_crowdpose.json"),
        ("posetrack_15", "posetrack18/annotations/val/009473_mpii_test.json"),
    ],
)
def test_names_are_the_annotation_file_s(data, name, file):
    (category,) = load(data, file)["categories"]
    never_labelled = ("left_ear", "right_ear") if name.startswith("posetrack") else ()
    assert list(skeleton(name).names) == [
        k for k in category["keypoints"] if k not in never_labelled
    ]


def test_the_ears_left_out_of_posetrack_are_never_labelled(data):
    labelled = load(data, "posetrack18/annotations/test_posetrack18_val.json")["annotations"]
    assert len(labelled) == 3 and not any(points(a)[3:5].any() for a in labelled)


def test_mpii_16_names_the_points_of_the_named_annotation_of_the_same_pictures(data):
    named = load(data, "mpii/test_mpii_trb.json")
    names = named["categories"][0]["keypoints"][:14]
    other = {"head": "head_top", "neck": "upper_neck"}
    s = skeleton("mpii_16")
    for person in load(data, "mpii/test_mpii.json"):
        expected = points(of_image(named, int(person["image"].removesuffix(".jpg"))))
        rows = [s.index(other.get(name, name)) for name in names]
        seen = np.array(person["joints_vis"])[rows] > 0
        assert seen.sum() >= 12
        np.testing.assert_allclose(
            np.array(person["joints"])[rows][seen], expected[:14][seen, :2], atol=1e-3
        )


def test_the_fingers_and_their_edges_are_freihand_s(data):
    (category,) = load(data, "freihand/test_freihand.json")["categories"]
    words = {"forefinger": "index", "middle_finger": "middle", "ring_finger": "ring"}
    words["pinky_finger"] = "little"
    theirs = []
    for name in category["keypoints"]:
        finger, number = (name[:-1], name[-1]) if name[-1].isdigit() else (name, "")
        theirs.append("_".join(filter(None, (words.get(finger, finger), number))))
    s = skeleton("single_hand_21")
    assert list(s.names) == theirs
    assert (s.edge_rows + 1).tolist() == category["skeleton"]
    for name in ("halpe_136", "coco_wholebody_133", "halpe_68"):
        whole = skeleton(name)
        for side in ("left_hand", "right_hand"):
            hand = whole.names[whole.group(side)]
            assert hand == tuple(f"{side}_{finger}" for finger in s.names)


def test_the_face_is_in_the_order_of_300w(data):
    x, y, _ = points(load(data, "300w/test_300w.json")["annotations"][0]).T
    s = skeleton("halpe_136")
    names = s.names[s.group("face")]
    row = {name: i for i, name in enumerate(names)}
    for name in names:  # a frontal picture: the subject's right is on the left
        if name.startswith("right_"):
            assert x[row[name]] < x[row[name.replace("right_", "left_", 1)]]
    below = ("left_eyebrow_3", "left_eye_upper_outer", "left_eye_lower_outer", "nose_base")
    below += ("upper_lip", "inner_upper_lip", "inner_lower_lip", "lower_lip", "chin")
    assert (np.diff([y[row[name]] for name in below]) >= 0).all()  # a closed mouth
    upwards = ("chin", "left_jaw_8", "left_jaw_4", "left_jaw_1")
    assert (np.diff([y[row[name]] for name in upwards]) < 0).all()
    assert x[row["left_eye_inner_corner"]] < x[row["left_eye_outer_corner"]]
    assert x[row["left_eyebrow_5"]] < x[row["left_eyebrow_1"]]
    assert x[row["left_nostril_2"]] < x[row["left_nostril_1"]]


def test_mpii_trb_40_names_what_the_annotation_file_names(data):
    (category,) = load(data, "mpii/test_mpii_trb.json")["categories"]
    ours = {"head": "head_top", "neck": "upper_neck"}
    theirs = []
    for name in category["keypoints"]:
        kind, *rest = name.split("_")
        if kind in ("medial", "lateral"):
            side, place = rest
            theirs.append(f"{side}_{kind}_{place.replace('bow', 'elbow')}")
        else:
            theirs.append(ours.get(name, name))
    assert list(skeleton("mpii_trb_40").names) == theirs


def test_lsp_14_is_in_the_order_that_the_leeds_pictures_are_labelled_in(data):
    # In most pictures people stand upright: from the ankles up to the top of the head.
    with np.load(data / "lspet/labels.npz") as stored:
        x_y_v = stored["keypoints"]
    x_y_v = x_y_v[(x_y_v[..., 2] > 0).all(axis=1)]
    median = np.median(x_y_v[..., 1] - x_y_v[:, [12], 1], axis=0)
    s = skeleton("lsp_14")
    upwards = ("ankle", "knee", "hip", "elbow", "shoulder")
    for side in ("left", "right"):
        assert (np.diff([median[s.index(f"{side}_{name}")] for name in upwards]) < 0).all()
    assert median[s.index("head_top")] < median[s.index("neck")]
    bones = [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")]
    for start, stop in bones:  # a limb is shorter than the way to the other side's
        own = distance(x_y_v, s.index(f"left_{start}"), s.index(f"left_{stop}"))
        across = distance(x_y_v, s.index(f"left_{start}"), s.index(f"right_{stop}"))
        assert own < across


def distance(x_y_v, start, stop):
    return np.median(np.linalg.norm(x_y_v[:, start, :2] - x_y_v[:, stop, :2], axis=1))


def test_a_face_alone_is_the_face_of_whole_bodies():
    s = skeleton("face_68")
    for name in ("halpe_136", "coco_wholebody_133"):
        whole = skeleton(name)
        assert whole.names[whole.group("face")] == s.names
        rows = np.arange(*whole.groups["face"])
        np.testing.assert_array_equal(whole.rows_of(s), rows)


def test_wflw_98_is_in_the_order_of_its_faces(data):
    s = skeleton("wflw_98")
    faces = [points(a)[:, :2] for a in load(data, "wflw/test_wflw.json")["annotations"]]
    for face in faces:
        row = {name: i for i, name in enumerate(s.names)}
        # The pupil lies inside its eye, the eye below its eyebrow.
        for side in ("left", "right"):
            parts = tuple(f"{side}_{part}" for part in ("eye_", "upper_lid", "lower_lid"))
            eye = face[[i for name, i in row.items() if name.startswith(parts)]]
            pupil = face[row[f"{side}_pupil"]]
            assert (eye.min(axis=0) <= pupil).all() and (pupil <= eye.max(axis=0)).all()
            middle, brow = face[row[f"{side}_upper_lid_2"]], face[row[f"{side}_eyebrow_upper_3"]]
            under = face[row[f"{side}_eyebrow_lower_3"]]
            assert brow[1] < under[1] < middle[1] < face[row[f"{side}_lower_lid_2"]][1]
        # Each point halfway lies between its neighbours on the contour.
        for side in ("left", "right"):
            for number in range(1, 9):
                start = face[row[f"{side}_jaw_{number}"]]
                stop = face[row[f"{side}_jaw_{number + 1}" if number < 8 else "chin"]]
                half = face[row[f"{side}_jaw_half_{number}"]]
                assert np.linalg.norm((start + stop) / 2 - half) < 0.25 * np.linalg.norm(
                    start - stop
                )


def test_the_faces_share_nose_lips_corners_of_the_eyes_and_contour():
    shared = skeleton("wflw_98").rows_of(skeleton("face_68"))
    # Numbers that conversions between both sets agree on; none for eyebrows (17-26) and lids.
    expected = [*range(0, 33, 2), *[-1] * 10, *range(51, 60)]
    expected += [60, -1, -1, 64, -1, -1, 68, -1, -1, 72, -1, -1, *range(76, 96)]
    assert shared.tolist() == expected


def test_both_hands_of_interhand_are_those_of_whole_bodies():
    s, whole = skeleton("interhand_42"), skeleton("halpe_136")
    rows = whole.rows_of(s)
    # Thumb, index... to little finger, each from the tip; the wrist last; right before left.
    one = [*(root + i for root in range(1, 21, 4) for i in (3, 2, 1, 0)), 0]
    right, left = whole.groups["right_hand"][0], whole.groups["left_hand"][0]
    assert rows.tolist() == [*(right + i for i in one), *(left + i for i in one)]


def test_every_toe_and_heel_belongs_to_the_ankle_of_its_side(data):
    halpe = points(of_image(load(data, "halpe/test_halpe.json"), 785))[:, :2]
    whole = of_image(load(data, "coco/test_coco_wholebody.json"), 785)
    whole = np.concatenate((points(whole), points(whole, "foot_kpts")))[:, :2]
    for s, pose in ((skeleton("halpe_136"), halpe), (skeleton("coco_wholebody_133"), whole)):
        for name in s.names[s.group("feet")]:
            side, other = name.split("_")[0], "right" if name.startswith("left") else "left"
            place = pose[s.index(name)]
            own, far = (pose[s.index(f"{which}_ankle")] for which in (side, other))
            assert np.linalg.norm(place - own) < np.linalg.norm(place - far), name


def test_feet_map_by_name_between_the_two_annotations_of_one_picture(data):
    halpe, whole = skeleton("halpe_136"), skeleton("coco_wholebody_133")
    rows = halpe.rows_of(whole)[whole.group("feet")]
    assert rows.tolist() == [20, 22, 24, 21, 23, 25]
    ours = points(of_image(load(data, "halpe/test_halpe.json"), 785))[rows, :2]
    theirs = points(of_image(load(data, "coco/test_coco_wholebody.json"), 785), "foot_kpts")
    apart = np.linalg.norm(ours - theirs[:, :2], axis=1)
    assert apart.max() < 20  # two people clicked; left and right foot are 60 px apart
    assert np.linalg.norm(ours - theirs[[3, 4, 5, 0, 1, 2], :2], axis=1).min() > 50


def test_rows_of_finds_by_name_and_marks_what_is_absent():
    coco, crowd = skeleton("coco_17"), skeleton("crowdpose_14")
    assert coco.rows_of(crowd).tolist() == [*range(5, 17), -1, -1]
    assert crowd.rows_of(coco).tolist() == [-1] * 5 + list(range(12))
    assert skeleton("halpe_136").rows_of(skeleton("halpe_68")).tolist() == [
        *range(26),
        *range(94, 136),
    ]


def test_coco_sigmas_are_pycocotools():
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    official = cocoeval.Params(iouType="keypoints").kpt_oks_sigmas
    np.testing.assert_allclose(skeleton("coco_17").sigmas, official)
    by_name = dict(zip(skeleton("coco_17").names, official, strict=True))
    for name, s in SKELETONS.items():
        for keypoint, sigma in zip(s.names, s.sigmas, strict=True):
            if keypoint in by_name and name != "single_hand_21":
                assert sigma == pytest.approx(by_name[keypoint]), (name, keypoint)


@pytest.mark.parametrize(
    ("vectors", "name", "replaced"),
    [
        ("k17", "coco_17", {}),
        ("k26", "halpe_26", {}),
        ("k133", "coco_wholebody_133", {}),
        # The reference's suppression takes 0.025 for face and hands, Halpe's evaluator 0.015.
        ("k136", "halpe_136", {0.015: 0.025}),
    ],
)
def test_oks_by_our_sigmas_is_the_reference_s(data, vectors, name, replaced):
    with np.load(data / "reference/vectors/oks_nms.npz") as stored:
        poses = stored[f"{vectors}/kpts"].reshape(16, -1, 3).astype(np.float64)
        area, expected = stored[f"{vectors}/area"], stored[f"{vectors}/oks_0_vs_rest"]
    sigmas = np.array([replaced.get(sigma, sigma) for sigma in skeleton(name).sigmas])
    squared = ((poses[1:, :, :2] - poses[0, :, :2]) ** 2).sum(-1)
    mean_area = (area[0] + area[1:, None]) / 2
    oks = np.exp(-squared / (2 * mean_area * (2 * sigmas) ** 2)).mean(1)
    np.testing.assert_allclose(oks, expected, rtol=1e-6, atol=1e-12)


def average_precision(data, fields, score, sigmas):
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    truth = load(data, "coco_wholebody_eval/example_gt.json")
    for person in truth["annotations"]:
        person["keypoints"] = [number for name in fields for number in person[name]]
        person["num_keypoints"] = int((points(person)[:, 2] > 0).sum())
    found = [
        {
            "image_id": person["image_id"],
            "category_id": person["category_id"],
            "keypoints": [number for name in fields for number in person[name]],
            "score": person[score],
        }
        for person in load(data, "coco_wholebody_eval/example_pred.json")
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        annotations = coco.COCO()
        annotations.dataset = truth
        annotations.createIndex()
        run = evaluation.COCOeval(annotations, annotations.loadRes(found), "keypoints")
        run.params.kpt_oks_sigmas = np.array(sigmas)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats[:3]


@pytest.mark.parametrize(
    ("part", "group"),
    [
        ("face", "face"),
        ("lefthand", "left_hand"),
        ("righthand", "right_hand"),
        ("wholebody", None),
    ],
)
def test_wholebody_sigmas_give_the_official_evaluator_s_precision(data, part, group):
    s = skeleton("coco_wholebody_133")
    every = ["keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"]
    found = average_precision(
        data,
        fields=[f"{part}_kpts"] if group else every,
        score=f"{part}_score" if group else "score",
        sigmas=s.sigmas[s.group(group)] if group else s.sigmas,
    )
    expected = load(data, "coco_wholebody_eval/expected.json")["xtcocotools_1.14.3"][part]
    np.testing.assert_allclose(found, expected[:3], atol=1e-6)


def test_what_halpe_adds_has_its_evaluator_s_sigmas():
    s = skeleton("halpe_136")
    by_name = dict(zip(s.names, s.sigmas, strict=True))
    assert [by_name[name] for name in ("head", "neck", "hip")] == [0.08] * 3
    assert set(s.sigmas[s.group("feet")]) == {0.089}
    assert {
        sigma for g in ("face", "left_hand", "right_hand") for sigma in s.sigmas[s.group(g)]
    } == {0.015}


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"'halpe' is none of coco_17, halpe_26.*crowdpose_14"):
        skeleton("halpe")
    with pytest.raises(ValueError, match="coco_17 has no keypoint 'left_heel'"):
        skeleton("coco_17").index("left_heel")
    with pytest.raises(ValueError, match="halpe_26 has no group 'face', only body, feet"):
        skeleton("halpe_26").group("face")


def test_the_computed_rows_cannot_be_written():
    s = skeleton("halpe_26")
    for rows in (s.edge_rows, s.flip_order):
        with pytest.raises(ValueError, match="read-only"):
            rows[0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ("left_eye", "left_eye", "nose")}, "a name occurs twice"),
        ({"sigmas": (0.1,)}, "1 sigmas for 3 keypoints"),
        ({"groups": {"body": (0, 2)}}, "do not cover rows 0 to 3"),
        ({"groups": {"body": (0, 2), "feet": (1, 3)}}, "do not cover rows 0 to 3"),
        ({"edges": (("nose", "tail"),)}, "no keypoint 'tail'"),
        ({"names": ("left_eye", "left_ear", "nose")}, "no keypoint 'right_e"),
    ],
)
def test_a_skeleton_that_contradicts_itself_is_refused(change, message):
    good = {
        "id": "mine",
        "names": ("left_eye", "right_eye", "nose"),
        "edges": (("left_eye", "nose"),),
        "sigmas": (0.1, 0.1, 0.1),
        "groups": {"body": (0, 3)},
    }
    assert Skeleton(**good).flip_order.tolist() == [1, 0, 2]
    with pytest.raises(ValueError, match=message):
        Skeleton(**good | change)
