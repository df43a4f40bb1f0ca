"""The page on which a Takeout lists its files: `archive_browser.html`, `Archiv_Übersicht.html`.

Its name is in the account's language, so its place, directly in the root folder, and its structure
identify it: the structure of pages which public projects read. Sections `service-details-…` are
products, with their folder in an `<h1>` or in `data-folder-name`; elements of the classes
`extracted-folder-name` and `extracted-file-name` hold names, with one blank before them. A folder's
files are in the element that its row is in, or follow its name. A `failure-message` after a file
says that Google could not export it. Without any of these, relative links count, if the page is
where only Takeout puts it.

Source: `docs/reference/exports/google-takeout.md#the-archives`.

Anyone may have made the page, so it is read in blocks, by one pattern that never backtracks:
parsers that build a tree take quadratic time on hostile input.
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

#: Above this size or number of names, a page is not an archive browser, and no names are taken from
#: it.
_MOST_BYTES = 128 * 1024 * 1024
_MOST_NAMES = 2_000_000
#: A larger page without this mark is not searched for links.
_MARK = b"extracted-file-name"
_MOST_UNMARKED = 8 * 1024 * 1024
_MOST_DEPTH = 256
_BLOCK = 1024 * 1024

#: Pages of Notion are in the same place, and end with their id.
_PLACE = re.compile(r"(Takeout/)?(?!.* [0-9a-f]{32}\.html)[^/]+\.html?", re.IGNORECASE | re.DOTALL)
_OWN_PLACE = re.compile(r"Takeout/[^/]+|archive_browser\.html?", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"<!--|-->|<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>")
_ATTRIBUTE = re.compile(r"""\b([a-z-]+)\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'=<>]++)""")
_WORTH = re.compile(r"extracted-|service-detail|file-leaf|failure-|data-folder-name|\bhref")
#: Elements that are never closed, or need not be (HTML, 13.1.2): they separate nothing here.
_LOOSE = re.compile(
    "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
    "|p|li|dt|dd|option|optgroup|tr|td|th|thead|tbody|tfoot|colgroup"
)
#: The role of elements, by their class; and the roles whose text is a name or a message.
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
    """Whether the page states that the file could not be exported."""


def has_its_place(path: str) -> bool:
    """Return whether a member is in the page's place: the root folder, which is never localised."""
    return _PLACE.fullmatch(path.rsplit("!/", 1)[-1]) is not None


def entries(file: Path, path: str) -> list[Entry]:
    """Return the files that a page lists with their folders; none if it cannot be understood.

    `path` is the member's own. Relative links alone do not make an archive browser, unless the page
    is in `Takeout/`, where only Takeout puts one, or has the English name.
    """
    size = file.stat().st_size
    if size > _MOST_BYTES or (size > _MOST_UNMARKED and not _is_marked(file)):
        return []
    page = _Page()
    for before, token in _tokens(file):
        page.take(before, token)
        if page.beyond:
            return []
    in_own_place = _OWN_PLACE.fullmatch(path.rsplit("!/", 1)[-1]) is not None
    return page.entries or (page.links if in_own_place else [])


def _is_marked(file: Path) -> bool:
    """Return whether the mark is in the file.

    Other pages of an export, some of hundreds of MB, are thus not read tag by tag.
    """
    with file.open("rb") as source, mmap(source.fileno(), 0, access=ACCESS_READ) as data:
        return data.find(_MARK) >= 0


def _tokens(file: Path) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield tags and comment marks in order, each with the text before it."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            text = rest + decoder.decode(block)
            at = 0
            for token in _TOKEN.finditer(text):
                yield text[at : token.start()], token
                at = token.end()
            # A tag longer than a block is not a tag.
            rest = text[max(at, len(text) - _BLOCK) :]


class _Open(msgspec.Struct):
    """An open element: its tag, its role, and the names that apply within it."""

    tag: str
    role: str = ""
    product: str = ""
    folder: str = ""


class _Page:
    """The open elements, and what the closed ones contained."""

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
        """Return whether the page exceeds what is worth reading on."""
        many = max(len(self.entries), len(self.links))
        return many > _MOST_NAMES or len(self._open) > _MOST_DEPTH

    def take(self, before: str, token: re.Match[str]) -> None:
        """Process the next tag, and the text before it."""
        end, tag, attributes = token[1], (token[2] or "").lower(), token[3] or ""
        if self._skipping:
            # The content of a comment may look like a tag that includes the comment's end.
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
        """Close the innermost element of that tag, and the unclosed elements in it."""
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
        """Return the element in which a folder's name applies: around its row, if it is in one."""
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
    """Return the role of an element; "" for none."""
    for name in classes:
        if name in _ROLES:
            return _ROLES[name]
    if attributes.get("id", "").startswith("service-details"):
        return "section"
    return "product" if tag == "h1" else ""


def _attributes(text: str) -> dict[str, str]:
    """Return the attributes of a tag, if it has any that matter."""
    if not _WORTH.search(text):
        return {}
    return {name: unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(text)}


def _clean(text: str) -> str:
    """Return a name for comparison: in NFC, without the page's blanks around it."""
    return unicodedata.normalize("NFC", text.replace("\0", "\ufffd").strip())


def _linked(href: str) -> str:
    """Return the path of a relative link, without the root folder; "" if it is not one."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith(("/", "..")):
        return ""
    path = unquote(parts.path).removeprefix("./").removeprefix("Takeout/")
    names = [_clean(name) for name in path.split("/")]
    return "/".join(names) if len(names) > 1 and all(names) else ""
