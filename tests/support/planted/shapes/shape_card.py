"""Cards of people, which change from export to export: for tests of versions."""

from __future__ import annotations

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values.fields import optional_text, text
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "shape.card"


def to_record(item: RawRecord, member: Member) -> Record:
    """One card, known by its number; `of` names another."""
    fields = item.value
    person = {"name": text(fields, "name"), "address": optional_text(fields, "mail")}
    of = optional_text(fields, "of")
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=(text(fields, "card"),),
        title=person["name"],
        content=optional_text(fields, "note"),
        metadata={"people": [{k: v for k, v in person.items() if v}]},
        related=(Related(Relation.SAME_AS, RecordType.CONTACT, (of,)),) if of else (),
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return any("card" in item for item in peek.first_items(head, "cards"))


FORMAT = Format(
    name=_NAME,
    title="Cards",
    version=1,
    data_type=DataType.DOCUMENT,
    paths=(r".+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path="cards"),
    record=to_record,
    fields=frozenset({"card", "name", "mail", "note", "of"}),
)
