"""A document that is a record of its own: txt, Markdown, HTML, PDF, RTF, an office file, an e-book.

The blob store keeps the file unchanged; its text, if it can be read, is searchable. The same bytes
in two folders are one document.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.contract import Format, Rank
from pipeline.documents import text_of
from pipeline.readers.whole import WholeFile
from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import Blob, DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "document.plain"
_TEXT = frozenset({"txt", "text", "md", "markdown"})
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_HTML = frozenset({"html", "htm", "xhtml"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return the file as a document; without text if it exceeds the reader's limit."""
    name = PurePosixPath(member.path).name
    kind = _kind(name, member.media_type, item.value or b"")
    read = text_of.Text(flags=("too_large",))
    if item.value is not None:
        read = text_of.extract_text(item.value, kind)
    metadata = {**read.metadata, "flags": list(read.flags)}
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.DOCUMENT,
        identity=("sha256", member.sha256),
        time=_created(read),
        title=read.metadata.get("title") or name,
        content=read.text or None,
        content_type=kind,
        metadata={key: value for key, value in metadata.items() if value},
        blob=Blob(sha256=member.sha256, size=member.size, media_type=kind, name=name),
        context_metadata={"path": member.path},
    )


#: Names of the creation time in Obsidian, its plug-ins and generators of web pages.
_CREATED = ("created", "date created", "date", "created_at", "createdAt")


def _created(read: text_of.Text) -> Instant | None:
    """Return the time that a Markdown text states, if it can be read; metadata keeps its text."""
    fields = read.metadata.get("front_matter", {})
    written = next((fields[name] for name in _CREATED if isinstance(fields.get(name), str)), None)
    try:
        return timestamps.iso(written) if written else None
    except BadValue:
        return None


def _kind(name: str, media_type: str, data: bytes) -> str:
    """Return the media type for the reader: a PDF by its first bytes, text by its name."""
    suffix = name.lower().rpartition(".")[2]
    if b"%PDF-" in data[:1024]:
        return text_of.PDF
    if (office := text_of.office_kind(data, name)) is not None:
        return office
    if suffix in _HTML:
        return "text/html"
    if suffix in ("md", "markdown"):
        return "text/markdown"
    return "text/plain" if suffix in _TEXT else media_type


def _looks_like(head: Head) -> bool:
    """Recognise the content; text only under a name for it, or none, and never with zeros."""
    if head.media_type == text_of.PDF or b"%PDF-" in head.data[:1024]:
        return True
    name = PurePosixPath(head.path).name.lower()
    if text_of.office_kind(head.data, name) or text_of.is_office(head.media_type):
        return True
    suffix = name.rpartition(".")[2] if "." in name else ""
    if b"\0" in head.data and not head.data.startswith(_UTF_16):
        return False
    return suffix in _TEXT | _HTML or (not suffix and head.media_type == "text/plain")


FORMAT = Format(
    name=_NAME,
    title="A document: txt, Markdown, HTML, PDF, RTF, office files, EPUB",
    version=3,
    data_type=DataType.DOCUMENT,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_record,
    tried=(
        "cleder/fastkml",
        "Freika/dawarich",
        "marph91/jimmy",
        "obsidianmd/obsidian-importer",
        "timelinize/timelinize",
    ),
    rank=Rank.WHOLE,
    record_types=(RecordType.DOCUMENT,),
)
