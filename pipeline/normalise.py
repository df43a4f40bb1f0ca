"""Turn items into records: the format's outcomes, with clean text, a language and a key.

A record stage maps an iterable of `Found` to an iterator of `Found`: records are mapped and
rejections pass unchanged. Bad data is a value; only a transient error raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, Protocol, TypeAlias

import msgspec

from pipeline import defects
from pipeline.contract import Format, FromSiblings
from pipeline.ports import Neighbours
from pipeline.quality import broken_rule
from pipeline.text import cleaning, language, mojibake
from pipeline.values import coordinates, money, open_zones, time_zones
from pipeline.values.record_checks import fitted
from schemas.errors import BadValue
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.reasons import Reason
from schemas.records import (
    DataType,
    Metric,
    Outcome,
    Point,
    RawRecord,
    Record,
    Rejection,
    ZoneSource,
)
from schemas.vocabulary import RecordType

#: An outcome and the bytes [offset, offset + length) of the member that it came from.
Found: TypeAlias = tuple[int, int, Outcome]

#: How many raw bytes of a rejected record are stored; the locator leads to the rest.
RAW_LIMIT = 1024 * 1024

_BATCH = 1_000


#: Between the words of a sentence.
_FEWEST_SPACES = 2

#: Titles of pages and points on a map have no useful language.
_SPEECHLESS = frozenset({DataType.BROWSER, DataType.LOCATION})


class ReadContext(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a slice needs: the format, the member, and what the reader noted of it.

    With `neighbours` a format that asks for them adds what it finds in sibling files. `home` is the
    account's zone: clocks that name no zone, and have no place, are read in it.
    """

    form: Format
    member: Member
    context: Context = {}
    neighbours: Neighbours | None = None
    home: tzinfo | None = None


class Seen(Protocol):
    """Receives reports on the items of a slice."""

    def fields(self, unknown: AbstractSet[str]) -> None:
        """Take note that one item has fields that its format does not know."""

    def items(self, count: int) -> None:
        """Take note that the format has read that many items.

        One may give several records, or none.
        """


def understand(
    reading: ReadContext, source: BinaryIO, part: Slice, seen: Seen | None = None
) -> Iterator[Found]:
    """Return the outcomes of one slice, in order, each with the place of its item.

    A format's complaint about an item (`BadValue`, or a field that is missing or of another
    shape), or a broken quality rule, becomes a `Rejection` with the item's raw bytes, read
    through a second handle. `seen` receives reports on the items.
    """
    form, count = reading.form, 0
    with reading.member.file.open("rb") as again:
        for item in _items(form, source, part, reading.context):
            count += 1
            if isinstance(item, Rejection):
                yield item.offset, item.length, item
                continue
            if seen is not None and (unknown := _unknown_fields(form, item)):
                seen.fields(unknown)
            for outcome in outcomes_of(reading, item):
                if isinstance(outcome, Rejection):
                    yield item.offset, item.length, _with_raw(outcome, item, again)
                else:
                    yield item.offset, item.length, outcome
    if seen is not None:
        seen.items(count)


def slices_of(
    form: Format, member: Member, source: BinaryIO, context: Context, limits: SliceLimits
) -> Iterator[Slice]:
    """Yield the reader's slices of a member.

    Where the reader raises, the rest is one slice; reading that slice then rejects what can't be
    read.
    """
    at = 0
    try:
        for part in form.reader.slices(source, context, limits):
            at = part.end
            yield part
    except Exception as error:
        if not defects.is_defect(error):
            raise
        if at < member.size:
            yield Slice(at, member.size)


def _items(
    form: Format, source: BinaryIO, part: Slice, context: Context
) -> Iterator[RawRecord | Rejection]:
    """Yield the reader's items.

    Where the reader raises, each range between two of its bounds is read by itself, and one in
    which it raises again is rejected.
    """
    at = part.start
    try:
        for item in form.reader.items(source, part, context):
            at = max(at, item.offset + item.length)
            yield item
    except Exception as error:
        if not defects.is_defect(error):
            raise
        yield from _past(form, source, Slice(at, part.end), context)


def _past(
    form: Format, source: BinaryIO, rest: Slice, context: Context
) -> Iterator[RawRecord | Rejection]:
    """Yield the items of the rest of a slice in which the reader raised."""
    for part in _bounds(form, source, rest, context):
        try:
            for item in list(form.reader.items(source, part, context)):
                if item.offset >= rest.start:
                    yield item
        except Exception as error:
            if not defects.is_defect(error):
                raise
            start = max(part.start, rest.start)
            source.seek(start)
            raw = source.read(min(part.end - start, RAW_LIMIT))
            yield defects.rejection(error, start, part.end - start, raw)


def _bounds(form: Format, source: BinaryIO, rest: Slice, context: Context) -> list[Slice]:
    """Return the smallest ranges that the reader cuts `rest` into.

    The range that it does not cut is one of them.
    """
    parts: list[Slice] = []
    try:
        for part in form.reader.slices(source, context, SliceLimits(records=1, size=1)):
            if part.start >= rest.end:
                break
            if part.end > rest.start:
                parts.append(part)
    except Exception as error:
        if not defects.is_defect(error):
            raise
        end = parts[-1].end if parts else rest.start
        parts.append(Slice(end, max(end, rest.end)))
    return parts or [rest]


def outcomes_of(reading: ReadContext, item: RawRecord) -> Iterator[Outcome]:
    """Return the outcomes of one item; a rejection is without its bytes."""
    found = map(_checked, _meaning(reading, item))
    return map(partial(_flagged, item.flags), found) if item.flags else found


def _flagged(flags: tuple[str, ...], outcome: Outcome) -> Outcome:
    """Return a record with the flags of its item."""
    if isinstance(outcome, Rejection):
        return outcome
    joined = sorted({*outcome.metadata.get("flags", ()), *flags})
    return msgspec.structs.replace(outcome, metadata={**outcome.metadata, "flags": joined})


def _unknown_fields(form: Format, item: RawRecord) -> AbstractSet[str] | None:
    if form.fields is None or not isinstance(item.value, dict):
        return None
    names = item.value.keys()
    return None if names <= form.fields else names - form.fields


def _checked(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Rejection):
        return outcome
    try:
        placed = _placed(outcome) if isinstance(outcome, Record) else outcome
        broken = broken_rule(placed)
    except Exception as error:
        if not defects.is_defect(error):
            raise
        return defects.rejection(error)
    return placed if broken is None else Rejection(reason=broken[0], detail=broken[1])


def _placed(record: Record) -> Record:
    """Return a record whose shared names have their shapes, and whose places are usable."""
    usable = money.without_unreadable(coordinates.without_unusable(fitted(record.metadata)))
    if usable is record.metadata:
        return record
    return msgspec.structs.replace(record, metadata=usable)


def _meaning(reading: ReadContext, item: RawRecord) -> Iterable[Outcome]:
    """Return the format's outcomes of one item; all of them or one rejection, never half."""
    form, member, neighbours = reading.form, reading.member, reading.neighbours
    try:
        if reading.home is None:
            outcomes = _in_zones_of_places(form, member, item)
        else:
            outcomes = _in_home_zone(form, member, item, reading.home)
        if form.from_siblings is None or neighbours is None:
            return outcomes
        return [_completed(form.from_siblings, o, member, neighbours) for o in outcomes]
    except BadValue as bad:
        return (Rejection(reason=bad.reason, detail=bad.detail),)
    except KeyError as missing:
        # A key is a field's name in this code, never something out of the record.
        return (Rejection(reason=Reason.MISSING_FIELD, detail=f"no field {missing}"),)
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        return (Rejection(reason=Reason.BAD_SHAPE, detail=type(error).__name__),)
    except Exception as error:
        if not defects.is_defect(error):
            raise
        return (defects.rejection(error),)


def _read_item(form: Format, member: Member, item: RawRecord) -> Sequence[Outcome]:
    outcome = form.record(item, member)
    return (outcome,) if isinstance(outcome, msgspec.Struct) else list(outcome)


def _in_home_zone(form: Format, member: Member, item: RawRecord, home: tzinfo) -> Sequence[Outcome]:
    """Return the format's outcomes; clocks without a zone are in that of their place, or `home`."""
    with open_zones.in_usual_zone(home, ZoneSource.ACCOUNT):
        return _in_zones_of_places(form, member, item)


def _in_zones_of_places(form: Format, member: Member, item: RawRecord) -> Sequence[Outcome]:
    """Return the format's outcomes; those with a place are read again in the zone of the place.

    They are read again rather than shifted, since formats write some times into metadata.
    """
    first = _read_item(form, member, item)
    for outcome in first:
        if _leaves_open(outcome):
            break
    else:
        return first
    found = [_in_usual_zone(outcome) for outcome in first]
    again: dict[tzinfo, Sequence[Outcome]] = {}
    for n, outcome in enumerate(first):
        if _leaves_open(outcome) and (there := _zone_there(outcome)) is not None:
            with open_zones.in_usual_zone(there, ZoneSource.COORDINATE):
                if there not in again:
                    again[there] = _read_item(form, member, item)
                found[n] = _in_usual_zone(again[there][n])
    return found


def _leaves_open(outcome: Outcome) -> bool:
    if isinstance(outcome, Rejection) or (time := outcome.time) is None:
        return False
    return open_zones.leaves_zone_open(time)


def _in_usual_zone(outcome: Outcome) -> Outcome:
    """Return the outcome with its own times by the usual zone."""
    if isinstance(outcome, Rejection) or outcome.time is None:
        return outcome
    time = open_zones.resolve(outcome.time)
    if isinstance(outcome, Metric) and outcome.until is not None:
        until = open_zones.resolve(outcome.until)
        return msgspec.structs.replace(outcome, time=time, until=until)
    return msgspec.structs.replace(outcome, time=time)


#: Records that happened where their metadata says; a message may speak of any place.
_THERE = frozenset({RecordType.PLACE_VISIT, RecordType.TRIP, RecordType.MEDIUM, RecordType.WORKOUT})


def _zone_there(outcome: Outcome) -> tzinfo | None:
    """Return the zone of the place where something was or happened, if it names one."""
    if isinstance(outcome, Point):
        return time_zones.at(outcome.latitude, outcome.longitude)
    if not isinstance(outcome, Record) or outcome.record_type not in _THERE:
        return None
    facts = outcome.metadata
    place = next((p for n in ("from_place", "place") if (p := facts.get(n))), facts)
    try:
        return time_zones.at(*coordinates.pair(place["latitude"], place["longitude"]))
    except (BadValue, LookupError, TypeError):
        return None


def _completed(
    complete: FromSiblings, outcome: Outcome, member: Member, neighbours: Neighbours
) -> Outcome:
    """Return the record with what sibling files of the export add."""
    if not isinstance(outcome, Record):
        return outcome
    found = complete(outcome, member, neighbours)
    flags = {"flags": list(found.flags)} if found.flags else {}
    return msgspec.structs.replace(
        outcome,
        context_metadata={**outcome.context_metadata, **found.metadata, **flags},
        related=(*outcome.related, *found.related),
    )


def _with_raw(rejection: Rejection, item: RawRecord, source: BinaryIO) -> Rejection:
    source.seek(item.offset)
    raw = source.read(min(item.length, RAW_LIMIT))
    return msgspec.structs.replace(rejection, raw=raw, offset=item.offset, length=item.length)


def normalise(found: Iterable[Found]) -> Iterator[Found]:
    """Clean the text of records and detect its language, a batch at a time."""
    stream = iter(found)
    while batch := list(islice(stream, _BATCH)):
        yield from defects.each(_batch, batch, defective)


def defective(found: Found, error: Exception) -> Found:
    """Return the rejection of an outcome for which a step fails; its bytes are read later."""
    offset, length, _ = found
    return offset, length, defects.rejection(error, offset, length)


def _batch(found: Sequence[Found]) -> Sequence[Found]:
    batch = list(found)
    wanted: list[int] = []
    for at, (offset, length, outcome) in enumerate(found):
        if isinstance(outcome, Record):
            clean = _clean(outcome)
            if clean is not outcome:
                batch[at] = (offset, length, clean)
            if clean.content and clean.language is None and clean.data_type not in _SPEECHLESS:
                wanted.append(at)
    if wanted:
        _detect_language(batch, wanted)
    return batch


def _detect_language(batch: list[Found], wanted: list[int]) -> None:
    records = [r for at in wanted if isinstance(r := batch[at][2], Record)]
    texts = [_text_of(record) for record in records]
    tongues = language.detect(texts)
    conversations = [_conversation(record) for record in records]
    tongues = language.of_conversations(texts, tongues, conversations)
    for at, record, tongue in zip(wanted, records, tongues, strict=True):
        offset, length, _ = batch[at]
        batch[at] = (offset, length, msgspec.structs.replace(record, language=tongue))


def _text_of(record: Record) -> str:
    """Return the text whose language is detected: of a row its sentences, without other values.

    The names of its fields are in the language of a program, and numbers, codes and names in none.
    """
    if record.record_type != RecordType.ROW or "fields" not in record.metadata:
        return record.content or ""
    return "\n".join(_sentences(record.metadata["fields"]))


def _sentences(value: Any) -> Iterator[str]:
    """Yield the texts in a value of three words and more, or in letters that need no spaces."""
    if isinstance(value, str):
        if value.count(" ") >= _FEWEST_SPACES or not value.isascii():
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _sentences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sentences(inner)


def _conversation(record: Record) -> str | None:
    name = record.metadata.get("conversation")
    return name if isinstance(name, str) else None


def _is_clean(text: str | None) -> bool:
    return text is None or (text.isascii() and "\x00" not in text)


def _clean(record: Record) -> Record:
    """Return the record as it is stored; the same object where nothing needed a change."""
    if _is_clean(record.title) and _is_clean(record.content):
        return record
    changes: dict[str, Any] = {}
    flags: list[str] = []
    misread: list[dict[str, Any]] = []
    for field in ("title", "content"):
        old = getattr(record, field)
        if not _is_clean(old):
            mended = mojibake.mend(old)
            if mended is not None:
                misread.append({"field": field, "read_as": list(mended.read_as)})
            new, why = cleaning.clean(old if mended is None else mended.text)
            flags.extend(why)
            if new is not old:
                changes[field] = new
    if misread:
        flags.append("mojibake_mended")
        changes["metadata"] = {**record.metadata, "misread": misread}
    if flags:
        new = changes.get("metadata", record.metadata)
        changes["metadata"] = {**new, "flags": sorted({*new.get("flags", ()), *flags})}
    return msgspec.structs.replace(record, **changes) if changes else record
