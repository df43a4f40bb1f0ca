"""The type of a file by its content; its name counts only if the content cannot decide."""

from __future__ import annotations

import csv
import json
import lzma
import re
import threading
from pathlib import Path

import pylibmagic  # isort: skip  - it must come before magic, which would load the system's libmagic
import magic

from pipeline.archives import zip_directory
from schemas.errors import Rejected
from schemas.reasons import Reason

ZIP, TAR, GZIP, ZSTD, BZIP2, XZ, LZMA = (
    "application/zip",
    "application/x-tar",
    "application/gzip",
    "application/zstd",
    "application/x-bzip2",
    "application/x-xz",
    "application/x-lzma",
)
#: The archives that `pipeline.archives.unpack` opens.
ARCHIVES = frozenset({ZIP, TAR, GZIP, ZSTD, BZIP2, XZ, LZMA})

#: How many bytes of a file `media_type` needs.
HEAD = 64 * 1024

#: Suffixes of one compressed file; after a tar the second form is as common.
COMPRESSED = r"gz|tgz|zst|tzst|bz2|tbz|tbz2|xz|txz|lzma|tlz"
_COMPRESSED_HEADS = {
    GZIP: re.compile(rb"\x1f\x8b"),
    # RFC 8878: a frame, or skippable frames before it
    ZSTD: re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    BZIP2: re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),  # a block, or the end of an empty file
    XZ: re.compile(rb"\xfd7zXZ\0"),
}
_ARCHIVE_NAMES = re.compile(rf".*\.(zip|tar|{COMPRESSED})", re.IGNORECASE | re.DOTALL)
#: Names of readable files, which an archive is not.
_PLAIN_NAMES = re.compile(
    r".*\.(json|jsonl|ndjson|csv|tsv|txt|md|mbox|eml|html?|xml|pdf|jpe?g|png|gif|heic|webp|mp[34])",
    re.IGNORECASE | re.DOTALL,
)
_FOREIGN_HEAD = re.compile(
    rb"%PDF-|\xff\xd8\xff|GIF8|\x89PNG|PK\x03\x04|\x1f\x8b|MZ|\x7fELF|<!DOCTYPE|<html",
    re.IGNORECASE,
)
# Zip files that are documents, by a name that must be in them: ECMA-376 part 2 (OPC).
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
#: Documents without a list of types, by a part that each has: EPUB, and Apple's iWork.
_PACKAGES = {
    "META-INF/container.xml": "application/epub+zip",
    "Index/Document.iwa": "application/vnd.apple.iwork",
}
_JSON_START = re.compile(rb'\s*(\{\s*["}]|\[\s*(["{\[\]]|-?\d|true\b|false\b|null\b)|[{\[]\s*\Z)')
# RFC 4155: "From ", an address, and a time as asctime writes it; looser if header fields follow.
_MBOX_START = re.compile(
    rb"From [^\r\n]*(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d"
    rb"|From [^\r\n]*\d\d:\d\d[^\r\n]*\r?\n[!-9;-~]+:[^\r\n]*"
)
#: The beginnings of a QuickTime film without `ftyp` (QuickTime File Format, "Atoms").
OLD_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_IN_MOOV = (b"mvhd", b"cmov", b"rmra", b"udta", b"prfl", b"clip")
_DELIMITERS = ",;\t|"
_local = threading.local()


def media_type(head: bytes, name: str, path: Path | None = None) -> str:
    """Return the media type of a file that begins with `head` (its first 64 KiB, or all of it).

    Only the suffix of `name` counts. With `path` the end of the file is checked as well, to
    distinguish documents from zips and to find a file that is two types at once. Raises `Rejected`:
    `EMPTY` (no bytes, or only zero bytes), `AMBIGUOUS_TYPE` (two types at once, or an archive's
    name on another file).
    """
    if not head or _all_zero(head, path):
        raise Rejected(Reason.EMPTY, "The file is empty or has only zero bytes.")
    archive = archive_type(head)
    if archive is None:
        _refuse_hidden_zip(path)
        return _honest(_content_type(head, name), name)
    if archive == TAR and _FOREIGN_HEAD.match(head):
        raise _ambiguous("a tar archive and something else at once")
    if archive == ZIP:
        archive = _office_type(head, path) or ZIP
    else:
        _refuse_hidden_zip(path)
    return _honest(archive, name)


def archive_type(head: bytes) -> str | None:
    """Return the kind of archive, among those that are opened, that begins with `head`, if any."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return TAR if is_tar(head) else ZIP
    if is_tar(head):
        return TAR
    found = next((kind for kind, begins in _COMPRESSED_HEADS.items() if begins.match(head)), None)
    return LZMA if found is None and head[:1] == b"\x5d" and _is_lzma(head) else found


def _is_lzma(head: bytes) -> bool:
    """Return whether `head` begins an .lzma file, which has no mark of its own.

    Its head is five bytes of properties and a size (lzma-file-format.txt of XZ Utils).
    """
    try:
        lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(head[:512], max_length=1)
    except lzma.LZMAError:
        return False
    return len(head) > 13


def is_tar(head: bytes) -> bool:
    """Return whether `head` begins with a tar header block, old or new, with a valid checksum."""
    block = head[:512]
    if len(block) < 512 or not block[0]:
        return False
    stored = re.fullmatch(rb" *([0-7]{1,7})[ \0]*", block[148:156])
    # POSIX.1-2017, pax, "ustar Interchange Format": the sum with the checksum field as blanks
    return stored is not None and int(stored[1], 8) == sum(block) - sum(block[148:156]) + 8 * 32


def _all_zero(head: bytes, path: Path | None) -> bool:
    if head.strip(b"\0"):
        return False
    if path is None:
        return True
    with path.open("rb") as stream:
        return not any(data.strip(b"\0") for data in iter(lambda: stream.read(1 << 20), b""))


def _refuse_hidden_zip(path: Path | None) -> None:
    """Refuse a zip after other content, which differs between readers from its end and its head."""
    if path is not None and zip_directory.ends_as_zip(path):
        raise _ambiguous("a zip archive after something else")


def _honest(kind: str, name: str) -> str:
    if kind not in ARCHIVES and _ARCHIVE_NAMES.fullmatch(name):
        raise _ambiguous(f"named as an archive, but {kind} by content")
    if kind in ARCHIVES and _PLAIN_NAMES.fullmatch(name):
        raise _ambiguous(f"{kind} by content, but not by name")
    return kind


def _ambiguous(what: str) -> Rejected:
    return Rejected(Reason.AMBIGUOUS_TYPE, f"The file is {what}; pack or name it anew.")


def _office_type(head: bytes, path: Path | None) -> str | None:
    """Return the document type of a zip: of an office file or an e-book, else None."""
    if head[30:38] == b"mimetype":  # OpenDocument and EPUB name their type in their first entry
        return _by_libmagic(head).removeprefix(ZIP) or None
    names = zip_directory.some_names(path) if path is not None else []
    for mark, kind in _PACKAGES.items():
        if mark in names:
            return kind
    if "META-INF/manifest.xml" in names and "content.xml" in names:
        return "application/vnd.oasis.opendocument.text"
    if "[Content_Types].xml" not in names:
        return None
    return next(
        (kind for top, kind in _OFFICE.items() if any(n.startswith(top) for n in names)), None
    )


def _content_type(head: bytes, name: str) -> str:
    if _MBOX_START.match(head):
        return "application/mbox"
    text = _as_utf8(head)
    if _JSON_START.match(text):
        return _json_type(text, name)
    kind = _by_libmagic(head)
    if kind.startswith("text/") or kind in ("application/csv", "application/json"):
        return _text_type(kind, text, name)
    if kind == "application/octet-stream":
        return _unknown_to_libmagic(head)
    return kind


#: Raw files of cameras (ExifTool has a sample of each): Canon, Panasonic, Olympus, Minolta.
_RAW = (
    (re.compile(rb"....ftypcrx ", re.DOTALL), "image/x-canon-cr3"),
    (re.compile(rb"IIU\0"), "image/x-panasonic-rw2"),
    (re.compile(rb"IIR[OS]|MMOR"), "image/x-olympus-orf"),
    (re.compile(rb"\0MRM"), "image/x-minolta-mrw"),
)
#: The packets of a transport stream (ISO 13818-1) as a camcorder writes it (AVCHD): each with four
#: bytes of time before its `G`.
_FIRST_PACKET, _PACKET, _ENOUGH_PACKETS = 4, 192, 3


def _unknown_to_libmagic(head: bytes) -> str:
    for pattern, kind in _RAW:
        if pattern.match(head):
            return kind
    if head[_FIRST_PACKET : _ENOUGH_PACKETS * _PACKET : _PACKET] == b"G" * _ENOUGH_PACKETS:
        return "video/MP2T"
    return "video/quicktime" if _is_old_movie(head) else "application/octet-stream"


def _is_old_movie(head: bytes) -> bool:
    """Return whether a head begins with QuickTime atoms, up to the film's as far as visible."""
    at = 0
    while (kind := head[at + 4 : at + 8]) in OLD_ATOMS:
        size, skip = int.from_bytes(head[at : at + 4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(head[at + 8 : at + 16], "big"), 16
        if kind == b"moov":
            return head[at + skip + 4 : at + skip + 8] in _IN_MOOV
        if size < skip:
            return size == 0 and kind == b"mdat"
        at += size
    return at >= len(head)


def _as_utf8(head: bytes) -> bytes:
    """Return the head without its byte order mark, re-coded if that means UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) & ~1].decode("utf-16", "replace").encode("utf-8", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")


def _json_type(text: bytes, name: str) -> str:
    """Return JSON, or JSON lines for whole values on two lines, or on one under such a name."""
    first, _, rest = text.strip().partition(b"\n")
    lines_by_name = name.lower().endswith((".ndjson", ".jsonl"))
    if not rest.strip():
        return "application/x-ndjson" if lines_by_name else "application/json"
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return "application/json"
    return "application/x-ndjson" if rest.lstrip()[:1] in b"{[" else "application/json"


def _text_type(kind: str, text: bytes, name: str) -> str:
    """Return the kind of text: libmagic confuses CSV and prose, so that is decided here."""
    suffix = name.lower().rpartition(".")[2] if "." in name else ""
    if suffix in ("csv", "tsv", "tab"):
        return "text/tab-separated-values" if suffix != "csv" else "text/csv"
    if kind not in ("text/plain", "text/csv", "application/csv", "application/json"):
        return kind
    return "text/csv" if not suffix and _is_table(text) else "text/plain"


def _is_table(text: bytes) -> bool:
    """Return whether there are three lines or more with the same number of fields, at least two."""
    lines = text.decode("utf-8", "replace").splitlines()[:20]
    return any(_same_width(lines[:-1] or lines, delimiter) for delimiter in _DELIMITERS)


def _same_width(lines: list[str], delimiter: str) -> bool:
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
    except csv.Error:
        return False
    return len(lines) >= 3 and len(widths) == 1 and widths.pop() >= 2


def _by_libmagic(head: bytes) -> str:
    """Return libmagic's answer; it cannot be shared between threads, so each has its own."""
    found: magic.Magic | None = getattr(_local, "magic", None)
    if found is None:
        database = str(pylibmagic.data / "magic.mgc")
        found = _local.magic = magic.Magic(mime=True, magic_file=database)
    try:
        return str(found.from_buffer(head[:8192]))
    except magic.MagicException:
        return "application/octet-stream"
