"""Evernote: an `.enex` file, `<en-export>` with a `<note>` for each note and its files in it.

Source: the maker's DTDs, xml.evernote.com/pub/evernote-export4.dtd and enml2.dtd. `content` is
ENML, a document of its own within CDATA. Times are in UTC. Notes have no id, so a note's creation
time and title identify it. The results of text recognition in pictures (`recognition`,
`alternate-data`) are left out, since every program that imports the file makes them anew.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any

from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.readers.xml.elements import XmlElements
from pipeline.services import attachments
from pipeline.services.tables import snake
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.text import cleaning
from pipeline.values import coordinates, open_zones, timestamps
from pipeline.values.fields import joined, measure, non_empty
from schemas.files import Head, Member
from schemas.records import Blob, DataType, Instant, RawRecord, Record, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "evernote.enex"
_NOTE = RecordType.NOTE
_REST_OF_TAG = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>"""
_TODO = re.compile(rf"<en-todo\b({_REST_OF_TAG})")
_CRYPT = re.compile(rf"<en-crypt\b{_REST_OF_TAG}[^<]*+(?:</en-crypt\s*>)?")
_MEDIA = re.compile(rf"<en-media\b{_REST_OF_TAG}")
_PROLOGUE = re.compile(r"<[?!](?!--)[^<>]*>")
_LINK = re.compile(r"""<a\b[^<>]*?\bhref=(?:"([^"<>]*)"|'([^'<>]*)')""")
_TAKEN = frozenset({"title", "created", "updated", "tag", "content", "resource", "task"})


def to_records(item: RawRecord, member: Member) -> Iterator[Record]:
    """Yield a note, then each of its files."""
    note: Element = item.value
    flags: list[str] = []
    odd: dict[str, Any] = {}
    title, created = note.text_at("title"), note.text_at("created")
    time = timestamps.or_unread(created)
    body, links = _body(note.first("content"), flags)
    identity: tuple[str, ...] = (created or "", title or "")
    if created is None:  # only its words distinguish it from another of that title
        identity = ("", title or "", body)
    files = list(_files(note, flags))
    metadata = {
        "updated_at": open_zones.utc_text(timestamps.or_unread(note.text_at("updated"))),
        "labels": [tag for one in note.all("tag") if (tag := one.text.strip())],
        "links": links,
        "attachments": [attachments.summary(blob) for blob in files],
        **_attributes(note.first("note-attributes"), odd),
        "tasks": [_fields(task) for task in note.all("task")],
        **{snake(one.tag): one.text.strip() for one in note.children if one.tag not in _TAKEN},
        "flags": sorted(set(flags)),
    }
    yield Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=_NOTE,
        identity=identity,
        time=time,
        title=title,
        content="\n".join(filter(None, (body, *_tasks(note)))) or None,
        metadata=joined(non_empty(metadata), odd),
        mutable=True,
    )
    for ordinal, blob in enumerate(files, 1):
        yield _attachment(blob, ordinal, identity, time)


def _body(content: Element | None, flags: list[str]) -> tuple[str, list[str]]:
    """Return the text of a note and its links; to-do items begin with a check box."""
    enml = _PROLOGUE.sub("", content.text) if content is not None else ""
    if "<en-crypt" in enml:
        flags.append("encrypted")
        enml = _CRYPT.sub(" ", enml)
    enml = _TODO.sub(_tick, _MEDIA.sub(" ", enml))
    found = (one[1] or one[2] for one in _LINK.finditer(enml))
    links = [cleaning.html_to_text(one) for one in dict.fromkeys(found) if one]
    return cleaning.html_to_text(enml), links


def _tick(todo: re.Match[str]) -> str:
    done = re.search(r"""\bchecked=["']true["']""", todo[1]) is not None
    return "[x] " if done else "[ ] "


def _tasks(note: Element) -> Iterator[str]:
    for task in note.all("task"):
        if title := task.text_at("title"):
            done = task.text_at("taskStatus") == "completed"
            yield f"[{'x' if done else ' '}] {title}"


def _attributes(element: Element | None, odd: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a note: its author, its place, its source page."""
    details: dict[str, Any] = _fields(element) if element is not None else {}
    altitude = measure(details.pop("altitude", None), "altitude", odd)
    author, url = details.pop("author", None), details.pop("source_url", None)
    return {
        **_place(details, odd),
        **details,
        "altitude_m": altitude,
        "author": {"name": author} if author else None,
        "url": url,
    }


def _place(details: dict[str, Any], odd: dict[str, Any]) -> dict[str, float]:
    """Remove the degrees from the details and return them; invalid ones go into `odd`."""
    degrees = {name: details.pop(name) for name in ("latitude", "longitude") if name in details}
    if not degrees:
        return {}
    north, east = degrees.get("latitude"), degrees.get("longitude")
    return coordinates.or_noted(lambda: coordinates.pair(north, east), degrees, "place", odd)


def _fields(element: Element) -> dict[str, Any]:
    """Return the text children of an element, under their names in snake case."""
    texts: dict[str, Any] = {}
    for child in element.children:
        value = _fields(child) if child.children else child.text.strip()
        if value:
            texts[snake(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", child.tag))] = value
    return texts


def _files(note: Element, flags: list[str]) -> Iterator[Blob]:
    for ordinal, resource in enumerate(note.all("resource"), 1):
        try:
            data = binascii.a2b_base64(resource.text_at("data") or "", strict_mode=False)
        except (binascii.Error, ValueError):
            data = b""
        if not data:
            flags.append("attachment_unreadable")
            continue
        name = resource.text_at("resource-attributes", "file-name") or ""
        kind = resource.text_at("mime") or ""
        yield attachments.blob_of(data, name, kind, fallback=f"resource-{ordinal}")


def _attachment(blob: Blob, ordinal: int, note: tuple[str, ...], time: Instant | None) -> Record:
    read = text_of.extract_text(blob.data or b"", blob.media_type)
    metadata = {**read.metadata, "ordinal": ordinal, "flags": list(read.flags)}
    owner = Related(Relation.ATTACHMENT_OF, _NOTE, note)
    return attachments.record(
        _NAME,
        blob,
        ordinal,
        owner,
        time,
        content=read.text or None,
        metadata=non_empty(metadata),
    )


def _looks_like(head: Head) -> bool:
    root = xml_tree.root_of(head)
    return root is not None and root.tag == "en-export"


FORMAT = Format(
    name=_NAME,
    title="Notes of Evernote (ENEX)",
    version=2,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+\.(enex|xml)",),
    looks_like=_looks_like,
    reader=XmlElements(names=("note",)),
    record=to_records,
    products=("Evernote",),
    tried=("marph91/jimmy", "obsidianmd/obsidian-importer"),
    record_types=(RecordType.ATTACHMENT, _NOTE),
)
