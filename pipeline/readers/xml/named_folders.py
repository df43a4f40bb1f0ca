"""Folders of an XML file with their names."""

from __future__ import annotations

import re
from html import unescape

from pipeline.readers.folders import Outline, Step
from pipeline.readers.xml.window import Token

#: The element that names a folder, how much of its text is read, and that text.
NAME, NAME_BYTES = "name", 1_000
_TEXT = re.compile(rb"\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))", re.DOTALL)


class FoundFolders:
    """The folders, each with the first name in it that is not of another element within it."""

    NAME = NAME.encode()

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.outline = Outline()
        self._folders = frozenset(name.encode() for name in folders)
        self._open: list[Step] = []
        self._holder = b""  # the open element that has a name of its own

    def note(self, tag: Token, behind: bytes) -> None:
        """Note a tag that is not empty, and the text after a name's tag."""
        if tag.name in self._folders:
            self._holder = b""
            if not tag.close:
                self._open.append(self.outline.begin(tag.start, ""))
            elif self._open:
                self._open.pop()
                self.outline.end(tag.start)
        elif tag.name == self.NAME:
            if self._open and not (tag.close or self._holder or self._open[-1][1]):
                self._open[-1][1] = self._text(behind)
        elif not tag.close:
            self._holder = self._holder or tag.name
        elif tag.name == self._holder:
            self._holder = b""

    @staticmethod
    def _text(data: bytes) -> str:
        found = _TEXT.match(data)
        if found is None:
            return ""
        if found[1] is not None:
            return found[1].decode("utf-8", "replace").strip()
        return unescape(found[2].decode("utf-8", "replace")).strip()
