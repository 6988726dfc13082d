from __future__ import annotations

import pytest
import torch

from alphapose_ros.devices import limit_threads, pick_device


def test_auto_is_there_and_takes_a_gpu_where_one_is():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert pick_device("auto").type == expected


def test_the_processor_can_always_be_chosen():
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [("gpu", "'gpu' is none of auto, cpu"), ("cuda:99", "'cuda:99' is not there")],
)
def test_a_device_that_is_not_there_is_refused_with_the_remedy(name, message):
    with pytest.raises(ValueError, match=message):
        pick_device(name)


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (4, 3), (8, 8)])
def test_one_of_few_cores_is_left_to_others(monkeypatch, cores, expected):
    before = torch.get_num_threads()
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    try:
        assert limit_threads(0) == expected
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
