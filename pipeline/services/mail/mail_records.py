"""A mail's records, from any kind of file: the mail itself, then each of its attachments.

The bare Message-ID (the domain in lower case) identifies a mail, so that mails in several label
files are one document. Scanners and cron give one id to many mails; therefore a mail's contents are
its own identity besides that, and distinguish it from another one with the same id (decision 22). A
patch without an id is its commit, date and title, without git's count of patches, which grows with
every later export. Any other mail is the hash of its bytes without Gmail's labels, which change.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import msgspec

from pipeline.documents import text_of
from pipeline.services import attachments
from pipeline.services.mail import containers, messages, mime
from pipeline.text import cleaning
from pipeline.values import instants, mail_dates
from schemas.errors import BadValue
from schemas.records import Blob, DataType, Instant, Record, Related
from schemas.vocabulary import RecordType, Relation

_MESSAGE = RecordType.MESSAGE
#: Above this number the addresses of a mail are counted, not listed.
_ADDRESSES = 1_000
#: The maximum nesting of mails within mails, and the maximum number of them in one.
_DEPTH, _WITHIN = 10, 1_000
_MAILS = frozenset({"message/rfc822", "message/global"})
_JUST_BYTES = frozenset(
    {"", "application/octet-stream", "application/x-download", "text/plain", "application/eml"}
)
_BRACKETED = re.compile(r"<\s*+([^<>\s]++)\s*+>")
_PATCH_COUNT = re.compile(r"^\[[^\]]*\]\s*")
#: The text before the name in a list's id; the list's mark before a subject; the line above its
#: footer, whose maximum length follows.
_LIST_ID = re.compile(r"^[^<]*<")
_LIST_MARK = re.compile(r"^\[[^\[\]]{1,100}\]\s*")
_RULE = re.compile(r"(?m)^(?:-- ?|[-_=*~]{5,})[ \t]*$")
_FOOTER = 2_000
_LABELS = re.compile(rb"(?im)^X-Gmail-Labels:.*\n(?:[ \t].*\n)*")


def records(
    data: bytes, source: str, *, came: str | None = None, commit: str | None = None
) -> Iterator[Record]:
    """Yield the mail in `data`, then each of its attachments, and the mails in them.

    `came` is the time of arrival, as the surrounding file writes it; `commit` the hash of a patch.
    Raises `BadValue` as `mime.parse` does.
    """
    message = mime.parse(data)
    place = _Place(identity(data, message, commit), source, came, [_WITHIN], verbatim=True)
    return _records(message, place)


def of_message(
    message: messages.Message, identity: tuple[str, ...], source: str, *, came: str | None = None
) -> Iterator[Record]:
    """Yield the records of a parsed mail, under this identity."""
    return _records(message, _Place(identity, source, came, [_WITHIN]))


class _Place(NamedTuple):
    """A mail's identity, and the mails around it.

    `left` counts down, for all within the outermost mail, how many more may be opened. `verbatim`
    is true for a mail that no program has rewritten, so that each copy has the same contents.
    """

    identity: tuple[str, ...]
    source: str
    came: str | None
    left: list[int]
    verbatim: bool = False
    depth: int = 0
    related: tuple[Related, ...] = ()
    conversation: str | None = None


def _records(message: messages.Message, place: _Place) -> Iterator[Record]:
    message = containers.opened(message)
    attached = [_blob(part, ordinal) for ordinal, part in enumerate(message.parts, 1)]
    time = _time(message, place.came)
    within = [_within(part, place) for part in message.parts]
    content = _content(message)
    own = _own_identity(place, message, content, attached)
    yield Record(
        data_type=DataType.EMAIL,
        source=place.source,
        record_type=_MESSAGE,
        identity=place.identity,
        time=time,
        title=message.field("subject"),
        content=content,
        metadata=_metadata(message, attached, place.conversation),
        related=(*_related(message), *place.related),
        own_identity=own,
    )
    for ordinal, (blob, part, inner) in enumerate(
        zip(attached, message.parts, within, strict=True), 1
    ):
        details = _Attached(blob, ordinal, part.charset, opened=isinstance(inner, messages.Message))
        flags = inner if isinstance(inner, tuple) else ()
        yield _attachment(details, place, message, time, flags)
        if isinstance(inner, messages.Message):
            yield from _records(
                inner, _place_within(inner, message, place, (str(ordinal), blob.sha256))
            )


def _content(message: messages.Message) -> str | None:
    own = message.plain or cleaning.html_to_text(message.html)
    return "\n\n".join(filter(None, (own, message.between))) or None


def _within(part: messages.Part, place: _Place) -> messages.Message | tuple[str, ...]:
    """Return the mail that a part is, or the flags of its attachment, none for another part."""
    named = part.name.lower().endswith(".eml") and part.media_type in _JUST_BYTES
    if part.media_type not in _MAILS and not named:
        return ()
    if place.depth >= _DEPTH or place.left[0] <= 0:
        return (containers.NOT_OPENED,)
    place.left[0] -= 1
    if part.opened is not None:
        return part.opened
    try:
        return mime.parse(part.data.lstrip(b"\r\n"))
    except BadValue:
        return (containers.NOT_OPENED,)


def _place_within(
    inner: messages.Message, outer: messages.Message, place: _Place, attachment: tuple[str, str]
) -> _Place:
    """Return the place of a mail within a mail, which is a copy, maybe truncated, of another.

    The other may be in the lake as well: the copy is a document of its own, and the same as the one
    of its Message-ID.
    """
    named = _ids(inner, "message-id")[:1]
    same = (Related(Relation.SAME_AS, _MESSAGE, ("message-id", one)) for one in named)
    return place._replace(
        identity=(*place.identity, *attachment, "mail"),
        came=None,
        verbatim=False,
        depth=place.depth + 1,
        related=(Related(Relation.PART_OF, _MESSAGE, place.identity), *same),
        conversation=_conversation(outer) or place.conversation,
    )


def identity(data: bytes, message: messages.Message, commit: str | None = None) -> tuple[str, ...]:
    """Return the identity of a mail: its Message-ID, its patch, or its bytes."""
    if named := _ids(message, "message-id"):
        return ("message-id", named[0])
    if commit:
        title = _PATCH_COUNT.sub("", " ".join((message.field("subject") or "").split()))
        return ("git-commit", commit, message.field("date") or "", title)
    return ("sha256", sha256(_LABELS.sub(b"", data).rstrip(b"\r\n")).hexdigest())


def _own_identity(
    place: _Place, message: messages.Message, content: str | None, attached: list[Blob]
) -> tuple[str, ...]:
    """Return the identity from a mail's contents: scanners and cron give one id to many mails.

    It excludes labels, transport, recipients' names and line breaks, and for a copy from a mailing
    list the list's footer and its mark before the subject.
    """
    if not place.verbatim or place.identity[0] != "message-id":
        return ()
    subject, text = message.field("subject") or "", content or ""
    if list_id := message.field("list-id"):
        subject, text = _without_list(subject, text, list_id)
    digest = blake2b(digest_size=16)
    for group in (
        [" ".join(subject.split()), " ".join((message.field("date") or "").split())],
        [one.address.lower() or one.name or "" for one in message.sender],
        sorted(one.address.lower() or one.name or "" for one in message.to),
        [" ".join(text.split())],
        sorted(blob.sha256 for blob in attached),
    ):
        digest.update(msgspec.json.encode([_utf8(one) for one in group]))
    return (*place.identity, "says", digest.hexdigest())


def _utf8(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _without_list(subject: str, text: str, list_id: str) -> tuple[str, str]:
    """Return subject and text as they were sent to the list of that id.

    The list's mark is before the subject; its footer, which names it, is below a line of its own
    after the text.
    """
    name = _LIST_ID.sub("", list_id).partition(".")[0].strip().lower()
    rules = list(_RULE.finditer(text, max(0, len(text) - _FOOTER)))
    if name and rules and name in text[rules[-1].end() :].lower():
        text = text[: rules[-1].start()]
    return _LIST_MARK.sub("", subject), text


def _ids(message: messages.Message, field: str) -> list[str]:
    """Return the message ids in a header field, bare, each with its domain in lower case."""
    written = message.field(field)
    if written is None:
        return []
    pairs = (named.rpartition("@") for named in _BRACKETED.findall(written) if "@" in named[1:-1])
    return [f"{local}@{domain.lower()}" for local, _, domain in pairs]


def _time(message: messages.Message, came: str | None) -> Instant | None:
    """Return the mail's own date; if invalid, the separator's, which is the time of arrival."""
    written = message.field("date")
    own = _instant(written)
    if own is not None and own.at is not None:
        return own
    arrived = _instant(came)
    if arrived is None or arrived.at is None:
        return own or (instants.unread(written) if written else None)
    return msgspec.structs.replace(arrived, text=written or arrived.text, flag="from_separator")


def _instant(date: str | None) -> Instant | None:
    try:
        return mail_dates.mail_date(date) if date else None
    except BadValue:
        return None


def _conversation(message: messages.Message) -> str | None:
    """Return the thread: the service's name for it, else the first mail that it names."""
    ids = (*_ids(message, "references")[:1], *_ids(message, "in-reply-to")[:1])
    own = _ids(message, "message-id")[:1]
    return message.field("x-gm-thrid") or next(iter((*ids, *own)), None)


def _metadata(message: messages.Message, attached: list[Blob], outer: str | None) -> dict[str, Any]:
    own = next(iter(_ids(message, "message-id")), None)
    reply_to = next(iter(_ids(message, "in-reply-to")), None)
    references = _ids(message, "references")
    thread = message.field("x-gm-thrid")
    found = {
        "sender": next(iter(msgspec.to_builtins(list(message.sender))), None),
        **_people("recipients", message.to),
        **_people("cc", message.cc),
        **_people("bcc", message.bcc),
        **_people("reply_to", message.reply_to),
        "date": message.field("date"),
        "message_id": own,
        "in_reply_to": reply_to,
        "references": references,
        "thread": thread,
        "conversation": _conversation(message) or outer,
        "list": message.field("list-id"),
        "labels": _labels(message),
        "attachments": [attachments.summary(blob) for blob in attached],
        "flags": list(message.flags),
    }
    return {name: value for name, value in found.items() if value}


def _related(message: messages.Message) -> tuple[Related, ...]:
    answered = _ids(message, "in-reply-to")[:1]
    return tuple(Related(Relation.REPLY_TO, _MESSAGE, ("message-id", one)) for one in answered)


def _people(name: str, people: tuple[messages.Address, ...]) -> dict[str, Any]:
    listed = {name: msgspec.to_builtins(list(people[:_ADDRESSES]))}
    return {**listed, f"{name}_count": len(people)} if len(people) > _ADDRESSES else listed


def _labels(message: messages.Message) -> list[str]:
    """Return Gmail's labels: a comma list, with quotes around a label that holds a comma."""
    lines = [" ".join(value.split()) for value in message.fields.get("x-gmail-labels", ())]
    return [label.strip() for row in csv.reader(lines, skipinitialspace=True) for label in row]


def _blob(part: messages.Part, ordinal: int) -> Blob:
    fallback = f"attachment-{ordinal}"
    return attachments.blob_of(part.data, part.name, part.media_type, fallback=fallback)


class _Attached(NamedTuple):
    """An attachment: its bytes, its place among the others, its charset if it states one.

    `opened` is true for a mail that has records of its own.
    """

    blob: Blob
    ordinal: int
    charset: str | None
    opened: bool


def _attachment(
    attached: _Attached,
    place: _Place,
    message: messages.Message,
    time: Instant | None,
    flags: tuple[str, ...],
) -> Record:
    """Return the attachment's own record, which names the mail."""
    blob, ordinal = attached.blob, attached.ordinal
    assert blob.data is not None
    read = text_of.Text() if attached.opened else _text_of(blob.data, blob, attached.charset)
    found = {
        **read.metadata,
        "message_id": next(iter(_ids(message, "message-id")), None),
        "subject": message.field("subject"),
        "ordinal": ordinal,
        "flags": [*read.flags, *flags],
    }
    owner = Related(Relation.ATTACHMENT_OF, _MESSAGE, place.identity)
    metadata = {name: value for name, value in found.items() if value}
    text = read.text or None
    return attachments.record(
        place.source, blob, ordinal, owner, time, content=text, metadata=metadata
    )


def _text_of(data: bytes, blob: Blob, charset: str | None) -> text_of.Text:
    """Return the text of an attachment; delivery reports and the like are texts, too."""
    kind = "text/plain" if blob.media_type.startswith("message/") else blob.media_type
    named = f"{kind}; charset={charset}" if charset and kind.startswith("text/") else kind
    return text_of.extract_text(data, named)
