"""Google Fit in Takeout: `Fit/All Data/<source>.json`, one stream of measurements each.

`{"Data Source": ..., "Data Points": [{dataTypeName, startTimeNanos, endTimeNanos, fitValue}]}`;
nanoseconds are numbers or texts, and some producers put the number into `fitValue` directly
(reference 2.15). File names are cut, so the stream is what `Data Source` says. Which streams count
is told in `pipeline.google_fit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline import google_fit, peek, timestamps
from pipeline.fields import optional_text, text
from pipeline.format import Format
from pipeline.readers.json_tree import JsonTree
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Metric, RawRecord

_NAME = "google.fit_data"
_SOURCE, _POINTS = "Data Source", "Data Points"
_NUMBERS = ("intVal", "fpVal")


def to_metrics(item: RawRecord, member: Member) -> Iterator[Metric]:
    """The numbers of one point: mostly one; a second has its place behind the name."""
    fields: dict[str, Any] = item.value
    kind, source = text(fields, "dataTypeName"), optional_text(item.around, _SOURCE) or ""
    counts = google_fit.is_canonical(kind, source)
    name, unit, scale = google_fit.KNOWN[kind] if counts else (kind, "", 1.0)
    start, end = (timestamps.epoch(fields[f"{n}TimeNanos"], "ns") for n in ("start", "end"))
    origin = optional_text(fields, "originDataSourceId")
    for at, number in _numbers(fields):
        yield Metric(
            source=_NAME,
            # Points that two streams share are one where they count, and apart where they don't.
            identity=(start.text, end.text, str(number), "" if counts else source),
            time=start,
            until=end if end.at != start.at else None,
            name=str(name) if at == 0 else f"{name}.{at}",
            value=number * scale,
            unit=unit,
            metadata={"stream": source, **({"origin": origin} if origin else {})},
        )


def _numbers(fields: dict[str, Any]) -> Iterator[tuple[int, float]]:
    found = False
    for at, entry in enumerate(fields.get("fitValue") or ()):
        value = entry.get("value", entry)
        number = next((value[name] for name in _NUMBERS if name in value), None)
        if isinstance(number, int | float) and not isinstance(number, bool):
            found = True
            yield at, number
    if not found:
        raise BadValue(Reason.BAD_SHAPE, "'fitValue' holds no number")


def _looks_like(head: Head) -> int:
    return 2 * ({_SOURCE, _POINTS} <= set(peek.top_keys(head)))


FORMAT = Format(
    name=_NAME,
    title="Measurements of Google Fit (Takeout)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonTree(paths=(_POINTS,)),
    record=to_metrics,
    embed=False,
    products=("Google Takeout: Fit",),
    vintages=("nanoseconds as numbers", "nanoseconds as texts"),
    fields=frozenset(
        {"dataTypeName", "startTimeNanos", "endTimeNanos", "fitValue", "originDataSourceId"}
        | {"modifiedTimeMillis", "rawTimestampNanos"}
    ),
)
