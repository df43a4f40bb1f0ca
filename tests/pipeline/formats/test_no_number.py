"""A number that is none costs its field and nothing else, in every format.

Each leaf of each sample that holds a number takes other values in turn: NaN and infinity as words,
exponents beyond any measure, groups of digits as locales write them, true and false. Every record
stays a row; it keeps what stood there, under a flag; and nothing infinite gets anywhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import Format
from pipeline.registry import all_formats, format_named
from pipeline.syntax.xml_tree import Element
from pipeline.values import coordinates, fields, instants, money, record_checks
from schemas.reasons import Reason
from schemas.records import Metric, Outcome, Point, Record, Rejection
from tests.pipeline.formats.test_no_time import _NULLABLE, Case, _at, _leaves
from tests.support.formats import ONE_PASS, Sample, member_of, read, read_items, samples

pytestmark = pytest.mark.sweep

NO_NUMBERS = (
    *("nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1e400", "1 234,5", "1'234.5"),
    *("1_000", "0x10", "true", "9" * 450, "1.2.3"),
)
#: What JSON and SQLite can hold besides.
TYPED = (True, 1e308)
#: What is a number in one place and none in another, and what says nothing.
EITHER = ("1,5", "1.234,56", "１２", "٣٫٥", "", None, 2**63, False, [], {})
FLAGS = frozenset(
    {
        fields.UNUSABLE,
        coordinates.UNUSABLE,
        money.UNREADABLE,
        instants.UNREAD,
        record_checks.MISFIT,
    }
    | {"out_of_range", "bad_duration"}
)
REFUSED = frozenset({Reason.BAD_NUMBER, Reason.BAD_PLACE, Reason.BAD_TIME, Reason.MISSING_FIELD})

#: What is a number and says only what kind of thing an item is.
KINDS = frozenset({("firefox.places", "type")})

_NUMBER = re.compile(r"\s*[-+]?\d[\d.]*\s*")


def _numbers(outcome: Outcome) -> dict[tuple[Any, ...], float]:
    """The numbers of an outcome that are no part of its time or of who it is."""
    if isinstance(outcome, Rejection):
        return {}
    told: dict[str, Any] = {"metadata": outcome.metadata}
    if isinstance(outcome, Point | Metric):
        names = ("latitude", "longitude", "altitude_m", "accuracy_m", "value")
        told |= {name: getattr(outcome, name, None) for name in names}
    return {
        path: value for path in _leaves(told) if isinstance(value := _at(told, path), int | float)
    }


def _another(leaf: Any) -> Any:
    """The leaf with another first digit: a number all the same."""
    if not isinstance(leaf, str):
        return leaf / 2 if isinstance(leaf, float) else leaf + 1
    return re.sub(r"\d", lambda digit: "2" if digit[0] == "1" else "1", leaf, count=1)


def _cases(form: Format) -> Iterator[tuple[Case, tuple[Any, ...]]]:
    """Each leaf on which a number of an outcome hangs, once for each shape of item it stands in."""
    done: set[Any] = set()
    for sample in samples(form):
        member = member_of(sample.path, sample.file)
        for item in read_items(form, member):
            if not isinstance(item.value, dict | list | Element):
                continue
            case = Case(form, member, item)
            base = list(map(_numbers, case.base))
            for path in _leaves(item.value):
                leaf = _at(item.value, path)
                shape = tuple("*" if isinstance(key, int) else key for key in path)
                here = (shape, *map(type, case.base))
                if here in done or (isinstance(leaf, str) and not _NUMBER.fullmatch(leaf)):
                    continue
                if list(map(_numbers, case.of(path, _another(leaf)))) != base:
                    done.add(here)
                    yield case, path


def _kinds(outcomes: list[Outcome]) -> Counter[type]:
    return Counter(map(type, outcomes))


def _stays(base: list[Outcome], got: list[Outcome]) -> bool:
    """Whether all documents are there; one that had no number to measure may become a metric."""
    was, now = _kinds(base), _kinds(got)
    return now[Record] >= was[Record] or now[Metric] > was[Metric]


def _faults(case: Case, path: tuple[Any, ...]) -> Iterator[str]:
    nullable = case.form.reader.name.partition(":")[0] in _NULLABLE
    given = [*NO_NUMBERS, *EITHER[: None if nullable else 5], *(TYPED if nullable else ())]
    for new in given:
        where = f"{'.'.join(map(str, path))}, {str(new)[:12]!r}"
        got = case.of(path, new)
        if not _stays(case.base, got):
            why = [f"{o.reason}: {o.detail}" for o in got if isinstance(o, Rejection)]
            yield f"{where}: {why}"
        if any(isinstance(o, Rejection) and o.reason is Reason.FORMAT_DEFECT for o in got):
            yield f"{where}: a defect"
        if not all(map(math.isfinite, (n for o in got for n in _numbers(o).values()))):
            yield f"{where}: infinite"
        if new in EITHER or (case.form.name, path[-1]) in KINDS:
            continue
        if not _is_told(case.base, got, new):
            yield f"{where}: unsaid"


def _is_told(base: list[Outcome], got: list[Outcome], new: Any) -> bool:
    """Whether what lost its number says so, and what stood there: or it is passed on as it is."""
    if any(isinstance(o, Rejection) and o.reason in REFUSED for o in got):
        return True
    kept = [o for o in got if not isinstance(o, Rejection)]
    if new != TYPED[-1] and str(new) not in repr([(o.metadata, o.time) for o in kept]):
        return False
    flagged = any(FLAGS.intersection(_flags(o)) for o in kept)
    return flagged or not any(_lost(was, now, new) for was, now in zip(base, got, strict=False))


def _flags(outcome: Record | Point | Metric) -> set[str | None]:
    return {*outcome.metadata.get("flags", ()), outcome.time.flag if outcome.time else None}


def _lost(was: Outcome, now: Outcome, new: Any) -> bool:
    """Whether a number is gone, and nothing stands in its place."""
    if isinstance(was, Rejection) or isinstance(now, Rejection):
        return not isinstance(was, Rejection)
    # Of an end that can't be read the text is kept, and no flag says so: it is not when it was.
    ended = "ended_at" in was.metadata and str(new) in repr(now.metadata)
    paths = [path for path in _numbers(was) if path[0] == "metadata"]
    return any(not _holds(now, p) for p in paths if not (ended and p[-1] == "duration_s"))


def _holds(outcome: Record | Point | Metric, path: tuple[Any, ...]) -> bool:
    try:
        return _at({"metadata": outcome.metadata}, path) is not None
    except (LookupError, TypeError):
        return False


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_a_record_without_its_number_stays(form: Format) -> None:
    assert [fault for case, path in _cases(form) for fault in _faults(case, path)] == []


_DECIMAL = re.compile(rb"(?<![\w.:,+-])-?\d{1,6}\.\d{1,8}(?![\w.:,])")
#: Lines in which a number is how they are cut, and why no other may stand there.
PART_OF_THE_GRAMMAR = {"nmea": "a sentence has a checksum", "owntracks.rec": "one JSON a line"}


def _changed(form: Format) -> Iterator[tuple[Sample, bytes, bytes]]:
    """Samples of texts in which a decimal, which an item has once, is another word."""
    for sample in samples(form):
        member = member_of(sample.path, sample.file)
        if all(isinstance(i.value, dict | list | Element) for i in read_items(form, member)):
            continue
        data = sample.file.read_bytes()
        for offset, length, outcome in read(form, member, ONE_PASS)[1]:
            part = data[offset : offset + length]
            for written in set(_DECIMAL.findall(part)) if isinstance(outcome, Record) else ():
                for new in (b"nan", b"1e999", b"1.234,56"):
                    if part.count(written) == 1:
                        end = data[offset + length :]
                        yield sample, new, data[:offset] + part.replace(written, new) + end


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_a_record_in_a_text_without_its_number_stays(form: Format, tmp_path: Path) -> None:
    if form.name in PART_OF_THE_GRAMMAR:
        return
    for sample, new, data in _changed(form):
        base = [f[2] for f in read(form, member_of(sample.path, sample.file), ONE_PASS)[1]]
        changed = tmp_path / "changed"
        changed.write_bytes(data)
        got = [f[2] for f in read(form, member_of(sample.path, changed), ONE_PASS)[1]]
        assert _stays(base, got), (sample.path, new)
        assert all(math.isfinite(n) for o in got for n in _numbers(o).values()), (sample.path, new)


def test_an_event_of_no_length_and_no_place_stays(tmp_path: Path) -> None:
    lines = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:1", "DTSTART:20240101T100000Z")
    lines += ("DURATION:P999999W", "GEO:99;1", "END:VEVENT", "END:VCALENDAR", "")
    file = tmp_path / "a.ics"
    file.write_text("\r\n".join(lines))
    ((_, _, event),) = read(format_named("calendar.ics"), member_of("a.ics", file), ONE_PASS)[1]
    assert isinstance(event, Record)
    assert event.metadata == {
        "duration": "P999999W",
        "geo": "99;1",
        "flags": ["bad_duration", "place_unusable"],
    } | {name: event.metadata[name] for name in ("calendar",) if name in event.metadata}
