"""Where a process holds its memory, as glibc and Python themselves tell it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from alphapose_ros.memory import KEPT_BYTES, MAPPED_BYTES, give_back_memory

of_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")

HEAPS = """
import ctypes, threading
{first}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(4)
def take():
    barrier.wait()
    for _ in range(100):
        libc.malloc(100_000)
    barrier.wait()
threads = [threading.Thread(target=take) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""
BLOCKS = """
import ctypes
from pathlib import Path
from alphapose_ros.memory import hold_memory_steady
hold_memory_steady()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
def heap_end():
    lines = Path("/proc/self/maps").read_text().splitlines()
    (line,) = [line for line in lines if "[heap]" in line]
    return int(line.split()[0].split("-")[1], 16)
before = heap_end()
for _ in range(3):  # glibc by itself would take the second one from the heap
    libc.free(libc.malloc({size}))
libc.malloc({size})
print(heap_end() - before)
"""


CACHED = """
import ctypes, threading
from alphapose_ros.memory import CACHED_SIZES, give_back_memory
libc = ctypes.CDLL(None)
class Figures(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefg"] + [("used", ctypes.c_size_t)] + [
        (name, ctypes.c_size_t) for name in "hi"
    ]
libc.mallinfo2.restype = Figures
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
give_back_memory()
blocks = [libc.malloc(n) for n in CACHED_SIZES for _ in range(200)]
held = libc.mallinfo2().used
[libc.free(block) for block in blocks[::2]]  # a heap with holes
cached = libc.mallinfo2().used - held + 100 * sum(CACHED_SIZES)  # they count as used
{first}
give_back_memory()
print(cached, libc.mallinfo2().used - held + 100 * sum(CACHED_SIZES), 7 * sum(CACHED_SIZES))
"""
NO_MORE_THREADS = """
def start(thread): raise RuntimeError("can't start new thread")
threading.Thread.start = start
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def heaps(first: str) -> int:
    return run(HEAPS.format(first=first)).stderr.count("Arena ")


@of_glibc
def test_threads_share_one_heap():
    hold = "from alphapose_ros.memory import hold_memory_steady; hold_memory_steady()"
    assert heaps(hold) == 1
    assert heaps("") > 1  # as glibc does by itself


@of_glibc
def test_so_do_those_of_a_process_that_imports_a_node():
    pytest.importorskip("rclpy")
    assert heaps("from alphapose_ros.nodes import pose_node") == 1


@of_glibc
@pytest.mark.parametrize(
    ("size", "is_on_heap"), [(MAPPED_BYTES // 2, True), (2 * MAPPED_BYTES, False)]
)
def test_only_large_blocks_are_the_systems_own(size, is_on_heap):
    grown = int(run(BLOCKS.format(size=size)).stdout)  # some may have been free
    assert (grown > 0.9 * size) == is_on_heap
    assert size < KEPT_BYTES


def test_names_of_attributes_that_were_looked_up_are_given_back():
    name = "".join(["bit_", "length"])  # a string of its own
    getattr(5, name)
    before = sys.getrefcount(name)
    if before == 2:  # of `name` and of the call
        pytest.skip("this Python does not keep them")
    give_back_memory()
    assert sys.getrefcount(name) == 2


def cached(first: str = "") -> list[float]:
    """Freed blocks that the thread keeps, before and after, in parts of what it may keep."""
    before, after, most = map(int, run(CACHED.format(first=first)).stdout.split())
    return [before / most, after / most]


@of_glibc
def test_freed_blocks_of_the_thread_are_given_back():
    before, after = cached()
    assert before > 0.5
    assert after < 0.3


@of_glibc
def test_without_another_thread_they_stay_and_are_not_lost():
    before, after = cached(NO_MORE_THREADS)
    assert before > 0.5
    assert after < 1.3
