"""Google Fit in Takeout: `Fit/All Data/<source>.json`, one stream of measurements each.

`{"Data Source": ..., "Data Points": [{dataTypeName, startTimeNanos, endTimeNanos, fitValue}]}`;
nanoseconds are numbers or texts, and some producers put the number into `fitValue` directly. A
value may be a map, such as the nutrients of a meal, each a metric named by its key; or a text,
which belongs to the point's metrics, or is a record if it has none. File names are cut, so `Data
Source` names the stream. `pipeline.services.google.fit` says which streams count.

Source: `docs/reference/exports/google-fit.md#all-data`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.tree import JsonTree
from pipeline.recognition import peek
from pipeline.services.google import fit as google_fit
from pipeline.values import timestamps
from pipeline.values.fields import joined, measure, optional_text, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, Metric, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.fit_data"
_SOURCE, _POINTS = "Data Source", "Data Points"
_NUMBERS = ("intVal", "fpVal")
_TIMES = ("startTimeNanos", "endTimeNanos")
#: Units of the nutrients (developers.google.com/fit/datatypes/nutrition).
_NUTRITION = "com.google.nutrition"
_GRAMS = (
    "fat.total", "fat.saturated", "fat.unsaturated", "fat.polyunsaturated", "fat.monounsaturated",
    "fat.trans", "carbs.total", "dietary_fiber", "sugar", "protein",
)  # fmt: skip
_UNITS = {
    "calories": "kcal",
    **dict.fromkeys(("cholesterol", "sodium", "potassium"), "mg"),
    **dict.fromkeys(_GRAMS, "g"),
}


def to_metrics(item: RawRecord, member: Member) -> Iterator[Metric | Record]:
    """Yield the numbers of one point; the name of a second number ends with its place."""
    fields: dict[str, Any] = item.value
    kind, source = text(fields, "dataTypeName"), optional_text(item.around, _SOURCE) or ""
    counts = google_fit.is_canonical(kind, source)
    name, unit, scale = google_fit.KNOWN[kind] if counts else (kind, "", 1.0)
    origin = optional_text(fields, "originDataSourceId")
    texts = list(_texts(fields))
    metadata: dict[str, Any] = {"stream": source} | ({"origin": origin} if origin else {})
    if texts:
        metadata |= {"texts": texts}
    odd: dict[str, Any] = {}
    numbers = list(_numbers(fields, kind, odd))
    metadata = joined(metadata, odd)
    if texts and not numbers:
        times = (fields.get(name) for name in _TIMES)
        start, end = (timestamps.epoch_or_unread(each, "ns") for each in times)
        yield _of_texts(kind, source, start, end, metadata)
        return
    if not numbers:
        reason = Reason.BAD_NUMBER if odd else Reason.BAD_SHAPE
        raise BadValue(reason, "'fitValue' holds no number")
    start, end = (timestamps.epoch(fields[name], "ns") for name in _TIMES)
    for behind, number, own in numbers:
        yield Metric(
            source=_NAME,
            # Points that two streams share are one record if they count, and several if they don't.
            identity=(start.text, end.text, str(number), "" if counts else source),
            time=start,
            until=end if end.at != start.at else None,
            name=f"{name}{behind}",
            value=number * scale,
            unit=own or unit,
            metadata=metadata,
        )


def _of_texts(
    kind: str, source: str, start: Instant, end: Instant, metadata: dict[str, Any]
) -> Record:
    """Return a point of texts only: which exercise it was."""
    texts: list[str] = metadata["texts"]
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.ACTIVITY,
        identity=(kind, source, start.text, end.text, *texts),
        time=start,
        title=texts[0],
        metadata={"kind": kind, **metadata},
    )


def _values(fields: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for at, entry in enumerate(fields.get("fitValue") or ()):
        yield at, entry.get("value", entry)


def _numbers(
    fields: dict[str, Any], kind: str, odd: dict[str, Any]
) -> Iterator[tuple[str, float, str]]:
    """Yield the suffix of each number's name, the number, and a unit of its own."""
    for at, value in _values(fields):
        if (number := _number(value, f"value_{at}", odd)) is not None:
            yield f".{at}" if at else "", number, ""
        for pair in value.get("mapVal") or ():
            key = str(pair["key"])
            if (number := _number(pair.get("value") or {}, key, odd)) is not None:
                yield f".{key}", number, _UNITS.get(key, "") if kind == _NUTRITION else ""


def _number(value: dict[str, Any], name: str, odd: dict[str, Any]) -> float | None:
    """Return a number. An integer stays an integer, since its digits identify a point."""
    written = next((value[name] for name in _NUMBERS if name in value), None)
    found = measure(written, name, odd)
    return written if type(written) is int and found is not None else found


def _texts(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the texts of a point, in order."""
    for _, value in _values(fields):
        if isinstance(text := value.get("stringVal"), str) and text:
            yield text


def _looks_like(head: Head) -> int:
    return 2 * ({_SOURCE, _POINTS} <= set(peek.top_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Measurements of Google Fit (Takeout)",
    version=4,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(_POINTS,)),
    record=to_metrics,
    embed=False,
    products=("Google Takeout: Fit",),
    record_types=(RecordType.ACTIVITY,),
    vintages=("nanoseconds as numbers", "nanoseconds as texts"),
    fields=frozenset(
        {"dataTypeName", "startTimeNanos", "endTimeNanos", "fitValue", "originDataSourceId"}
        | {"modifiedTimeMillis", "rawTimestampNanos"}
    ),
)
