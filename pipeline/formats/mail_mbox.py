"""Mail out of an mbox: Gmail's Takeout, Thunderbird and its kin, `git format-patch --stdout`.

Takeout writes `Mail/All mail Including Spam and Trash.mbox`, or one mbox for each label, under
localised names; so an mbox is known by `.mbox`, or by its first lines. A mail is who its bare
Message-ID says (the domain in lower case): mails in several label files are one document, and so
are two mails that share an id though they differ, as they do in other readers of Takeout. A
patch without one is its commit, date and title, without git's count of patches, which grows with
every later export. Anything else is the hash of its bytes without Gmail's labels, which change.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import msgspec

from pipeline import documents, mail, text, timestamps
from pipeline.format import Format, Rank
from pipeline.readers.mbox import Mail, Mbox, begins_mbox, git_commit, separator_date
from schemas.errors import BadValue
from schemas.files import Head, Member, SliceLimits
from schemas.records import Blob, DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "mail.mbox"
_MESSAGE = RecordType.MESSAGE
#: More addresses than this of one mail are counted, not listed.
_ADDRESSES = 1_000
_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+@[^<>\s]+)\s*>")
_PATCH_COUNT = re.compile(r"^\[[^\]]*\]\s*")
_LABELS = re.compile(rb"(?im)^X-Gmail-Labels:.*\n(?:[ \t].*\n)*")


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """The mail, then each of its attachments."""
    found: Mail = item.value
    message = mail.parse(found.body)
    identity = _identity(found, message)
    attached = [_Attachment(part, ordinal) for ordinal, part in enumerate(message.parts, 1)]
    time = _time(found, message)
    yield Record(
        data_type=DataType.EMAIL,
        source=_NAME,
        record_type=_MESSAGE,
        identity=identity,
        time=time,
        title=message.field("subject"),
        content=message.plain or text.html_to_text(message.html) or None,
        metadata=_metadata(message, attached),
        related=_related(message),
    )
    for attachment in attached:
        yield attachment.record(identity, message, time)


def _identity(found: Mail, message: mail.Message) -> tuple[str, ...]:
    if named := _ids(message, "message-id"):
        return ("message-id", named[0])
    if commit := git_commit(found.separator):
        title = _PATCH_COUNT.sub("", " ".join((message.field("subject") or "").split()))
        return ("git-commit", commit, message.field("date") or "", title)
    return ("sha256", sha256(_LABELS.sub(b"", found.body).rstrip(b"\r\n")).hexdigest())


def _ids(message: mail.Message, field: str) -> list[str]:
    """The message ids in a header field, bare, each with its domain in lower case."""
    pairs = (named.rpartition("@") for named in _MESSAGE_ID.findall(message.field(field) or ""))
    return [f"{local}@{domain.lower()}" for local, _, domain in pairs]


def _time(found: Mail, message: mail.Message) -> Instant | None:
    """The mail's own date; where that is none, the separator's, which is when it came in."""
    written = message.field("date")
    own = _instant(written)
    if own is not None and own.at is not None:
        return own
    came = _instant(separator_date(found.separator))
    if came is None or came.at is None:
        return own
    return msgspec.structs.replace(came, text=written or came.text, flag="from_separator")


def _instant(date: str | None) -> Instant | None:
    try:
        return timestamps.mail_date(date) if date else None
    except BadValue:
        return None


def _metadata(message: mail.Message, attached: list[_Attachment]) -> dict[str, Any]:
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
        "attachments": [attachment.summary() for attachment in attached],
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


class _Attachment:
    """A part of a mail as a file of its own."""

    def __init__(self, part: mail.Part, ordinal: int) -> None:
        self._ordinal = ordinal
        name = PurePosixPath(part.name.replace("\\", "/")).name
        self._blob = Blob(
            sha256=sha256(part.data).hexdigest(),
            size=len(part.data),
            media_type=documents.media_type_of(part.data, name, part.media_type),
            name=name or f"attachment-{ordinal}",
            data=part.data,
        )

    def summary(self) -> dict[str, Any]:
        """What the mail's own metadata says of it."""
        blob = self._blob
        fields = {"name": blob.name, "media_type": blob.media_type}
        return {**fields, "size": blob.size, "sha256": blob.sha256}

    def record(
        self, mail_identity: tuple[str, ...], message: mail.Message, time: Instant | None
    ) -> Record:
        """The attachment's own record, which names the mail."""
        blob = self._blob
        assert blob.data is not None
        read = documents.extract_text(blob.data, blob.media_type)
        main = blob.media_type.partition("/")[0]
        found = {
            **read.metadata,
            "message_id": next(iter(_ids(message, "message-id")), None),
            "subject": message.field("subject"),
            "ordinal": self._ordinal,
            "flags": list(read.flags),
        }
        return Record(
            data_type=DataType.MEDIA if main in ("image", "audio", "video") else DataType.DOCUMENT,
            source=_NAME,
            record_type=RecordType.ATTACHMENT,
            identity=(*mail_identity, str(self._ordinal), blob.sha256),
            time=time,
            title=blob.name,
            content=read.text or None,
            content_type=blob.media_type,
            metadata={name: value for name, value in found.items() if value},
            blob=blob,
            related=(Related(Relation.ATTACHMENT_OF, _MESSAGE, mail_identity),),
        )


def _looks_like(head: Head) -> bool:
    name = PurePosixPath(head.path).name.lower()
    if head.data.count(0) * 10 > len(head.data):
        return False
    if name.endswith(".mbox"):
        return True
    plain_name = "." not in name and head.media_type == "application/mbox"
    return plain_name or begins_mbox(head.data)


FORMAT = Format(
    name=_NAME,
    title="Mail in an mbox: Gmail (Takeout), Thunderbird, patches of git",
    version=1,
    data_type=DataType.EMAIL,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=Mbox(),
    record=to_records,
    rank=Rank.SYNTAX,
    limits=SliceLimits(records=500),
    products=("Google Takeout: Mail", "Thunderbird", "git format-patch"),
    record_types=(_MESSAGE, RecordType.ATTACHMENT),
)
