"""The page on which a Takeout lists its files: `archive_browser.html`, `Archiv_Übersicht.html`.

Its name is in the account's language, so it is known by its place, right in the root folder, and by
its structure: that of pages which public projects read. Sections `service-details-…` are products,
their folder in an `<h1>` or in `data-folder-name`; elements of the classes `extracted-folder-name`
and `extracted-file-name` hold names, one blank before them. A folder's files lie in the element
that its row is in, or follow its name. A `failure-message` behind a file says that Google could not
export it. Where none of this is there, relative links count, if the page lies where only Takeout
puts it.

Source: `docs/reference/exports/google-takeout.md#the-archives`.

The page may be anybody's: it is read in blocks, by one pattern that never goes back, since parsers
that build a tree take quadratic time on what was made to hurt them.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from html import unescape
from mmap import ACCESS_READ, mmap
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

#: A page over this, or with more names, is no page that anybody made; nothing is claimed of it.
_MOST_BYTES = 128 * 1024 * 1024
_MOST_NAMES = 2_000_000
#: A page without this is only looked through for links if it is no larger than that.
_MARK = b"extracted-file-name"
_MOST_UNMARKED = 8 * 1024 * 1024
_MOST_DEPTH = 256
_BLOCK = 1024 * 1024

#: Pages of Notion lie there too, and end with their id.
_PLACE = re.compile(r"(Takeout/)?(?!.* [0-9a-f]{32}\.html)[^/]+\.html?", re.IGNORECASE | re.DOTALL)
_OWN_PLACE = re.compile(r"Takeout/[^/]+|archive_browser\.html?", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
_ATTRIBUTE = re.compile(r"""\b([a-z-]+)\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'=<>]++)""")
_WORTH = re.compile(r"extracted-|service-detail|file-leaf|failure-|data-folder-name|\bhref")
#: Elements that are never closed, or need not be (HTML, 13.1.2): they part nothing here.
_LOOSE = re.compile(
    "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
    "|p|li|dt|dd|option|optgroup|tr|td|th|thead|tbody|tfoot|colgroup"
)
#: What elements are to us, by their class; those whose text is a name or a message.
_ROLES = {
    "extracted-file-name": "file",
    "extracted-folder-name": "folder",
    "extracted-folder": "row",
    "file-leaf": "leaf",
    "failure-message": "failure",
    "service-detail": "section",
}
_NAMING = frozenset({"file", "folder", "product", "failure"})
_RAW = frozenset({"script", "style", "template", "textarea", "title"})


class Entry(msgspec.Struct, frozen=True):
    """A file of the export, as `product/folder/…/name` in NFC."""

    path: str
    failed: bool = False
    """Whether the page says that it could not be exported."""


def has_its_place(path: str) -> bool:
    """Whether a member lies where the page does: in the root folder, which is never localised."""
    return _PLACE.fullmatch(path.rsplit("!/", 1)[-1]) is not None


def entries(file: Path, path: str) -> list[Entry]:
    """The files that a page lists with their folders; none if it can't be understood.

    `path` is the member's own. Relative links alone make no such page, unless it lies in
    `Takeout/`, where nobody else puts one, or has the page's English name.
    """
    size = file.stat().st_size
    if size > _MOST_BYTES or (size > _MOST_UNMARKED and not _is_marked(file)):
        return []
    page = _Page()
    for before, token in _tokens(file):
        page.take(before, token)
        if page.beyond:
            return []
    ours = _OWN_PLACE.fullmatch(path.rsplit("!/", 1)[-1]) is not None
    return page.entries or (page.links if ours else [])


def _is_marked(file: Path) -> bool:
    """A quick look: other pages of an export, some of hundreds of MB, are not read tag by tag."""
    with file.open("rb") as source, mmap(source.fileno(), 0, access=ACCESS_READ) as data:
        return data.find(_MARK) >= 0


def _tokens(file: Path) -> Iterator[tuple[str, re.Match[str]]]:
    """Tags and comment marks in order, each with the text before it."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            text = rest + decoder.decode(block)
            at = 0
            for token in _TOKEN.finditer(text):
                yield text[at : token.start()], token
                at = token.end()
            # A tag of more than a block is none.
            rest = text[max(at, len(text) - _BLOCK) :]


class _Open(msgspec.Struct):
    """An element that is open: its tag, what it is to us, and the names that hold for it."""

    tag: str
    role: str = ""
    product: str = ""
    folder: str = ""


class _Page:
    """Elements that are open, and what was found in those that are closed."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.links: list[Entry] = []
        self._open = [_Open("")]
        self._count: Counter[str] = Counter()
        self._product = ""
        self._skipping = ""
        self._text: list[str] | None = None

    @property
    def beyond(self) -> bool:
        """Whether this is no page that is worth going on with."""
        many = max(len(self.entries), len(self.links))
        return many > _MOST_NAMES or len(self._open) > _MOST_DEPTH

    def take(self, before: str, token: re.Match[str]) -> None:
        """The next tag, and the text before it."""
        end, tag, attributes = token[1], (token[2] or "").lower(), token[3] or ""
        if self._skipping:
            # What a comment holds may look like a tag that its end is part of.
            comment = self._skipping == "-->" and token[0].endswith("-->")
            if comment or (end and tag == self._skipping):
                self._skipping = ""
            return
        if self._text is not None:
            self._text.append(before)
        if token[0] == "<!--":
            self._skipping = "-->"
        elif end:
            self._close(tag)
        elif tag in _RAW:
            self._skipping = tag
        elif tag and not attributes.endswith("/"):
            self._begin(tag, attributes)

    def _begin(self, tag: str, attributes: str) -> None:
        found = _attributes(attributes)
        classes = found.get("class", "").split()
        element = _Open(tag, role=_role(tag, classes, found))
        if named := found.get("data-folder-name"):
            self._name_product(_clean(named))
        if element.role or not _LOOSE.fullmatch(tag):
            self._open.append(element)
            self._count[tag] += 1
        if element.role in _NAMING:
            self._text = []
        if tag == "a" and (path := _linked(found.get("href", ""))):
            self.links.append(Entry(path))

    def _close(self, tag: str) -> None:
        """Close the innermost element of that tag, and those in it that nobody closed."""
        while self._count[tag]:
            element = self._open.pop()
            self._count[element.tag] -= 1
            if element.role in _NAMING and self._text is not None:
                self._understand(element.role, _clean(unescape("".join(self._text))))
                self._text = None
            if element.tag == tag:
                return

    def _understand(self, role: str, text: str) -> None:
        if not text:
            return
        if role == "product":
            section = self._section()
            if section is not None and not section.product:
                section.product = text
        elif role == "folder":
            self._scope().folder = text
        elif role == "file":
            self._add(text)
        elif self.entries and any(element.role == "leaf" for element in self._open):
            self.entries[-1] = Entry(self.entries[-1].path, failed=True)

    def _section(self) -> _Open | None:
        return next((e for e in reversed(self._open) if e.role == "section"), None)

    def _name_product(self, name: str) -> None:
        section = self._section()
        if section is None:
            self._product, self._scope().folder = name, ""
        else:
            section.product = name

    def _scope(self) -> _Open:
        """The element whose files a folder's name holds for: round its row, if it is in one."""
        for at in range(len(self._open) - 1, 0, -1):
            if self._open[at].role == "row":
                return self._open[at - 1]
        return self._open[-1]

    def _add(self, name: str) -> None:
        section = self._section()
        product = section.product if section is not None else self._product
        folders = [element.folder for element in self._open if element.folder]
        parts = [part for part in (product, *folders, name) if part]
        if len(parts) > 1:
            self.entries.append(Entry("/".join(parts)))


def _role(tag: str, classes: list[str], attributes: dict[str, str]) -> str:
    """What an element is to us; "" for nothing."""
    for name in classes:
        if name in _ROLES:
            return _ROLES[name]
    if attributes.get("id", "").startswith("service-details"):
        return "section"
    return "product" if tag == "h1" else ""


def _attributes(text: str) -> dict[str, str]:
    """The attributes of a tag, where it has any that matter."""
    if not _WORTH.search(text):
        return {}
    return {name: unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(text)}


def _clean(text: str) -> str:
    """A name as it is compared: in NFC, without the blanks that the page puts round it."""
    return unicodedata.normalize("NFC", text.replace("\0", "\ufffd").strip())


def _linked(href: str) -> str:
    """The path that a relative link leads to, without the root folder; "" where it is none."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith(("/", "..")):
        return ""
    path = unquote(parts.path).removeprefix("./").removeprefix("Takeout/")
    names = [_clean(name) for name in path.split("/")]
    return "/".join(names) if len(names) > 1 and all(names) else ""
