"""The frozen evaluation list: what it names, that it does not change, that copies are found."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from decoding import DECODES_AS_KNOWN, WHY_NOT

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from evaluation_list import LIST, EvaluationList, check_training, load_list, training_hashes

from alphapose_ros.training.picture_hash import picture_hash

FROZEN = "e532d631ce2b172ea8f9d66dfcd73d3e0db2d0f61d607fe1b7b17d4f3c2c0a38"


def test_the_list_is_the_one_that_figures_name():
    assert hashlib.sha256(LIST.read_bytes()).hexdigest() == load_list().digest == FROZEN


def test_the_list_names_every_set_once():
    names = load_list().names
    assert len(set(names)) == len(names) == 668
    counts = {start: sum(name.startswith(start) for name in names) for start in ("l", "p", "v")}
    assert counts == {"l": 500, "p": 99, "v": 69}


def test_the_pictures_are_as_listed(data):
    for name, source, plain, mirrored in load_list().rows[::40]:
        path, _, frame = name.partition("#")
        assert hashlib.sha256((data / path).read_bytes()).hexdigest() == source
        if not frame:
            image = cv2.imread(str(data / path))
            assert int(plain, 16) == picture_hash(image)
            assert int(mirrored, 16) == picture_hash(cv2.flip(image, 1))


def test_a_mirrored_and_stretched_copy_in_a_training_folder_is_found(data, tmp_path):
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "images/other.png"), rng.integers(0, 255, (60, 60, 3), np.uint8))
    name = load_list().names[7]
    copy = cv2.resize(cv2.imread(str(data / name)), (416, 416), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "images/copy.jpg"), copy[:, ::-1])
    hashes, files = training_hashes(tmp_path)
    assert [(found, files[row]) for found, row in load_list().copies_in(hashes)] == [
        (name, "copy.jpg")
    ]


def test_stored_hashes_stand_for_the_pictures(tmp_path):
    listed = load_list()
    np.savez(tmp_path / "hashes.npz", hashes=np.append(listed.hashes[5, 0], np.uint64(0)))
    hashes, files = training_hashes(tmp_path)
    assert (listed.names[5], 0) in listed.copies_in(hashes)
    assert files == ["0", "1"]


def test_pictures_in_a_pack_are_compared_without_their_grey_border(data, tmp_path):
    name = load_list().names[9]
    image = cv2.imread(str(data / name))
    scale = 416 / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    square = np.full((2, 416, 416, 3), 114, np.uint8)
    square[1, : small.shape[0], : small.shape[1]] = small
    np.save(tmp_path / "pictures.npy", square)
    np.savez(tmp_path / "labels.npz", sizes=[(416, 416), small.shape[:2]])
    hashes, names = training_hashes(tmp_path)
    assert [(found, names[row]) for found, row in load_list().copies_in(hashes)] == [
        (name, "picture 1")
    ]


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither hashes\.npz nor images/"):
        training_hashes(tmp_path)


def test_an_empty_list_has_nothing_in_common_with_anything():
    assert EvaluationList("# nothing\n").rows == []


@pytest.mark.skipif(not DECODES_AS_KNOWN, reason=WHY_NOT)
def test_the_command_fails_where_a_training_folder_holds_evaluation_pictures(data, tmp_path):
    np.savez(tmp_path / "hashes.npz", hashes=load_list().hashes[:1, 1])
    command = [sys.executable, BENCHMARKS / "evaluation_list.py", data, "--training", tmp_path]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=LIST.parent,
    )
    assert done.returncode == 1, done.stderr
    assert "1 training pictures, 1 of them in the list" in done.stdout
    assert "not as in the list" not in done.stdout


@pytest.mark.parametrize(("seed", "is_clean"), [(8999, True), (9000, False), (9099, False)])
def test_synthetic_people_of_the_held_seeds_are_no_training_data(tmp_path, seed, is_clean):
    np.savez(tmp_path / "hashes.npz", hashes=np.empty(0, np.uint64))
    (tmp_path / "annotations.json").write_text(f'{{"info": {{"seed": {seed}}}}}')
    assert check_training([tmp_path]) is is_clean
