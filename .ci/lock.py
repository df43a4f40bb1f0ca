"""Writes the two lock files out of what uv resolved: `python .ci/lock.py RESOLVED`.

`make lock` runs it. What only PyPI's own torch wants of a GPU goes into a file of its own, and the
hashes of other builds of the same release are added.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK, GPU_LOCK = ROOT / "requirements.lock", ROOT / "requirements.gpu.lock"

_HEAD = """\
# Every dependency with its version and its hashes, for Python 3.11 to 3.13. Made by `make lock`:
# don't edit. Install with --require-hashes, as .ci/setup does.
# The torch of the Python Package Index wants parts for a GPU on Linux (nvidia-*, cuda-*, triton);
# they are in requirements.gpu.lock. The lake computes on the CPU, and takes PyTorch's own build
# without them where a machine offers it: its hash stands beside the others.
"""
_GPU_HEAD = """\
# What torch as the Python Package Index has it wants of a GPU on Linux. Made by `make lock`: don't
# edit. Installed beside requirements.lock where pip finds no build of torch without it.
"""

#: Builds of a release that the index doesn't have: PyTorch's own for the CPU alone (2.13.0+cpu,
#: CPython 3.11, Linux on x86-64). A release that stands here no more makes `make lock` fail.
_OTHER_BUILDS = {
    "torch==2.13.0": ("6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",),
}

_GPU = re.compile(r"(nvidia|cuda|triton)\b")
_ELSEWHERE = re.compile(r"sys_platform == '(win32|emscripten)'")


def entries(resolved: str) -> list[tuple[str, list[str]]]:
    """Each requirement with its marker, and its hashes."""
    found = []
    for block in resolved.replace("\\\n", " ").splitlines():
        if block.strip() and not block.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=sha256:", block.strip())
            found.append((requirement.removesuffix(" ; sys_platform != 'emscripten'"), hashes))
    return found


def written(head: str, chosen: list[tuple[str, list[str]]]) -> str:
    """Return the text of a lock file."""
    lines = [
        " \\\n".join([requirement, *(f"    --hash=sha256:{each}" for each in sorted(set(hashes)))])
        for requirement, hashes in chosen
    ]
    return head + "\n".join(lines) + "\n"


def locks(resolved: str) -> tuple[str, str]:
    """Return the lock file, and that of the GPU's parts. Raises `SystemExit` without a hash."""
    common, gpu = [], []
    builds = dict(_OTHER_BUILDS)
    for requirement, hashes in entries(resolved):
        if not hashes:
            raise SystemExit(f"{requirement} has no hash")
        if not _ELSEWHERE.search(requirement):
            more = builds.pop(requirement.split(" ")[0], ())
            (gpu if _GPU.match(requirement) else common).append((requirement, [*hashes, *more]))
    if builds:
        raise SystemExit(f"{', '.join(builds)} moved: mend the builds in .ci/lock.py")
    return written(_HEAD, common), written(_GPU_HEAD, gpu)


if __name__ == "__main__":
    lock, gpu_lock = locks(Path(sys.argv[1]).read_text(encoding="utf-8"))
    LOCK.write_text(lock, encoding="utf-8")
    GPU_LOCK.write_text(gpu_lock, encoding="utf-8")
