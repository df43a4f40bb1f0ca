"""Notion: an export as Markdown or HTML, `<title> <id>.md` for each page, in folders of pages.

A page begins with its title as a heading; a page of a database continues with its properties, one a
line. Tables of databases are CSV files and read as such. Names are cut short in the export, so the
title is that of the heading.

Source: obsidianmd/obsidian-importer, tests/notion; notion.com/help/export-your-content.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.readers.whole import WholeFile
from pipeline.text import cleaning
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "notion.pages"
_ID = re.compile(r"(?P<title>.*) (?P<id>[0-9a-f]{32})")
_HEADING = re.compile(r"\s*# +([^\n]*)\n?")
_PROPERTY = re.compile(r"([^\n:]{1,100}): ([^\n]*)")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one page, identified by its id."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the page is larger than 32 MiB")
    path = PurePosixPath(member.path.rsplit("!/", 1)[-1])
    named = _ID.fullmatch(path.stem)
    if named is None:
        raise BadValue(Reason.MISSING_FIELD, "the file's name has no id")
    title: str | None = None
    properties: dict[str, str] = {}
    if path.suffix.lower() == ".html":
        page = text_of.extract_text(item.value, "text/html")
        title, content = page.metadata.get("title"), page.text or ""
    else:
        written = cleaning.decode(item.value)[0].replace("\r\n", "\n")
        title, properties, content = _parted(written)
    folder = "/".join(_without_id(part) for part in path.parent.parts)
    tags = next((v for name, v in properties.items() if name.casefold() == "tags"), "")
    metadata: dict[str, Any] = {
        "properties": properties,
        "labels": [tag for one in tags.split(",") if (tag := one.strip())],
    }
    return Record(
        data_type=DataType.DOCUMENT,
        source=_NAME,
        record_type=RecordType.NOTE,
        identity=(named["id"],),
        title=title or named["title"],
        content=content.strip() or None,
        content_type="text/plain" if path.suffix.lower() == ".html" else "text/markdown",
        metadata=non_empty(metadata),
        mutable=True,
        context_metadata=non_empty({"path": member.path, "folder": folder}),
    )


def _parted(written: str) -> tuple[str | None, dict[str, str], str]:
    """Return the heading, the properties below it, and all that follows the heading."""
    heading = _HEADING.match(written)
    if heading is None:
        return None, {}, written
    rest = written[heading.end() :].lstrip("\n")
    block = rest.partition("\n\n")[0]
    found = [_PROPERTY.fullmatch(line) for line in block.strip().split("\n")]
    if not all(found):
        return heading[1].strip(), {}, rest
    return heading[1].strip(), {one[1]: one[2].strip() for one in found if one}, rest


def _without_id(part: str) -> str:
    found = _ID.fullmatch(part)
    return found["title"] if found else part


def _looks_like(head: Head) -> bool:
    if b"\0" in head.data:
        return False
    if head.path.lower().endswith(".md"):
        return True
    return b"<article id=" in head.data or b'class="page-title"' in head.data


FORMAT = Format(
    name=_NAME,
    title="Pages of Notion (export as Markdown or HTML)",
    version=1,
    data_type=DataType.DOCUMENT,
    paths=(r"(.+/)?[^/]+ [0-9a-f]{32}\.(md|html)",),
    looks_like=_looks_like,
    reader=WholeFile(),
    record=to_record,
    products=("Notion",),
    tried=("marph91/jimmy", "obsidianmd/obsidian-importer"),
    record_types=(RecordType.NOTE,),
)
