"""Tests talk over shared memory only, apart from every other ROS 2 program on the machine."""

from __future__ import annotations

import fcntl
import os
import re
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = TemporaryDirectory(prefix="alphapose_ros_test_")


def claim_domains(size=10):
    """Take a block of domains that no other run on this machine has, until this process ends.

    All are up to 101, beyond which other programs may use their ports.
    """
    for first in range(1, 101, size):
        lock = os.open(Path(gettempdir(), f"alphapose_ros_test_{first}.lock"), os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return range(first, first + size)
    raise RuntimeError("ten runs of these tests are under way; wait until one of them ends")


DOMAINS = claim_domains()

# Before rclpy starts, for this process and all that it starts: no socket is opened, no image lost.
os.environ.pop("FASTRTPS_DEFAULT_PROFILES_FILE", None)
os.environ.pop("FASTDDS_DEFAULT_PROFILES_FILE", None)
os.environ.update(
    FASTDDS_BUILTIN_TRANSPORTS="SHM?max_msg_size=16MB&sockets_size=16MB",
    ROS_AUTOMATIC_DISCOVERY_RANGE="SYSTEM_DEFAULT",
    ROS_DOMAIN_ID=str(DOMAINS[0]),
    ROS_HOME=FOLDER.name,
    ROS_LOG_DIR=FOLDER.name,
)
# On a busy machine the threads of a small network wait for each other far longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CYCLONEDDS_URI", (ROOT / "config/cyclonedds_images.xml").as_uri())

# A robot may do without PyTorch. What cannot be imported is skipped, below; a folder's conftest
# would end the run.
HAS_TORCH = find_spec("torch") is not None
WITHOUT_TORCH = re.compile("No module named '(torch|safetensors)'|needs? PyTorch")
collect_ignore = [
    str(conftest.parent)
    for conftest in Path(__file__).parent.rglob("conftest.py")
    if not HAS_TORCH and "\nimport torch\n" in conftest.read_text(encoding="utf-8")
]


@pytest.fixture(scope="session")
def domains():
    """ROS 2 domains in turn; the tests before used others."""
    return cycle(DOMAINS)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """Real clips and annotations, which are not part of the package."""
    folder = Path(os.environ.get("ALPHAPOSE_TEST_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"needs the test data in {folder} (or where ALPHAPOSE_TEST_DATA says)")
    return folder.resolve()


def skip_without_torch(report, path):
    """Make of what failed for want of PyTorch, where there is none, something that is skipped."""
    if report.failed and not HAS_TORCH and WITHOUT_TORCH.search(str(report.longrepr)):
        report.outcome = "skipped"
        report.longrepr = (str(path), 1, "needs PyTorch: pip install torch safetensors")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return skip_without_torch((yield), collector.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    return skip_without_torch((yield), item.path)
