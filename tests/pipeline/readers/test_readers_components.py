"""iCalendar and vCard: where components begin and end, and how their lines are read."""

from __future__ import annotations

import io
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers.ics import Ics
from pipeline.readers.vcard import Vcards
from pipeline.registry import recognise
from pipeline.syntax import content_lines
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Record, Rejection
from tests.support.formats import head_of, member_of, read

DATA = Path(__file__).parents[2] / "data"
MEMBER = Member(path="a.ics", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
ONE = SliceLimits(records=1)
QP = "QUOTED-PRINTABLE"


def items(data: bytes, reader: Any, limits: SliceLimits = ONE) -> list[RawRecord | Rejection]:
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    parts = list(reader.slices(source, context, limits))
    return [item for part in parts for item in reader.items(source, part, context)]


def uids(data: bytes) -> list[str | Reason]:
    return [
        item.reason if isinstance(item, Rejection) else item.value.text("UID")
        for item in items(data, Ics())
    ]


def event(uid: str, end: bytes = b"\r\n") -> bytes:
    return end.join([b"BEGIN:VEVENT", b"UID:" + uid.encode(), b"END:VEVENT", b""])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_with_any_line_end(end: bytes) -> None:
    data = b"BEGIN:VCALENDAR" + end + event("1", end) + event("2", end) + b"END:VCALENDAR"
    assert uids(data) == ["1", "2"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"BEGIN:VEVENT\nUID:1\n" + event("2"), [Reason.BAD_SYNTAX, "2"]),
        (b"BEGIN:VEVENT\nUID:1\nEND:VCALENDAR\n" + event("2"), [Reason.BAD_SYNTAX, "2"]),
        (event("1") + b"BEGIN:VEVENT\nUID:2\n", ["1", Reason.TRUNCATED]),
        (b"BEGIN:VEVENT\nBEGIN:VALARM\nUID:a\nEND:VALARM\nUID:1\nEND:VEVENT\n", ["1"]),
        (b"BEGIN:VEVENT\nBEGIN:VALARM\nUID:a\nEND:VEVENT\n" + event("2"), [None, "2"]),
        (b"begin : vevent\nuid:1\nEnd:vEvent\n", ["1"]),
        (b"BEGIN:VEVENT\nDESCRIPTION:x\n END:VEVENT\nUID:1\nEND:VEVENT\n", ["1"]),
        (b"BEGIN:VEVENT\r\nAGENT:\r\nBEGIN:VCARD\r\nEND:VCARD\r\nUID:1\r\nEND:VEVENT\r\n", ["1"]),
        (b"END:VEVENT\n" + event("1"), [Reason.BAD_SYNTAX, "1"]),
        (b"BEGIN:VTIMEZONE\nTZID:x\n" + event("1"), [Reason.BAD_SYNTAX, "1"]),
        (
            b"UID:0\n" + event("1") + b"\n \nSUMMARY:x\n\n",
            [Reason.BAD_SYNTAX, "1", Reason.BAD_SYNTAX],
        ),
        (b"BEGIN:VCALENDAR\nVERSION\n :2.0\n" + event("1") + b"X-A;B=c:d\nEND:VCALENDAR\n", ["1"]),
        (b"BEGIN:VCALENDAR\n" + event("1") + b"a note\nEND:VCALENDAR\n", ["1", Reason.BAD_SYNTAX]),
        (event("1") + b"END:VCALENDAR\nUID:2\n", ["1", Reason.BAD_SYNTAX]),
        (b"\xef\xbb\xbf" + event("1"), ["1"]),
        (b"", []),
    ],
)
def test_what_is_not_closed_costs_its_neighbours_nothing(data: bytes, expected: list[Any]) -> None:
    assert uids(data) == expected


def test_calendars_say_whose_events_these_are() -> None:
    def calendar(name: bytes, uid: str) -> bytes:
        return b"BEGIN:VCALENDAR\nX-WR-CALNAME:" + name + b"\n" + event(uid) + b"END:VCALENDAR\n"

    found = items(calendar(b"A\\, B", "1") + calendar(b"C", "2") + event("3"), Ics())
    assert [i.around.get("calendar") for i in found if isinstance(i, RawRecord)] == [
        "A, B",
        "C",
        "C",
    ]


_LINES = st.sampled_from(
    [b"BEGIN:VCALENDAR", b"END:VCALENDAR", b"BEGIN:VCARD", b"END:VCARD", b"AGENT:",
     b"BEGIN:VEVENT", b"END:VEVENT", b"BEGIN:VALARM",
     b"END:VALARM", b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"UID:1", b" x", b"", b"\xff", b"X"]
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(_LINES, max_size=20),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([Ics(), Vcards()]),
)
def test_slicing_anyhow_gives_the_same_items_and_nothing_goes_uncounted(
    lines: list[bytes], end: bytes, reader: Any
) -> None:
    """Bytes that no item has are blank, or a calendar's own; and `verify` counts the same."""
    data = end.join(lines)
    whole = items(data, reader, SliceLimits())
    assert items(data, reader) == whole
    assert items(data, reader, SliceLimits(size=30)) == whole
    source = io.BytesIO(data)
    assert reader.count(source, reader.prepare(source, MEMBER)) == len(whole)
    left, at = [], 0
    for item in whole:
        left.append(data[at : item.offset])
        at = item.offset + item.length
    uncounted = b"\n".join(b"\n".join([*left, data[at:]]).splitlines())
    for line in _ZONE.sub(b"", uncounted).splitlines():
        if isinstance(reader, Vcards):
            assert not line.strip()
        else:
            assert not line.strip() or line in _CALENDARS_OWN


_CALENDARS_OWN = (
    b"BEGIN:VCALENDAR", b"END:VCALENDAR", b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"UID:1", b" x",
    b"X", b"AGENT:", b"BEGIN:VALARM", b"END:VALARM", b"\xff", b"END:VCARD",
)  # fmt: skip
#: A zone is the calendar's own with all that stands in it.
_ZONE = re.compile(rb"BEGIN:VTIMEZONE\n.*?END:VTIMEZONE", re.DOTALL)


def test_marks_on_the_edge_of_a_block_are_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.readers import component_scan

    data = b"".join(event(str(n) * (n % 7)) for n in range(1, 60))
    expected = items(data, Ics())
    for block in (600, 601, 607, 640):
        monkeypatch.setattr(component_scan, "_BLOCK", block)
        assert items(data, Ics()) == expected


def test_a_long_card_is_refused_and_memory_stays_flat() -> None:
    card = b"BEGIN:VCARD\nFN:a\nPHOTO;ENCODING=B:" + b"A" * 6_000_000 + b"\nEND:VCARD\n"
    reader = Vcards(item_bytes=1_000_000)
    tracemalloc.start()
    found = items(card + b"BEGIN:VCARD\nFN:b\nEND:VCARD\n", reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found[0], Rejection)
    assert found[0].reason is Reason.ITEM_TOO_LARGE
    assert isinstance(found[1], RawRecord)
    assert peak < 12_000_000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"SUMMARY:a\\, b\\nc\\\\n", ("SUMMARY", "a, b\nc\\n", {})),
        (b'i.TEL;TYPE="work,voice";X=1:+1', ("TEL", "+1", {"TYPE": ["work,voice"], "X": ["1"]})),
        (b"TEL;WORK;VOICE:1", ("TEL", "1", {"TYPE": ["WORK", "VOICE"]})),
        (b"NOTE;QUOTED-PRINTABLE:a=0D=0Ab=\r\nc", ("NOTE", "a\nbc", {"ENCODING": [QP]})),
        (b"X;CN=a^'b^n:1", ("X", "1", {"CN": ['a"b\n']})),
        (b"DTSTART;;VALUE=DATE:20140409", ("DTSTART", "20140409", {"VALUE": ["DATE"]})),
        (b"SUMMARY:sch\xc3\r\n \xb6n", ("SUMMARY", "schön", {})),
        (b"PHOTO;BASE64:AAAA\nBBBB==", ("PHOTO", "AAAABBBB==", {"ENCODING": ["BASE64"]})),
    ],
)  # fmt: skip
def test_content_lines(line: bytes, expected: tuple[Any, ...]) -> None:
    found = next(content_lines.component(b"BEGIN:X\n" + line + b"\nEND:X").lines)
    assert (found.name, found.text, found.params) == expected


@pytest.mark.parametrize(
    ("value", "separator", "expected"),
    [
        ("a;b;;", ";", ["a", "b", "", ""]),
        ("a\\;b;c\\,d", ";", ["a;b", "c,d"]),
        ("a\\\\,b,c\\", ",", ["a\\", "b", "c\\"]),
        ("", ",", [""]),
    ],
)
def test_pieces_of_values(value: str, separator: str, expected: list[str]) -> None:
    assert content_lines.pieces(value, separator) == expected


def test_a_line_that_is_none_is_counted() -> None:
    found = content_lines.component(b"BEGIN:X\nno line\nUID:1\n=?\nEND:X")
    assert (len(found.odd), [line.name for line in found.lines]) == (2, ["UID"])


REAL = sorted(p for p in (*DATA.glob("ics/*.ics"), *DATA.glob("vcf/*.vcf")))
TITLES = {
    "issue_313_globally_unique_tzid.ics": [f"2020-04-26T{hour}:00" for hour in (12, 18, 17)],
    "america_new_york_forward_reference.ics": ["2014-08-29T12:00"],
    "multiple_calendar_components.ics": ["Christmas Day", "Boxing Day", "Christmas again!"],
    "issue_168_input.ics": ["2015-09-05T09:00"],
    "issue_104_broken_calendar.ics": ["Broken Eevnt"],
    "big_bad_calendar.ics": [Reason.MISSING_FIELD] * 20,
    "John_Doe_MS_OUTLOOK.vcf": ["Mr. John Richter James Doe Sr.", "photo"],
    "issue114.vcf": ["Dummy, Dummy"],
    "gmail-single.vcf": ["Greg Dartmouth"],
    "rfc6350-example.vcf": ["Simon Perreault"],
}  # fmt: skip


@pytest.mark.parametrize("file", REAL, ids=lambda file: file.name)
def test_files_that_real_programs_wrote(file: Path) -> None:
    form = recognise(head_of(file.name, file.read_bytes()))
    assert not isinstance(form, tuple)
    found = [outcome for _, _, outcome in read(form, member_of(file.name, file))[1]]
    expected = TITLES.get(file.name, [])
    for outcome, said in zip(found, expected, strict=bool(expected)):
        if isinstance(outcome, Record):
            at = outcome.time and outcome.time.at
            assert said in (outcome.title, at and at.isoformat()[:16])
        else:
            assert isinstance(outcome, Rejection)
            assert said is outcome.reason
    assert found
