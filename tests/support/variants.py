"""Samples as another program, version or hand would write them: the same records, other bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.support.leaves import COMPONENTS, JSON, MARKUP, TABLES, table_of

NAME = "zqunknown"

_BOM = b"\xef\xbb\xbf"
_TAG = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)(\s*/?)>")
_ATTRIBUTE = re.compile(r"\s+[\w:.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")


class _Bare(str):
    """A number as it is written."""


def with_mark(data: bytes) -> bytes:
    return _BOM + data.removeprefix(_BOM)


def with_blank_lines(data: bytes) -> bytes:
    return b"\r\n \n\n" + data.removeprefix(_BOM)


def with_crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def reordered(syntax: str, data: bytes) -> bytes | None:
    """Keys, columns, attributes or headers in the reverse order; None where there are none."""
    text = data.decode("utf-8", "surrogateescape")
    if syntax in JSON:
        new = _json_again(text, lambda pairs: dict(reversed(pairs)))
    elif syntax in TABLES:
        new = _table_again(text, lambda row: row[::-1])
    elif syntax in MARKUP:
        new = _tags_again(
            text, lambda m: f"<{m[1]}{''.join(_ATTRIBUTE.findall(m[2])[::-1])}{m[3]}>"
        )
    else:
        return None
    return None if new is None or new == text else new.encode("utf-8", "surrogateescape")


def with_unknown(syntax: str, data: bytes) -> dict[str, bytes]:
    """Each object, row, element or component has one field more: as the `first` and the `last`."""
    text = data.decode("utf-8", "surrogateescape")
    one = [(NAME, "x")]
    made: dict[str, str | None] = {}
    if syntax in JSON:
        made["first"] = _json_again(text, lambda pairs: dict([*one, *pairs]))
        made["last"] = _json_again(text, lambda pairs: dict([*pairs, *one]))
    elif syntax in TABLES:
        made["first"] = _table_again(text, lambda row: [NAME, *row])
        made["last"] = _table_again(text, lambda row: [*row, NAME])
    elif syntax in MARKUP:
        made["last"] = _tags_again(text, lambda m: f'<{m[1]}{m[2]} {NAME}="x"{m[3]}>')
        if syntax == "xml_elements":
            made["first"] = _tags_again(text, lambda m: f'<{m[1]} {NAME}="x"{m[2]}{m[3]}>')
    elif syntax in COMPONENTS:
        made["first"] = re.sub(r"(?m)^(BEGIN:.*\n(?:VERSION:.*\n)?)", rf"\1X-{NAME}:x\n", text)
        made["last"] = re.sub(r"(?m)^(END:)", rf"X-{NAME}:x\n\1", text)
    return {
        name: new.encode("utf-8", "surrogateescape")
        for name, new in made.items()
        if new is not None and new != text
    }


def _tags_again(text: str, change: Callable[[re.Match[str]], str]) -> str:
    """The text with each tag changed; what CDATA hold is none."""
    parts = re.split(r"(<!\[CDATA\[.*?\]\]>)", text, flags=re.DOTALL)
    return "".join(part if n % 2 else _TAG.sub(change, part) for n, part in enumerate(parts))


def _table_again(text: str, change: Callable[[list[str]], list[str]]) -> str:
    text = text.removeprefix("\ufeff")
    delimiter, rows, nth = table_of(text)
    lines, width = [], len(rows[nth])
    for n, row in enumerate(rows):
        cells = [text[start:end] for start, end in row]
        end = cells[width:]  # no more than what follows a delimiter at the end of a row
        whole = n >= nth and len(cells) >= width and end in ([], [""])
        lines.append(delimiter.join(change(cells[:width]) + end if whole else cells))
    return "\r\n".join(lines)


def _json_again(text: str, change: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> str | None:
    """The text with each object changed; None if it is damaged on purpose."""
    decoder = json.JSONDecoder(
        object_pairs_hook=change, parse_float=_Bare, parse_int=_Bare, parse_constant=_Bare
    )
    out, at = [], 0
    while (start := re.compile(r"[{\[]").search(text, at)) is not None:
        try:
            value, end = decoder.raw_decode(text, start.start())
        except ValueError:
            return None
        out += [text[at : start.start()], _written(value)]
        at = end
    return "".join(out) + text[at:]


def _written(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_written(name)}: {_written(one)}" for name, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, _Bare) else json.dumps(value, ensure_ascii=False)


def damaged(syntax: str, data: bytes, start: int, end: int) -> bytes | None:
    """The item at [start, end) broken within, its brackets and quotes still balanced."""
    item = data[start:end]
    if syntax in JSON:
        new = re.sub(rb'"\s*:', b'" ', item, count=1)
    elif syntax in TABLES:
        mark = table_of(data.decode("utf-8", "surrogateescape"))[0].encode()
        new = mark.join([b"?"] * (item.count(mark) + 1)) if b'"' not in item else item
    elif syntax in MARKUP:
        new = re.sub(rb"(</[^<>]*>|/>)\s*\Z", rb"</zq></zq>\1", item)
    else:
        return None
    return None if new == item else data[:start] + new + data[end:]
