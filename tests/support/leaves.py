"""The leaves of a sample: each place in its bytes that holds a value, and the bytes with another.

A leaf is a value of JSON, a cell of a table, a text or an attribute of XML and HTML, a header or a
line of a mail, a value or a parameter of a content line, a word of a text, a cell of a database.
The bytes are searched by tokens and not parsed, so that what is damaged on purpose has leaves, too.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline.contract import Format
from tests.support.formats import Sample

JSON = frozenset(
    {"json_items", "json_whole", "json_tree", "json_values", "json_wrapped", "ndjson", "ytd"}
)
TABLES = frozenset({"csv_rows", "csv_days", "csv_dated", "csv_preamble"})
MARKUP = frozenset({"xml_elements", "html_blocks", "bookmarks"})
COMPONENTS = frozenset({"ics", "vcard"})


def syntax_of(form: Format) -> str:
    """The syntax of a format's files, by its reader."""
    name = form.reader.name
    return "xml_elements" if name == "blocks:camt" else name.partition(":")[0]


class Leaf(NamedTuple):
    """A value in a sample.

    `way` leads to it by names without numbers, `value` is what stands there as a text, and `bare`
    is true of numbers, true, false and null. `put` gives the sample's bytes with another text
    there (bare where `value` is, if it asks for that).
    """

    way: str
    value: str
    bare: bool
    put: Callable[[str, bool], bytes]


#: Files whose bytes no word can be planted in.
OPAQUE = frozenset({"pdf", "rtf", "mp4", "wav", "jpg", "png", "fit", "msg", "car"})


def leaves(sample: Sample) -> Iterator[Leaf]:
    """Every leaf of a sample; none of a file whose syntax has no planter."""
    data = sample.file.read_bytes()
    return _by_syntax(sample.form.reader.name, sample.path, data)


def _by_syntax(reader: str, path: str, data: bytes) -> Iterator[Leaf]:
    syntax, suffix = reader.partition(":")[0], path.rpartition(".")[2].lower()
    if suffix in OPAQUE:
        return iter(())
    if syntax == "sqlite_table":
        return _cells_of_database(data)
    if suffix in ("docx", "odt", "xlsx", "pptx", "epub"):
        return _texts_of_package(data)
    text = data.decode("latin-1")  # each byte a character, so that places are the same
    if syntax in JSON:
        return _values(text)
    if syntax in TABLES:
        return _cells(text)
    if syntax in MARKUP or reader in ("blocks:camt", "blocks:ofx") or suffix in ("html", "htm"):
        return _texts(text)
    if syntax in COMPONENTS:
        return _components(text)
    if syntax == "mbox" or suffix in ("eml", "emlx"):
        return _mail(text, counted=suffix == "emlx")
    if suffix == "rec":
        return _records_of_owntracks(text)
    return _words(text)


def _span(way: str, text: str, start: int, end: int, quote: Callable[[str], str] = str) -> Leaf:
    """A leaf that is a piece of the text."""

    def put(word: str, bare: bool) -> bytes:
        return (text[:start] + (word if bare else quote(word)) + text[end:]).encode("latin-1")

    return Leaf(way, text[start:end], False, put)


# JSON

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|-?\d[\d.eE+-]*|\b(?:true|false|null|NaN|-?Infinity)\b'
)


def _values(text: str, begin: int = 0, end: int | None = None) -> Iterator[Leaf]:
    stack: list[str] = []  # the names of the objects that are open; "" for an array
    name = ""
    end = len(text) if end is None else end
    for match in _TOKEN.finditer(text, begin, end):
        token = match[0]
        if token in "{[":
            stack.append(name)
            name = ""
        elif token in "}]":
            if stack:
                stack.pop()
            name = ""
        elif token == ",":
            name = ""
        elif token == ":":
            continue
        elif token[0] == '"' and re.match(r"\s*:", text[match.end() :]):
            name = token[1:-1]
        else:
            way = ".".join(filter(None, (*stack, name)))
            bare = token[0] != '"'
            leaf = _span(way, text, match.start(), match.end(), json.dumps)
            yield leaf._replace(value=token.strip('"'), bare=bare)


def _records_of_owntracks(text: str) -> Iterator[Leaf]:
    at = 0
    for line in text.splitlines(keepends=True):
        brace = line.find("{")
        if brace >= 0:
            yield from _values(text, at + brace, at + len(line))
        yield from _words(text, at, at + (brace if brace >= 0 else len(line)))
        at += len(line)


# tables


def table_of(text: str) -> tuple[str, list[list[tuple[int, int]]], int]:
    """The delimiter of a table, the places of the cells of its rows, and which row is the header:
    the first that is as wide as the widest, but for a delimiter at its end."""
    delimiter = max(",;\t", key=text[:2000].count)
    cell = re.compile(
        rf'([ ]*"(?:[^"]|"")*"[^{delimiter}\r\n]*|[^{delimiter}\r\n]*)({delimiter}|\r?\n|\r|$)'
    )
    rows: list[list[tuple[int, int]]] = [[]]
    at = 0
    while at < len(text) and (match := cell.match(text, at)):
        rows[-1].append(match.span(1))
        if match[2] != delimiter:
            rows.append([])
        at = match.end()
    width = max(len(row) - (row[-1][0] == row[-1][1]) for row in rows if row)
    return delimiter, rows, next(n for n, row in enumerate(rows) if len(row) >= width)


def _cells(text: str) -> Iterator[Leaf]:
    _, rows, nth = table_of(text)
    header = [text[start:end].strip('"ï»¿ ') for start, end in rows[nth]]
    for at, row in enumerate(rows):
        for n, (start, end) in enumerate(row):
            if at != nth and text[start:end].strip():
                way = f"above.{n}" if at < nth else header[n]
                leaf = _span(way, text, start, end, _quoted if text[start] == '"' else str)
                yield leaf._replace(value=text[start:end].strip('"'))


def _quoted(word: str) -> str:
    return f'"{word}"'


# XML and HTML

_MARK = re.compile(
    r"<!--.*?-->|<!\[CDATA\[|\]\]>|<\?.*?\?>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>"
    r"|<(?:script|style)\b.*?</(?:script|style)>|</?[A-Za-z][^<>]*>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_VOID = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "p", "dt", "dd", "en-todo", "en-media"}
)


def _texts(text: str) -> Iterator[Leaf]:
    stack: list[str] = []
    at = 0
    for match in _MARK.finditer(text):
        yield from _text("/".join(stack), text, at, match.start())
        at = match.end()
        token = match[0]
        if token.startswith("</"):
            name = token[2:-1].strip().lower()
            while stack and name in stack and stack.pop() != name:
                pass
        elif re.match(r"<[A-Za-z](?!.*</s)", token, re.DOTALL):
            name = re.match(r"<([\w:.-]+)", token)[1].lower()  # type: ignore[index]
            for found in _ATTRIBUTE.finditer(text, match.start(), match.end()):
                place = 2 if found[2] is not None else 3
                if found[place]:
                    yield _span(f"{'/'.join([*stack, name])}@{found[1]}", text, *found.span(place))
            if not token.endswith("/>") and name not in _VOID:
                stack.append(name)
    yield from _text("/".join(stack), text, at, len(text))


def _text(way: str, text: str, start: int, end: int) -> Iterator[Leaf]:
    piece = text[start:end]
    if piece.strip("\ufeffï»¿ \t\r\n"):
        start += len(piece) - len(piece.lstrip())
        yield _span(way, text, start, start + len(piece.strip()))


# content lines of iCalendar and vCard

_LINE = re.compile(r"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_CONTENT = re.compile(r'((?:[\w-]+\.)?([\w-]+))((?:;[^":;]*(?:"[^"]*"[^":;]*)*)*):', re.DOTALL)


def _components(text: str) -> Iterator[Leaf]:
    stack: list[str] = []
    for line in _LINE.finditer(text):
        match = _CONTENT.match(text, line.start(), line.end())
        if match is None:
            continue
        name, value = match[2].upper(), text[match.end() : line.end()]
        if name in ("BEGIN", "END"):
            stack = [*stack, value.strip()] if name == "BEGIN" else stack[:-1]
            continue
        way = "/".join([*stack[1:], name])
        for found in re.finditer(r'([\w-]+)=(?:"([^"]*)"|([^";,]*))', match[3]):
            place = 2 if found[2] is not None else 3
            start = match.start(3)
            if found[place]:
                begin, end = (start + n for n in found.span(place))
                yield _span(f"{way};{found[1].upper()}", text, begin, end)
        coded = re.search(r"ENCODING=(B|BASE64)\b", match[3], re.IGNORECASE)
        if coded or value.startswith("data:"):
            yield _span(way, text, match.end(), line.end(), _as_base64)
            continue
        for found in re.finditer(r"(?:[^;\\]|\\.)*", value, re.DOTALL):
            if found[0].strip():
                start, end = match.end() + found.start(), match.end() + found.end()
                yield _span(way, text, start, end)


def _as_base64(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


# mail

_HEADER = re.compile(r"^([\w-]+):[ \t]*([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)", re.MULTILINE)
_CODED = re.compile(r"(?:^[A-Za-z0-9+/]{40,}={0,2}\r?\n)*^[A-Za-z0-9+/]{8,}={0,2}$", re.MULTILINE)


def _mail(text: str, *, counted: bool) -> Iterator[Leaf]:
    """Headers by their names, and lines of bodies; those of parts count as headers."""
    leaves = list(_mail_leaves(text))
    if not counted:
        yield from leaves
        return
    first, _, rest = text.partition("\n")
    size = int(first)
    for leaf in _mail_leaves(rest):
        yield leaf._replace(put=_recounted(leaf.put, len(rest), size))


def _recounted(
    put: Callable[[str, bool], bytes], length: int, size: int
) -> Callable[[str, bool], bytes]:
    """`.emlx` says in its first line how many bytes the mail has."""

    def again(word: str, bare: bool) -> bytes:
        changed = put(word, bare)
        return f"{size + len(changed) - length:<10}\n".encode() + changed

    return again


def _mail_leaves(text: str) -> Iterator[Leaf]:
    headers = list(_HEADER.finditer(text))
    taken = [match.span() for match in headers]
    for match in headers:
        for word in re.finditer(r"[^\s<>;,\"]+", match[2]):
            start, end = (match.start(2) + n for n in word.span())
            yield _span(match[1].lower(), text, start, end)
    at = 0
    for line in text.splitlines(keepends=True):
        start, end = at, at + len(line.rstrip("\r\n"))
        at += len(line)
        inside = any(a <= start < b for a, b in taken)
        bare = line.strip()
        if bare and not inside and not bare.startswith(("--", "From ")):
            coded = re.fullmatch(r"[A-Za-z0-9+/]{8,}={0,2}", bare)
            yield _span("body", text, start, end, _as_base64 if coded else str)


# texts

_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{2,}|\d+(?:[.,]\d+)*")


def _words(text: str, begin: int = 0, end: int | None = None) -> Iterator[Leaf]:
    """Words and numbers; the way is what stands at the line's beginning before a colon, or else the
    line's shape: `9.9.9 a` is a date and a word."""
    at = begin
    for line in text[begin : len(text) if end is None else end].splitlines(keepends=True):
        head = re.match(r"[ï»¿]*(:?[\w$!]+)[:=,]", line)
        way = head[1] if head else _DIGITS.sub("9", _LETTERS.sub("a", line.strip("ï»¿\r\n")))
        for word in _WORD.finditer(line):
            if head is None or word.start() >= head.end():
                yield _span(way, text, at + word.start(), at + word.end())
        at += len(line)


# databases and packages


def _cells_of_database(data: bytes) -> Iterator[Leaf]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "database"
        file.write_bytes(data)
        database = sqlite3.connect(file)
        tables = [
            r[0] for r in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        found = []
        for table in tables:
            described = database.execute(f'PRAGMA table_info("{table}")').fetchall()
            columns = [row[1] for row in described]
            numbers = {row[1] for row in described if row[5]}  # no text can stand there
            for row in database.execute(f'SELECT rowid, * FROM "{table}"').fetchall():
                found += [
                    (table, column, row[0], value)
                    for column, value in zip(columns, row[1:], strict=True)
                    if value is not None and column not in numbers
                ]
        database.close()
    for table, column, rowid, value in found:
        put = partial(_updated, data, (table, column, rowid))
        yield Leaf(f"{table}.{column}", str(value), not isinstance(value, str), put)


def _updated(data: bytes, where: tuple[str, str, int], word: str, bare: bool) -> bytes:
    """The database with a text, or a number where it is `bare`, in one cell."""
    table, column, rowid = where
    value = float(word) if bare else word
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "database"
        file.write_bytes(data)
        with sqlite3.connect(file) as database:
            said = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
            database.execute(said, (value, rowid))
        database.close()
        return file.read_bytes()


def _texts_of_package(data: bytes) -> Iterator[Leaf]:
    package = zipfile.ZipFile(io.BytesIO(data))
    parts = {name: package.read(name) for name in package.namelist()}
    for name, part in parts.items():
        if name.endswith((".xml", ".rels", ".xhtml", ".html", ".opf")):
            for leaf in _texts(part.decode("latin-1")):
                if "@" not in leaf.way:
                    put = _packed(parts, name, leaf.put)
                    yield leaf._replace(way=f"{name}:{leaf.way}", put=put)


def _packed(
    parts: dict[str, bytes], name: str, put: Callable[[str, bool], bytes]
) -> Callable[[str, bool], bytes]:
    def again(word: str, bare: bool) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
            for part, data in {**parts, name: put(word, bare)}.items():
                package.writestr(part, data)
        return out.getvalue()

    return again
