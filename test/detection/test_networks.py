from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from alphapose_ros.detection.letterbox import PREPROCESSING
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.detection.torch_backend import as_planes


def on_meta(name, classes=80):
    with torch.device("meta"):
        return build_detection_network(name, classes)


@pytest.mark.parametrize("name", DETECTION_NETWORKS)
def test_names_and_shapes_are_those_of_published_checkpoints(name, data):
    published = json.loads((data / f"reference/keys/det__{name}.json").read_text())
    network = on_meta(name)
    ours = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    assert ours == published["keys"]
    assert sum(tensor.numel() for tensor in network.parameters()) == published["_params"]


@pytest.mark.parametrize("name", DETECTION_NETWORKS)
@pytest.mark.parametrize("classes", [1, 80])
def test_rows_of_all_cells(name, classes):
    network = on_meta(name, classes)
    assert not network.training
    boxes_per_cell = 3 if name == "yolov3_spp" else 1
    cells = 8 * 12 + 4 * 6 + 2 * 3
    rows = network(torch.zeros(2, 3, 64, 96, device="meta"))
    assert rows.shape == (2, boxes_per_cell * cells, 5 + classes)


@pytest.mark.parametrize("name", ["yolox_tiny", "yolox_s"])
def test_rows_are_those_of_the_reference(name, data, fill_by_name):
    vectors = np.load(data / f"reference/vectors/det__{name}_320.npz")
    preprocessing = PREPROCESSING["yolox"]
    square = preprocessing(vectors["image_bgr_u8"], 320).pixels
    images = as_planes(torch.from_numpy(square), preprocessing)
    np.testing.assert_array_equal(images[0, :, ::4, ::4], vectors["preproc"])
    network = fill_by_name(build_detection_network(name), float(vectors["gain"]))
    with torch.inference_mode():
        rows = network(images)[0].numpy()
    expected = vectors["decoded"]
    np.testing.assert_allclose(rows[:, 4:], expected[:, 4:], atol=1e-4, rtol=0)
    # Widths are up to 1e7 pixels with these weights, exponentials of what the network says.
    np.testing.assert_allclose(rows[:, :4], expected[:, :4], atol=1e-3, rtol=1e-4)


# Row: centre x, y, width, height, object, first class; computed by the authors' own code.
YOLOV3_ROWS = {
    0: (0.52674, -0.70466, 8.47735, 8.45951, 0.51294, 0.48103),
    9: (72.61998, -0.72874, 8.47649, 8.42314, 0.51345, 0.48018),
    50: (16.63516, 31.15993, 8.62604, 8.3627, 0.5149, 0.47914),
    95: (88.41068, 55.10583, 8.49937, 8.30948, 0.51036, 0.48291),
    96: (0.79274, 0.11572, 15.4848, 17.47558, 0.50953, 0.50267),
    119: (80.86291, 48.79312, 15.81376, 17.15718, 0.51376, 0.50781),
    120: (4.50023, -2.4234, 33.04461, 30.20865, 0.49875, 0.5026),
    125: (68.07303, 28.78582, 33.43076, 31.54094, 0.49739, 0.50529),
}


def test_rows_of_yolov3_are_those_of_its_authors(fill_by_name):
    network = fill_by_name(build_detection_network("yolov3"), 0.5)
    images = torch.arange(3 * 64 * 96).remainder(251).float().view(1, 3, 64, 96)
    with torch.inference_mode():
        rows = network(images)[0, list(YOLOV3_ROWS), :6]
    torch.testing.assert_close(rows, torch.tensor([*YOLOV3_ROWS.values()]), atol=1e-4, rtol=0)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match=r"known are yolox_nano, .* yolov3_spp"):
        build_detection_network("yolov4")


def test_names_are_known_without_pytorch():
    program = (
        "import sys; from alphapose_ros.detection.networks import DETECTION_NETWORKS; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
