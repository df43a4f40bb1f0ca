"""Apply a policy to a stream of records, to their codes and to the names of their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from pipeline import defects
from pipeline.normalise import Found, defective
from pipeline.privacy.ner import NerResult
from pipeline.privacy.redact import NAME_OF_BLOB, Redactor, Texts, add_up
from pipeline.privacy.suspects import suspects_of, unread_text
from pipeline.values import instants
from schemas.privacy import Done
from schemas.records import Blob, Outcome, Record, Rejection

_BATCH = 1_000


def redact_outcomes(found: Iterable[Found], redactor: Redactor) -> Iterator[Found]:
    """Yield records with the policy applied, and what was done.

    Rejections lose their bytes where the policy changes anything, since unreadable bytes may hold
    anything. Positions and measured values hold no free text but an unreadable time, which a policy
    that changes anything removes. Of the records only suspects are read: a scan of their JSON, a
    thousand at a time, or a language model finds them.
    """
    stream = iter(found)
    while batch := list(islice(stream, _BATCH)):
        yield from defects.each(partial(_redact_batch, redactor), batch, defective)


def _redact_batch(redactor: Redactor, found: Sequence[Found]) -> Sequence[Found]:
    batch = list(found)
    if redactor.policy.changes:
        batch = [(at, length, _without_bytes(one)) for at, length, one in batch]
    records = [(at, one[2]) for at, one in enumerate(batch) if isinstance(one[2], Record)]
    found_names = redactor.find_names(_texts_of(record) for _, record in records)
    for n in {*found_names, *suspects_of(record for _, record in records)}:
        at, record = records[n]
        offset, length, _ = batch[at]
        batch[at] = (offset, length, _redact_record(record, redactor, found_names.get(n)))
    return batch


def _without_bytes(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Rejection):
        return msgspec.structs.replace(outcome, raw=b"")
    if not isinstance(outcome, Record) and unread_text(outcome.time):
        return msgspec.structs.replace(outcome, time=instants.unread(""))
    return outcome


def _unread_time(record: Record) -> dict[str, Any]:
    """Return what is stored in a record's metadata besides them: a time as it is written."""
    written = unread_text(record.time)
    return {"time": {"text": written}} if written else {}


class Codes(NamedTuple):
    """Codes and names of kinds, which an export may replace by any text."""

    content_type: str
    language: str | None


#: The media type of a file whose own the policy changes.
_BYTES = "application/octet-stream"


def redact_codes(codes: Codes, source: str, redactor: Redactor) -> Codes:
    """Return the codes without those in which the policy removes anything."""
    language = codes.language and redactor.redact_name(codes.language, source, "metadata.language")
    return Codes(
        content_type=redact_media_type(codes.content_type, source, redactor),
        language=language if language == codes.language else None,
    )


def redact_media_type(declared: str, source: str, redactor: Redactor) -> str:
    """Return a record's declared media type, unless the policy removes something of it."""
    return (
        declared
        if redactor.redact_name(declared, source, "metadata.blob.media_type") == declared
        else _BYTES
    )


def _texts_of(record: Record) -> tuple[str | None, Texts, str | None]:
    metadata = {**record.metadata, **record.context_metadata, **_unread_time(record)}
    texts = Texts(record.title, record.content, metadata)
    return record.language, texts, record.blob.name if record.blob is not None else None


def _redact_record(record: Record, redactor: Redactor, found_names: NerResult | None) -> Record:
    before = Texts(record.title, record.content, record.metadata)
    texts, done, _ = redactor.redact(record.source, before, found_names)
    added, more, _ = redactor.redact(
        record.source, Texts(None, None, record.context_metadata), found_names
    )
    pairs = zip(Texts._fields, before, texts, strict=True)
    changes: dict[str, Any] = {name: new for name, old, new in pairs if new is not old}
    if added.metadata is not record.context_metadata:
        changes["context_metadata"] = added.metadata
    of_time: Done = {}
    if unread := _unread_time(record):
        written, of_time, _ = redactor.redact(record.source, Texts(None, None, unread), found_names)
        if written.metadata is not unread:
            text = (written.metadata.get("time") or {}).get("text") or ""
            changes["time"] = instants.unread(text)
    if done or more or of_time:
        changes["privacy"] = add_up(done, more, of_time)
    if record.blob is not None and (
        blob := _redact_blob(record.blob, record.source, redactor, found_names)
    ):
        changes["blob"] = blob
    codes = Codes(record.content_type, record.language)
    if (new := redact_codes(codes, record.source, redactor)) != codes:
        changes |= new._asdict()
    return msgspec.structs.replace(record, **changes) if changes else record


def _redact_blob(
    blob: Blob, source: str, redactor: Redactor, found_names: NerResult | None
) -> Blob | None:
    name = redactor.redact_name(blob.name, source, NAME_OF_BLOB, found_names)
    kind = redact_media_type(blob.media_type, source, redactor)
    if (name, kind) == (blob.name, blob.media_type):
        return None
    return msgspec.structs.replace(blob, name=name, media_type=kind)
