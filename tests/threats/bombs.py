"""Bombs of gigabytes, dropped on real workers: what became of them, how soon, and at what cost.

    python -m tests.threats.bombs          (or: make bombs)

prints a table. The bombs are made in a moment: a deflate stream of zeros repeats itself.
"""

from __future__ import annotations

import argparse
import os
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from isal import isal_zlib

from tests.support import hostile
from tests.support.site import Site, points, site

GB = 10**9
_BLOCK = 1 << 24


def _zeros(size: int) -> tuple[int, bytes]:
    """The CRC-32 and the raw deflate stream of `size` zero bytes."""
    block, crc = bytes(_BLOCK), 0
    packer = zlib.compressobj(9, wbits=-15)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    whole, rest = divmod(size, _BLOCK)
    for _ in range(whole):
        crc = isal_zlib.crc32(block, crc)
    tail = zlib.compressobj(9, wbits=-15)
    end = tail.compress(block[:rest]) + tail.flush()
    return isal_zlib.crc32(block[:rest], crc), once * whole + end


def gzip_bomb(size: int) -> bytes:
    """A gzip of `size` zeros."""
    crc, packed = _zeros(size)
    head = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    return head + packed + struct.pack("<2L", crc, size & 0xFFFFFFFF)


def zip_bomb(size: int, declared: int | None = None) -> bytes:
    """A zip of one entry of `size` zeros, under 4 GiB as it is written without ZIP64."""
    crc, packed = _zeros(size)
    return _zip_of(b"zeros.bin", 1, struct.pack("<L", crc), packed, declared or size)


def many_zips_bomb(size: int) -> bytes:
    """A zip of ten such entries, each a tenth."""
    crc, packed = _zeros(size // 10)
    return _zip_of(b"%d.bin", 10, struct.pack("<L", crc), packed, size // 10)


def forty_two(levels: int = 5, width: int = 16, size: int = 4 * GB) -> bytes:
    """As 42.zip: zips in zips, sixteen in each, over files of 4 GB; 4.5 PB in all."""
    data = zip_bomb(size)
    for _ in range(levels):
        packer = zlib.compressobj(9, wbits=-15)
        packed = packer.compress(data) + packer.flush()
        crc = struct.pack("<L", zlib.crc32(data))
        data = _zip_of(b"lib%d.zip", width, crc, packed, len(data))
    return data


def _zip_of(name: bytes, count: int, crc: bytes, packed: bytes, size: int) -> bytes:
    body, entries = b"", []
    for number in range(count):
        own = name % number if b"%" in name else name
        entries.append((len(body), crc, len(packed), size, own))
        body += b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 33) + crc
        body += struct.pack("<LLHH", len(packed), size, len(own), 0) + own + packed
    return hostile.with_directory(body, entries)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "5 GB in ten entries of a zip": ("bomb.zip", lambda: many_zips_bomb(5 * GB)),
    "4 GB in a zip that declares 10 bytes": ("liar.zip", lambda: zip_bomb(4 * GB, 10)),
    "5 GB in a gzip": ("bomb.json.gz", lambda: gzip_bomb(5 * GB)),
    "zips in zips, 4.5 PB, as 42.zip": ("42.zip", forty_two),
}


class Cost(NamedTuple):
    """What became of a bomb: its code, the seconds to it, and the most that it took, in bytes."""

    size: int
    code: str
    seconds: float
    disk: int
    memory: int


class Peaks:
    """The most bytes in the work folder, and the most that the worker's processes grew by."""

    def __init__(self, place: Site) -> None:
        self._work = place.folders.work
        self._worker = psutil.Process(place.processes["worker"].pid)
        self._before, self.disk, self.memory = self._resident(), 0, 0

    def look(self) -> None:
        # os.walk passes over a folder that goes while we look.
        places = (Path(top, f) for top, _, names in os.walk(self._work) for f in names)
        files = [p for p in places if "original" not in p.parts]
        self.disk = max(self.disk, sum(map(_size, files)))
        self.memory = max(self.memory, self._resident() - self._before)

    def _resident(self) -> int:
        total = 0
        for process in (self._worker, *self._worker.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_blocks * 512
    return 0


@contextmanager
def watched(place: Site) -> Iterator[Peaks]:
    """Look a hundred times a second."""
    peaks, stop = Peaks(place), threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            peaks.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        thread.join()


def drop(place: Site, path: Path) -> Cost:
    """Import one bomb and wait for its end."""
    with watched(place) as peaks:
        began = time.monotonic()
        job_id = place.submit(path)
        job = place.wait(job_id, lambda j: j["completed_at"] is not None)
        took = time.monotonic() - began
    members = place.ask(
        "SELECT coalesce(string_agg(DISTINCT reason, ', '), '') FROM imports.files "
        f"WHERE job_id = '{job_id}'"
    )
    code = job["error_code"] or f"{job['status']}, its member: {members}"
    return Cost(path.stat().st_size, code, took, peaks.disk, peaks.memory)


@contextmanager
def bombed(folder: Path) -> Iterator[Site]:
    """A site with the limits as they are by default."""
    with site(folder, lease_s=60, heartbeat_s=15) as place:
        place.start("worker")
        place.start("reconciler")
        first = folder / "first.json"
        first.write_bytes(points(10))  # the worker is up, and has loaded what it needs
        place.wait(place.submit(first), lambda j: j["completed_at"] is not None)
        yield place


def main() -> None:
    """Drop each bomb and print a row of Markdown for it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print("| bomb | bytes | ended as | seconds | disk at most | memory at most |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="datapunk-bombs-") as name:
        folder = Path(name)
        with bombed(folder) as place:
            for what, (file, make) in BOMBS.items():
                path = folder / file
                path.write_bytes(make())
                cost = drop(place, path)
                print(
                    f"| {what} | {cost.size:,} | {cost.code} | {cost.seconds:.1f} "
                    f"| {cost.disk / 1e6:,.0f} MB | {cost.memory / 1e6:,.0f} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
