"""Whatever stands in an item, no record carries a wrong type: JSON promises a format nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from pipeline.contract import Format
from pipeline.enrich.entities import mentions
from pipeline.normalise import ReadContext, outcomes_of
from pipeline.quality import key_of
from pipeline.registry import all_formats
from pipeline.storage.copy_text import document_line, location_line, metric_line
from pipeline.text.cleaning import clean_json
from schemas.files import Member
from schemas.records import Instant, Metric, Point, RawRecord, Record, Rejection
from schemas.vocabulary import KEYS, RecordType, Shape
from tests.support.formats import member_of, read_items, samples

pytestmark = pytest.mark.sweep

#: Readers whose items are JSON.
_JSON = {"json_items", "json_whole", "json_tree", "ndjson", "ytd"}
_TRIES = 150
#: One of each type, and values that are odd for theirs.
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1.5, 1e300, "", "x", "\ud800", "\x00", "0", "2024-13-40",
    [], [None], [[]], ["x"], [1], [{}], {}, {"x": 1}, {"name": 1}, {"timestamp": []},
)  # fmt: skip

json_formats = pytest.mark.parametrize(
    "form",
    [form for form in all_formats() if form.reader.name.partition(":")[0] in _JSON],
    ids=lambda form: form.name,
)


def _spoken(record: Record) -> Iterator[tuple[str, Any]]:
    """The metadata under shared names; a row of no known product has its own."""
    return iter(() if record.record_type == RecordType.ROW else record.metadata.items())


def holds(name: str, value: Any) -> bool:
    """Whether a shared name has its shape, as what reads the lake takes it."""
    match KEYS.get(name):
        case Shape.TEXT:
            return type(value) is str
        case Shape.PEOPLE | Shape.OBJECTS | Shape.FILES:
            return type(value) is list and all(type(one) is dict for one in value)
        case Shape.PERSON | Shape.PLACE | Shape.AMOUNT:
            return type(value) is dict
        case Shape.TEXTS:
            return all(type(one) is str for one in value)
        case Shape.NUMBER:
            return type(value) in (int, float)
        case Shape.FLAG:
            return type(value) is bool
    return True


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, by the keys that lead there."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(part, (*path, name))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _places(part, (*path, at))


def _with(value: Any, path: tuple[Any, ...], random: Random) -> Any:
    """The value with something else at one place, or nothing."""
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    if random.random() < 0.15:
        del at[path[-1]]
    else:
        at[path[-1]] = random.choice(_ODD)
    return changed


def _changed(item: RawRecord, random: Random) -> RawRecord:
    """An item with a wrong value in it or around it."""
    whole: dict[str, Any] = {"value": item.value, "around": dict(item.around)}
    for _ in range(random.randint(1, 2)):
        places = [p for p in _places(whole) if len(p) > 1]
        if places:
            whole = _with(whole, random.choice(places), random)
    return msgspec.structs.replace(item, value=whole["value"], around=whole["around"])


@json_formats
def test_no_wrong_type_passes_through(form: Format, tmp_path: Path) -> None:
    random = Random(form.name)
    items = [
        (item, member)
        for sample in samples(form)
        for member in [member_of(sample.path, sample.file)]
        for item in read_items(form, member)
    ]
    assert items
    for _ in range(_TRIES):
        item, member = random.choice(items)
        _holds(form, member, _changed(item, random))


def _holds(form: Format, member: Member, item: RawRecord) -> None:
    """Each outcome has the types that it promises, and can be written to the lake."""
    for outcome in outcomes_of(ReadContext(form=form, member=member), item):
        if isinstance(outcome, Rejection):
            continue
        assert all(type(text) is str for text in outcome.identity), outcome
        assert outcome.time is None or type(outcome.time) is Instant
        key = key_of(outcome).hex()
        match outcome:
            case Record():
                assert outcome.title is None or type(outcome.title) is str
                assert outcome.content is None or type(outcome.content) is str
                assert all(holds(n, v) for n, v in _spoken(outcome)), outcome
                assert all(type(m.value) is str for m in mentions(outcome))
                assert all(type(i) is str for r in outcome.related for i in r.identity)
                document_line(outcome, key, 0, clean_json)
            case Point():
                location_line(outcome, key, 0, clean_json)
            case Metric():
                assert type(outcome.value) is float
                metric_line(outcome, key, 0, clean_json)
