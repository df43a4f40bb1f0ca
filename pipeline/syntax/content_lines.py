"""Content lines: what iCalendar (RFC 5545) and vCard (2.1, RFC 2426, RFC 6350) are written in.

`group.NAME;PARAM=value:the value`, folded over physical lines that begin with white space. Real
files bend it: lines end with LF or CR alone, vCard 2.1 leaves out names of parameters and folds
quoted-printable with `=`, some devices break base64 without white space, and Mozilla's of 2003
put blank lines within. A line that is none counts as odd; its neighbours are read.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from itertools import chain

import msgspec

from pipeline.text import charset
from schemas.errors import BadValue
from schemas.reasons import Reason

_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_HEAD = re.compile(r"(?:(?P<group>[\w-]+)\.)?(?P<name>[\w-]+)\s*(?=[;:])", re.ASCII)
_PARAMETER = re.compile(
    r"\s*;\s*(?:(?P<name>[\w-]+)\s*=\s*)?"
    r"(?P<values>(?:\"[^\"]*\"|[^\":;,]*)(?:,(?:\"[^\"]*\"|[^\":;,]*))*)",
    re.ASCII,
)
_ONE_VALUE = re.compile(r'"[^"]*"|[^",]+')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TOKEN = re.compile(r"\\.|[,;]|[^\\,;]+|\\", re.DOTALL)
#: RFC 6868: what parameter values can't hold otherwise.
_CARET = re.compile(r"\^(['n^])")
_CARETS = {"'": '"', "n": "\n", "^": "^"}
_QUOTED_PRINTABLE = re.compile(rb"[^:]*\bQUOTED-PRINTABLE\b[^:]*:", re.IGNORECASE)
_BASE64_HEAD = re.compile(rb"[^:]*\b(?:BASE64|ENCODING=B)\b[^:]*:", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+\Z")
_DATA_URI = re.compile(
    r"\s*data:(?P<kind>[^;,\s]{0,100})(?:;[^;,\s]{1,100}){0,5};base64\\?,", re.IGNORECASE
)
#: Where the encoding of a line stands, if it has one.
_HEAD_BYTES = 1_000
#: No list or structure of a calendar or a card is longer.
_LIST_CHARS = 100_000
#: Properties of a component, and lines of one, that are kept though nothing here knows them.
_OTHERS = 100
#: Components within each other; more are nobody's calendar.
_DEPTH = 100
#: Parameters that vCard 2.1 writes without a name, and which name they lack.
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B"})


class Line(msgspec.Struct, frozen=True):
    """One content line; `name` and the names of `params` in capitals, `value` as it is written."""

    name: str
    value: str
    params: dict[str, list[str]]
    group: str | None = None

    def param(self, name: str) -> str | None:
        """The first value of a parameter."""
        return next(iter(self.params.get(name, ())), None)

    @property
    def types(self) -> list[str]:
        """The TYPE parameters, in small letters."""
        return [value.lower() for value in self.params.get("TYPE", ())]

    @property
    def text(self) -> str:
        """The value as a text: decoded from quoted-printable, and without backslashes."""
        return unescaped(self.plain)

    @property
    def media_type(self) -> str | None:
        """What a `data:` URI says that its bytes are."""
        uri = _DATA_URI.match(self.value)
        return uri["kind"].lower() or None if uri else None

    @property
    def plain(self) -> str:
        """The value decoded from quoted-printable, where it is so encoded."""
        if (self.param("ENCODING") or "").upper() != "QUOTED-PRINTABLE":
            return self.value
        data = quopri.decodestring(self.value.encode("utf-8", "surrogateescape"))
        try:
            return charset.decode(data, self.param("CHARSET"))[0].replace("\r\n", "\n")
        except BadValue:
            return data.decode("latin-1")

    @property
    def binary(self) -> bytes | None:
        """The bytes of a base64 value or of a `data:` URI; None where it is none, or broken."""
        uri = _DATA_URI.match(self.value)
        if uri is None and (self.param("ENCODING") or "").upper() not in ("B", "BASE64"):
            return None
        digits = re.sub(r"\s", "", self.value[uri.end() if uri else 0 :])
        try:
            return binascii.a2b_base64(digits, strict_mode=True) or None
        except (binascii.Error, ValueError):
            return None


class Component(msgspec.Struct, frozen=True):
    """What stands between BEGIN and END: its lines by name, and the components within it.

    `odd` are the lines that are no content lines.
    """

    name: str
    by_name: dict[str, list[Line]]
    parts: list[Component]
    odd: list[str] = []

    @property
    def lines(self) -> Iterator[Line]:
        """All lines, those of one name together."""
        return chain.from_iterable(self.by_name.values())

    def first(self, name: str) -> Line | None:
        """The first line of that name, if any."""
        return next(iter(self.by_name.get(name, ())), None)

    def every(self, *names: str) -> Iterator[Line]:
        """All lines of these names, name after name."""
        return chain.from_iterable(self.by_name.get(name, ()) for name in names)

    def text(self, name: str) -> str | None:
        """The text of the first line of that name; None where there is none, or an empty one."""
        line = self.first(name)
        return (line.text.strip() or None) if line else None

    def texts(self, name: str) -> str | None:
        """The texts of all lines of that name, as paragraphs; None where they say nothing."""
        found = (line.text.strip() for line in self.by_name.get(name, ()))
        return "\n\n".join(filter(None, found)) or None

    def rest(self, taken: frozenset[str], first: frozenset[str]) -> dict[str, list[str]]:
        """What other properties say than those `taken`, of those in `first` the lines behind the
        first; by their names in small letters, without bytes."""
        said: dict[str, list[str]] = {}
        for name, lines in self.by_name.items():
            if name in taken or len(said) >= _OTHERS:
                continue
            others = lines[1:] if name in first else lines
            texts = [line.text.strip() for line in others[:_OTHERS] if line.binary is None]
            if found := [text for text in texts if text.strip(";,")]:
                said[name.lower().replace("-", "_")] = found
        return said


def component(data: bytes) -> Component:
    """The component that `data` is: from a BEGIN line to an END line.

    Raises `BadValue`: BAD_ENCODING where its bytes are no text, TOO_DEEP past 100 components within
    each other.
    """
    stack = _Stack()
    for text in _decoded(list(_unfolded(data))):
        line = _line(text)
        if line is None:
            stack.innermost.odd.append(text.strip())
        elif line.name == "BEGIN":
            stack.open(line.value.strip().upper())
        elif line.name == "END":
            if not stack.close(line.value.strip().upper()):
                stack.innermost.odd.append(text.strip())
        else:
            stack.innermost.by_name.setdefault(line.name, []).append(line)
    whole = stack.whole()
    return whole.parts[0] if whole.parts else whole


class _Open:
    """A component whose END is still to come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.by_name: dict[str, list[Line]] = {}
        self.parts: list[Component] = []
        self.odd: list[str] = []

    def closed(self) -> Component:
        return Component(self.name, self.by_name, self.parts, self.odd)


class _Stack:
    """The components that are open, in one that is none and holds them all."""

    def __init__(self) -> None:
        self._open = [_Open("")]

    @property
    def innermost(self) -> _Open:
        return self._open[-1]

    def open(self, name: str) -> None:
        self._open.append(_Open(name))
        if len(self._open) > _DEPTH:
            raise BadValue(Reason.TOO_DEEP, f"over {_DEPTH} components within each other")

    def close(self, name: str) -> bool:
        """Close what is named and all within it; False for an END of nothing."""
        if name not in [one.name for one in self._open[1:]]:
            return False
        while self._close_one() != name:
            pass
        return True

    def whole(self) -> Component:
        """All of it, whatever is still open."""
        while len(self._open) > 1:
            self._close_one()
        return self._open[0].closed()

    def _close_one(self) -> str:
        closed = self._open.pop().closed()
        self._open[-1].parts.append(closed)
        return closed.name


def _unfolded(data: bytes) -> Iterator[bytes]:
    """Logical lines. Folds are undone on bytes: they may fall within a character."""
    held: list[bytes] = []
    for line in _END_OF_LINE.split(data):
        if not line.strip():
            continue
        if held and (line[:1] in b" \t"):
            quoted = _goes_on_quoted(held)  # then the blank is of the text
            held.append(line if quoted else line[1:])
        elif held and _goes_on(held, line):
            held.append(line)
        else:
            if held:
                yield b"".join(held)
            held = [line]
    if held:
        yield b"".join(held)


def _goes_on(held: list[bytes], line: bytes) -> bool:
    """Whether a line goes on in the next though that does not begin with white space."""
    if _goes_on_quoted(held):
        return True
    head = held[0][:_HEAD_BYTES]
    return _BASE64.match(line) is not None and _BASE64_HEAD.match(head) is not None


def _goes_on_quoted(held: list[bytes]) -> bool:
    """Whether a line in quoted-printable goes on behind the `=` at its end, which is taken off."""
    if not held[-1].endswith(b"=") or not _QUOTED_PRINTABLE.match(held[0][:_HEAD_BYTES]):
        return False
    held[-1] = held[-1][:-1]
    return True


def _decoded(lines: list[bytes]) -> list[str]:
    """The lines as text: all at once where they are UTF-8, else each by itself."""
    try:
        return b"\n".join(lines).decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return [charset.decode(line)[0] for line in lines]


def _line(text: str) -> Line | None:
    """The line; where its parameters are quoted twice, as if once, and so with a URI unquoted."""
    found = _as_written(text)
    if found is not None and not found.value.startswith("//"):
        return found
    mended = _UNQUOTED_URI.sub(r'\1"\2"', text.replace('""', "'"))
    return (_as_written(mended) or found) if mended != text else found


#: A URI that should be quoted, as Exchange's `TZID=tzone://Microsoft/Utc`.
_UNQUOTED_URI = re.compile(r'(;[\w-]{1,60}=)([\w+.-]{1,40}://[^";:,]{1,200})(?=[;:])', re.ASCII)


def _as_written(text: str) -> Line | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    at = head.end()
    params: dict[str, list[str]] = {}
    while (found := _PARAMETER.match(text, at)) is not None:
        _add_parameter(params, found["name"], found["values"])
        at = found.end()
    if text[at : at + 1] != ":":
        return None
    return Line(head["name"].upper(), text[at + 1 :], params, head["group"])


def _add_parameter(params: dict[str, list[str]], name: str | None, values: str) -> None:
    """vCard 2.1 writes `TEL;WORK;QUOTED-PRINTABLE`: types and encodings without a name."""
    for one in _ONE_VALUE.findall(values):
        value = _CARET.sub(lambda found: _CARETS[found[1]], one.strip().strip('"'))
        if name is None:
            key = "ENCODING" if value.upper() in _ENCODINGS else "TYPE"
        else:
            key = name.upper()
        params.setdefault(key, []).append(value)


def unescaped(value: str) -> str:
    """A text value without its backslashes."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def pieces(value: str, separator: str) -> list[str]:
    """The parts of a structured value (`;`) or of a list (`,`), each without backslashes.

    In a value beyond 100,000 characters backslashes are left.
    """
    if "\\" not in value or len(value) > _LIST_CHARS:
        return [part.strip() for part in value.split(separator, _LIST_CHARS)]
    parts: list[list[str]] = [[]]
    for token in _TOKEN.findall(value):
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [unescaped("".join(part)).strip() for part in parts]
