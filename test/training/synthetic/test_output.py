from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from alphapose_ros.cli import main
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.synthetic import output
from alphapose_ros.training.synthetic.assets import open_assets
from alphapose_ros.training.synthetic.backgrounds import Backgrounds, made_up
from alphapose_ros.training.synthetic.output import to_millimetres
from alphapose_ros.training.synthetic.photography import photograph


def synth(assets, out, *words):
    return main(["synth", "--assets", str(assets), "--out", str(out), *words])


def content(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_number_of_processes_changes_nothing(assets_folder, tmp_path):
    small = ("--count", "3", "--size", "72x96", "--seed", "3")
    assert synth(assets_folder, tmp_path / "one", *small) == 0
    assert synth(assets_folder, tmp_path / "two", *small, "--workers", "2") == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")
    # and a later start gives the same pictures
    assert synth(assets_folder, tmp_path / "late", *small[2:], "--count", "1", "--start", "2") == 0
    name = "images/0000002.jpg"
    assert content(tmp_path / "late")[name] == content(tmp_path / "one")[name]


def test_an_interrupted_call_goes_on_where_it_was(assets_folder, tmp_path, monkeypatch, capsys):
    small = ("--count", "3", "--size", "48x64", "--seed", "3")
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert synth(assets_folder, whole, *small) == 0
    draw, drawn = output.image_entry, []

    def fail_at_the_third(sample, number, *more):
        if number == 2 and len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(number)
        return draw(sample, number, *more)

    monkeypatch.setattr(output, "image_entry", fail_at_the_third)
    assert synth(assets_folder, torn, *small) == 130
    with (torn / "made.jsonl").open("a") as log:
        log.write('[{"id": 2, ')  # as when the power fails
    assert synth(assets_folder, torn, *small[:-1], "4") == 1
    assert "other options" in capsys.readouterr().err
    drawn.append(None)
    assert synth(assets_folder, torn, *small) == 0
    assert drawn == [0, 1, None, 2]
    assert content(torn) == content(whole)


def test_crops_come_as_an_interchange_folder(assets_folder, tmp_path):
    assert synth(assets_folder, tmp_path / "crops", "--count", "3", "--size", "72x96") == 0
    told = json.loads((tmp_path / "crops/annotations.json").read_text("utf-8"))
    halpe = skeleton("halpe_136")
    assert told["info"]["skeleton"] == halpe.id
    assert tuple(told["categories"][0]["keypoints"]) == halpe.names
    images = {image["id"]: image for image in told["images"]}
    assert len(images) == 3
    own = [one for one in told["annotations"] if not one["iscrowd"]]
    assert sorted(one["image_id"] for one in own) == sorted(images)
    for one in own:
        image = images[one["image_id"]]
        picture = cv2.imread(str(tmp_path / "crops/images" / image["file_name"]))
        assert picture.shape[:2] == (image["height"], image["width"])
        keypoints = np.array(one["keypoints"]).reshape(136, 3)
        absent = np.array(one["absent"])
        assert set(keypoints[:, 2]) <= {0, 1, 2}
        np.testing.assert_array_equal(absent == 1, keypoints[:, 2] == 0)
        x, y, width, height = one["bbox"]
        assert -0.5 <= x < x + width <= image["width"] - 0.5
        assert -0.5 <= y < y + height <= image["height"] - 0.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--size", "big"), "640x480"),
        (("--size", "8x8"), "32 pixels"),
        (("--backgrounds", "empty"), "folder with pictures"),
    ],
)
def test_wrong_requests_are_explained(assets_folder, tmp_path, capsys, words, told):
    (tmp_path / "empty").mkdir()
    words = [str(tmp_path / word) if word == "empty" else word for word in words]
    assert synth(assets_folder, tmp_path / "out", "--count", "1", *words) == 1
    assert told in capsys.readouterr().err


def test_a_full_folder_is_not_written_into(assets_folder, tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert synth(assets_folder, tmp_path, "--count", "1") == 1
    assert "not empty" in capsys.readouterr().err


def test_missing_assets_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"makehuman_core\.tar\.xz.*docs/synthetic\.md"):
        open_assets(tmp_path)


def test_photographs_of_a_folder_become_backgrounds(tmp_path):
    (tmp_path / "deep").mkdir()
    cv2.imwrite(str(tmp_path / "deep/red.png"), np.full((60, 80, 3), (0, 0, 200), np.uint8))
    backgrounds = Backgrounds(tmp_path, ())
    piece = backgrounds.piece((40, 30), np.random.default_rng(0))
    assert piece.shape == (40, 30, 3)
    assert piece[..., 2].min() > 100
    assert piece[..., :2].max() == 0


def test_made_up_backgrounds_and_photographs_depend_on_the_generator_alone():
    for draw in (
        lambda rng: made_up((40, 50), rng),
        lambda rng: photograph(np.full((40, 50, 3), 99, np.uint8), rng),
    ):
        first, second = (draw(np.random.default_rng(5)) for _ in range(2))
        assert first.shape == (40, 50, 3)
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, second)


def test_depth_is_stored_as_depth_cameras_do():
    depths = np.array([[1.2344, 0.0005, 70.0, np.inf]], np.float32)
    assert to_millimetres(depths).tolist() == [[1234, 0, 0, 0]]
    assert to_millimetres(depths).dtype == np.uint16
