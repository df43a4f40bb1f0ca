"""Open the zip file of an office document or an e-book, and check that unpacking it stays small."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile

import msgspec

from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element

#: Real bytes, counted while unpacking: the sizes in a zip may be wrong.
UNPACKED = 64 * 1024 * 1024


XML_PART = 16 * 1024 * 1024


PARTS = 5_000


_XML = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf")


class Unreadable(Exception):
    """A document that gives no text; the argument is the flag."""


class Package(msgspec.Struct, frozen=True):
    """An office file or e-book, after the check that unpacking it stays small."""

    archive: zipfile.ZipFile
    names: frozenset[str]

    def part(self, name: str) -> bytes | None:
        """Return the bytes of a part; None if there is none of that name."""
        return self.archive.read(name) if name in self.names else None

    def tree(self, name: str) -> Element | None:
        """Return a small part as a tree."""
        data = self.part(name)
        return None if data is None else xml_tree.parse(data)

    def like(self, pattern: str) -> list[str]:
        """Return the parts whose names match; numbers sort as numbers."""
        found = (name for name in self.names if re.fullmatch(pattern, name))
        return sorted(found, key=lambda name: (len(name), name))

    def targets(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the parts that a part refers to: for each relation's id, its kind and the path.

        The kind is its last word. Empty where the file with the relations is missing.
        """
        folder, name = posixpath.split(part)
        relations = self.tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        found = {}
        for one in relations.all("Relationship") if relations else ():
            own = one.attributes
            if own.get("TargetMode") != "External" and "Target" in own:
                path = posixpath.normpath(posixpath.join("/", folder, own["Target"])).lstrip("/")
                found[own.get("Id", "")] = (own.get("Type", "").rpartition("/")[2], path)
        return found


def open_package(data: bytes) -> Package:
    """Return the package in some bytes.

    Raises `Unreadable` if it is encrypted or too large, or the errors of a damaged zip.
    """
    archive = zipfile.ZipFile(io.BytesIO(data))
    parts = archive.infolist()
    if any(part.flag_bits & 0x1 for part in parts):
        raise Unreadable("encrypted")
    if len(parts) > PARTS:
        raise Unreadable("too_large")
    left = UNPACKED
    for part in parts:
        limit = min(left, XML_PART if part.filename.endswith(_XML) else left)
        left -= _unpacked_size(archive, part, limit)
    return Package(archive, frozenset(part.filename for part in parts))


def _unpacked_size(archive: zipfile.ZipFile, part: zipfile.ZipInfo, limit: int) -> int:
    size = 0
    with archive.open(part) as stream:
        while block := stream.read(256 * 1024):
            size += len(block)
            if size > limit:
                raise Unreadable("too_large")
    return size
