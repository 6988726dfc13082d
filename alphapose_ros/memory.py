"""How the C library holds the memory of a process that loads and drops networks for days."""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
MAPPED_BYTES = 16 << 20  # images are smaller, networks larger
KEPT_BYTES = 64 << 20  # of free memory, until give_back_memory()


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
        library = ctypes.CDLL(None)
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_memory() -> None:
    """Return unused memory to the system; that of networks would stay with the process."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)
