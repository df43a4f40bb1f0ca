"""SMS Backup & Restore (Android): `<smses>` of `<sms/>` and `<mms>`.

`date` is in milliseconds, `date_sent` of an MMS in seconds. Missing values are the word `null`.
`type` of an SMS, `msg_box` of an MMS: 1 incoming, 2 outgoing. An MMS has its texts and files as
`part`s, the files in base64, and its people as `addr`s: 137 is the sender.

Source: `docs/reference/exports/phones-and-apps.md#sms-backup--restore`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from pipeline.contract import Format
from pipeline.readers.xml.elements import XmlElements
from pipeline.services import attachments
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values import timestamps
from pipeline.values.fields import StableNames, as_written, text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import Blob, DataType, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "sms.backup_restore"
_MESSAGE = RecordType.MESSAGE
_FROM = "137"
_DIRECTIONS = {"1": "in", "2": "out"}
_NOTHING = frozenset({"", "null"})
_NAMES = StableNames()
_TAKEN = frozenset({"address", "date", "body", "subject", "contact_name", "type", "msg_box"})
#: The part that describes the layout of an MMS.
_SMIL = "application/smil"


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield an SMS; or an MMS and then each of its files."""
    element: Element = item.value
    return _mms(element) if element.tag == "mms" else iter((_sms(element),))


def _sms(element: Element) -> Record:
    fields = element.attributes
    address, date, kind = (
        text(fields, "address"),
        as_written(fields, "date"),
        fields.get("type", ""),
    )
    body = _optional(fields, "body")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_MESSAGE,
        identity=("sms", address, date, kind, body or ""),
        time=timestamps.epoch_or_unread(date, "ms"),
        title=_optional(fields, "subject"),
        content=body,
        metadata=_metadata(fields, [_person(address, fields)], kind),
    )


def _optional(fields: Mapping[str, str], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None or value in _NOTHING else value


def _person(phone: str, fields: Mapping[str, str]) -> dict[str, Any]:
    name = _optional(fields, "contact_name")
    return {"phone": phone, "name": name} if name and name != "(Unknown)" else {"phone": phone}


def _metadata(fields: Mapping[str, str], others: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the metadata.

    The other people are the sender or the recipients; the owner has no number.
    """
    direction = _DIRECTIONS.get(kind)
    metadata: dict[str, Any] = {
        _NAMES[k]: v for k, v in fields.items() if k not in _TAKEN and v not in _NOTHING
    }
    phones = sorted(person["phone"] for person in others)
    metadata |= {"conversation": "~".join(phones), "direction": direction, "box": kind}
    if direction == "in":
        metadata["sender"] = others[0] if others else None
    else:
        metadata["recipients"] = others
    return {name: value for name, value in metadata.items() if value}


def _mms(element: Element) -> Iterator[Record]:
    fields = element.attributes
    date, kind = as_written(fields, "date"), fields.get("msg_box", "")
    time = timestamps.epoch_or_unread(date, "ms")
    texts, files = _parts(element)
    people = _people(element, fields)
    body = "\n".join(texts)
    digest = sha256("".join(blob.sha256 for blob in files).encode()).hexdigest() if files else ""
    identity = ("mms", date, kind, *(p["phone"] for p in people), body, digest)
    metadata = _metadata(fields, people, kind)
    if files:
        metadata["attachments"] = [attachments.summary(blob) for blob in files]
    yield Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=_MESSAGE,
        identity=identity,
        time=time,
        title=_optional(fields, "subject"),
        content=body or None,
        metadata=metadata,
    )
    owner = Related(Relation.ATTACHMENT_OF, _MESSAGE, identity)
    for ordinal, blob in enumerate(files, 1):
        details = {"ordinal": ordinal}
        yield attachments.record(_NAME, blob, ordinal, owner, time, metadata=details)


def _people(element: Element, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the other people, the sender first; the owner is "insert-address-token"."""
    addresses = [a.attributes for group in element.all("addrs") for a in group.all("addr")]
    addresses.sort(key=lambda address: address.get("type") != _FROM)
    phones = [text(a, "address") for a in addresses if a.get("address") != "insert-address-token"]
    if not phones:
        phones = [phone for phone in text(fields, "address").split("~") if phone]
    alone = fields if len(phones) == 1 else {}
    return [_person(phone, alone) for phone in dict.fromkeys(phones)]


def _parts(element: Element) -> tuple[list[str], list[Blob]]:
    """Return the texts of an MMS, and its files as blobs."""
    texts, files = list[str](), list[Blob]()
    parts = [part.attributes for group in element.all("parts") for part in group.all("part")]
    for ordinal, part in enumerate(parts, 1):
        kind = part.get("ct", "")
        if kind == _SMIL:
            continue
        if (data := _optional(part, "data")) is not None:
            name = _optional(part, "name") or _optional(part, "fn") or ""
            files.append(attachments.blob_of(_bytes(data), name, kind, fallback=f"part-{ordinal}"))
        elif (body := _optional(part, "text")) is not None:
            texts.append(body)
    return texts, files


def _bytes(data: str) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=False)
    except (binascii.Error, ValueError):
        raise BadValue(Reason.BAD_SHAPE, "'data' of a part is not base64") from None


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "smses"


FORMAT = Format(
    name=_NAME,
    title="Text messages from SMS Backup & Restore",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.xml",),
    looks_like=_looks_like,
    reader=XmlElements(names=("sms", "mms")),
    record=to_records,
    products=("SMS Backup & Restore",),
    record_types=(RecordType.ATTACHMENT, _MESSAGE),
)
