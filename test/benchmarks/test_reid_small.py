from __future__ import annotations

import importlib.util

import numpy as np
import pytest


@pytest.fixture(scope="module")
def benchmark(root):
    spec = importlib.util.spec_from_file_location("reid_small", root / "benchmarks/reid_small.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def people(benchmark, identities, stamps_s, pictures=None):
    count = len(identities)
    if pictures is None:
        pictures = np.zeros((count, 128, 64, 3), np.uint8)
    nothing = np.zeros((count, 12, 32, 16), np.float32)
    return benchmark.People(
        pictures, pictures, nothing, np.array(identities), np.array(stamps_s, float)
    )


def test_neighbouring_frames_of_the_same_person_do_not_count(benchmark):
    """Of person 1 the pictures at 0, 1 and 5 s: only 0 and 1 are closer than two seconds."""
    embeddings = np.eye(4)
    embeddings[2] = (0.6, 0.8, 0, 0)
    sightings = people(benchmark, [1, 1, 1, 2], [0, 1, 5, 0])
    same, strangers = benchmark.pair_distances(embeddings, sightings)
    assert same.tolist() == pytest.approx([0.4, 0.2])
    assert strangers.tolist() == pytest.approx([1, 1, 1])


def test_histograms_know_upper_from_lower_colours(benchmark):
    pictures = np.zeros((3, 128, 64, 3), np.uint8)
    pictures[:2, :64], pictures[:2, 64:] = (200, 0, 0), (0, 0, 200)
    pictures[2, :64], pictures[2, 64:] = (0, 0, 200), (200, 0, 0)
    found = benchmark.histograms(people(benchmark, [1, 1, 2], [0, 0, 0], pictures))
    np.testing.assert_allclose(found @ found.T, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-6)
