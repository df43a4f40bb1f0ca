"""Chats under lines of days: cut anyhow, counted, and with days in many languages."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from babel.dates import format_date, format_time
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.kakao_chat import FORMAT as KAKAO
from pipeline.formats.line_chat import FORMAT as LINE
from pipeline.readers import day_chat
from pipeline.readers.day_chat import DayChat
from pipeline.values import google_dates, prose_dates
from schemas.errors import BadValue
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason

MEMBER = Member(path="x.txt", ordinal=0, file=Path("x"), size=0, sha256="", media_type="text/plain")
READERS = {"line": LINE.reader, "kakao": KAKAO.reader}
TEXTS = {
    "line": "[LINE] Mei\n\n2024/03/15(Fri)\n09:05\tMei\ta\n2024/03/16(Sat)\n09:06\tBo\tb\nc\n",
    "kakao": "x 카카오톡 대화\n\n--- 2024년 3월 15일 금요일 ---\n[a] [오전 9:05] b\nc\n",
}


def read(reader: Any, data: bytes) -> list[Any]:
    """The items, in the whole and cut as small as can be, and counted."""
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    found = []
    for limits in (SliceLimits(), SliceLimits(records=1, size=1)):
        parts = list(reader.slices(source, context, limits))
        found.append([item for part in parts for item in reader.items(source, part, context)])
    assert found[0] == found[1]
    assert reader.count(source, context) == len(found[0])
    return found[0]


PIECES = st.sampled_from(
    [
        *("\n", "\r\n", " ", "\t", "[", "]", "a", "\ufeff", "[LINE] x\n", "\n\n", "\udcff"),
        *(
            "2024/03/15(Fri)\n",
            "--- 2024년 3월 15일 금요일 ---\n",
            "09:05\tMei\thi\n",
            "9:05\t\tx\n",
        ),
        *(
            "[a] [오전 9:05] b\n",
            "2024년 3월 15일 오전 9:05, a : b\n",
            "2024. 3. 15. 오전 9:05, x\n",
        ),
    ]
)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300)
@given(pieces=st.lists(PIECES, max_size=20))
def test_the_count_agrees_on_anything(name: str, pieces: list[str]) -> None:
    read(READERS[name], "".join(pieces).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", READERS)
def test_a_slice_knows_its_day(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_chat, "_STEP", 1)
    monkeypatch.setattr(day_chat, "_PLACES", 2)
    found = read(READERS[name], (TEXTS[name] * 20).encode())
    assert {item.value["day"] for item in found} >= {found[0].value["day"]}
    assert all(item.value["day"] for item in found)


def test_what_is_too_large_is_told() -> None:
    small = DayChat(name="x", day=LINE.reader.day, head=LINE.reader.head, item_bytes=20)  # type: ignore[attr-defined]
    large, fine = read(small, b"2024/03/15(Fri)\n9:05\tMei\t" + 20 * b"x" + b"\n9:06\tBo\ty\n")
    assert large.reason is Reason.ITEM_TOO_LARGE
    assert fine.value == {"day": "2024/03/15(Fri)", "clock": "9:06", "name": "Bo", "text": "y"}


def test_a_file_without_days_or_heads_is_one_rejection() -> None:
    (bad,) = read(LINE.reader, b"[LINE] x\nnothing\n")
    assert bad.reason is Reason.BAD_SYNTAX
    assert read(LINE.reader, b"\n \n") == []


#: Google has an interface in these, and CLDR writes a month's name into a date.
LANGUAGES = (
    *("af", "am", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et"),
    *("fa", "fi", "fil", "fr", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja"),
    *("ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv", "mk", "ml", "mr", "ms", "my", "ne"),
    *("nb", "nl", "pa", "pl", "pt", "ro", "ru", "si", "sk", "sl", "sq", "sr", "sv", "sw", "ta"),
    *("te", "th", "tr", "uk", "ur", "uz", "vi", "zh", "zh_Hant", "zu"),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_date_in_words(language: str) -> None:
    for month in range(1, 13):
        moment = datetime(2021, month, 7, 21, 54, 36)
        for width in ("full", "long"):
            day = format_date(moment, width, language)
            if width == "long" and "listopad" in day:
                continue  # October in Croatian, November in Polish: only the day of the week tells
            text = f"{day} {format_time(moment, 'H:mm:ss', locale=language)} UTC"
            at = google_dates.activity_time(text).at
            assert at is not None
            assert at.replace(tzinfo=None) == moment, text


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "10:30", "2024 10:30", "5 March 10:30", "5 6 March 2024 10:30"),
        *("31 February 2024 10:30", "5 Xyz 2024 10:30", "5 March 2024", "5 March 2024 25:00"),
        "5 March 2024 10:30 " + "x" * 200,
    ],
)
def test_no_date_in_words(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        google_dates.activity_time(text)
    assert caught.value.reason is Reason.BAD_TIME


def test_a_month_of_two_languages_is_told_by_the_day() -> None:
    assert str(prose_dates.day("niedziela, 7 listopada 2021")) == "2021-11-07"
    assert str(prose_dates.day("četvrtak, 7. listopada 2021.")) == "2021-10-07"
    with pytest.raises(BadValue):
        prose_dates.day("7 listopada 2021")
