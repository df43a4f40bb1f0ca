"""A measured series: for tests of metrics."""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import text
from schemas.files import Head, Member
from schemas.records import DataType, Metric, RawRecord
from schemas.vocabulary import MetricName

_NAME = "shape.pulse"


def to_metric(item: RawRecord, member: Member) -> Metric:
    """One value."""
    fields = item.value
    at = text(fields, "at")
    return Metric(
        source=_NAME,
        identity=(at,),
        time=timestamps.iso(at),
        name=MetricName.HEART_RATE,
        value=float(fields["bpm"]),
        unit="bpm",
    )


def _looks_like(head: Head) -> bool:
    return any("bpm" in item for item in peek.first_items(head, "pulse"))


FORMAT = Format(
    name=_NAME,
    title="Pulse",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r".+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="pulse"),
    record=to_metric,
)
