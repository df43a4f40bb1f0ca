"""A mail's records, whatever file it came in: the mail itself, then each of its attachments.

A mail is who its bare Message-ID says (the domain in lower case): mails in several label files
are one document, and so are two mails that share an id though they differ, as they do in other
readers of Takeout. A patch without one is its commit, date and title, without git's count of
patches, which grows with every later export. Anything else is the hash of its bytes without
Gmail's labels, which change.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from pipeline import attachments, documents, mail, text, timestamps
from schemas.errors import BadValue
from schemas.records import Blob, DataType, Instant, Record, Related
from schemas.vocabulary import RecordType, Relation

_MESSAGE = RecordType.MESSAGE
#: More addresses than this of one mail are counted, not listed.
_ADDRESSES = 1_000
_BRACKETED = re.compile(r"<\s*+([^<>\s]++)\s*+>")
_PATCH_COUNT = re.compile(r"^\[[^\]]*\]\s*")
_LABELS = re.compile(rb"(?im)^X-Gmail-Labels:.*\n(?:[ \t].*\n)*")


def records(
    data: bytes, source: str, *, came: str | None = None, commit: str | None = None
) -> Iterator[Record]:
    """The mail in `data`, then each of its attachments.

    `came` is when it came in, as the file round it writes that; `commit` the hash of a patch.
    Raises `BadValue` as `mail.parse` does.
    """
    message = mail.parse(data)
    identity = _identity(data, message, commit)
    attached = [_blob(part, ordinal) for ordinal, part in enumerate(message.parts, 1)]
    time = _time(message, came)
    yield Record(
        data_type=DataType.EMAIL,
        source=source,
        record_type=_MESSAGE,
        identity=identity,
        time=time,
        title=message.field("subject"),
        content=message.plain or text.html_to_text(message.html) or None,
        metadata=_metadata(message, attached),
        related=_related(message),
    )
    for ordinal, blob in enumerate(attached, 1):
        yield _attachment(blob, ordinal, identity, message, source, time)


def _identity(data: bytes, message: mail.Message, commit: str | None) -> tuple[str, ...]:
    if named := _ids(message, "message-id"):
        return ("message-id", named[0])
    if commit:
        title = _PATCH_COUNT.sub("", " ".join((message.field("subject") or "").split()))
        return ("git-commit", commit, message.field("date") or "", title)
    return ("sha256", sha256(_LABELS.sub(b"", data).rstrip(b"\r\n")).hexdigest())


def _ids(message: mail.Message, field: str) -> list[str]:
    """The message ids in a header field, bare, each with its domain in lower case."""
    bracketed = _BRACKETED.findall(message.field(field) or "")
    pairs = (named.rpartition("@") for named in bracketed if "@" in named[1:-1])
    return [f"{local}@{domain.lower()}" for local, _, domain in pairs]


def _time(message: mail.Message, came: str | None) -> Instant | None:
    """The mail's own date; where that is none, the separator's, which is when it came in."""
    written = message.field("date")
    own = _instant(written)
    if own is not None and own.at is not None:
        return own
    arrived = _instant(came)
    if arrived is None or arrived.at is None:
        return own
    return msgspec.structs.replace(arrived, text=written or arrived.text, flag="from_separator")


def _instant(date: str | None) -> Instant | None:
    try:
        return timestamps.mail_date(date) if date else None
    except BadValue:
        return None


def _metadata(message: mail.Message, attached: list[Blob]) -> dict[str, Any]:
    own = next(iter(_ids(message, "message-id")), None)
    reply_to = next(iter(_ids(message, "in-reply-to")), None)
    references = _ids(message, "references")
    thread = message.field("x-gm-thrid")
    found = {
        "sender": next(iter(msgspec.to_builtins(list(message.sender))), None),
        **_people("recipients", message.to),
        **_people("cc", message.cc),
        "date": message.field("date"),
        "message_id": own,
        "in_reply_to": reply_to,
        "references": references,
        "thread": thread,
        "conversation": thread or next(iter(references), reply_to) or own,
        "list": message.field("list-id"),
        "labels": _labels(message),
        "attachments": [attachments.summary(blob) for blob in attached],
        "flags": list(message.flags),
    }
    return {name: value for name, value in found.items() if value}


def _related(message: mail.Message) -> tuple[Related, ...]:
    answered = _ids(message, "in-reply-to")[:1]
    return tuple(Related(Relation.REPLY_TO, _MESSAGE, ("message-id", one)) for one in answered)


def _people(name: str, people: tuple[mail.Address, ...]) -> dict[str, Any]:
    listed = {name: msgspec.to_builtins(list(people[:_ADDRESSES]))}
    return {**listed, f"{name}_count": len(people)} if len(people) > _ADDRESSES else listed


def _labels(message: mail.Message) -> list[str]:
    """Gmail's labels: a comma list, a label that holds a comma in quotes."""
    lines = [" ".join(value.split()) for value in message.fields.get("x-gmail-labels", ())]
    return [label.strip() for row in csv.reader(lines, skipinitialspace=True) for label in row]


def _blob(part: mail.Part, ordinal: int) -> Blob:
    fallback = f"attachment-{ordinal}"
    return attachments.blob_of(part.data, part.name, part.media_type, fallback=fallback)


def _attachment(
    blob: Blob,
    ordinal: int,
    mail_identity: tuple[str, ...],
    message: mail.Message,
    source: str,
    time: Instant | None,
) -> Record:
    """The attachment's own record, which names the mail."""
    assert blob.data is not None
    read = documents.extract_text(blob.data, blob.media_type)
    found = {
        **read.metadata,
        "message_id": next(iter(_ids(message, "message-id")), None),
        "subject": message.field("subject"),
        "ordinal": ordinal,
        "flags": list(read.flags),
    }
    return Record(
        data_type=attachments.data_type_of(blob.media_type),
        source=source,
        record_type=RecordType.ATTACHMENT,
        identity=(*mail_identity, str(ordinal), blob.sha256),
        time=time,
        title=blob.name,
        content=read.text or None,
        content_type=blob.media_type,
        metadata={name: value for name, value in found.items() if value},
        blob=blob,
        related=(Related(Relation.ATTACHMENT_OF, _MESSAGE, mail_identity),),
    )
