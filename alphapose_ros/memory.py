"""How the C library holds the memory of a process that loads and drops networks for days."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
import time
from functools import cache
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
MAPPED_BYTES = 16 << 20  # images are smaller, networks larger
KEPT_BYTES = 64 << 20  # of free memory, until give_back_memory()
CACHED_SIZES = range(24, 1040, 16)  # of blocks that glibc keeps for each thread once they are freed
# Before glibc 2.42 it keeps 7. Where one is asked for and none is kept, it keeps as many more as it
# finds free: after 7, one that is found, and 7 kept with it, the next would make it keep 7 again.
CACHED_OF_SIZE = 15
PAUSE_S, PATIENCE_S = 1e-4, 0.1


@cache
def _c_library() -> ctypes.CDLL:
    """The C library; kept, as ctypes makes a class for each that is opened."""
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    return library


def hold_memory_steady() -> None:
    """Fix where glibc takes memory from, for the whole process.

    Left to itself it raises the size from which on memory is the system's own with every large
    block given back, so that the next networks lie among small things that outlive them; and it
    gives threads heaps of their own, of which now the one, now the other holds an image or a
    network. Either makes a process grow by megabytes over its lifecycles.

    The number of heaps is settled once a second thread has taken memory, as those of NumPy's and
    rclpy's libraries do when these are imported: to be called before.
    """
    with contextlib.suppress(AttributeError):  # no glibc
        library = _c_library()
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_memory() -> None:
    """Return unused memory to the system; that of networks would stay with the process.

    CPython remembers the names of attributes that were looked up: thousands of small strings
    between what is free, as every message that is published has them made anew.
    """
    gc.collect()
    for name in ("_clear_internal_caches", "_clear_type_cache"):  # the first from 3.13 on
        if hasattr(sys, name):
            getattr(sys, name)()
            break
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:  # glibc
        _give_back_cached_blocks()
        trim(0)


def _give_back_cached_blocks() -> None:
    """Have the heap take back the freed blocks that glibc keeps for the calling thread.

    malloc_trim() does not see them: each may hold a page where networks lay, and they become more
    with every round trip through the lifecycle, over hundreds of them. What one thread takes and
    another one frees lies with that one, and ends with it.
    """
    library = _c_library()
    blocks = [library.malloc(size) for size in CACHED_SIZES for _ in range(CACHED_OF_SIZE)]

    def free() -> None:
        for block in blocks:
            library.free(block)

    other = threading.Thread(target=free)
    try:
        other.start()
    except RuntimeError:  # no more threads: they are kept as before
        free()
        return
    other.join()
    end_s = time.monotonic() + PATIENCE_S
    with contextlib.suppress(OSError):  # before Python 3.13 it is still ending
        while Path(f"/proc/self/task/{other.native_id}").exists() and time.monotonic() < end_s:
            time.sleep(PAUSE_S)
