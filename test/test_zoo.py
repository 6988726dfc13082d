from __future__ import annotations

import pytest
from safetensors import safe_open

from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.pose import POSE_NETWORKS, build_pose_network
from alphapose_ros.skeletons import SKELETONS
from alphapose_ros.zoo import EMBEDDED, ZOO, find_weights, weights_path

LARGEST_BYTES = 30_000_000  # of all embedded weights together


@pytest.mark.parametrize("name", ZOO)
def test_every_entry_names_a_network_and_a_skeleton_and_its_file_fits(name):
    weights = find_weights(name)
    assert weights.network in POSE_NETWORKS
    assert weights.skeleton in SKELETONS
    network = build_pose_network(weights.network, weights.skeleton)
    load_checkpoint(network, weights_path(weights))


@pytest.mark.parametrize("name", ZOO)
def test_every_file_says_of_itself_what_the_table_says(name):
    weights = find_weights(name)
    with safe_open(weights_path(weights), "pt") as file:
        metadata = file.metadata()
    height, width = weights.input_size
    assert metadata["network"] == weights.network
    assert metadata["skeleton"] == weights.skeleton
    assert metadata["input_size"] == f"{height}x{width}"


@pytest.mark.parametrize("name", ZOO)
def test_every_set_of_weights_has_a_card(name):
    card = weights_path(find_weights(name)).with_suffix(".md").read_text()
    assert find_weights(name).licence in card


def test_embedded_weights_stay_small_and_are_all_named():
    files = sorted(EMBEDDED.glob("*.safetensors"))
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES
    assert [file.name for file in files] == sorted(weights.file for weights in ZOO.values())


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown model 'nothing'; known are fastpose"):
        find_weights("nothing")
