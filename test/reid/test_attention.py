from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.pose import build_pose_network
from alphapose_ros.reid import build_reid_network
from alphapose_ros.reid.attention import REACH, PoseGuidedAttention, UnifiedReid
from alphapose_ros.reid.crop import crop_pictures, crop_regions
from alphapose_ros.reid.heatmaps import BODY, body_heatmaps
from alphapose_ros.reid.torch_backend import normalised
from alphapose_ros.runtimes import Graph
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.reid_figures import reid_figures


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = build_reid_network("reid_small").train()
    with torch.no_grad():  # batch norms that know what features look like
        for _ in range(40):
            network(torch.randn(16, 3, 128, 64), torch.rand(16, 12, 32, 16))
    return network.eval()


def spot(row: int, column: int) -> torch.Tensor:
    """Return heatmaps (1, 12, 32, 16) with all keypoints around one place."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(16.0), indexing="ij")
    one = torch.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
    return one.expand(1, 12, 32, 16)


def test_a_moved_heatmap_moves_the_embedding(network):
    picture = torch.randn(1, 3, 128, 64, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        above, near, below = (network(picture, spot(row, 8)) for row in (6, 7, 26))
    assert (above - below).norm() > 1e-3
    assert (above - near).norm() < (above - below).norm()


def test_it_looks_where_the_keypoints_are():
    """Features are 1 above and 0 below; attention grows with the heatmap: the mean follows it."""
    head = PoseGuidedAttention(1, num_keypoints=1, maps=1, embedding=1).eval()
    first, last = head.attention[0], head.attention[2]
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[0, 0, REACH // 2, REACH // 2] = 1.0  # channel 0 is the heatmap itself
        last.weight[0, 0] = np.log(7.0)
    features = torch.tensor([[[[1.0], [0.0]]]])
    heatmaps = torch.tensor([[[[1.0], [0.0]]]])
    # m_A = exp(log 7 * heatmap) = (7, 1), so 1 + m_A = (8, 2), and the mean is 8 / 10.
    seen = []
    head.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].item()))
    head(features, heatmaps)
    head(features, heatmaps.flip(2))
    head(features, 0 * heatmaps)
    assert seen == pytest.approx([0.8, 0.2, 0.5])


def test_attention_weighs_features_as_in_the_paper():
    """Eq. 20, m_wid = m_id * m_A + m_id, then the mean by weights, written out per place."""
    torch.manual_seed(0)
    head = PoseGuidedAttention(5, num_keypoints=3, maps=2, embedding=4).eval()
    features, heatmaps = torch.randn(2, 5, 4, 2), torch.rand(2, 3, 8, 4)
    seen = []
    head.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        head(features, heatmaps)
        maps = head.maps(heatmaps, (4, 2))
    expected = []
    for person in range(2):
        for attention in maps[person]:
            weighted = features[person] * attention + features[person]
            expected.append(weighted.sum(dim=(1, 2)) / (1 + attention).sum())
    assert (maps > 0).all() and maps.std() > 0
    torch.testing.assert_close(seen[0], torch.stack(expected).reshape(2, 10))


def test_without_any_keypoint_it_looks_at_the_whole_picture(network):
    pictures = torch.randn(3, 3, 128, 64, generator=torch.Generator().manual_seed(1))
    nothing = torch.zeros(3, 12, 32, 16)
    with torch.inference_mode():
        maps = network.head.maps(nothing, (16, 8))
        embeddings = network(pictures, nothing)
    torch.testing.assert_close(maps, maps[:, :, :1, :1].expand_as(maps))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("strength", [0.0, 1.0, 1e4])
def test_embeddings_are_finite_and_of_unit_length(network, strength):
    pictures = torch.randn(2, 3, 128, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found = network(pictures, strength * torch.ones(2, 12, 32, 16))
    assert found.shape == (2, 128)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


def test_a_person_alone_has_the_embedding_that_it_has_among_others(network):
    generator = torch.Generator().manual_seed(4)
    pictures = torch.randn(5, 3, 128, 64, generator=generator)
    heatmaps = torch.rand(5, 12, 32, 16, generator=generator)
    with torch.inference_mode():
        together = network(pictures, heatmaps)
        alone = network(pictures[3:4], heatmaps[3:4])
    torch.testing.assert_close(alone, together[3:4], rtol=1e-4, atol=1e-5)


def test_it_is_small(network):
    assert sum(parameter.numel() for parameter in network.parameters()) < 500_000
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, 128, 64), torch.zeros(1, 12, 32, 16))
    assert counter.get_total_flops() / 2 < 22e6


def test_it_is_built_without_memory():
    with torch.device("meta"):
        network = build_reid_network("reid_small")
        found = network(torch.zeros(2, 3, 128, 64), torch.zeros(2, 12, 32, 16))
    assert found.is_meta and found.shape == (2, 128)
    buffers = {name for name, _ in network.named_buffers()}
    assert buffers <= set(network.state_dict())


class TestUnifiedReid:
    @pytest.fixture
    def unified(self):
        torch.manual_seed(0)
        pose = build_pose_network("fastpose_small", "coco_17")
        body = [skeleton("coco_17").index(name) for name in BODY]
        return UnifiedReid(pose, pose.preact.out_channels, body).eval()

    def test_its_heatmaps_are_those_of_the_pose_network(self, unified):
        crops = torch.randn(2, 3, 128, 96)
        with torch.inference_mode():
            heatmaps, embeddings = unified(crops)
            torch.testing.assert_close(heatmaps, unified.pose(crops))
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))

    def test_both_tasks_teach_the_backbone(self, unified):
        for output in range(2):
            unified.zero_grad()
            unified(torch.randn(2, 3, 128, 96))[output].pow(3).sum().backward()
            assert unified.pose.preact.conv1.weight.grad.abs().sum() > 0

    def test_keypoints_that_are_not_of_the_body_do_not_guide_it(self, unified):
        crops = torch.randn(1, 3, 128, 96)
        rows = {"nose": 0, "left_shoulder": 5}
        embeddings = []
        with torch.inference_mode():
            for row in rows.values():
                plain = unified(crops)[1]
                unified.pose.conv_out.weight[row] += 2
                embeddings.append((unified(crops)[1] - plain).abs().max().item())
                unified.pose.conv_out.weight[row] -= 2
        assert embeddings[0] == 0 and embeddings[1] > 1e-5


@pytest.fixture(scope="module")
def shipped(root):
    folder = root / "alphapose_ros/models/weights"
    network = load_checkpoint(build_reid_network("reid_small"), folder / "reid_small.safetensors")
    graph = Graph(folder / "reid_small.onnx", ("crops", "heatmaps"), ("embeddings",))
    return network, graph, folder


class TestShippedWeights:
    def embed(self, network, pictures, heatmaps):
        with torch.inference_mode():
            inputs = normalised(torch.from_numpy(pictures)), torch.from_numpy(heatmaps)
            return network(*inputs).numpy()

    @pytest.fixture(scope="class")
    def walkers(self, root):
        """Pictures, heatmaps and identities of all who are seen well in the rendered sequences."""
        pictures, heatmaps, who = [], [], []
        for folder in sorted((root / "test/data/synthetic_sequences").glob("0*")):
            content = json.loads((folder / "annotations.json").read_text("utf-8"))
            images = {image["id"]: image["file_name"] for image in content["images"]}
            for person in content["annotations"]:
                x, y, width, height = person["bbox"]
                if person["iscrowd"] or person["visible"] < 0.6 or height < 60:
                    continue
                image = cv2.imread(str(folder / "images" / images[person["image_id"]]))
                region = crop_regions(np.array([[x, y, x + width, y + height]]), image.shape[:2])
                points = np.reshape(person["keypoints"], (1, 136, 3))
                rows = [skeleton("halpe_136").index(name) for name in BODY]
                points = points[:, rows] * (1, 1, 0.5)
                pictures.append(crop_pictures(image, region, (128, 64))[0])
                heatmaps.append(body_heatmaps(points, region, (32, 16))[0])
                who.append((folder.name, person["track_id"]))
        _, identities = np.unique(who, axis=0, return_inverse=True)
        return np.array(pictures), np.array(heatmaps), identities.reshape(-1)

    def test_they_are_small_and_the_graph_computes_the_same(self, shipped, walkers):
        network, graph, folder = shipped
        total = sum(file.stat().st_size for file in folder.glob("reid_small.*"))
        assert total < 2_000_000
        pictures, heatmaps, _ = walkers
        (found,) = graph(crops=pictures[:5], heatmaps=heatmaps[:5])
        np.testing.assert_allclose(found, self.embed(network, *walkers[:2])[:5], atol=1e-4)

    def test_they_tell_people_apart_whom_they_were_not_trained_on(self, shipped, walkers):
        embeddings = self.embed(shipped[0], *walkers[:2])
        assert len(set(walkers[2])) >= 8
        assert reid_figures(embeddings, walkers[2])["AUC"] > 0.95

    def test_of_two_people_in_a_picture_the_heatmaps_choose_one(self, shipped, walkers):
        """Two people side by side, each narrowed to half of the picture."""
        pictures, heatmaps, who = walkers
        _, firsts = np.unique(who, return_index=True)
        alone = self.embed(shipped[0], pictures[firsts], heatmaps[firsts])
        is_right = []
        for i, one in enumerate(firsts):
            other = firsts[i - 1]
            both = np.concatenate((pictures[one, :, ::2], pictures[other, :, ::2]), axis=1)
            nobody = np.zeros_like(heatmaps[one, :, :, ::2])
            guides = [
                np.concatenate((heatmaps[one, :, :, ::2], nobody), axis=2),
                np.concatenate((nobody, heatmaps[other, :, :, ::2]), axis=2),
            ]
            left, right = self.embed(shipped[0], np.array([both, both]), np.array(guides))
            is_right.append(alone[i] @ left > alone[i] @ right)
            is_right.append(alone[i - 1] @ right > alone[i - 1] @ left)
        assert np.mean(is_right) >= 0.9

    def test_they_tell_three_real_people_apart(self, shipped, one_by_one):
        images, boxes, persons = one_by_one
        regions = [crop_regions(b[None], i.shape[:2]) for i, b in zip(images, boxes, strict=True)]
        pictures = np.concatenate(
            [crop_pictures(i, r, (128, 64)) for i, r in zip(images, regions, strict=True)]
        )
        nothing = np.zeros((len(pictures), 12, 32, 16), np.float32)
        embeddings = self.embed(shipped[0], pictures, nothing)
        assert reid_figures(embeddings, persons)["AUC"] > 0.9
