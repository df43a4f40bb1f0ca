"""Counts of keys on the disk: the same as in memory, and no more memory for more of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality import Repeats
from tasks.operations.occurrences import occurrences

_KEYS = st.lists(st.integers(0, 20).map(lambda n: n.to_bytes(16, "big")), max_size=200)


@settings(max_examples=20, deadline=None)
@given(_KEYS, _KEYS)
def test_they_count_as_memory_does(
    tmp_path_factory: pytest.TempPathFactory, first: list[bytes], second: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("seen")
    with occurrences(folder, "one") as seen, occurrences(folder, "other") as other:
        for keys in (first, second):
            repeats = Repeats()
            assert [seen.number(k) for k in keys] == [repeats.number(0, k) for k in keys]
            seen.clear()
        assert other.number(b"x" * 16) == 1


_GROWTH = """
import resource, sys
from pathlib import Path
from tasks.operations.occurrences import occurrences
with occurrences(Path(sys.argv[1]), "seen") as seen:
    for n in range(int(sys.argv[2])):
        seen.number((n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(16, "big"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak_kb(folder: Path, keys: int) -> int:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH, str(folder), str(keys)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout)


def test_many_keys_take_no_more_memory_than_some(tmp_path: Path) -> None:
    few, many = _peak_kb(tmp_path / "few", 1_000), _peak_kb(tmp_path / "many", 300_000)
    assert many - few < 30_000  # a dict of them takes 50 MB
