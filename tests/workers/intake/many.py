"""Very many files in staging. Run as
`python -m tests.workers.intake.many 200000 [FOLDER]`: prints how long scans take, what another user
waits, and what memory they cost."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import pytest
import structlog

from tests.workers.intake.place import Place


def fill(folder: Path, count: int) -> None:
    """Write that many tiny files, a thousand in each folder below."""
    for n in range(count):
        below = folder / str(n // 1000)
        if n % 1000 == 0:
            below.mkdir(parents=True)
        (below / f"{n}.json").write_bytes(b"{}")


def fill_flat(folder: Path, count: int) -> None:
    """Write that many tiny files side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        (folder / f"{n}.json").write_bytes(b"{}")


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _scans(place: Place, title: str, *, most: int) -> None:
    """Scan until it is empty, or so often; another user drops a file before each of the first."""
    before, longest, waited, scans = _memory_mb(), 0.0, 0.0, 0
    while scans < most and (scans == 0 or place.watcher.waiting):
        mine = place.drop(f"{scans}.txt", user="ben")
        dropped = time.monotonic()
        place.watcher.scan()
        longest = max(longest, time.monotonic() - dropped)
        while mine.exists():
            place.watcher.scan()
        waited = max(waited, time.monotonic() - dropped)
        scans += 1
    begun = time.monotonic()
    place.said()
    told = time.monotonic() - begun
    print(
        f"{title}: {scans} scans, the longest {longest:.2f} s, another user's file waited for "
        f"{waited:.2f} s at most, memory grew by {_memory_mb() - before:.0f} MB, "
        f"state read in {told * 1000:.1f} ms"
    )


def main(count: int, top: Path) -> None:
    """Print both cases."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with pytest.MonkeyPatch.context() as patch:
        place = Place(top / "folder", patch)
        fill(place.folders.staging / "anna" / "Takeout", count)
        _scans(place, f"a folder with {count} files", most=1_000)
        assert (place.folders.failed / "anna" / "Takeout").is_dir()
        place = Place(top / "flat", patch)
        fill_flat(place.folders.staging / "anna", count)
        _scans(place, f"{count} files of one user", most=10)
        print(f"{len(place.ledger.jobs)} jobs by then")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as made:
        main(int(sys.argv[1]), Path(made))
