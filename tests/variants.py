"""Samples as another program, version or hand would write them: the same records, other bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.leaves import COMPONENTS, JSON, MARKUP, TABLES, table_of

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
    text = data.decode("latin-1")
    if syntax in JSON:
        new = _json_again(text, lambda pairs: dict(reversed(pairs)))
    elif syntax in TABLES:
        new = _table_again(text, lambda row: row[::-1])
    elif syntax in MARKUP:
        new = _TAG.sub(lambda m: f"<{m[1]}{''.join(_ATTRIBUTE.findall(m[2])[::-1])}{m[3]}>", text)
    else:
        return None
    return None if new is None or new == text else new.encode("latin-1")


def with_unknown(syntax: str, data: bytes) -> Iterator[bytes]:
    """Each object, row, element, component or mail has one field more, in each place for it."""
    text = data.decode("latin-1")
    new: list[str | None] = []
    if syntax in JSON:
        one = [(NAME, "x")]
        new = [
            _json_again(text, lambda pairs: dict([*one, *pairs])),
            _json_again(text, lambda pairs: dict([*pairs, *one])),
        ]
    elif syntax in TABLES:
        new = [_table_again(text, lambda row: [*row, NAME])]
        new.append(_table_again(text, lambda row: [NAME, *row]))
    elif syntax in MARKUP:
        new = [_TAG.sub(rf'<\1 {NAME}="x"\2\3>', text), _TAG.sub(rf'<\1\2 {NAME}="x"\3>', text)]
    elif syntax in COMPONENTS:
        new = [re.sub(r"(?m)^(BEGIN:.*\n(?:VERSION:.*\n)?)", rf"\1X-{NAME}:x\n", text)]
        new.append(re.sub(r"(?m)^(END:)", rf"X-{NAME}:x\n\1", text))
    for made in new:
        if made is not None and made != text:
            yield made.encode("latin-1")


def _table_again(text: str, change: Callable[[list[str]], list[str]]) -> str:
    delimiter, rows, nth = table_of(text)
    lines = []
    for n, row in enumerate(rows):
        cells = [text[start:end] for start, end in row]
        whole = n >= nth and len(cells) == len(rows[nth])
        lines.append(delimiter.join(change(cells) if whole else cells))
    return "\r\n".join(lines)


def _json_again(
    text: str, change: Callable[[list[tuple[str, Any]]], dict[str, Any]]
) -> str | None:
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
        return "{%s}" % ", ".join(f"{json.dumps(n, ensure_ascii=False)}: {_written(v)}" for n, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(_written, value))
    return str(value) if isinstance(value, _Bare) else json.dumps(value, ensure_ascii=False)


def damaged(syntax: str, data: bytes, start: int, end: int) -> bytes | None:
    """The item at [start, end) broken within, its brackets and quotes still balanced."""
    item = data[start:end]
    if syntax in JSON:
        new = re.sub(rb'"\s*:', b'" ', item, count=1)
    elif syntax in TABLES:
        mark = table_of(data.decode("latin-1"))[0].encode()
        new = item.rstrip(b"\r\n") + mark + b"x" + item[len(item.rstrip(b"\r\n")):]
    elif syntax in MARKUP:
        new = re.sub(rb"(</[^<>]*>|/>)\s*\Z", rb"</zq></zq>\1", item)
    else:
        return None
    return None if new == item else data[:start] + new + data[end:]
