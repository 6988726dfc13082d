from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results

from alphapose_ros.io.formats import FORMATS
from alphapose_ros.io.formats.losses import PARTS, losses
from alphapose_ros.io.formats.table import FIXED, PERSON
from alphapose_ros.skeletons import skeleton

NOTHING = made_results(counts=())


def test_nothing_is_lost_of_nothing():
    for target in FORMATS.values():
        assert losses(NOTHING, target) == []


def test_losses_by_hand():
    results = made_results(1, "halpe_26", counts=(2, 0, 1), predicted=0, has_ids=False)
    lines = losses(results, FORMATS["coco"])
    people = sum((frame.tracks.person_ids >= 0).sum() for frame in results.frames)
    assert lines == [
        "frames without people (1 frames)",
        "times of frames (3 frames)",
        "sizes of images (3 frames)",
        "scores of boxes (3 people)",
        "states, ages and hits of tracks (3 people)",
        "velocities in pixels (3 people)",
        f"identities by re-ID ({people} people)",
        "positions in metres (3 people)",
        "velocities in metres per second (3 people)",
        "where people face (3 people)",
        "9 of 26 keypoints: head, neck, hip, left_big_toe, right_big_toe, left_small_toe and "
        "3 more (3 people)",
    ]


def test_what_a_file_did_not_tell_is_not_lost():
    results = made_results(1, "coco_17", counts=(1,), predicted=0)
    assert "times of frames (1 frames)" in losses(results, FORMATS["alphapose"])
    results = replace(results, has_stamps=False)
    assert "times of frames (1 frames)" not in losses(results, FORMATS["alphapose"])


def test_predicted_people_and_indices_are_counted():
    results = made_results(1, "coco_17", counts=(1, 1, 1), predicted=1, is_video=False)
    assert "people predicted but not seen (3 people)" in losses(results, FORMATS["alphapose"])
    results = made_results(1, "coco_17", counts=(0, 1, 1), predicted=0, is_video=False)
    assert "indices of frames (2 frames)" in losses(results, FORMATS["alphapose"])
    assert not any("indices" in line for line in losses(results, FORMATS["openpose"]))


def test_tables_lose_what_only_bags_hold():
    results = made_results(1, "coco_17", counts=(2,), predicted=0)
    (frame,) = results.frames
    poses = replace(
        frame.tracks.poses, embeddings=np.ones((2, 4)), keypoints_3d=np.ones((2, 17, 3))
    )
    frame = replace(frame, tracks=replace(frame.tracks, poses=poses))
    for name in ("csv", "parquet"):
        assert losses(replace(results, frames=[frame]), FORMATS[name]) == [
            "keypoints in metres (2 people)",
            "embeddings of re-ID (2 people)",
        ]


def test_mot_has_no_keypoints():
    results = made_results(1, "coco_17", counts=(2,), predicted=0)
    assert "all keypoints (2 people)" in losses(results, FORMATS["mot"])


@pytest.mark.parametrize("name", FORMATS)
def test_formats_hold_parts_that_there_are(name):
    assert FORMATS[name].holds <= PARTS.keys()
    assert FORMATS[name].keeps(skeleton("coco_17")) <= set(skeleton("coco_17").names)


def page(root):
    return (root / "docs/formats.md").read_text(encoding="utf-8")


def test_the_page_says_what_each_format_holds(root):
    """The table is that of the code; what this prints is to stand there."""
    heads = ["", *(f"`{name}`" for name in FORMATS)]
    rows = [
        [part.meaning, *("yes" if name in one.holds else "" for one in FORMATS.values())]
        for name, part in PARTS.items()
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    assert table in page(root), f"docs/formats.md needs this table:\n{table}"


def test_the_page_says_what_keypoints_are_kept(root):
    bodies = ("coco_17", "halpe_26", "halpe_136", "coco_wholebody_133", "posetrack_15")
    heads = ["of", *(f"`{name}`" for name in FORMATS)]
    rows = [
        [f"`{body}`", *(str(len(one.keeps(skeleton(body)))) for one in FORMATS.values())]
        for body in bodies
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    assert table in page(root), f"docs/formats.md needs this table:\n{table}"


def test_the_page_lists_all_columns_of_tables_in_order(root):
    table = page(root).partition("## Tables")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(names) == FIXED
    for part in PERSON:
        row = f"| {', '.join(f'`{name}`' for name in part.columns)} | "
        assert row in table
        assert f"{row}{type_of(part.kind)} | {part.meaning} |" in table


def type_of(kind):
    return "text" if kind is str else kind.__name__
