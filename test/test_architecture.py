"""Who may import whom: read from the sources, without running them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "alphapose_ros"
LAYERS = [  # a module imports from its own row and from those above it
    "frame skeletons config boxes keypoints matching images mailbox zoo checkpoints files devices "
    "runtimes architectures darknet downloads zoo_table memory",
    "detection pose suppression reid tracking lifting following messages markers filters "
    "conversions",
    "pipeline models",
    "io offline training evaluation",
    "nodes cli",
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names.split()}
DOORS = ("nodes", "cli")  # nobody imports these two
BASE_NEEDS = {  # what files of the first row import besides NumPy and the standard library
    "checkpoints": {"torch", "safetensors"},
    "config": {"yaml"},
    "darknet": {"torch"},
    "images": {"cv2"},  # mosaics and YUV
    "matching": {"scipy"},
    "runtimes": {"onnxruntime"},
}
ROS = {"rclpy", "launch", "launch_ros", "ament_index_python", "cv_bridge", "message_filters"}
ADDRESS = re.compile(r"alphapose_ros\.[\w.]+:\w+")
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MODULES = [name for name in FILES if name != "__init__.py"]


def parse(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"), name)


def own(name: str) -> str:
    """Return the room a file belongs to: the file itself, or the folder at the top."""
    return name.split("/", maxsplit=1)[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of all modules that a file imports, wherever in the file.

    Tables that name functions by their address, "alphapose_ros.module:function", import too.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "alphapose_ros":
            yield from (f"alphapose_ros.{home(alias.name)}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            yield node.module or "."
        elif isinstance(node, ast.Constant) and ADDRESS.fullmatch(str(node.value)):
            yield node.value.partition(":")[0]


def home(public: str) -> str:
    """Return the module in which a public name of the package is at home."""
    homes = next(
        ast.literal_eval(node.value)
        for node in parse("__init__.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME"
    )
    return homes.get(public, public)


def is_ros(module: str) -> bool:
    top, *inner = module.split(".")
    generated = top == "alphapose_ros" and inner[:1] in (["msg"], ["srv"])
    return generated or top in ROS or top.endswith(("_msgs", "_srvs", "_interfaces"))


def has_network(name: str) -> bool:
    return any(
        isinstance(node, ast.ClassDef)
        and any(ast.unparse(base) in ("nn.Module", "Module") for base in node.bases)
        for node in ast.walk(parse(name))
    )


def file_of(module: str) -> str:
    path = module.removeprefix("alphapose_ros.").replace(".", "/")
    return f"{path}.py" if f"{path}.py" in FILES else f"{path}/__init__.py"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_its_place(name):
    assert own(name) in {*LAYER, "__main__"}, (
        f"{name}: {own(name)!r} stands in no row of LAYERS; decide what it may import"
    )


@pytest.mark.parametrize("name", MODULES)
def test_imports_keep_to_the_layers(name):
    room = own(name)
    for module in imports(parse(name)):
        top, *inner = module.split(".")
        if is_ros(module):
            assert room == "nodes", f"{name} imports {module}: ROS stays in nodes/"
        elif top == "alphapose_ros" and inner and not inner[0].startswith("__"):
            other = inner[0]
            assert other in LAYER, f"{name} imports {module}, which stands in no row of LAYERS"
            if other in DOORS:
                assert room in (other, "__main__"), f"{name} imports {module}: nobody may"
            else:
                assert LAYER[other] <= LAYER[room], f"{name} imports {module} of a higher row"


@pytest.mark.parametrize("name", [name for name in MODULES if LAYER.get(own(name)) == 0])
def test_the_base_needs_little(name):
    allowed = {"numpy", "alphapose_ros", *BASE_NEEDS.get(own(name), ())} | sys.stdlib_module_names
    assert {module.split(".")[0] for module in imports(parse(name))} <= allowed


@pytest.mark.parametrize("name", [name for name in MODULES if has_network(name)])
def test_networks_know_torch_and_networks_only(name):
    for module in imports(parse(name)):
        top = module.split(".")[0]
        if top == "alphapose_ros":
            assert has_network(file_of(module)), f"{name} imports {module}, which is no network"
        else:
            assert top in {"torch"} | sys.stdlib_module_names, f"{name} imports {module}"


@pytest.mark.parametrize("name", FILES)
def test_imports_are_absolute_and_named(name):
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: relative import"
            assert all(alias.name != "*" for alias in node.names), f"{name}:{node.lineno}: import *"


@pytest.mark.parametrize("name", [name for name in MODULES if own(name) != "cli"])
def test_imports_stand_at_the_top(name):
    for function in ast.walk(parse(name)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inside, f"{name}:{inside[0].lineno}: import inside {function.name}()"


def test_functions_named_by_their_address_count_as_imports():
    assert "alphapose_ros.pose.onnx_backend" in imports(parse("pose/__init__.py"))


def test_there_are_networks_and_nodes_to_check():
    assert any(has_network(name) for name in MODULES)
    assert any(is_ros(module) for name in MODULES for module in imports(parse(name)))
