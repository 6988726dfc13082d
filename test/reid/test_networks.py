from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from alphapose_ros.architectures import Architecture, recognise
from alphapose_ros.checkpoints import load_network
from alphapose_ros.reid import POSE_GUIDED, REID_NETWORKS, build_reid_network
from alphapose_ros.reid.torch_backend import normalised

WITH_CLASSIFIER = [name for name in REID_NETWORKS if name not in POSE_GUIDED]
ON_ITS_OWN_CROP = [name for name in WITH_CLASSIFIER if name != "pga_res50"]
REFERENCE_MEAN = torch.tensor([0.406, 0.457, 0.480])  # what the reference takes off its crops
OF_THE_AUTHORS = {  # first four numbers, sum of all: two pictures through their own networks
    "osnet_ain_x1_0": [
        ([1.9032363891601562, 0.0, 0.0, 2.649151563644409], 602.5694520510733),
        ([1.8384989500045776, 0.0, 0.0, 2.768893003463745], 595.2737664997578),
    ],
    "osnet_ibn_x1_0": [
        ([8.278830528259277, 0.0, 0.0, 0.6190430521965027], 687.8977426216006),
        ([8.590859413146973, 0.0, 0.0, 0.6791283488273621], 704.771362259984),
    ],
    "osnet_x0_5": [
        ([0.3584435284137726, 47.42234802246094, 12.060726165771484, 0.0], 3327.5185031443834),
        ([0.0, 45.41194152832031, 9.842442512512207, 0.0], 3111.5845631463453),
    ],
    "osnet_x0_75": [
        ([10.446488380432129, 6.84830379486084, 0.0, 0.0], 2893.3664809856564),
        ([8.878151893615723, 5.912416458129883, 0.0, 0.0], 2560.3998715911875),
    ],
}


def shapes(build) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}


def inputs(name: str, count: int = 2) -> list[torch.Tensor]:
    """Return pictures, and heatmaps where the network takes them."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(count, 3, 64, 32, generator=generator)
    channels = {"reid_small": 12, "pga_res50": 17}.get(name)
    heatmaps = torch.rand(count, channels or 1, 16, 8, generator=generator)
    return [pictures, heatmaps] if channels else [pictures]


@pytest.mark.parametrize("name", ON_ITS_OWN_CROP)
def test_official_networks_have_the_names_and_shapes_of_their_checkpoints(data, name):
    keys = json.loads((data / f"reference/keys/reid__{name}_cls1.json").read_text("utf-8"))["keys"]
    ours = shapes(lambda: build_reid_network(name, classes=1))
    assert ours == {name: tuple(shape) for name, shape in keys.items()}


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_x1_0", "resnet50_fc512"])
@pytest.mark.parametrize(("vector", "step"), [("feature", 1), ("feature_norm_input", 2)])
def test_official_networks_compute_what_the_reference_computes(data, filled, name, vector, step):
    expected = np.load(data / f"reference/vectors/reid__{name}.npz")
    crops = torch.from_numpy(expected["input_rgb_u8"][:, ::step, ::step].copy())
    network = filled(name, float(expected["gain"]))
    with torch.inference_mode():
        found = network((crops.float() / 255 - REFERENCE_MEAN).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found, expected[vector], atol=1e-5)


@pytest.mark.parametrize("name", OF_THE_AUTHORS)
def test_other_forms_compute_what_their_authors_networks_compute(filled, seeded, name):
    pictures = torch.from_numpy(seeded.seeded_crop(3, 2, (256, 128)))
    with torch.inference_mode():
        found = filled(name)(normalised(pictures)).numpy()
    for row, (first, total) in zip(found, OF_THE_AUTHORS[name], strict=True):
        np.testing.assert_allclose(row[:4], first, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(row.sum(dtype=np.float64), total, rtol=1e-5)


@pytest.mark.parametrize("name", REID_NETWORKS)
def test_every_network_can_be_built_without_memory_and_filled(name, tmp_path):
    first = build_reid_network(name)
    torch.save(first.state_dict(), tmp_path / "weights.pth")
    second = load_network(lambda: build_reid_network(name), tmp_path / "weights.pth")
    with torch.inference_mode():
        torch.testing.assert_close(second(*inputs(name)), first(*inputs(name)), rtol=0, atol=0)


@pytest.mark.parametrize("name", REID_NETWORKS)
def test_in_every_network_people_do_not_see_each_other(name):
    network, three = build_reid_network(name), inputs(name, 3)
    with torch.inference_mode():
        together = network(*three)
        alone = network(*(part[1:2] for part in three))
    assert together.shape[0] == 3
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WITH_CLASSIFIER)
@pytest.mark.parametrize("classes", [1, 751, 1041])
def test_every_network_is_known_by_its_tensors(name, classes):
    found = recognise(shapes(lambda: build_reid_network(name, classes=classes)))
    assert found == Architecture("reid", name, classes)
    assert str(found) == f"{name}, {classes} outputs"


@pytest.mark.parametrize("name", ON_ITS_OWN_CROP)
def test_networks_without_a_classifier_are_known_too(name):
    expected = shapes(lambda: build_reid_network(name, classes=0))
    found = recognise(expected)
    assert found == Architecture("reid", name, 512, {"classes": 0})
    assert shapes(lambda: build_reid_network(found.network, **found.options)) == expected
    assert not any("classifier" in tensor for tensor in expected)


@pytest.mark.parametrize("name", POSE_GUIDED)
def test_networks_that_a_pose_guides_are_known_by_their_tensors(name):
    found = recognise(shapes(lambda: build_reid_network(name)))
    assert found == Architecture("reid", name, 128)


def test_an_osnet_of_unknown_width_is_refused():
    tensors = shapes(lambda: build_reid_network("osnet_x0_5")) | {
        "conv1.conv.weight": (24, 3, 7, 7)
    }
    with pytest.raises(ValueError, match=r"OSNet of form and first channels \('', 24\) is not"):
        recognise(tensors)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="unknown re-identification network 'osnet'; known are re"):
        build_reid_network("osnet")


def test_pictures_are_normalised_as_imagenet_s():
    picture = torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(normalised(picture)[0, :, 0, 0], expected, atol=1e-6)
