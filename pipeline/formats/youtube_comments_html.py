"""Comments and live chats of YouTube in older Takeouts, in HTML: a list, one `<li>` for each.

`Sent at 2020-04-27 23:18:23 UTC while watching <a …>…</a>.<br/>text`; earlier pages write the time
as `2016-06-15T08:50:49Z`. The prose around time and link is in the account's language, so only
these two are looked up.

Source: `docs/reference/exports/youtube.md#comments`.
"""

from __future__ import annotations

import re

from pipeline.contract import Format
from pipeline.readers.html_blocks import HtmlBlocks
from pipeline.text import html_inline
from pipeline.values import timestamps
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "youtube.comments_html"
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ| \d\d:\d\d:\d\d UTC)", re.ASCII)
_VIDEO = re.compile(r"[?&]v=([\w-]+)")
_ENTRY = re.compile(
    rb"<li\b[^<>]{0,100}>[^<]{0,300}(?:<a [^<>]{0,2000}>[^<]{0,300}</a>[^<]{0,300})?"
    rb"\d{4}-\d\d-\d\d(?:T| )\d\d:\d\d:\d\d"
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one comment; the text may have several lines."""
    body = html_inline.parse(item.value).css_first("li")
    lines = html_inline.lines(body) if body is not None else []
    found = _TIME.search(lines[0].text) if lines else None
    if not lines:
        raise BadValue(Reason.MISSING_FIELD, "the entry has no text")
    written = found[0] if found else lines[0].text
    links = [link for line in lines for link in line.links]
    content = "\n".join(line.text for line in lines[1:]).strip()
    video = next((v[1] for link in links if (v := _VIDEO.search(link.url))), "")
    metadata = {"video_id": video, "heading": lines[0].text, "links": [link.url for link in links]}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.COMMENT,
        identity=(written, video, content),
        time=timestamps.or_unread(written),
        content=content or None,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _looks_like(head: Head) -> bool:
    return b"youtube.com/" in head.data and _ENTRY.search(head.data) is not None


FORMAT = Format(
    name=_NAME,
    title="YouTube comments and live chats in HTML (older Takeout)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.html",),
    looks_like=_looks_like,
    reader=HtmlBlocks(opening=r"<li\b[^<>]{0,100}>", element="li"),
    record=to_record,
    products=("Google Takeout: YouTube",),
    vintages=("2016-06-15T08:50:49Z (to about 2019)", "2020-04-27 23:18:23 UTC"),
    record_types=(RecordType.COMMENT,),
)
