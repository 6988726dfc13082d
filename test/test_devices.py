from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from alphapose_ros import devices
from alphapose_ros.devices import pick_compute, pick_device, thread_count


def test_auto_takes_a_gpu_where_one_is():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert pick_device("auto") == expected


def test_without_a_driver_pytorch_is_not_even_asked():
    code = (
        "import sys\nfrom alphapose_ros import devices\ndevices.NVIDIA = ()\n"
        "print(devices.pick_device('auto'), devices.pick_device('cpu'), 'torch' in sys.modules)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.split() == ["cpu", "cpu", "False"]


@pytest.mark.parametrize(("is_available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_where_a_driver_is_pytorch_decides(monkeypatch, tmp_path, is_available, expected):
    monkeypatch.setattr(devices, "NVIDIA", ("/nowhere/nvidiactl", str(tmp_path)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_available)
    assert pick_device("auto") == expected


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_is_there_can_be_chosen(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "'gpu' is none of auto, cpu"),
        ("cuda:x", "'cuda:x' is none of auto, cpu"),
        ("cuda:99", "'cuda:99' is not there"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_the_remedy(name, message):
    with pytest.raises(ValueError, match=message):
        pick_device(name)


def test_graphs_do_not_run_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="'onnx' runs on the processor, not on 'cuda'; use"):
        pick_compute("cuda", "onnx")
    assert pick_compute("cuda", "auto").device == "cuda"


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (4, 3), (8, 8)])
def test_one_of_few_cores_is_left_to_others(monkeypatch, cores, expected):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert thread_count() == pick_compute("cpu").threads == expected
    assert thread_count(3) == 3


def test_without_pytorch_a_driver_alone_makes_no_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "NVIDIA", (str(tmp_path),))
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert pick_compute("auto", "auto").device == "cpu"


@pytest.mark.parametrize("asked", [{"device": "cuda"}, {"runtime": "torch"}])
def test_without_pytorch_what_needs_it_is_refused_with_the_remedy(monkeypatch, asked):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs PyTorch; pip install torch safetensors"):
        pick_compute(**asked)
