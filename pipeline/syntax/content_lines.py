"""Content lines: the syntax of iCalendar (RFC 5545) and vCard (2.1, RFC 2426, RFC 6350).

`group.NAME;PARAM=value:the value`, folded over physical lines that begin with white space. Real
files deviate: lines end with LF or CR alone, vCard 2.1 leaves out names of parameters and folds
quoted-printable with `=`, some devices break base64 without white space, and Mozilla's of 2003 have
blank lines within. An invalid line is odd and does not affect the others.
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
#: RFC 6868: escapes of parameter values.
_CARET = re.compile(r"\^(['n^])")
_CARETS = {"'": '"', "n": "\n", "^": "^"}
_QUOTED_PRINTABLE = re.compile(rb"[^:]*\bQUOTED-PRINTABLE\b[^:]*:", re.IGNORECASE)
_BASE64_HEAD = re.compile(rb"[^:]*\b(?:BASE64|ENCODING=B)\b[^:]*:", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+\Z")
_DATA_URI = re.compile(
    r"\s*data:(?P<kind>[^;,\s]{0,100})(?:;[^;,\s]{1,100}){0,5};base64\\?,", re.IGNORECASE
)
#: How many bytes of a line may hold its encoding.
_HEAD_BYTES = 1_000
#: No list or structure of a calendar or a card is longer.
_LIST_CHARS = 100_000
#: The maximum number of unknown properties of a component, and of lines of one, that are kept.
_OTHERS = 100
#: The maximum nesting of components; no calendar has more.
_DEPTH = 100
#: Parameters that vCard 2.1 writes without a name, and the name that they lack.
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "B"})


class Line(msgspec.Struct, frozen=True):
    """One content line; `name` and the names of `params` in capitals, `value` as written."""

    name: str
    value: str
    params: dict[str, list[str]]
    group: str | None = None

    def param(self, name: str) -> str | None:
        """Return the first value of a parameter."""
        return next(iter(self.params.get(name, ())), None)

    @property
    def types(self) -> list[str]:
        """Return the TYPE parameters, in small letters."""
        return [value.lower() for value in self.params.get("TYPE", ())]

    @property
    def text(self) -> str:
        """Return the value as text: decoded from quoted-printable, and without backslashes."""
        return unescaped(self.plain)

    @property
    def media_type(self) -> str | None:
        """Return the media type in a `data:` URI."""
        uri = _DATA_URI.match(self.value)
        return uri["kind"].lower() or None if uri else None

    @property
    def plain(self) -> str:
        """Return the value decoded from quoted-printable, if it is so encoded."""
        if (self.param("ENCODING") or "").upper() != "QUOTED-PRINTABLE":
            return self.value
        data = quopri.decodestring(self.value.encode("utf-8", "surrogateescape"))
        try:
            return charset.decode(data, self.param("CHARSET"))[0].replace("\r\n", "\n")
        except BadValue:
            return data.decode("latin-1")

    @property
    def binary(self) -> bytes | None:
        """Return the bytes of a base64 value or of a `data:` URI; None for any other value."""
        uri = _DATA_URI.match(self.value)
        if uri is None and (self.param("ENCODING") or "").upper() not in ("B", "BASE64"):
            return None
        digits = re.sub(r"\s", "", self.value[uri.end() if uri else 0 :])
        try:
            return binascii.a2b_base64(digits, strict_mode=True) or None
        except (binascii.Error, ValueError):
            return None


class Component(msgspec.Struct, frozen=True):
    """The contents between BEGIN and END: the lines by name, and the components within.

    `odd` are the lines that are not content lines.
    """

    name: str
    by_name: dict[str, list[Line]]
    parts: list[Component]
    odd: list[str] = []

    @property
    def lines(self) -> Iterator[Line]:
        """Yield all lines, those of one name together."""
        return chain.from_iterable(self.by_name.values())

    def first(self, name: str) -> Line | None:
        """Return the first line of that name, if any."""
        return next(iter(self.by_name.get(name, ())), None)

    def every(self, *names: str) -> Iterator[Line]:
        """Yield all lines of these names, name after name."""
        return chain.from_iterable(self.by_name.get(name, ()) for name in names)

    def text(self, name: str) -> str | None:
        """Return the text of the first line of that name; None if it is missing or empty."""
        line = self.first(name)
        return (line.text.strip() or None) if line else None

    def texts(self, name: str) -> str | None:
        """Return the texts of all lines of that name, as paragraphs; None if they are empty."""
        found = (line.text.strip() for line in self.by_name.get(name, ()))
        return "\n\n".join(filter(None, found)) or None

    def rest(self, taken: frozenset[str], first: frozenset[str]) -> dict[str, list[str]]:
        """Return the values of properties that are not `taken`, by name in small letters.

        Of properties in `first`, the first line is left out. Bytes are left out.
        """
        values_by_name: dict[str, list[str]] = {}
        for name, lines in self.by_name.items():
            if name in taken or len(values_by_name) >= _OTHERS:
                continue
            others = lines[1:] if name in first else lines
            texts = [line.text.strip() for line in others[:_OTHERS] if line.binary is None]
            if found := [text for text in texts if text.strip(";,")]:
                values_by_name[name.lower().replace("-", "_")] = found
        return values_by_name


def component(data: bytes) -> Component:
    """Return the component that `data` is: from a BEGIN line to an END line.

    Raises `BadValue`: BAD_ENCODING if its bytes are not text, TOO_DEEP if components are nested
    more than 100 deep.
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
    """The open components, within one that is not in the file and holds them all."""

    def __init__(self) -> None:
        self._open = [_Open("")]

    @property
    def innermost(self) -> _Open:
        return self._open[-1]

    def open(self, name: str) -> None:
        self._open.append(_Open(name))
        if len(self._open) > _DEPTH:
            raise BadValue(Reason.TOO_DEEP, f"components are nested more than {_DEPTH} deep")

    def close(self, name: str) -> bool:
        """Close the named component and all within it; return False for an END without a BEGIN."""
        if name not in [one.name for one in self._open[1:]]:
            return False
        while self._close_one() != name:
            pass
        return True

    def whole(self) -> Component:
        """Return the component with all components that are still open."""
        while len(self._open) > 1:
            self._close_one()
        return self._open[0].closed()

    def _close_one(self) -> str:
        closed = self._open.pop().closed()
        self._open[-1].parts.append(closed)
        return closed.name


def _unfolded(data: bytes) -> Iterator[bytes]:
    """Yield logical lines. Folds are undone on bytes, since they may be within a character."""
    pending: list[bytes] = []
    for line in _END_OF_LINE.split(data):
        if not line.strip():
            continue
        if pending and (line[:1] in b" \t"):
            quoted = _goes_on_quoted(pending)  # then the blank belongs to the text
            pending.append(line if quoted else line[1:])
        elif pending and _goes_on(pending, line):
            pending.append(line)
        else:
            if pending:
                yield b"".join(pending)
            pending = [line]
    if pending:
        yield b"".join(pending)


def _goes_on(pending: list[bytes], line: bytes) -> bool:
    """Return whether a line continues in the next, even if that does not begin with white space."""
    if _goes_on_quoted(pending):
        return True
    head = pending[0][:_HEAD_BYTES]
    return _BASE64.match(line) is not None and _BASE64_HEAD.match(head) is not None


def _goes_on_quoted(pending: list[bytes]) -> bool:
    """Remove the `=` at the end of a line in quoted-printable, and return whether it continues."""
    if not pending[-1].endswith(b"=") or not _QUOTED_PRINTABLE.match(pending[0][:_HEAD_BYTES]):
        return False
    pending[-1] = pending[-1][:-1]
    return True


def _decoded(lines: list[bytes]) -> list[str]:
    """Return the lines as text: all at once if they are UTF-8, else one by one."""
    try:
        return b"\n".join(lines).decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return [charset.decode(line)[0] for line in lines]


def _line(text: str) -> Line | None:
    """Return the line; parameters quoted twice count as quoted once, also with an unquoted URI."""
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
    """Add a parameter; vCard 2.1 leaves out names: `TEL;WORK;QUOTED-PRINTABLE`."""
    for one in _ONE_VALUE.findall(values):
        value = _CARET.sub(lambda found: _CARETS[found[1]], one.strip().strip('"'))
        if name is None:
            key = "ENCODING" if value.upper() in _ENCODINGS else "TYPE"
        else:
            key = name.upper()
        params.setdefault(key, []).append(value)


def unescaped(value: str) -> str:
    """Return a text value without its backslashes."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def pieces(value: str, separator: str) -> list[str]:
    """Return the parts of a structured value (`;`) or a list (`,`), each without backslashes.

    A value over 100,000 characters keeps its backslashes.
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
