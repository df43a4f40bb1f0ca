"""A member of an archive, from its bytes to the format that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline import defects
from pipeline.contract import Format, Rank
from pipeline.ports import Scan, Verdict
from pipeline.privacy.redact import Redactor, Texts
from pipeline.recognition import known_files
from pipeline.registry import named_like, recognise
from pipeline.services.google import archive_browser
from pipeline.storage.atomic_files import written
from pipeline.syntax import sqlite_pages
from pipeline.text import transcode
from schemas.files import Context, Head, Listed, Member
from schemas.progress import Disposition
from schemas.reasons import Reason

HEAD = 64 * 1024
_MOST_NAMED = 3


class Readable(msgspec.Struct, frozen=True, kw_only=True):
    """A member that a format reads. `file` of the member is UTF-8 if its reader wants text."""

    member: Member
    form: Format
    context: Context
    #: A remark for the user on how it is read.
    note: str = ""


def head_of(member: Member) -> Head:
    """Return what a format may read to recognise the member."""
    with member.file.open("rb") as source:
        data, tables = source.read(HEAD), sqlite_pages.table_names(source)
    return Head(
        path=member.path,
        data=data,
        size=member.size,
        media_type=member.media_type,
        tables=tables,
    )


def prepare(member: Member, work: Path) -> Readable | Listed:
    """Find the member's format and prepare its bytes; or return why nothing reads it.

    A member that meets a defect of the code is rejected by itself.
    """
    try:
        return _prepared(member, work)
    except Exception as error:
        if not defects.is_defect(error):
            raise
        bad = defects.rejection(error)
        return listed(member, Disposition.REJECTED, bad.reason, bad.detail)


def _prepared(member: Member, work: Path) -> Readable | Listed:
    """Prepare a member, see `prepare`.

    A text in another encoding than UTF-8 is rewritten as UTF-8, as `work/<ordinal>`; its locators
    are offsets in that text, and the encoding is stored with the file.
    """
    if archive_browser.has_its_place(member.path) and (files := _listed_on(member)):
        return listed(member, Disposition.IGNORED, Reason.INDEX_PAGE, f"lists {files} files")
    head = head_of(member)
    encoding = _survey(member, head)
    found = recognise(head)
    if encoding is not None and not encoding.is_utf8:
        member = msgspec.structs.replace(member, encoding=encoding.name)
        if not isinstance(found, Format) or found.rank is not Rank.PRODUCT:
            as_text = recognise(_as_utf8(head, encoding))
            found = as_text if isinstance(as_text, Format) else found
        if isinstance(found, Format) and _wants_utf8(found, head, encoding):
            member = _transcoded(member, work, encoding)
    product = isinstance(found, Format) and found.rank is Rank.PRODUCT
    if not product and (known := known_files.explain(head)) is not None:
        return listed(member, Disposition.IGNORED, *known)
    if not isinstance(found, Format):
        reason, detail = found
        changed = _other_shape(member.path) if reason is Reason.NO_FORMAT else ""
        details = "; ".join(filter(None, (detail, changed)))
        return listed(member, Disposition.UNKNOWN, reason, details)
    with member.file.open("rb") as source:
        context = found.reader.prepare(source, member)
    notes = ("" if product else _other_shape(member.path), _guess(encoding), found.unread)
    return Readable(member=member, form=found, context=context, note="; ".join(filter(None, notes)))


def _listed_on(member: Member) -> int:
    """Return how many files the page of an export lists."""
    return len(archive_browser.entries(member.file, member.path))


def stored_context(found: Readable, redactor: Redactor) -> Context:
    """Return what the ledger stores of the context.

    The policy is applied to the format's notes for other files of the export, since they may be
    personal.
    """
    noted = found.context.get("noted")
    if not isinstance(noted, dict):
        return found.context
    return {**found.context, "noted": redacted_note(noted, found.form.name, redactor)}


def redacted_note(noted: dict[str, Any], form: str, redactor: Redactor) -> dict[str, Any]:
    """Return a format's note of a file after the policy; the same object where nothing changed."""
    return redactor.redact(form, Texts(None, None, noted)).texts.metadata


def _guess(encoding: transcode.Encoding | None) -> str:
    if encoding is None or not encoding.guessed:
        return ""
    return f"read as {encoding.name}, by its letters alone"


def _other_shape(path: str) -> str:
    """Return a remark that a file has a product's name but another shape.

    A format may have changed.
    """
    names = ", ".join(named_like(path)[:_MOST_NAMED])
    return f"named like {names}, but of another shape" if names else ""


def _survey(member: Member, head: Head) -> transcode.Encoding | None:
    """Return the charset of a text; None for anything else.

    Mail has a charset in each part, so it gives None too, unless all of it is in UTF-16.
    """
    if member.media_type in _MAIL:
        return transcode.wide(head.data)
    if not _is_text(member.media_type):
        return None
    with member.file.open("rb") as source:
        return transcode.survey(source)


_MAIL = frozenset({"message/rfc822", "application/mbox"})


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in (
        "application/json",
        "application/x-ndjson",
        "application/octet-stream",  # UTF-16 without a BOM looks like nothing else
    )


def _as_utf8(head: Head, encoding: transcode.Encoding) -> Head:
    data = head.data[encoding.mark :].decode(encoding.name, "replace").encode()[:HEAD]
    return msgspec.structs.replace(head, data=data)


def _wants_utf8(found: Format, head: Head, encoding: transcode.Encoding) -> bool:
    """Tell whether a text is rewritten: in UTF-16, readers of bytes find no end of a line.

    A document is stored as it is, and decodes itself; so is a binary file that only looks like
    UTF-16, which its format does not recognise as text.
    """
    if found.reader.wants_utf8:
        return True
    if found.rank is Rank.WHOLE or transcode.wide(head.data) is None:
        return False
    return found.score(_as_utf8(head, encoding)) > 0


def _transcoded(member: Member, work: Path, encoding: transcode.Encoding) -> Member:
    work.mkdir(parents=True, exist_ok=True)
    target = work / str(member.ordinal)
    with member.file.open("rb") as source, written(target, durable=False) as out:
        transcode.transcode(source, out, encoding)
    return msgspec.structs.replace(member, file=target, size=target.stat().st_size)


def listed(member: Member, disposition: Disposition, reason: Reason, detail: str) -> Listed:
    """Return a member that nothing is read from, as the ledger lists it."""
    return Listed(
        path=member.path,
        ordinal=member.ordinal,
        disposition=disposition,
        reason=reason,
        detail=detail,
        size=member.size,
        media_type=member.media_type,
        sha256=member.sha256,
    )


def refusal(verdict: Verdict, *, required: bool) -> Reason | None:
    """Return why a file may not be read further: it is infected, or was not scanned as required."""
    if verdict.scan is Scan.INFECTED:
        return Reason.MALWARE
    if verdict.scan is Scan.NOT_SCANNED and required:
        return Reason.NOT_SCANNED
    return None
