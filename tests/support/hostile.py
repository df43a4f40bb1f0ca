"""Hostile archives, made on the spot: small to make, large or deceitful to open."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zstandard

GOOD = b'{"a": 1}'

#: Every spelling that has ever led an unpacker out of its folder.
TRAVERSALS = (
    "../escaped.json",
    "a/../../escaped.json",
    "/escaped.json",
    "//server/share/escaped.json",
    "C:\\escaped.json",
    "C:escaped.json",
    "..\\..\\escaped.json",
    "\\escaped.json",
    "./../escaped.json",
    "....//escaped.json",
    "%2e%2e/escaped.json",
    "~/escaped.json",
    "..",
)

#: Names that collide or can't be made on some file system.
ODD_NAMES = (
    "same.json",
    "same.json",
    "SAME.json",
    "caf\u00e9.json",
    "cafe\u0301.json",
    "CON",
    "aux.json",
    "trailing. ",
    "x" * 255,
    "line\nbreak.json",
    "escape\x1b[2J.json",
    "colon:stream.json",
    "album!/x.json",
)

#: Litter that macOS and Windows leave in archives.
LITTER = (
    "__MACOSX/x.json",
    "a/__MACOSX/._x.json",
    "a/._x.json",
    ".DS_Store",
    "a/Thumbs.db",
    "DESKTOP.INI",
)


def zipped(entries: Iterable[tuple[str | zipfile.ZipInfo, bytes]], comment: bytes = b"") -> bytes:
    """A deflated zip of (name, content), duplicates and all."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, data in entries:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if info.filename not in archive.NameToInfo:
                archive.writestr(info, data)
            else:
                archive.NameToInfo.pop(info.filename)  # or it warns of the duplicate
                archive.writestr(info, data)
    return out.getvalue()


def streamed_zip(entries: Iterable[tuple[str, bytes]], *, zip64: bool = False) -> bytes:
    """A zip with data descriptors, as one gets from writing to a pipe."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(data)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for name, data in entries:
            with archive.open(name, "w", force_zip64=zip64) as entry:
                entry.write(data)
    return pipe.data


def tarred(members: Iterable[tuple[tarfile.TarInfo | str, bytes]], *, pax: bool = False) -> bytes:
    """A plain tar of (name or header, content)."""
    out = io.BytesIO()
    form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_of_kind(kind: bytes, name: str = "bad", target: str = "/etc/passwd") -> bytes:
    """A tar with a good file, one entry of a kind that is no regular file, and a good file."""
    bad = tarfile.TarInfo(name)
    bad.type, bad.linkname, bad.devmajor, bad.devminor = kind, target, 1, 3
    return tarred([("good.json", GOOD), (bad, b""), ("after.json", b'{"b": 2}')])


def sparse_tar() -> bytes:
    """A PAX sparse file that claims a terabyte of holes."""
    bad = tarfile.TarInfo("sparse")
    bad.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "sparse",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.map": f"{(1 << 40) - 4},4",
    }
    return tarred([("good.json", GOOD), (bad, b"tail"), ("after.json", b'{"b": 2}')], pax=True)


def setuid_tar() -> bytes:
    info = tarfile.TarInfo("setuid.json")
    info.mode = 0o6777
    return tarred([(info, GOOD)])


def zip_with_link(target: str = "/etc/passwd") -> bytes:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    return zipped([("good.json", GOOD), (link, target.encode())])


def zeros(size: int) -> Iterator[bytes]:
    """`size` zero bytes in pieces."""
    piece = b"\0" * (1 << 20)
    for _ in range(size // len(piece)):
        yield piece
    yield b"\0" * (size % len(piece))


def _zip_of_zeros(target: Path | io.BytesIO, size: int) -> None:
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.bin", "w", force_zip64=True) as entry,
    ):
        for data in zeros(size):
            entry.write(data)


def bomb(path: Path, size: int, kind: str) -> Path:
    """A file of zeros, packed: "zip", "gz", "zst" or "tar.gz". `size` is unpacked, in bytes."""
    if kind == "zip":
        _zip_of_zeros(path, size)
    elif kind == "zst":
        with path.open("wb") as out, zstandard.ZstdCompressor().stream_writer(out) as packed:
            for data in zeros(size):
                packed.write(data)
    else:
        with gzip.open(path, "wb", 9) as packed:
            if kind == "tar.gz":
                info = tarfile.TarInfo("zeros.bin")
                info.size = size
                packed.write(info.tobuf())
            for data in zeros(size):
                packed.write(data)
    return path


def lying_bomb(size: int) -> bytes:
    """A zip bomb whose directory and local header say that it holds 10 bytes."""
    crc, packed = _packed_zeros(size)
    return with_directory(_local(b"a.bin", crc, packed, 10), [(0, crc, len(packed), 10, b"a.bin")])


def _packed_zeros(size: int) -> tuple[bytes, bytes]:
    """The CRC and the raw deflate stream of `size` zero bytes."""
    packer, crc, out = zlib.compressobj(9, wbits=-15), 0, b""
    for data in zeros(size):
        crc = zlib.crc32(data, crc)
        out += packer.compress(data)
    return struct.pack("<L", crc), out + packer.flush()


def _local(name: bytes, crc: bytes, packed: bytes, size: int) -> bytes:
    head = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 33) + crc
    return head + struct.pack("<LLHH", len(packed), size, len(name), 0) + name + packed


def with_directory(
    body: bytes,
    entries: Iterable[tuple[int, bytes, int, int, bytes]],
    *,
    method: int = 8,
    declared: int | None = None,
) -> bytes:
    """A zip of `body` with a directory of (offset, crc, compressed, size, name), as told."""
    records = []
    for offset, crc, compressed, size, name in entries:
        record = b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, method, 0, 33) + crc
        record += struct.pack("<LLHHHHHLL", compressed, size, len(name), 0, 0, 0, 0, 0, offset)
        records.append(record + name)
    directory = b"".join(records)
    shown = (len(records) if declared is None else declared) & 0xFFFF
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, shown, shown, len(directory), len(body), 0)
    return body + directory + end


def overlapping_zip(count: int = 200, size: int = 1_000_000) -> bytes:
    """Many entries that are one: each points at the same local header."""
    (crc, packed), name = _packed_zeros(size), b"a.bin"
    return with_directory(
        _local(name, crc, packed, size), [(0, crc, len(packed), size, name)] * count
    )


def quoted_overlap_zip(count: int = 200, size: int = 1_000_000) -> bytes:
    """Each entry quotes the next one's header as a stored block and shares its kernel.

    The construction of Fifield, "A better zip bomb", without its CRC arithmetic: the lengths
    overlap, which is what has to be found.
    """
    _, kernel = _packed_zeros(size)
    heads, offset, entries = [], 0, []
    total = count * 37 + (count - 1) * 5 + len(kernel)
    for number in range(count):
        name = b"%07d" % number
        quote = b"" if number == count - 1 else struct.pack("<BHH", 0, 37, 37 ^ 0xFFFF)
        compressed = total - offset - 37
        head = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 33) + b"\0\0\0\0"
        head += struct.pack("<LLHH", compressed, size, len(name), 0) + name
        heads.append(head + quote)
        entries.append((offset, b"\0\0\0\0", compressed, size, name))
        offset += len(heads[-1])
    return with_directory(b"".join(heads) + kernel, entries)


def many_entries(count: int, declared: int | None = None) -> bytes:
    """A zip of `count` stored entries without content; its end record tells `declared`."""
    body, entries = io.BytesIO(), []
    for number in range(count):
        name = b"%x.json" % number
        entries.append((body.tell(), struct.pack("<L", zlib.crc32(GOOD)), 8, 8, name))
        body.write(b"PK\x03\x04" + struct.pack("<5H", 20, 0, 0, 0, 33))
        body.write(struct.pack("<LLLHH", zlib.crc32(GOOD), 8, 8, len(name), 0) + name + GOOD)
    return with_directory(body.getvalue(), entries, method=0, declared=declared)


def nested(depth: int, pack: Callable[[str, bytes], bytes] | None = None) -> bytes:
    """A zip in a zip in a zip: `depth` of them around one good file, and a good file at each."""
    pack = pack or (lambda name, data: zipped([("beside.json", GOOD), (name, data)]))
    data = pack("inner.json", b'{"inner": 1}')
    for _ in range(depth - 1):
        data = pack("inner.zip", data)
    return data


def forty_two(levels: int = 5, width: int = 16, size: int = 20_000_000) -> bytes:
    """Zips in zips, each level sixteen times the one below, over files of zeros."""
    packed = io.BytesIO()
    _zip_of_zeros(packed, size)
    data = packed.getvalue()
    for level in range(levels - 1):
        data = zipped([(f"lib {level} {number}.zip", data) for number in range(width)])
    return data


def encrypted_zip() -> bytes:
    """One entry marked as encrypted between two good ones (the mark is what counts)."""
    data = bytearray(zipped([("a.json", GOOD), ("secret.json", b"0123456789ab"), ("b.json", GOOD)]))
    name = b"secret.json"
    local, central = data.index(name), data.rindex(name)
    data[local - 30 + 6] |= 1
    data[central - 46 + 8] |= 1
    return bytes(data)


def damaged_zip(offset: int = 3) -> bytes:
    """A flipped bit in the stored data of the middle one of three entries: a bad CRC."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in ("a.json", "bad.json", "b.json"):
            archive.writestr(name, f'["{name}"]')
    data = bytearray(out.getvalue())
    data[data.index(b'["bad.json"]') + offset] ^= 1
    return bytes(data)


def method_zip(method: int = 12) -> bytes:
    """One entry compressed in a way that is not read, between two good ones."""
    data = bytearray(zipped([("a.json", GOOD), ("odd.json", GOOD * 4), ("b.json", GOOD)]))
    local, central = data.index(b"odd.json"), data.rindex(b"odd.json")
    data[local - 30 + 8] = data[central - 46 + 10] = method
    return bytes(data)


def polyglot(head: bytes) -> bytes:
    """A zip behind the head of something else, its offsets put right."""
    out = io.BytesIO()
    out.write(head)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hidden.json", GOOD)
    return out.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
