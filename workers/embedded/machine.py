"""The machine's resources: memory, shared memory, disk; and Postgres's share of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

_MB = 1024 * 1024
_CGROUPS = Path("/sys/fs/cgroup")
_SHM = Path("/dev/shm")  # noqa: S108 (asked how large it is, nothing is written)


def memory_mb(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the machine's memory in MB, or the limit of the surrounding container or service."""
    limits = [psutil.virtual_memory().total, *_cgroup_limits(cgroups, own)]
    return min(limits) // _MB


def _cgroup_limits(cgroups: Path, own: Path) -> list[int]:
    """Return the limits of this control group and its parents, in bytes, for version 1 and 2."""
    files = [cgroups / "memory" / "memory.limit_in_bytes"]
    lines = own.read_text().splitlines() if own.is_file() else []
    for path in [line.split(":", 2)[2].lstrip("/") for line in lines if line.startswith("0::")]:
        here = cgroups / path
        files += [folder / "memory.max" for folder in [here, *here.parents]]
    texts = [file.read_text().strip() for file in files if file.is_file()]
    return [int(text) for text in texts if text.isdigit()]  # no limit reads "max"


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_nvidia(devices: Path = Path("/dev")) -> bool:
    """Tell whether an NVIDIA GPU is visible in this machine or container.

    Asking torch takes seconds.
    """
    return (devices / "nvidiactl").exists()


def free_disk_mb(folder: Path) -> int:
    """Return the free disk space in MB where `folder` is or will be."""
    existing = next(p for p in [folder, *folder.parents] if p.exists())
    return shutil.disk_usage(existing).free // _MB


def shm_mb(folder: Path = _SHM) -> int:
    """Return the free shared memory in MB; containers often have 64 MB, some sandboxes none."""
    if not os.access(folder, os.W_OK):
        return 0
    return shutil.disk_usage(folder).free // _MB


def postgres_memory(total_mb: int, disk_mb: int, shared_mb: int) -> dict[str, str]:
    """Return Postgres's settings for this memory, free disk and free shared memory.

    8 GB give the values of a dedicated machine of that size; others scale, and shared_buffers never
    exceed a quarter of the memory.
    """
    maintenance = _between(64, total_mb // 16, 2048)
    max_wal = _between(256, min(total_mb // 2, disk_mb // 8), 4096)
    # A parallel index build takes maintenance_work_mem from /dev/shm and dies where it is small.
    roomy = shared_mb >= maintenance + 256
    return {
        "shared_buffers": f"{min(total_mb // 4, 8192)}MB",
        "effective_cache_size": f"{total_mb * 3 // 4}MB",
        "maintenance_work_mem": f"{maintenance}MB",
        "work_mem": f"{_between(4, total_mb // 512, 64)}MB",
        "wal_buffers": f"{_between(4, total_mb // 512, 16)}MB",
        "min_wal_size": f"{max_wal // 4}MB",
        "max_wal_size": f"{max_wal}MB",
        "dynamic_shared_memory_type": "posix" if roomy else "mmap",
    }


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
