"""Every file that somebody reported, and what is right of it: `tests/reported/`.

A case is a folder; nothing is registered. See `tests/support/reported.py` and CONTRIBUTING.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.files import SliceLimits
from tests.support.reported import (
    FOLDER,
    Expected,
    cases,
    differences,
    examine,
    expected_of,
    fits,
)  # fmt: skip

pytestmark = pytest.mark.sweep

#: As many slices as there can be.
SMALL = SliceLimits(records=1, size=1)

each_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


@each_case
def test_it_comes_in_right(case: Path, tmp_path: Path) -> None:
    assert differences(expected_of(case), examine(case / "input", tmp_path)) == []


@each_case
def test_it_comes_in_the_same_however_it_is_cut(case: Path, tmp_path: Path) -> None:
    whole = examine(case / "input", tmp_path / "whole")
    cut = examine(case / "input", tmp_path / "cut", limits=SMALL)
    for report in (whole, cut):
        for record in report.records:
            if "conversation" in record.get("metadata", {}):
                # A short message has the language of those that came in with it.
                record.pop("language", None)
    assert cut == whole


@each_case
def test_it_says_who_reported_it(case: Path) -> None:
    assert (case / "SOURCE.md").read_text(encoding="utf-8").strip()
    expected = expected_of(case)
    assert expected.records or expected.each or not expected.rows, "rows are counted, not looked at"


def test_every_folder_is_a_case() -> None:
    assert [path.name for path in sorted(FOLDER.iterdir())] == [case.name for case in cases()]


def test_a_difference_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"name,age\nIda,7\nOle,8\n")
    report = examine(file, tmp_path)
    right = Expected(rows=2, formats={"list.csv": "csv.table"}, each={"record_type": "row"})
    assert differences(right, report) == []
    for wrong in (
        Expected(rows=3, formats=right.formats),
        Expected(rows=2),
        Expected(rows=2, formats=right.formats, unread={"other.csv": "no_format_recognises_it"}),
        Expected(rows=2, formats=right.formats, quarantined={"ragged_row": 1}),
        Expected(rows=2, formats=right.formats, records=[{"content": "name: Ida\nage: 8"}]),
        Expected(rows=2, formats=right.formats, records=2 * [{"content": {"$has": "Ida"}}]),
        Expected(rows=2, formats=right.formats, each={"content": {"$has": "Ida"}}),
        Expected(rows=2, formats=right.formats, none=[{"content": {"$has": "Ida"}}]),
    ):
        assert differences(wrong, report)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": None}, {"b": 2}),
        ([1, {"a": 1}], [1, {"a": 1, "b": 2}]),
        (1.5, 1.5000000000001),
        ({"$has": {"a": 1}}, [2, {"a": 1, "b": 3}]),
        ({"$has": "b"}, "abc"),
        ({"$not": 1}, 2),
    ],
)  # fmt: skip
def test_what_fits(expected: object, got: object) -> None:
    assert fits(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": None}, {"a": 1}),
        ({"a": 1}, None),
        ([1], [1, 2]),
        (1.5, 1.6),
        ({"$has": "d"}, "abc"),
        ({"$has": 1}, [2]),
        ({"$not": 1}, 1),
    ],
)  # fmt: skip
def test_what_does_not_fit(expected: object, got: object) -> None:
    assert not fits(expected, got)
