from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from alphapose_ros.runtimes import Graph, GraphError, session_options

onnx = pytest.importorskip("onnx")  # to write graphs; reading them needs ONNX Runtime only
TensorProto, helper = onnx.TensorProto, onnx.helper


@pytest.fixture
def path(tmp_path):
    """A graph that doubles and negates what goes in."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["people", 2])
        for name in ("x", "double", "negative")
    ]
    nodes = [
        helper.make_node("Add", ["x", "x"], ["double"]),
        helper.make_node("Neg", ["x"], ["negative"]),
    ]
    graph = helper.make_graph(nodes, "test", ends[:1], ends[1:])
    opset = helper.make_operatorsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, tmp_path / "graph.onnx")
    return tmp_path / "graph.onnx"


@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_come_in_the_order_asked_for(path, threads):
    graph = Graph(path, ["x"], ["negative", "double"], threads)
    negative, double = graph(x=np.array([[1, 2], [3, 4]], np.float32))
    assert negative.tolist() == [[-1, -2], [-3, -4]]
    assert double.tolist() == [[2, 4], [6, 8]]


def test_an_axis_of_any_length_is_none(path):
    graph = Graph(path, ["x"], ["double"])
    assert graph.shape("x") == graph.shape("double") == (None, 2)
    assert graph(x=np.ones((5, 2), np.float32))[0].shape == (5, 2)


def test_threads_that_wait_leave_the_processor_to_others():
    options = session_options(3)
    assert options.intra_op_num_threads == 3
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_missing_graph_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx does not exist"):
        Graph("nowhere.onnx", ["x"], ["y"])


@pytest.mark.parametrize("text", ["", "no graph"])
def test_a_damaged_graph_is_named(tmp_path, text):
    path = tmp_path / "damaged.onnx"
    path.write_text(text)
    with pytest.raises(GraphError, match=r"damaged\.onnx: not a readable ONNX graph"):
        Graph(path, ["x"], ["y"])


@pytest.mark.parametrize(("inputs", "outputs"), [(["crops"], ["double"]), (["x"], ["keypoints"])])
def test_a_graph_for_something_else_is_refused_with_what_it_is(path, inputs, outputs):
    with pytest.raises(GraphError, match="goes from x to double, negative, expected from"):
        Graph(path, inputs, outputs)


LOAD = "import sys; from alphapose_ros.runtimes import Graph; Graph(sys.argv[1], ['x'], ['double'])"
SILENCING = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")


def python(*arguments: str, **settings: str) -> str:
    """Run a program where nothing but `settings` keeps ONNX Runtime quiet; return its output."""
    kept = {name: value for name, value in os.environ.items() if name not in SILENCING}
    command = [sys.executable, "-c", *arguments]
    return subprocess.run(
        command, check=True, env=kept | settings, capture_output=True, text=True
    ).stdout.strip()


def test_nothing_is_noted_about_networks_and_their_user(path, tmp_path):
    """ONNX Runtime notes what it is to send in the user's home, as soon as it reads a network."""
    home = tmp_path / "home"
    home.mkdir()
    python(LOAD, str(path), HOME=str(home))
    assert list(home.rglob("*")) == []


def test_who_wants_onnx_runtime_to_report_may():
    told = "import os, alphapose_ros.runtimes; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert python(told, ORT_DISABLE_TELEMETRY="0") == "0"


BUILD = (  # what the node does on a processor; what else goes wrong ends in a traceback
    "from alphapose_ros import Pipeline\nfrom alphapose_ros.config import Config, with_values\n"
    "try:\n    Pipeline(with_values(Config(), {'device': 'cpu'}))\n"
    "except ValueError as error:\n    print(error)"
)


@pytest.mark.parametrize(
    ("module", "content", "reason"),
    [
        ("onnxruntime.py", "raise ModuleNotFoundError('No module named onnxruntime')", "No module"),
        ("onnxruntime.py", "raise ImportError('libstdc++.so.6: wrong')", r"libstdc\+\+"),
        ("onnxruntime.py", "raise OSError('half a file')", "half a file"),
        ("onnxruntime/__init__.py", "", r"onnxruntime\.capi"),
    ],
)
def test_without_onnx_runtime_the_remedy_is_told(tmp_path, module, content, reason):
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).write_text(content)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    told = python(BUILD, PYTHONPATH=paths)
    assert re.fullmatch(
        rf".* need ONNX Runtime, which cannot be loaded \(.*{reason}.*\): pip install onnxruntime, "
        "or use runtime 'torch'",
        told,
    )
