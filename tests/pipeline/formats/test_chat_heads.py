"""The heads of WhatsApp's messages in every language of CLDR, and what else devices write there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from babel.dates import format_date, format_time
from babel.localedata import locale_identifiers
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.whatsapp_chat import FORMAT
from pipeline.readers.chat_headers import header
from pipeline.readers.chat_text import ChatText
from pipeline.values import day_periods, instants
from schemas.files import Head, Member, SliceLimits
from schemas.records import RawRecord, Record

READER = ChatText()
#: Days and hours that show every part of the day, and which number is the day.
MOMENTS = [
    datetime(2021, 2, 5, 0, 10, 7),
    datetime(2021, 3, 4, 3, 5, 9),
    datetime(2021, 3, 31, 9, 5, 0),
    datetime(2021, 9, 30, 12, 30, 59),
    datetime(2021, 10, 4, 15, 34, 9),
    datetime(2021, 12, 1, 21, 47, 12),
    datetime(2022, 1, 2, 23, 59, 59),
]
LANGUAGES = sorted(
    name
    for name in (*locale_identifiers(), "zh_Hant", "es_MX", "pt_PT", "fr_CA", "en_GB", "en_IN")
    if "_" not in name or name in {"zh_Hant", "es_MX", "pt_PT", "fr_CA", "en_GB", "en_IN"}
)
#: Of these the short clock and date are what people have reported, or are widely used.
WANTED = (
    *("ar", "bn", "cs", "da", "de", "el", "en", "en_GB", "en_IN", "es", "es_MX", "fa", "fi", "fr"),
    *("fr_CA", "he", "hi", "hu", "id", "it", "ja", "ko", "mr", "ms", "nl", "pl", "pt", "pt_PT"),
    *("ro", "ru", "sv", "th", "tr", "uk", "ur", "vi", "zh", "zh_Hant"),
)
ZEROS = {
    "arab": 0x660, "arabext": 0x6F0, "beng": 0x9E6, "deva": 0x966, "mymr": 0x1040,
    "tibt": 0xF20, "olck": 0x1C50, "cakm": 0x11136, "hmnp": 0x1E140, "adlm": 0x1E950,
}  # fmt: skip


def read(text: str, path: str = "WhatsApp Chat with Bo.txt", upload: str = "") -> list[Record]:
    """The records of a chat, in the whole and cut as small as can be, and counted."""
    data = text.encode("utf-8", "surrogateescape")
    source = io.BytesIO(data)
    member = Member(
        path=path, ordinal=0, file=Path("x"), size=len(data), sha256="", media_type="text/plain",
        upload=upload,
    )  # fmt: skip
    context = READER.prepare(source, member)
    found: list[list[Any]] = []
    for limits in (SliceLimits(), SliceLimits(records=1, size=1)):
        parts = list(READER.slices(source, context, limits))
        found.append([item for part in parts for item in READER.items(source, part, context)])
    assert found[0] == found[1]
    assert READER.count(source, context) == len(found[0])
    return [FORMAT.record(item, member) for item in found[0] if isinstance(item, RawRecord)]  # type: ignore[misc]


def moments(text: str) -> list[datetime | None]:
    return [
        record.time.at.replace(tzinfo=None) if record.time and record.time.at else None
        for record in read(text)
    ]


def is_claimed(text: str, path: str = "WhatsApp Chat with Bo.txt") -> bool:
    data = text.encode()
    return FORMAT.score(Head(path=path, data=data, size=len(data), media_type="text/plain")) > 0


def in_digits(text: str, locale: Locale) -> str:
    zero = ZEROS.get(locale.default_numbering_system)
    return text if zero is None else "".join(
        chr(zero + int(c)) if "0" <= c <= "9" else c for c in text
    )  # fmt: skip


def clock_of(moment: datetime, locale: Locale, skeleton: str) -> str:
    return format_time(moment, locale.datetime_skeletons[skeleton].pattern, locale=locale)


def heads(locale: Locale, skeleton: str) -> Iterator[tuple[str, list[datetime]]]:
    """A chat as Android and as iOS write it, with a clock of that kind."""
    seconds = "s" in skeleton
    sayings = []
    for moment in MOMENTS:
        day = format_date(moment, "short", locale=locale)
        head = in_digits(f"{day}, {clock_of(moment, locale, skeleton)}", locale)
        sayings.append(head)
    right = [m if seconds else m.replace(second=0) for m in MOMENTS]
    yield "".join(f"[{head}] Ana: x\n" for head in sayings), right
    yield "".join(f"\u200e[{head}] Ana: x\r\n" for head in sayings), right
    if seconds:
        return  # Android writes none, and with an ISO date it would be a log
    yield "".join(f"{head} - Ana: x\n" for head in sayings), right
    spaced = [head.replace(" ", "\u202f") for head in sayings]
    yield "".join(f"\u200f{head} - Ana: x\n" for head in spaced), right


@pytest.mark.parametrize("language", WANTED)
@pytest.mark.parametrize("skeleton", ["Hm", "Hms", "hm", "hms"])
def test_the_heads_of_a_language(language: str, skeleton: str) -> None:
    for text, right in heads(Locale.parse(language), skeleton):
        assert is_claimed(text), text
        assert moments(text) == right, text


#: Latin, an invented language, and languages whose words for the day's halves are those of others,
#: or hold a digit, a hyphen or nothing that parts the date.
BEYOND = frozenset({"blo", "ebu", "gd", "ki", "kkj", "la", "smn", "tok"})


def test_the_heads_of_all_languages() -> None:
    wrong = {
        (language, skeleton, text.splitlines()[4])
        for language in LANGUAGES
        for skeleton in ("Hm", "hms")
        for text, right in heads(Locale.parse(language), skeleton)
        if moments(text) != right
    }
    assert {language for language, _, _ in wrong} == BEYOND, wrong


#: What lucasrodes/whatstk reads by `header_format_support.json`, but for months before days with
#: dots, which no device writes.
ORDERS = ("%y{0}%m{0}%d", "%y{0}%d{0}%m", "%d{0}%m{0}%y", "%m{0}%d{0}%y", "%Y{0}%m{0}%d")
CLOCKS = ("%H:%M", "%I:%M %p", "%H:%M:%S", "%I:%M:%S %p")


@pytest.mark.parametrize("sign", list("./-"))
@pytest.mark.parametrize("order", ORDERS)
def test_the_orders_of_others(order: str, sign: str) -> None:
    if sign == "." and order.startswith("%m"):
        return
    for clock in CLOCKS:
        head = f"{order.format(sign)} {clock}"
        right = [m if "%S" in clock else m.replace(second=0) for m in MOMENTS]
        assert moments("".join(m.strftime(f"[{head}] Ana: x\n") for m in MOMENTS)) == right
        assert moments("".join(m.strftime(f"{head} - Ana: x\n") for m in MOMENTS)) == right


def chat(*heads: str) -> str:
    return "".join(f"{head} - Ana: x\n" for head in heads)


@pytest.mark.parametrize(
    ("heads", "right"),
    [
        # The days must rise.
        (("11/1/21, 9:00 AM", "12/1/21, 9:00 AM", "1/2/21, 9:00 AM"), "2021-01-11"),
        (("1/11/21, 21:00", "1/12/21, 21:00", "2/1/21, 21:00"), "2021-01-11"),
        # A dot is never month-first, whatever the clock.
        (("05.08.23, 5:52 PM", "06.08.23, 9:00 AM"), "2023-08-05"),
        # The year may come first, of two digits or four.
        (("21-03-31, 9:00", "21-04-01, 9:00"), "2021-03-31"),
        (("21/03/09, 9:00", "21/04/01, 9:00"), "2021-03-09"),
        (("2021/03/09, 9:00",), "2021-03-09"),
        (("2021年3月9日 上午9:00",), "2021-03-09"),
        (("2021년 3월 9일 오전 9:00",), "2021-03-09"),
        # Nothing lies in the future.
        (("09/03/21, 9:00", "02/11/21, 9:00", "11/12/21, 9:00"), "2021-03-09"),
        (("9/3/2564, 9:00", "31/3/2564, 9:00"), "2021-03-09"),
        (("09/03/21 um 9:00", "31/03/21 um 9:05"), "2021-03-09"),
        (("09/03/21 às 9:00", "31/03/21 às 9:05"), "2021-03-09"),
        (("\u0660\u0669/\u0663/\u0662\u0661 \u0669:\u0660\u0660", "31/3/21 9:00"), "2021-03-09"),
    ],
)  # fmt: skip
def test_which_number_is_the_day(heads: tuple[str, ...], right: str) -> None:
    records = read(chat(*heads))
    assert len(records) == len(heads)
    assert records[0].time is not None
    assert str(records[0].time.at)[:10] == right
    assert "flags" not in records[0].metadata


def test_dates_that_tell_nothing_are_flagged() -> None:
    for heads in (("1/2/24, 9:00 AM",), ("1/2/24, 9:00", "3/4/24, 9:00")):
        assert all(r.metadata["flags"] == ["day_month_ambiguous"] for r in read(chat(*heads)))


def test_what_cannot_be_dated_stays() -> None:
    (record, other) = read(chat("31/02/21, 9:00", "14/03/21, 9:00"))
    assert (record.time, record.content) == (instants.unread("31/02/21 9:00"), "x")
    assert other.time is not None
    (record, _) = read(chat("1/2/21, 9:00 xy", "14/03/21, 25:00 xy"))[::-1]
    assert record.time == instants.unread("14/03/21 25:00 xy")


def test_a_notice_is_nobodys() -> None:
    head = "[14/03/2021, 09:00:00] Lake:"
    texts = ["\u200eBo added Ana.", "hi", "\u200eimage omitted", "\u200eBild weggelassen"]
    texts += ["\u200e<attached: 1-PHOTO.jpg>", "look \u200e<attached: 2-PHOTO.jpg>"]
    texts += [
        "plan.pdf • \u200e12 pages \u200e<Anhang: 00000012-plan.pdf>",
        "\u200e<附件：3-PHOTO.jpg>",
    ]
    notice, *rest = read("".join(f"{head} {text}\r\n" for text in texts), "_chat.txt")
    assert (notice.record_type, notice.metadata.get("sender")) == ("activity", None)
    assert notice.metadata["written_under"] == "Lake"
    assert all(record.metadata["sender"] == {"name": "Lake"} for record in rest)
    assert [r.metadata.get("media_omitted", False) for r in rest] == [False, True, True] + 4 * [
        False
    ]
    names = [file["name"] for record in rest for file in record.metadata.get("attachments", ())]
    assert names == ["1-PHOTO.jpg", "2-PHOTO.jpg", "00000012-plan.pdf", "3-PHOTO.jpg"]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (
            "Mill (1 Lake Rd (rear), Town): https://foursquare.com/v/4ac518cef964a52019a620e3",
            {"name": "Mill", "address": "1 Lake Rd (rear), Town"},
        ),
        ("Mill: https://foursquare.com/v/4ac518cef964a52019a620e3", {"name": "Mill"}),
        (
            "Mill (1 Lake Rd, Town): https://maps.google.com/?q=51.5,-0.25",
            {"name": "Mill", "address": "1 Lake Rd, Town", "latitude": 51.5, "longitude": -0.25},
        ),
        ("Standort: https://maps.google.com/?q=51.5,-0.25", {"latitude": 51.5, "longitude": -0.25}),
    ],
)
def test_a_place_that_is_shared_is_somebodys(said: str, place: dict[str, Any]) -> None:
    (record,) = read(f"[14/03/2021, 09:00:00] Ana: \u200e{said}\r\n", "_chat.txt")
    assert (record.record_type, record.metadata["sender"]) == ("message", {"name": "Ana"})
    assert record.metadata["place"] == place
    assert record.metadata["links"] == [said.rpartition(" ")[2]]


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ("rye \u200e<This message was edited>", "rye"),
        ("Roggen \u200e<Diese Nachricht wurde bearbeitet>", "Roggen"),
        ("rye <This message was edited>", "rye"),
        ("rye <not ours>", None),
        ("rye \u200e<attached: 1-PHOTO.jpg>", None),
        ("\u200e<media>", None),
    ],
)
def test_an_edited_message_is_its_words(said: str, content: str | None) -> None:
    (record,) = read(f"[14/03/2021, 09:00:00] Ana: {said}\r\n", "_chat.txt")
    assert record.content == (content or said.replace("\u200e", ""))
    assert record.metadata.get("edited", False) is (content is not None)


CALLS = (
    *("Missed voice call", "Verpasster Videoanruf", "Appel vocal manqué", "Llamada perdida"),
    *("未接语音通话", "Пропущенный звонок", "Video call, \u200e5 min"),
)


@pytest.mark.parametrize("said", CALLS)
def test_a_call_is_no_file_that_was_left_out(said: str) -> None:
    (record,) = read(f"[14/03/2021, 09:00:00] Ana: \u200e{said}\r\n", "_chat.txt")
    assert record.record_type == "activity"
    assert "media_omitted" not in record.metadata


def test_two_chats_share_no_keys() -> None:
    text = "[14/03/2021, 09:00:00] Ana: {}\n[14/03/2021, 09:00:01] Ana: hi\n"
    lakes = [("_chat.txt", f"WhatsApp Chat - {name}.zip") for name in ("Lake", "Hill")]
    found = [read(text.format("x"), *where) for where in lakes]
    found += [read(text.format(first), "_chat.txt", "_chat.txt") for first in ("y", "z")]
    keys = [record.identity for records in found for record in records]
    assert len(set(keys)) == len(keys)
    assert found[0][0].metadata["conversation_title"] == "WhatsApp Chat - Lake"
    copy = read(text.format("x"), "_chat.txt", "WhatsApp Chat - Lake (1).zip")
    assert [r.identity for r in copy] == [r.identity for r in found[0]]
    longer = read(text.format("y") + "[15/03/2021, 09:00:01] Ana: more\n", "_chat.txt", "x.zip")
    assert [r.identity for r in longer][:2] == [r.identity for r in found[2]]


@pytest.mark.parametrize(
    ("hour", "words", "right"),
    [
        (12, "凌晨", 0), (12, "中午", 12), (1, "中午", 13), (9, "晚上", 21), (12, "晚上", 0),
        (12, "AM", 0), (12, "p. m.", 12), (17, "PM", 17), (5, "PTG", 17), (10, "रात", 22),
        (2, "रात", 2), (7, "um", 7), (7, "", 7), (5, "du.", 17), (5, "μ.μ.", 17),
    ],
)  # fmt: skip
def test_the_part_of_the_day(hour: int, words: str, right: int) -> None:
    assert day_periods.hour_of(hour, day_periods.part_of(words)) == right


BEFORE = ("", "1/2/21, 9:00 - A: x\n", "[1.2.21 下午9:00] A: x\n")
PIECES = st.sampled_from(
    [
        *"0129٣:./-—[]年月日時h분, \u200e\u202f\ufeff\t\r\n\udcff",
        *("min", "AM", "下午", " - ", "1/2/21", "2021年3月9日", ", 9:00", " um 9.05", "Ana: x"),
        *("[1/2/21, 9:00] ", "1/2/21, 9:00 - "),
    ]
)  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(PIECES, max_size=24),
    st.sampled_from(["", "1/2/21, 9:00 - A: x\n", "[1.2.21 下午9:00] A: x\n"]),
)
def test_the_count_agrees_on_anything(pieces: list[str], before: str) -> None:
    read(before + "".join(pieces))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=24).map("".join))
def test_a_head_is_a_beginning_of_its_line(line: str) -> None:
    data = line.encode("utf-8", "surrogateescape")
    found = header(data)
    if found is not None:
        assert found.length <= len(data)
        assert found.date in line and found.clock in line
        assert line.index(found.date) < line.rindex(found.clock)
