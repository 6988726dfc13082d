from __future__ import annotations

import json

import torch

from alphapose_ros.reid import build_reid_network


def heatmaps(seed: int) -> torch.Tensor:
    return 5 * torch.randn(2, 17, 64, 48, generator=torch.Generator().manual_seed(seed))


def test_it_has_the_names_and_shapes_of_the_published_module(data):
    official = json.loads((data / "reference/keys/reid__ResModel_PGA_17.json").read_text("utf-8"))
    with torch.device("meta"):
        state = build_reid_network("pga_res50").state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == official["keys"]


def test_its_map_is_the_same_everywhere_whatever_the_pose(filled):
    network = filled("pga_res50")
    for seed in (1, 2):
        with torch.inference_mode():
            found = network.attention(heatmaps(seed))
        torch.testing.assert_close(found, torch.full((2, 1, 32, 24), 1 / 768), rtol=1e-5, atol=0)


def test_its_embedding_does_not_hear_of_the_pose(filled):
    network = filled("pga_res50")
    pictures = torch.randn(2, 3, 256, 192, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        usual, none, strong = (network(pictures, k * heatmaps(1)) for k in (1, 0, 50))
        other = network(pictures.flip(0), heatmaps(1))
    assert (usual - other).abs().max() > 1e-2
    torch.testing.assert_close(none, usual, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(strong, usual, rtol=1e-5, atol=1e-6)
