"""Chats as lines of text: headers in every spelling seen, order of dates, cut anyhow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from pipeline.readers import chat_text
from pipeline.readers.chat_headers import header
from pipeline.readers.chat_text import ChatText
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord

READER = ChatText()
MEMBER = Member(path="x.txt", ordinal=0, file=Path("x"), size=0, sha256="", media_type="text/plain")


def read(text: str, limits: SliceLimits | None = None) -> list[Any]:
    source = io.BytesIO(text.encode())
    context = READER.prepare(source, MEMBER)
    parts = list(READER.slices(source, context, limits or SliceLimits()))
    found = [item for part in parts for item in READER.items(source, part, context)]
    assert READER.count(source, context) == len(found)
    return found


def order(*dates: str, clock: str = "5:46 pm") -> tuple[str, bool]:
    text = "".join(f"{date}, {clock} - Ana: x\n" for date in dates)
    context = READER.prepare(io.BytesIO(text.encode()), MEMBER)
    return context["order"], context["ambiguous"]


@pytest.mark.parametrize(
    ("line", "date", "clock", "style"),
    [
        ("[20/06/2017, 20:28:11] Ana: x", "20/06/2017", "20:28:11", "["),
        ("\u200e[20/06/2017, 8:28:11\u202fPM] Ana: x", "20/06/2017", "8:28:11\u202fPM", "["),
        ("[07.03.26, 21:22:39] Ana: x", "07.03.26", "21:22:39", "["),
        ("20/6/2017 8:28 p. m. - Ana: x", "20/6/2017", "8:28 p. m.", "-"),
        ("2023-12-20, 5:46 p.m. - Ana: x", "2023-12-20", "5:46 p.m.", "-"),
        ("2023/12/20, 5:46\u2009pm - Ana: x", "2023/12/20", "5:46\u2009pm", "-"),
        ("03.08.21, 12:30 - Ana: x", "03.08.21", "12:30", "-"),
        ("6/20/17, 8:28\u00a0PM - Ana: x", "6/20/17", "8:28\u00a0PM", "-"),
        ("09/12/2012 17:03:48: Ana: x", "09/12/2012", "17:03:48", ":"),
        ("3/24/14, 1:59:59 PM: Ana: x", "3/24/14", "1:59:59 PM", ":"),
    ],
)
def test_headers_as_seen(line: str, date: str, clock: str, style: str) -> None:
    found = header(line.encode())
    assert found is not None
    assert (found.date, found.clock, found.style) == (date, clock, style)
    assert line.encode()[found.length :] == b"Ana: x"
    (item,) = read(line)
    assert item.value == {"date": date, "clock": clock, "text": "Ana: x"}


@pytest.mark.parametrize(
    "line",
    [
        "Ana: x",
        "20/06/2017",
        "at 20/6/2017 8:28 - x",
        "[20/06/2017] x",
        "20/6/17 8:28",
        "1.2.3 x: y",
    ],
)
def test_other_lines_begin_no_message(line: str) -> None:
    assert header(line.encode()) is None


def test_the_whole_file_tells_days_from_months() -> None:
    assert order("1/2/24", "13/2/24") == ("dmy", False)
    assert order("1/2/24", "2/13/24") == ("mdy", False)
    assert order("1/2/24") == ("mdy", True)
    assert order("1/2/24", clock="17:46") == ("dmy", True)
    assert order("1/2/24", clock="5:46 p. m.") == ("dmy", True)
    assert order("2024/2/1") == ("ymd", False)
    assert order("13/2/24", "2/13/24")[1]
    far = "".join(f"{1 + n % 12}/{1 + n % 12}/24, 17:46 - Ana: x\n" for n in range(20_000))
    assert order(*(["3/3/24"] * 5), "3/31/24", clock="17:46") == ("mdy", False)
    context = READER.prepare(io.BytesIO((far + "12/31/24, 17:46 - Ana: x\n").encode()), MEMBER)
    assert (context["order"], context["ambiguous"]) == ("mdy", False)


def test_lines_without_a_header_go_on_and_a_foreign_header_is_text() -> None:
    text = (
        "note\n\n1/2/24, 17:46 - Ana: one\r\n\r\ntwo: 3\r\n"
        "[01/02/24, 17:46:00] pasted: x\n1.2.24, 17:46 - pasted: y\n1/2/24, 17:47 - added Bo\n"
    )
    found = read(text)
    assert found[0].reason is Reason.BAD_SYNTAX
    assert [item.value["text"] for item in found[1:]] == [
        "Ana: one\n\ntwo: 3\n[01/02/24, 17:46:00] pasted: x\n1.2.24, 17:46 - pasted: y",
        "added Bo",
    ]
    for limits in (SliceLimits(records=1), SliceLimits(size=1), SliceLimits(records=2)):
        assert read(text, limits) == found


def test_a_long_line_is_bounded_and_its_parts_begin_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_text, "_LINE", 32)
    text = "1/2/24, 17:46 - Ana: " + "x" * 11 + "1/2/24, 17:46 - Bo: y\n1/3/24, 17:46 - Bo: z\n"
    assert [item.value["text"][:3] for item in read(text)] == ["Ana", "Bo:"]
    small = ChatText(item_bytes=40)
    source = io.BytesIO(text.encode())
    context = small.prepare(source, MEMBER)
    (part,) = small.slices(source, context, SliceLimits())
    large, fine = small.items(source, part, context)
    assert large.reason is Reason.ITEM_TOO_LARGE
    assert isinstance(fine, RawRecord)
