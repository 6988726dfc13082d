import numpy as np
import pytest
from scipy.io import savemat

from alphapose_ros.evaluation.datasets.lsp import read_lsp
from alphapose_ros.skeletons import skeleton


def poses(count, seed=0):
    """Return labels (count, 14, 3): x, y, and a flag that is 0 or 1."""
    random = np.random.default_rng(seed)
    return np.dstack((random.uniform(5, 150, (count, 14, 2)), random.integers(0, 2, (count, 14))))


def test_the_labels_of_the_extended_set_are_read_completely(data):
    path = data / "lspet/labels.npz"
    with np.load(path) as stored:
        names, labels = stored["names"], stored["keypoints"]
    truth = read_lsp(path)
    assert truth.name == "lspet" and truth.skeleton is skeleton("lsp_14")
    assert len(truth) == len(truth.pictures) == len(names) == 5899
    assert truth.is_labelled.sum() == np.count_nonzero(labels[..., 2]) == 73191
    seen = labels[..., 2] > 0
    np.testing.assert_allclose(truth.keypoints[seen, :2], labels[seen, :2])
    assert not truth.keypoints[~seen].any()
    for picture in truth.pictures:
        assert (data / "lspet/images" / picture.file).is_file()


def test_the_torso_reaches_from_the_left_shoulder_to_the_right_hip(data):
    truth = read_lsp(data / "lspet/labels.npz")
    shoulder, hip = truth.keypoints[:, 9], truth.keypoints[:, 2]  # as the data set numbers them
    missing = (shoulder[:, 2] == 0) | (hip[:, 2] == 0)
    assert missing.any() and np.isnan(truth.sizes_px[missing]).all()
    expected = np.hypot(shoulder[:, 0] - hip[:, 0], shoulder[:, 1] - hip[:, 1])
    np.testing.assert_allclose(truth.sizes_px[~missing], expected[~missing])


@pytest.mark.parametrize(
    ("part", "first", "last", "count"),
    [("test", 1001, 2000, 1000), ("train", 1, 1000, 1000), ("all", 1, 2000, 2000)],
)
def test_the_parts_of_the_official_file(tmp_path, part, first, last, count):
    labels, path = poses(2000), tmp_path / "joints.mat"
    savemat(path, {"joints": labels.transpose(2, 1, 0)})
    truth = read_lsp(path, part)
    assert truth.name == "lsp" and len(truth) == len(truth.pictures) == count
    assert truth.pictures[0].file == f"im{first:04d}.jpg"
    assert truth.pictures[-1].file == f"im{last:04d}.jpg"
    expected = labels[first - 1 : last]
    np.testing.assert_allclose(truth.keypoints[..., :2], expected[..., :2])
    np.testing.assert_array_equal(truth.keypoints[..., 2], 2 - expected[..., 2])  # 1: hidden
    assert truth.is_labelled.all()


def test_the_official_file_of_the_extended_set(tmp_path):
    labels, path = poses(7), tmp_path / "joints.mat"
    savemat(path, {"joints": labels.transpose(1, 2, 0)})
    truth = read_lsp(path)
    assert truth.name == "lspet"
    assert [p.file for p in truth.pictures] == [f"im{i:05d}.jpg" for i in range(1, 8)]
    np.testing.assert_array_equal(truth.is_labelled, labels[..., 2] == 1)
    seen = truth.is_labelled
    np.testing.assert_allclose(truth.keypoints[seen, :2], labels[seen, :2])
    assert not truth.keypoints[~seen].any()


def test_somebody_without_any_label_has_no_extent(tmp_path):
    labels, path = poses(3), tmp_path / "labels.npz"
    labels[1, :, 2] = 0
    np.savez(path, names=np.array(["a.jpg", "b.jpg", "c.jpg"]), keypoints=labels)
    truth = read_lsp(path)
    assert truth.areas[1] == 0 and np.isnan(truth.sizes_px[1]) and not truth.boxes[1].any()


def test_malformed_files_are_named(tmp_path):
    path = tmp_path / "joints.mat"
    savemat(path, {"joints": np.ones((16, 3, 5))})
    with pytest.raises(ValueError, match=r"joints.mat.joints: must be 3 x 14 x N or 14 x 3 x N"):
        read_lsp(path)
    labels = poses(4)
    labels[2, 3, 0] = np.nan
    savemat(path, {"joints": labels.transpose(2, 1, 0)})
    with pytest.raises(ValueError, match=r"joints.mat.joints: holds NaN or Inf"):
        read_lsp(path)
    savemat(path, {"poses": labels})
    with pytest.raises(ValueError, match=r"joints.mat.joints: is missing"):
        read_lsp(path)
    with pytest.raises(ValueError, match="'val' is none of test, train, all"):
        read_lsp(path, "val")
    path = tmp_path / "labels.npz"
    np.savez(path, names=np.array(["a.jpg"]), keypoints=poses(2))
    with pytest.raises(ValueError, match=r"labels.npz.keypoints: must be 1 x 14 x 3"):
        read_lsp(path)
    np.savez(path, names=np.array(["a.jpg"]))
    with pytest.raises(ValueError, match=r"labels.npz: not a file of names and keypoints"):
        read_lsp(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"labels.npz: not a file of names and keypoints"):
        read_lsp(path)


def test_the_extended_set_has_no_parts(data):
    with pytest.raises(ValueError, match=r"part 'test' is of LSP; this is LSPET"):
        read_lsp(data / "lspet/labels.npz", part="test")
