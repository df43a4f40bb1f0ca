"""Records, lines and archives that are too large to be held: rows or a code, in flat memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import giants, whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: As small as each can be made and still be too large to hold (64 MiB, a mail in a file 32).
_SCALES = {
    "5 GB of JSON in one line, one string": 0.015,
    "5 GB of JSON in one line, small items": 0.004,
}


@pytest.mark.parametrize("name", giants.GIANTS)
def test_a_giant_becomes_rows_and_rejections(tmp_path: Path, name: str) -> None:
    found = giants.tried(name, _SCALES.get(name, 0.36), tmp_path)
    wanted = giants.GIANTS[name].becomes or {"rows": found["units"] + 1}
    assert {code: n for code, n in found["becomes"].items() if n} == wanted
    assert found["peak_mb"] <= whole.MOST_MEMORY


def test_many_members_are_walked_in_flat_memory(tmp_path: Path) -> None:
    few = giants.tried(giants.ZIP, 0.0005, tmp_path)
    many = giants.tried(giants.ZIP, 0.005, tmp_path)
    assert few["becomes"] == {"entries": 1_000, "members": 1_000}
    assert many["becomes"] == {"entries": 10_000, "members": 10_000}
    assert many["peak_mb"] <= few["peak_mb"] + 8  # 24 bytes a member are 0.2 MB
