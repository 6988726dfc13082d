"""The sources and the compiled messages form one package, and an installation has all of it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import alphapose_ros
from alphapose_ros.files import share


def loaded_by(code: str) -> set[str]:
    """Return the names of all modules that are loaded after ``code`` ran in a fresh Python."""
    report = f"{code}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", report], text=True).split())


def test_the_checkout_is_what_is_imported(root):
    assert Path(alphapose_ros.__file__).resolve() == root / "alphapose_ros/__init__.py"


def test_sources_and_messages_share_the_name(root):
    code = "from alphapose_ros import Frame\nfrom alphapose_ros.msg import PoseArray\n"
    assert {"alphapose_ros.frame", "alphapose_ros.msg"} <= loaded_by(code)


@pytest.mark.parametrize("code", ["import alphapose_ros.msg", "import alphapose_ros.srv"])
def test_messages_come_without_the_networks(code):
    modules = loaded_by(code)
    assert code.removeprefix("import ") in modules
    assert not {"torch", "cv2", "scipy"} & modules


def test_the_bare_package_is_light():
    assert not {"torch", "cv2", "scipy", "numpy", "rclpy"} & loaded_by("import alphapose_ros")


def test_public_names_are_there():
    for name in alphapose_ros.__all__:
        module = getattr(alphapose_ros, name).__module__
        assert module == f"alphapose_ros.{alphapose_ros._HOME[name]}"
    assert set(alphapose_ros.__all__) == set(alphapose_ros._HOME) <= set(dir(alphapose_ros))


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Frames'"):
        _ = alphapose_ros.Frames


def test_files_are_found(root):
    assert share("config/fastdds_images.xml").samefile(root / "config/fastdds_images.xml")


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"config/nothing\.yaml"):
        share("config/nothing.yaml")


def test_versions_agree(root):
    setup = re.search(r'version="(.+?)"', (root / "setup.py").read_text()).group(1)
    manifest = re.search(r"<version>(.+?)</version>", (root / "package.xml").read_text()).group(1)
    assert setup == manifest == alphapose_ros.__version__
    assert f"## {setup}" in (root / "CHANGELOG.md").read_text()


def test_every_interface_is_compiled(root):
    listed = re.findall(r'"((?:msg|srv)/.+?)"', (root / "CMakeLists.txt").read_text())
    present = [f"{p.parent.name}/{p.name}" for k in ("msg", "srv") for p in (root / k).iterdir()]
    assert sorted(listed) == sorted(present)


def test_every_node_is_a_program(root):
    installed = re.search(r"foreach\(NODE (.+?)\)", (root / "CMakeLists.txt").read_text()).group(1)
    nodes = (root / "alphapose_ros/nodes").glob("*.py")
    programs = [path.stem for path in nodes if "def main(" in path.read_text()]
    assert sorted(installed.split()) == sorted(programs)


ROS = re.compile(r"\w+_(msgs|srvs|interfaces)|rclpy|launch|launch_ros|cv_bridge|message_filters")
OPTIONAL = {"foxglove_msgs"}  # for those who have Foxglove


def imported(root):
    """The ROS packages that the nodes and launch files import."""
    files = [*(root / "alphapose_ros").rglob("*.py"), *(root / "launch").glob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    ]
    return {name for module in modules if ROS.fullmatch(name := module.partition(".")[0])}


def declared(root, *kinds):
    """The packages that package.xml depends on in one of these ways."""
    text = (root / "package.xml").read_text()
    return set(re.findall(rf"<(?:{'|'.join(kinds)})>(\w+)<", text))


def test_what_is_imported_is_declared(root):
    assert imported(root) - OPTIONAL <= declared(root, "depend", "exec_depend")


def test_no_message_package_is_declared_for_nothing(root):
    compiled = re.search(r"DEPENDENCIES (.+)\n", (root / "CMakeLists.txt").read_text()).group(1)
    messages = {name for name in declared(root, "exec_depend") if ROS.fullmatch(name)}
    assert messages - imported(root) <= {
        "cv_bridge",
        "message_filters",
    }  # of whoever has a full ROS
    assert declared(root, "depend") == set(compiled.split())


def test_messages_can_be_compiled_by_what_is_declared(root):
    found = set(re.findall(r"find_package\((\w+)", (root / "CMakeLists.txt").read_text()))
    assert found == declared(root, "buildtool_depend", "depend") | {"ament_cmake_pytest"}
    assert "ament_cmake_pytest" in declared(root, "test_depend")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """The names of all files in the wheel that `pip install .` would install."""
    folder = tmp_path_factory.mktemp("wheel")
    # setuptools itself, and not pip, which would fetch a setuptools of its own
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_library(root, wheel):
    sources = {f.relative_to(root).as_posix() for f in (root / "alphapose_ros").rglob("*.py")}
    assert sources == {name for name in wheel if name.endswith(".py") and ".data/" not in name}


def test_the_wheel_holds_weights_and_settings(root, wheel):
    weights = {
        f.relative_to(root).as_posix() for f in (root / "alphapose_ros/models/weights").iterdir()
    }
    assert any(name.endswith(".safetensors") for name in weights)
    assert weights <= set(wheel)
    shared = {name.partition("/data/share/alphapose_ros/")[2] for name in wheel}
    assert {
        "config/pose.yaml",
        "config/fastdds_images.xml",
        "config/cyclonedds_images.xml",
        "launch/pose.launch.py",
    } <= shared


def test_the_wheel_brings_the_command(wheel):
    (entry_points,) = (text for name, text in wheel.items() if name.endswith("entry_points.txt"))
    assert b"alphapose = alphapose_ros.cli:main" in entry_points
