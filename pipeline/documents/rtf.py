r"""The text of RTF (Rich Text Format 1.9.1): control words are left out, characters decoded.

Text is in the code page of its font, or the document's (`\ansicpg`); `\u` names a character, and
what stands in for it in old programs is passed over (`\uc`). Groups that begin with `\*`, and the
tables of a document, hold no text that is shown. One pass in linear time, which regular
expressions over the whole file do not keep to.
"""

from __future__ import annotations

import codecs
import copy
import re
from typing import Any

import msgspec

_TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,10})? ?"
    rb"|\\'(?P<hex>[0-9A-Fa-f]{2})|\\(?P<symbol>[^A-Za-z])|(?P<brace>[{}])|[\r\n]+"
    rb"|(?P<text>[^\\{}\r\n]+)|\\",
    re.DOTALL,
)
_SHOWN = {
    "par": "\n", "line": "\n", "sect": "\n\n", "page": "\n\n", "row": "\n", "cell": "\t",
    "nestcell": "\t", "nestrow": "\n", "tab": "\t", "emdash": "\u2014", "endash": "\u2013",
    "emspace": " ", "enspace": " ", "qmspace": " ", "bullet": "\u2022", "lquote": "\u2018",
    "rquote": "\u2019", "ldblquote": "\u201c", "rdblquote": "\u201d",
}  # fmt: skip
_SYMBOLS = {b"~": " ", b"_": "-", b"\n": "\n", b"\r": "\n", b"{": "{", b"}": "}", b"\\": "\\"}
#: Destinations that show nothing and are not marked by a star.
_UNSEEN = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "info", "pict", "objdata", "fldinst", "filetbl"}
    | {"listtable", "listoverridetable", "rsidtbl", "xe", "tc", "themedata", "revtbl", "nonshppict"}
)
_ABOUT = ("title", "author")
#: `\fcharset` of a font, where it names a code page.
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936",
    136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256",
    186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_DOCUMENT = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}


class _State(msgspec.Struct):
    """The settings within a group."""

    unseen: bool = False
    within: str = ""
    font: int | None = None
    spared: int = 1
    deleted: bool = False


class _Reader:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.about: dict[str, list[str]] = {}
        self._state = _State()
        self._outer: list[_State] = []
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._pending = bytearray()
        self._spare = 0

    def read(self, data: bytes) -> None:
        at = 0
        while (found := _TOKEN.match(data, at)) is not None:
            at = found.end()
            kind = found.lastgroup
            if kind == "hex":
                self._bytes(bytes([int(found["hex"], 16)]))
            elif kind == "text":
                self._bytes(found["text"])
            elif kind == "brace":
                if self._brace(found["brace"]):
                    break
            elif kind == "symbol":
                self._symbol(found["symbol"])
            elif kind in ("word", "number"):
                number = int(found["number"]) if found["number"] else None
                at += self._word(found["word"].decode(), number)
        self._flush()

    def _bytes(self, data: bytes) -> None:
        spared = min(self._spare, len(data))
        self._spare -= spared
        self._pending += data[spared:]

    def _flush(self) -> None:
        if self._pending:
            state = self._state
            page = self._fonts.get(state.font, self._page) if state.font is not None else self._page
            self._say(self._pending.decode(page, "replace"))
            self._pending.clear()

    def _say(self, text: str) -> None:
        state = self._state
        if state.within in _ABOUT:
            self.about.setdefault(state.within, []).append(text)
        elif not state.unseen and not state.deleted:
            self.out.append(text)

    def _brace(self, brace: bytes) -> bool:
        """Enter or leave a group; return whether the outermost group ended."""
        self._flush()
        self._spare = 0
        if brace == b"{":
            self._outer.append(self._state)
            self._state = copy.copy(self._state)
            return False
        if not self._outer:
            return True
        self._state = self._outer.pop()
        return not self._outer

    def _symbol(self, symbol: bytes) -> None:
        self._flush()
        if symbol == b"*":
            self._state.unseen = True
        elif symbol in _SYMBOLS:
            self._say(_SYMBOLS[symbol])

    def _word(self, word: str, number: int | None) -> int:
        """Carry out a control word; return the length of the raw bytes that follow it."""
        if word == "u":
            self._unicode(number or 0)
            return 0
        self._flush()
        self._spare = 0
        if word == "bin":
            return max(number or 0, 0)
        if word in _SHOWN:
            self._say(_SHOWN[word])
        elif word in _UNSEEN:
            self._state.unseen, self._state.within = True, word
        elif word in _ABOUT and self._state.within == "info":
            self._state.within = word
        else:
            self._set(word, number)
        return 0

    def _set(self, word: str, number: int | None) -> None:
        if word == "uc":
            self._state.spared = max(number or 0, 0)
        elif word == "f":
            self._state.font = number
        elif word == "plain":
            self._state.font = None
        elif word == "deleted":
            self._state.deleted = number != 0
        elif word == "fcharset" and self._state.font is not None and number in _CHARSETS:
            self._fonts[self._state.font] = _CHARSETS[number]
        elif word == "ansicpg" and number is not None:
            self._page = _known(f"cp{number}") or self._page
        elif word in _DOCUMENT:
            self._page = _DOCUMENT[word]

    def _unicode(self, number: int) -> None:
        self._flush()
        self._say(chr(number % 0x10000))
        self._spare = self._state.spared


def _known(page: str) -> str | None:
    page = "utf-8" if page == "cp65001" else page
    try:
        return codecs.lookup(page).name
    except LookupError:
        return None


def read(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text, and the title and the author that the document names."""
    reader = _Reader()
    reader.read(data)
    about: dict[str, Any] = {name: "".join(pieces) for name, pieces in reader.about.items()}
    return _paired("".join(reader.out)).strip(), {k: _paired(v) for k, v in about.items()}


def _paired(text: str) -> str:
    r"""Join characters beyond the first plane, which are written as two `\u`."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
