"""Work grows as its input does, too, where the input is made of ever more small things: columns,
keys, names that become one, elements within each other. (`tests/growth/growth.py` has texts.)"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.normalise import ReadContext, normalise, slices_of, understand
from pipeline.text.cleaning import clean_json
from tasks.ingest import members
from tests.growth import growth
from tests.growth.growth import Case
from tests.support import formats

_EFFORT = growth.Effort(1 << 14, 1 << 17, 0.1)


def _marks(n: int) -> Iterator[str]:
    """Different marks without a letter."""
    return itertools.islice(("".join(m) for m in itertools.product("!?#%&", repeat=7)), n)


def _surrogates(n: int) -> dict[str, int]:
    """Names that all become one when they are made storable."""
    halves = [chr(0xD800 + at) for at in range(1_024)]
    return {a + b: 1 for a, b in itertools.islice(itertools.product(halves, halves), n)}


def _table(names: list[str]) -> str:
    return "\n".join([",".join(names), *[",".join("x" for _ in names)] * 3])


def _within(n: int) -> str:
    inner = "".join(f"<N{i}>" for i in range(n)) + "".join(f"<F{i}>v" for i in range(n))
    outer = "".join(f"</N{i}>" for i in reversed(range(n)))
    return (
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><STMTRS><BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT"
        f"<DTPOSTED>20230501<TRNAMT>-1<FITID>1{inner}{outer}</STMTTRN></BANKTRANLIST></STMTRS></OFX>"
    )


#: A path, and what lies there, of about n bytes.
_FILES: dict[str, tuple[str, Callable[[int], str]]] = {
    "columns": ("a.csv", lambda n: _table([f"column {i}" for i in range(n // 16)])),
    "columns of one name": ("a.csv", lambda n: _table(["name"] * (n // 7))),
    "columns that become one": ("a.csv", lambda n: _table([f"a {m}" for m in _marks(n // 11)])),
    "keys": ("a.ndjson", lambda n: json.dumps({f"key {i}": i for i in range(n // 20)})),
    "keys that become one": ("a.ndjson", lambda n: json.dumps(_surrogates(n // 20))),
    "elements within each other": ("a.ofx", lambda n: _within(n // 20)),
}


def _read(path: str, text: str) -> int:
    """Read a file by the format that knows it; how many outcomes."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "file"
        file.write_text(text)
        member = formats.member_of(path, file)
        found = members.prepare(member, Path(name) / "work")
        assert isinstance(found, members.Readable)
        reading = ReadContext(form=found.form, member=member, context=found.context)
        with file.open("rb") as cut, file.open("rb") as source:
            return sum(
                1
                for part in slices_of(found.form, member, cut, found.context, found.form.limits)
                for _ in normalise(understand(reading, source, part))
            )


@pytest.mark.parametrize("name", _FILES)
def test_reading_grows_as_the_file_does(name: str) -> None:
    path, make = _FILES[name]
    case = Case(f"file of {name}", "", make, lambda text: _read(path, text))
    found = growth.measure(case, _EFFORT)
    assert found.linear, growth.row(found)


def test_names_that_become_one_are_told_apart_in_linear_time() -> None:
    case = Case("clean_json", "", lambda n: _surrogates(n // 8), clean_json)
    found = growth.measure(case, _EFFORT)
    assert found.linear, growth.row(found)


def test_no_name_is_lost_and_none_grows() -> None:
    made = clean_json({**_surrogates(3_000), "�": 2})
    assert len(made) == 3_001
    assert list(made)[:3] == ["��", "��_", "��__"]
    assert max(map(len, made)) < 12
