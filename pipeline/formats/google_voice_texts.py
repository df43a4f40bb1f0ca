"""Text messages of Google Voice: `Voice/Calls/<contact or number> - Text - <time>.html` of Takeout.

A page for each conversation: `.hChatLog` with a `.message` for each text, its time in RFC 3339, its
sender's number and name. Group conversations begin with `.participants`. Calls and voicemails have
pages of another form, which is not verified; they are documents.

Source: `docs/reference/exports/google-services.md#voice`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from pipeline.contract import Format
from pipeline.readers.html_blocks import HtmlBlocks
from pipeline.text import html_inline
from pipeline.text.cleaning import html_to_text
from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.voice_texts"
#: The owner's name in an English export.
_OWNER = "Me"
_MESSAGE = r'<div class="message"[^<>]{0,100}>'


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one message.

    Its media file is beside the page; names here are cut at 50 characters.
    """
    message = html_inline.parse(item.value).css_first(".message")
    when = _attribute(message, "abbr.dt", "title")
    sender = _person(message.css_first("cite.sender")) if message is not None else {}
    if message is None or not sender:
        raise BadValue(Reason.MISSING_FIELD, "the message has no sender")
    quote = message.css_first("q")
    written = quote.text() if quote is not None else ""
    sources = (node.attributes.get("src") for node in message.css("[src]"))
    metadata = {
        "sender": sender,
        "direction": "out" if "self" in sender else "in",
        "attachments": [{"name": name} for name in sources if name],
        **_conversation(str(item.around["head"]), member),
    }
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.MESSAGE,
        identity=(
            "google voice",
            when or "",
            sender.get("phone") or sender.get("name", ""),
            written,
        ),
        time=timestamps.or_unread(when),
        content=html_to_text(quote.html or "") or None if quote is not None else None,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _attribute(node: LexborNode | None, selector: str, name: str) -> str | None:
    found = node.css_first(selector) if node is not None else None
    return found.attributes.get(name) if found is not None else None


def _person(cite: LexborNode | None) -> dict[str, Any]:
    """Return number and name; the owner's name is in an `abbr`, in any language."""
    if cite is None:
        return {}
    number = unquote((_attribute(cite, "a.tel", "href") or "").removeprefix("tel:"))
    shown = cite.css_first(".fn")
    name = shown.text().strip() if shown is not None else ""
    person: dict[str, Any] = {"phone": number, "name": name if name != number else ""}
    if shown is not None and (shown.tag == "abbr" or name == _OWNER):
        person["self"] = True
    return {key: value for key, value in person.items() if value}


def _conversation(head: str, member: Member) -> dict[str, Any]:
    """Return a group by its people, another conversation by the contact that names its file."""
    people = [dict(person) for person in _participants(head)]
    if people:
        numbers = sorted(str(person.get("phone") or person.get("name")) for person in people)
        return {"conversation": " ".join(numbers), "participants": people}
    return {"conversation": PurePosixPath(member.path).stem.split(" - ")[0].strip()}


@lru_cache(maxsize=4)
def _participants(head: str) -> tuple[dict[str, Any], ...]:
    """Return the people named before the first message; all messages of a page share the text."""
    cites = html_inline.parse(head).css(".participants cite.sender")
    return tuple(person for person in map(_person, cites) if person)


def _looks_like(head: Head) -> int:
    found = re.search(_MESSAGE.encode(), head.data)
    return 2 * (b'class="hChatLog' in head.data and found is not None)


FORMAT = Format(
    name=_NAME,
    title="Text messages of Google Voice (Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.html",),
    looks_like=_looks_like,
    reader=HtmlBlocks(opening=_MESSAGE, element="div", head_bytes=16 * 1024),
    record=to_record,
    products=("Google Takeout: Voice",),
    tried=("timelinize/timelinize",),
    record_types=(RecordType.MESSAGE,),
)
