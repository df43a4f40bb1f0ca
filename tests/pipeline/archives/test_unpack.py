"""Walking archives, good and hostile: what comes out, and that nothing else happens."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import shutil
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.archives import media_types, unpack
from pipeline.archives.streams import ArchiveLimits
from pipeline.archives.unpack import members
from pipeline.archives.zip_checks import inspect_archive
from pipeline.storage import atomic_files
from schemas.errors import Rejected, TransientError
from schemas.files import Listed, Member, SourceFile
from schemas.progress import Disposition
from schemas.reasons import Reason
from tests.support import hostile
from tests.support.hostile import GOOD, tarred, zipped

MALFORMED = sorted((Path(__file__).parents[2] / "data" / "zip-malformed").glob("*.zip"))
SMALL = ArchiveLimits(ratio_from=1_000_000)
MB = 1_000_000


class Out(msgspec.Struct):
    """What a walk gave: members with their bytes, listings, or the refusal of the whole."""

    entries: list[Member | Listed] = msgspec.field(default_factory=list)
    refused: Reason | None = None
    message: str = ""

    @property
    def loaded(self) -> list[str]:
        return [e.path for e in self.entries if isinstance(e, Member)]

    @property
    def listed(self) -> list[tuple[str, Reason]]:
        return [(e.path, e.reason) for e in self.entries if isinstance(e, Listed)]


def source_of(path: Path, name: str | None = None) -> SourceFile:
    data = path.read_bytes()
    kind = media_types.media_type(data[: media_types.HEAD], name or path.name, path)
    return SourceFile(
        path=path,
        name=name or path.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=kind,
    )


@pytest.fixture
def walk(tmp_path: Path) -> Callable[..., Out]:
    """Walk bytes under a name, and check what must hold whatever they are."""
    drop = tmp_path / "drop"
    drop.mkdir()

    def walk_bytes(data: bytes, name: str, limits: ArchiveLimits = SMALL) -> Out:
        path = drop / "file"
        path.write_bytes(data)
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        out = Out()
        try:
            for entry in members(source_of(path, name), tmp_path / "work", limits, durable=False):
                out.entries.append(entry)
        except Rejected as refused:
            out.refused, out.message = refused.reason, str(refused)
        check(out, path, tmp_path, drop)
        return out

    return walk_bytes


def check(out: Out, path: Path, root: Path, drop: Path) -> None:
    """Each entry once, each member whole and where we put it, and no other file anywhere."""
    ordinals = [entry.ordinal for entry in out.entries]
    assert len(set(ordinals)) == len(ordinals)
    for entry in out.entries:
        if isinstance(entry, Member):
            data = entry.file.read_bytes()
            assert entry.file in (path, root / "work" / "members" / str(entry.ordinal))
            assert (len(data), hashlib.sha256(data).hexdigest()) == (entry.size, entry.sha256)
        elif entry.disposition is Disposition.REJECTED:
            assert entry.detail
    kept = {e.file for e in out.entries if isinstance(e, Member)} | {path}
    found = {p for p in root.rglob("*") if not p.is_dir() or p.is_symlink()}
    assert found <= kept
    assert set(root.iterdir()) <= {drop, root / "work", path, path.parent}


# ---- what is accepted


def files(*names: str) -> list[tuple[str, bytes]]:
    return [(name, b'{"name": "%s"}' % name.encode()) for name in names]


def zip64() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("a.json", "b.json"):
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(GOOD)
    return out.getvalue()


def zip64_directory() -> bytes:
    """Sizes and offsets only in ZIP64 extra fields, and a ZIP64 end record."""
    real = zipped(files("a.json", "b.json"))
    at = real.index(b"PK\x01\x02")
    (end,) = [real.rindex(b"PK\x05\x06")]
    count, size = 2, end - at
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    tail = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return real[:end] + end64 + locator + tail


TWO = files("a.json", "b.json")
ACCEPTED: dict[str, tuple[bytes, str]] = {
    "zip": (zipped(TWO), "x.zip"),
    "zip with a comment": (zipped(TWO, b"PK\x05\x06 is no end" + b"c" * 5000), "x.zip"),
    "zip with data descriptors": (hostile.streamed_zip(TWO), "x.zip"),
    "zip with ZIP64 data descriptors": (hostile.streamed_zip(TWO, zip64=True), "x.zip"),
    "zip with ZIP64 entries": (zip64(), "x.zip"),
    "zip with a ZIP64 directory": (zip64_directory(), "x.zip"),
    "zip with bytes behind it": (zipped(TWO) + b"\r\n", "x.zip"),
    "zip without a suffix": (zipped(TWO), "takeout-001"),
    "tar": (tarred(TWO), "x.tar"),
    "pax tar": (tarred(TWO, pax=True), "x.tar"),
    "tar.gz": (gzip.compress(tarred(TWO)), "x.tar.gz"),
    "tgz in two gzip members": (
        gzip.compress(tarred(TWO)[:700]) + gzip.compress(tarred(TWO)[700:]),
        "x.tgz",
    ),
    "tar.zst": (zstandard.compress(tarred(TWO)), "x.tar.zst"),
    "tar.zst in frames": (
        b"\x50\x2a\x4d\x18\x04\0\0\0skip"
        + zstandard.compress(tarred(TWO)[:700])
        + zstandard.compress(tarred(TWO)[700:]),
        "x.tar.zst",
    ),
    "tar.bz2": (bz2.compress(tarred(TWO)), "x.tar.bz2"),
    "tar.bz2 in streams": (
        bz2.compress(tarred(TWO)[:700]) + bz2.compress(b"") + bz2.compress(tarred(TWO)[700:]),
        "x.tbz2",
    ),
    "tar.xz": (lzma.compress(tarred(TWO)), "x.tar.xz"),
    "tar.xz in padded streams": (
        lzma.compress(tarred(TWO)[:700]) + bytes(8) + lzma.compress(tarred(TWO)[700:]) + bytes(4),
        "x.txz",
    ),
    "tar.lzma": (lzma.compress(tarred(TWO), lzma.FORMAT_ALONE), "x.tar.lzma"),
}


@pytest.mark.threat("accepted")
@pytest.mark.parametrize("case", ACCEPTED)
def test_an_archive_gives_its_members(
    walk: Callable[..., Out], case: str, seen: Callable[[object], None]
) -> None:
    out = walk(*ACCEPTED[case])
    assert (out.loaded, out.listed, out.refused) == (["a.json", "b.json"], [], None)
    assert [e.ordinal for e in out.entries] == [1, 2]
    assert [e.media_type for e in out.entries] == ["application/json"] * 2
    seen(f"{case}: its members")


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("suffix", PACKS)
def test_one_compressed_file_is_one_member(walk: Callable[..., Out], suffix: str) -> None:
    pack = PACKS[suffix]
    big = b"[" + b'{"a": 1},' * 50_000 + b"0]"
    assert walk(pack(big), f"records.json.{suffix}").loaded == ["records.json"]
    assert walk(pack(big), "records").loaded == ["records"]


def test_a_plain_file_is_its_own_member_and_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "odd\nname.json"
    path.write_bytes(GOOD)
    (only,) = members(source_of(path), tmp_path / "work", SMALL)
    assert isinstance(only, Member)
    assert (only.path, only.ordinal, only.file) == ("odd\\x0aname.json", 0, path)
    assert not (tmp_path / "work").exists()


def test_archives_in_archives_are_opened_in_their_place(walk: Callable[..., Out]) -> None:
    inner = gzip.compress(tarred(files("deep.json")))
    data = zipped([*files("first.json"), ("sub/in.tar.gz", inner), *files("last.json")])
    out = walk(data, "outer.zip")
    assert out.loaded == ["first.json", "sub/in.tar.gz!/deep.json", "last.json"]
    assert [e.ordinal for e in out.entries] == [1, 3, 4]
    assert out.listed == []


def test_an_office_document_is_a_file_and_no_archive(walk: Callable[..., Out]) -> None:
    document = zipped([("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<w/>")])
    out = walk(zipped([("report.docx", document)]), "x.zip")
    assert out.loaded == ["report.docx"]
    assert out.entries[0].media_type == (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    )


def test_an_office_document_that_is_a_bomb_is_not_handed_on(walk: Callable[..., Out]) -> None:
    document = zipped([("[Content_Types].xml", b"<x/>"), ("word/document.xml", bytes(3 * MB))])
    out = walk(zipped([("report.docx", document), *files("a.json")]), "x.zip")
    assert out.loaded == ["a.json"]
    assert out.listed == [("report.docx", Reason.ARCHIVE_RATIO)]


# ---- names


@pytest.mark.threat("names")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_never_leads_anywhere(
    walk: Callable[..., Out],
    pack: Callable[[list[tuple[str, bytes]]], bytes],
    seen: Callable[[object], None],
) -> None:
    out = walk(pack([(name, GOOD) for name in hostile.TRAVERSALS]), "x")
    assert out.loaded == list(hostile.TRAVERSALS)  # as text, and only as text
    seen(f"{len(out.loaded)} names in a {pack.__name__[:3]} kept as text, no file elsewhere")


@pytest.mark.threat("collisions")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_collide_or_are_odd_all_come_out(
    walk: Callable[..., Out],
    pack: Callable[[list[tuple[str, bytes]]], bytes],
    seen: Callable[[object], None],
) -> None:
    data = pack([(name, b'["%d"]' % n) for n, name in enumerate(hostile.ODD_NAMES)])
    out = walk(data, "x")
    assert out.loaded == [unpack.shown(name) for name in hostile.ODD_NAMES]
    contents = {e.file.read_bytes() for e in out.entries if isinstance(e, Member)}
    assert len(contents) == len(hostile.ODD_NAMES)
    seen(f"{len(contents)} of {len(hostile.ODD_NAMES)} members, in a {pack.__name__[:3]}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain/é.json", "plain/é.json"),
        ("e\u0301", "e\u0301"),
        (b"latin-\xe9", "latin-\\xe9"),
        ("latin-\udce9", "latin-\\xe9"),
        ("a\0b\x1b[2J\x9b", "a\\x00b\\x1b[2J\\x9b"),
        ("Party!/x.jpg", "Party\\x21/x.jpg"),
    ],
)
def test_a_name_is_shown_as_text_that_can_be_stored(name: str | bytes, expected: str) -> None:
    assert unpack.shown(name) == expected


def test_utf8_names_are_read_whether_the_zip_says_so_or_not(walk: Callable[..., Out]) -> None:
    said = zipped([("Zürich.json", GOOD)])
    unsaid = bytearray(said)
    for at in (6, said.index(b"PK\x01\x02") + 8):
        unsaid[at + 1] &= ~0x08
    assert walk(said, "x.zip").loaded == walk(bytes(unsaid), "x.zip").loaded == ["Zürich.json"]


def test_a_name_that_is_not_the_utf8_it_claims_costs_only_its_own_entry(
    walk: Callable[..., Out],
) -> None:
    data = zipped([*files("a.json"), ("Zürich.json", GOOD), *files("b.json")])
    out = walk(data.replace("ü".encode(), b"\xfc\xfc"), "x.zip")
    assert out.loaded == ["a.json", "b.json"]
    assert out.listed == [("Z\\xfc\\xfcrich.json", Reason.ARCHIVE_BROKEN)]


def test_a_name_beyond_the_limit_is_set_aside(walk: Callable[..., Out]) -> None:
    out = walk(zipped([("x" * 5000, GOOD), *files("a.json")]), "x.zip")
    assert out.loaded == ["a.json"]
    assert [reason for _, reason in out.listed] == [Reason.TOO_LARGE]
    assert len(out.listed[0][0]) < 300


@pytest.mark.threat("litter")
def test_folders_and_litter_are_counted_and_not_read(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    data = zipped([("a/", b""), ("a/x.json", GOOD), *((name, GOOD) for name in hostile.LITTER)])
    out = walk(data, "x.zip")
    assert out.loaded == ["a/x.json"]
    assert out.listed == [("a/", Reason.DIRECTORY)] + [(n, Reason.LITTER) for n in hostile.LITTER]
    assert all(e.disposition is Disposition.IGNORED for e in out.entries if isinstance(e, Listed))
    seen(f"{len(hostile.LITTER)} listed as {Reason.LITTER}, the good one read")


# ---- single entries that can't be taken; all others load


def _middle(data: bytes, name: str, reason: Reason) -> tuple[bytes, list[str], list[object]]:
    return data, ["a.json", "b.json"], [(name, reason)]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _three(bad: bytes) -> bytes:
    return zipped([*files("a.json"), ("bad.json", bad), *files("b.json")])


def _entry_with(field_offset: int, value: bytes) -> bytes:
    """The middle of three entries, with a field of its directory record overwritten."""
    data = bytearray(_three(GOOD * 9))
    at = data.rindex(b"bad.json") - 46 + field_offset
    data[at : at + len(value)] = value
    return bytes(data)


SET_ASIDE = {
    "encrypted": _middle(hostile.encrypted_zip(), "secret.json", Reason.ENCRYPTED),
    "bad CRC": _middle(hostile.damaged_zip(), "bad.json", Reason.BAD_CHECKSUM),
    "bzip2": _middle(hostile.method_zip(12), "odd.json", Reason.METHOD),
    "a made-up method": _middle(hostile.method_zip(77), "odd.json", Reason.METHOD),
    "empty": _middle(_three(b""), "bad.json", Reason.EMPTY),
    "zeros": _middle(_three(bytes(99)), "bad.json", Reason.EMPTY),
    "two types": _middle(
        _three(hostile.polyglot(b"%PDF-1.4\n")), "bad.json", Reason.AMBIGUOUS_TYPE
    ),
    "a rar": _middle(_three(b"Rar!\x1a\x07\1\0" + b"x" * 99), "bad.json", Reason.UNSUPPORTED_TYPE),
    "runs past the end": _middle(
        _entry_with(20, struct.pack("<L", 1 << 30)), "bad.json", Reason.TRUNCATED
    ),
    "a damaged header": _middle(
        _flipped(_three(GOOD), _three(GOOD).index(b"bad.json") - 30),
        "bad.json",
        Reason.ARCHIVE_BROKEN,
    ),
    "less declared than there is": _middle(
        _entry_with(24, struct.pack("<L", 3)), "bad.json", Reason.BAD_CHECKSUM
    ),
    "a damaged extra field": _middle(
        _entry_with(6, b"\xff\xff"), "bad.json", Reason.ARCHIVE_BROKEN
    ),
}


@pytest.mark.threat("damaged")
@pytest.mark.parametrize("case", SET_ASIDE)
def test_a_bad_entry_is_set_aside_whole_and_its_siblings_load(
    walk: Callable[..., Out], case: str, seen: Callable[[object], None]
) -> None:
    data, loaded, listed = SET_ASIDE[case]
    out = walk(data, "x.zip")
    assert (out.loaded, out.listed, out.refused) == (loaded, listed, None)
    seen(f"{case}: {out.listed[0][1]}, {len(out.loaded)} beside it")


KINDS = {
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "GNU sparse": tarfile.GNUTYPE_SPARSE,
    "unknown": b"Z",
}


@pytest.mark.threat("links")
@pytest.mark.parametrize("kind", KINDS)
def test_links_and_devices_in_a_tar_are_never_made(
    walk: Callable[..., Out], kind: str, seen: Callable[[object], None]
) -> None:
    out = walk(hostile.tar_of_kind(KINDS[kind]), "x.tar")
    assert out.loaded == ["good.json", "after.json"]
    assert out.listed == [("bad", Reason.LINK_OR_DEVICE)]
    seen(f"{kind}: {out.listed[0][1]}")


def test_a_link_and_a_member_of_its_name_do_not_meet(walk: Callable[..., Out]) -> None:
    link = tarfile.TarInfo("x")
    link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
    out = walk(tarred([(link, b""), ("x/escaped.json", GOOD)]), "x.tar")
    assert (out.loaded, out.listed) == (["x/escaped.json"], [("x", Reason.LINK_OR_DEVICE)])


@pytest.mark.threat("links")
def test_a_terabyte_of_holes_is_not_written(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    out = walk(hostile.sparse_tar(), "x.tar")
    assert out.loaded == ["good.json", "after.json"]
    assert out.listed == [("sparse", Reason.LINK_OR_DEVICE)]
    seen(f"a terabyte of holes: {out.listed[0][1]}")


@pytest.mark.threat("links")
def test_a_symlink_in_a_zip_is_set_aside(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    out = walk(hostile.zip_with_link(), "x.zip")
    assert (out.loaded, out.listed) == (["good.json"], [("link", Reason.LINK_OR_DEVICE)])
    seen(f"symlink in a zip: {out.listed[0][1]}")


@pytest.mark.threat("links")
def test_a_setuid_bit_means_nothing(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    (only,) = walk(hostile.setuid_tar(), "x.tar").entries
    assert isinstance(only, Member)
    assert only.file.stat().st_mode & 0o7111 == 0
    seen("setuid: an ordinary file")


# ---- archives that break off or are damaged

GOOD_TAR = tarred(files("a.json", "b.json", "c.json"))


BROKEN_TARS = {
    "in a member": (GOOD_TAR[:1540], ["a.json"], [("b.json", "truncated"), ("x", "truncated")]),
    "in a header": (GOOD_TAR[:1300], ["a.json"], [("x", "truncated")]),
    "between members": (GOOD_TAR[:2048], ["a.json", "b.json"], [("x", "truncated")]),
    "a damaged header": (_flipped(GOOD_TAR, 1030), ["a.json"], [("x", "archive_broken")]),
    "more behind the end": (
        GOOD_TAR + b"PK",
        ["a.json", "b.json", "c.json"],
        [("x", "archive_broken")],
    ),
}


@pytest.mark.parametrize("case", BROKEN_TARS)
def test_a_broken_tar_gives_what_lies_before_the_break_and_says_so(
    walk: Callable[..., Out], case: str
) -> None:
    data, loaded, listed = BROKEN_TARS[case]
    for packed in (data, *(pack(data) for pack in PACKS.values())):
        out = walk(packed, "x")
        # Cut at 1540, the member that breaks is a.json's neighbour: nothing of it is kept.
        assert (out.loaded, out.listed, out.refused) == (loaded, listed, None)


def test_a_truncated_tar_gz_gives_what_lies_before_the_break(walk: Callable[..., Out]) -> None:
    noise = hashlib.shake_128(b"seed").digest(600_000)
    data = gzip.compress(tarred([*files("a.json"), ("noise.bin", noise), *files("b.json")]))
    out = walk(data[:300_000], "x.tar.gz")
    assert out.loaded == ["a.json"]
    assert out.listed == [("noise.bin", Reason.TRUNCATED), ("x.tar.gz", Reason.TRUNCATED)]


def test_a_wrong_checksum_over_a_tar_gz_is_said(walk: Callable[..., Out]) -> None:
    data = gzip.compress(tarred(TWO))
    out = walk(_flipped(data, len(data) - 8), "x.tar.gz")
    assert out.loaded == ["a.json", "b.json"]
    assert out.listed == [("x.tar.gz", Reason.BAD_CHECKSUM)]


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _wide_xz() -> bytes:
    """What says that it wants 1.5 GiB to be unpacked; packing it wants less."""
    small = lzma.compress(GOOD, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
    # The xz file format, 3.1.5 and 5.3.1: the block header's one filter, its dictionary as a byte.
    header = bytearray(small[12:24])
    header[4] = 39
    header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
    return small[:12] + bytes(header) + small[24:]


def _wide_zst() -> bytes:
    wide = zstandard.ZstdCompressionParameters(window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    return packer.compress(GOOD) + packer.flush()


REFUSED = {
    "a zip cut off": (zipped(TWO)[:-30], "x.zip", Reason.TRUNCATED),
    "a zip without entries": (zipped([]), "x.zip", Reason.EMPTY),
    "one part of a split zip": (
        zipped(TWO)[:-18] + b"\1\0\1\0" + zipped(TWO)[-14:],
        "x.zip",
        Reason.ARCHIVE_BROKEN,
    ),
    "a damaged directory": (
        zipped(TWO).replace(b"PK\x01\x02", b"PK\x01\x03"),
        "x.zip",
        Reason.ARCHIVE_BROKEN,
    ),
    "a gzip cut off": (gzip.compress(GOOD * 99)[:-9], "x.json.gz", Reason.TRUNCATED),
    "a gzip with a bad CRC": (
        _flipped(gzip.compress(GOOD), len(gzip.compress(GOOD)) - 8),
        "x.json.gz",
        Reason.BAD_CHECKSUM,
    ),
    "a gzip and something else": (
        gzip.compress(GOOD) + b"more" * 9,
        "x.json.gz",
        Reason.ARCHIVE_BROKEN,
    ),
    "a damaged gzip": (gzip.compress(GOOD)[:10] + b"\xff" * 99, "x.gz", Reason.ARCHIVE_BROKEN),
    "a zstd cut off": (_zst(GOOD * 99)[:-9], "x.json.zst", Reason.TRUNCATED),
    "a zstd with a bad checksum": (
        _flipped(_zst(GOOD), len(_zst(GOOD)) - 1),
        "x.json.zst",
        Reason.BAD_CHECKSUM,
    ),
    "a zstd and something else": (_zst(GOOD) + b"more", "x.json.zst", Reason.ARCHIVE_BROKEN),
    "a zstd with a giant window": (_wide_zst(), "x.zst", Reason.METHOD),
    "a bzip2 cut off": (bz2.compress(GOOD * 99)[:-9], "x.json.bz2", Reason.TRUNCATED),
    "a damaged bzip2": (_flipped(bz2.compress(GOOD), 30), "x.json.bz2", Reason.ARCHIVE_BROKEN),
    "a bzip2 and something else": (
        bz2.compress(GOOD) + b"more" * 9,
        "x.json.bz2",
        Reason.ARCHIVE_BROKEN,
    ),
    "an xz cut off": (lzma.compress(GOOD * 99)[:-9], "x.json.xz", Reason.TRUNCATED),
    "an xz with a bad checksum": (
        _flipped(lzma.compress(GOOD), len(lzma.compress(GOOD)) - 44),
        "x.json.xz",
        Reason.ARCHIVE_BROKEN,
    ),
    "an xz and something else": (
        lzma.compress(GOOD) + b"more" * 9,
        "x.json.xz",
        Reason.ARCHIVE_BROKEN,
    ),
    "an xz with a giant dictionary": (_wide_xz(), "x.xz", Reason.METHOD),
    "an lzma cut off": (PACKS["lzma"](GOOD * 99)[:-9], "x.lzma", Reason.TRUNCATED),
    "an empty tar": (tarred([]) + b"", "x", Reason.EMPTY),
    "a 7z": (b"7z\xbc\xaf\x27\x1c\0\4" + b"x" * 99, "x.7z", Reason.UNSUPPORTED_TYPE),
}
OVERLAPS = {
    "entries that are one": (hostile.overlapping_zip(50, MB), "x.zip", Reason.ARCHIVE_OVERLAP),
    "entries in entries": (hostile.quoted_overlap_zip(50, MB), "x.zip", Reason.ARCHIVE_OVERLAP),
}


@pytest.mark.threat("damaged")
@pytest.mark.parametrize("case", REFUSED)
def test_what_gives_nothing_is_refused_whole(
    walk: Callable[..., Out], case: str, seen: Callable[[object], None]
) -> None:
    data, name, reason = REFUSED[case]
    out = walk(data, name)
    assert out.refused is reason
    assert out.message
    assert not out.entries
    seen(f"{case}: {out.refused}")


@pytest.mark.threat("overlap")
@pytest.mark.parametrize("case", OVERLAPS)
def test_entries_that_share_bytes_are_refused_before_they_are_read(
    walk: Callable[..., Out], case: str, seen: Callable[[object], None]
) -> None:
    data, name, reason = OVERLAPS[case]
    out = walk(data, name)
    assert (out.refused, out.entries) == (reason, [])
    seen(f"{case}, 50 MB out of {len(data) // 1000} kB: {out.refused}")


@pytest.mark.parametrize("case", [c for c in (REFUSED | OVERLAPS) if "empty tar" not in c])
def test_in_an_archive_only_the_bad_archive_is_set_aside(
    walk: Callable[..., Out], case: str
) -> None:
    data, _, reason = (REFUSED | OVERLAPS)[case]
    out = walk(zipped([*files("a.json"), ("bad.bin", data), *files("b.json")]), "x.zip")
    assert out.loaded == ["a.json", "b.json"]
    assert out.listed == [("bad.bin", reason)]


# ---- bombs


def _limits(**other: int) -> ArchiveLimits:
    return msgspec.structs.replace(SMALL, **other)


def disk_use(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def walk_watched(path: Path, limits: ArchiveLimits, work: Path) -> tuple[Reason | None, int]:
    """How a walk ended, and the most bytes it ever had on disk at once (seen at each write)."""
    most, put = 0, atomic_files.put

    def watched(stream: io.FileIO, data: bytes) -> None:
        nonlocal most
        put(stream, data)  # type: ignore[arg-type]
        most = max(most, disk_use(work))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "put", watched)
        try:
            list(members(source_of(path), work, limits, durable=False))
        except Rejected as refused:
            return refused.reason, most
    return None, most


@pytest.mark.threat("bombs")
@pytest.mark.parametrize("kind", ["zip", "gz", "zst", "tar.gz"])
@pytest.mark.parametrize("limit", [Reason.ARCHIVE_RATIO, Reason.ARCHIVE_TOTAL])
def test_a_bomb_is_stopped_by_the_bytes_that_come_out(
    tmp_path: Path, kind: str, limit: Reason, seen: Callable[[object], None]
) -> None:
    path = hostile.bomb(tmp_path / f"bomb.{kind}", 20 * MB, kind)
    by_total = limit is Reason.ARCHIVE_TOTAL
    limits = _limits(total=5 * MB, ratio_from=50 * MB) if by_total else _limits(ratio=20)
    reason, most = walk_watched(path, limits, tmp_path / "work")
    assert reason is limit
    assert most <= 5 * MB
    assert disk_use(tmp_path / "work") == 0
    seen(f"20 MB of zeros in a {kind}: {reason}, under 5 MB on disk")


@pytest.mark.threat("bombs")
def test_a_bomb_that_declares_ten_bytes_gives_no_more(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    out = walk(hostile.lying_bomb(50 * MB), "x.zip")
    assert out.listed == [("a.bin", Reason.BAD_CHECKSUM)]
    seen(f"a size that lies: {out.listed[0][1]}")


def test_what_an_entry_declares_against_all_sense_does_not_condemn_the_rest(
    walk: Callable[..., Out],
) -> None:
    out = walk(_entry_with(24, struct.pack("<L", 0xFFFFFFF0)), "x.zip", ArchiveLimits(total=MB))
    assert out.loaded[0] == "a.json"
    assert out.loaded[-1] == "b.json"


@pytest.mark.threat("bombs")
def test_nested_bombs_end_the_whole_when_together_they_are_too_much(
    tmp_path: Path, seen: Callable[[object], None]
) -> None:
    path = tmp_path / "42.zip"
    path.write_bytes(hostile.forty_two(levels=3, width=16, size=MB))
    reason, most = walk_watched(path, _limits(ratio_from=10 * MB, ratio=10), tmp_path / "work")
    assert reason is Reason.ARCHIVE_RATIO
    assert most <= 10 * MB
    seen(f"zips in zips: {reason}")


@pytest.mark.threat("bombs")
def test_a_bomb_in_an_honest_archive_is_set_aside_alone(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    noise = hashlib.shake_128(b"seed").digest(MB)
    for suffix, pack in PACKS.items():
        bomb = pack(bytes(20 * MB))
        data = zipped([("noise.bin", noise), (f"bomb.{suffix}", bomb), *files("a.json")])
        out = walk(data, "x.zip", _limits(ratio=50))
        assert out.loaded == ["noise.bin", "a.json"]
        assert out.listed == [(f"bomb.{suffix}", Reason.ARCHIVE_RATIO)]
    seen(f"beside honest members: {out.listed[0][1]}, {len(out.loaded)} beside it")


def test_small_text_may_shrink_a_thousandfold(walk: Callable[..., Out]) -> None:
    assert walk(zipped([("a.txt", b"a" * 900_000)]), "x.zip").loaded == ["a.txt"]


def test_a_member_over_its_limit_is_set_aside_and_not_left_half(walk: Callable[..., Out]) -> None:
    data = [*files("a.json"), ("big.txt", b"big " * 300_000), *files("b.json")]
    for pack, name in ((zipped, "x.zip"), (tarred, "x.tar")):
        out = walk(pack(data), name, _limits(member=MB, ratio_from=9 * MB))
        assert out.loaded == ["a.json", "b.json"]
        assert out.listed == [("big.txt", Reason.TOO_LARGE)]


@pytest.mark.threat("nesting")
def test_archives_are_opened_to_a_depth_and_what_lies_beside_loads(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    out = walk(hostile.nested(5), "x.zip")
    assert out.loaded == [f"{'inner.zip!/' * n}beside.json" for n in range(4)]
    assert out.listed == [("inner.zip!/inner.zip!/inner.zip!/inner.zip", Reason.ARCHIVE_DEPTH)]
    flat = walk(hostile.nested(2), "x.zip", _limits(depth=0))
    assert flat.loaded == ["beside.json"]
    assert flat.listed == [("inner.zip", Reason.ARCHIVE_DEPTH)]
    seen(f"five deep: {out.listed[0][1]}, {len(out.loaded)} beside the way")


@pytest.mark.threat("nesting")
def test_an_archive_that_holds_itself_is_not_opened_again(
    tmp_path: Path, seen: Callable[[object], None]
) -> None:
    """A quine can't be made by a small program; its hash can be claimed for what lies around."""
    inner = zipped(files("a.json"))
    path = tmp_path / "quine.zip"
    path.write_bytes(zipped([("again.zip", inner), *files("b.json")]))
    source = msgspec.structs.replace(source_of(path), sha256=hostile.sha256(inner))
    out = Out(entries=list(members(source, tmp_path / "work", SMALL)))
    assert (out.loaded, out.listed) == (["b.json"], [("again.zip", Reason.ARCHIVE_RECURSION)])
    seen(f"a hash on its own path: {out.listed[0][1]}, {len(out.loaded)} beside it")


@pytest.mark.threat("time")
@pytest.mark.parametrize("case", ["zip", "tar", "tar.gz", "tar.zst"])
def test_unpacking_ends_when_its_time_is_up(
    walk: Callable[..., Out], case: str, seen: Callable[[object], None]
) -> None:
    limits = msgspec.structs.replace(SMALL, seconds=-1)
    out = walk(*ACCEPTED[case], limits)
    assert (out.entries, out.refused) == ([], Reason.ARCHIVE_TIME)
    seen(f"{case}: {out.refused}")


@pytest.mark.threat("counts")
@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_too_many_entries_end_the_whole(
    walk: Callable[..., Out], name: str, seen: Callable[[object], None]
) -> None:
    data = (zipped if name == "x.zip" else tarred)([(f"{n}.json", GOOD) for n in range(20)])
    assert walk(data, name, _limits(members=19)).refused is Reason.ARCHIVE_MEMBERS
    assert len(walk(data, name, _limits(members=20)).loaded) == 20
    seen(f"one over the limit in a {name[2:]}: {Reason.ARCHIVE_MEMBERS}")


def test_entries_of_nested_archives_count_too(walk: Callable[..., Out]) -> None:
    inner = zipped([(f"{n}.json", GOOD) for n in range(10)])
    data = zipped([("1.zip", inner), ("2.zip", inner)])
    assert walk(data, "x.zip", _limits(members=15)).refused is Reason.ARCHIVE_MEMBERS


@pytest.mark.threat("counts")
def test_more_entries_than_an_old_zip_can_count_are_all_found(
    tmp_path: Path, seen: Callable[[object], None]
) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(hostile.many_entries(66_000))
    found = inspect_archive(path, ArchiveLimits())
    assert (found.entries, found.missing) == (66_000, 0)
    seen(f"{found.entries:,} without ZIP64: all found")


@pytest.mark.threat("counts")
def test_entries_are_counted_in_bounded_memory(
    tmp_path: Path, seen: Callable[[object], None]
) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(hostile.many_entries(10_000))
    tracemalloc.start()
    with pytest.raises(Rejected) as refused:
        inspect_archive(path, ArchiveLimits(members=9_999))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.reason is Reason.ARCHIVE_MEMBERS
    assert most < 4 * MB  # the standard library alone holds all entries: 5 MB
    seen("10,000: counted in under 4 MB")


@pytest.mark.threat("counts")
def test_a_wrong_count_hides_nothing(
    walk: Callable[..., Out], seen: Callable[[object], None]
) -> None:
    fewer, more = walk(hostile.many_entries(5, 2), "x.zip"), walk(hostile.many_entries(5, 9), "x")
    assert len(fewer.loaded) == len(more.loaded) == 5
    assert (fewer.listed, more.listed) == ([], [("x", Reason.ARCHIVE_BROKEN)])
    seen("2 or 9 declared of 5: 5 read, 4 missing ones named")


def test_a_tar_header_of_any_size_is_not_held_in_memory(walk: Callable[..., Out]) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 100 * MB
    data = tarred(files("a.json"))[:1024] + long_name.tobuf() + b"x" * 2 * MB
    out = walk(data, "x.tar")
    assert (out.loaded, out.listed) == (["a.json"], [("x.tar", Reason.ARCHIVE_BROKEN)])


@pytest.mark.timeout(20)
def test_a_tar_header_full_of_digits_does_not_hang(walk: Callable[..., Out]) -> None:
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, 200_704
    data = tarred(files("a.json"))[:1024] + pax.tobuf() + b"1" * 200_704 + tarred(TWO)
    assert walk(data, "x.tar").listed == [("x.tar", Reason.ARCHIVE_BROKEN)]


@pytest.mark.timeout(20)
def test_a_negative_size_does_not_lead_round_in_circles(walk: Callable[..., Out]) -> None:
    header = bytearray(tarfile.TarInfo("loop.json").tobuf())
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # base-256: -1024
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    out = walk(tarred(files("a.json"))[:1024] + bytes(header) + bytes(4096), "x.tar")
    assert (out.loaded, out.listed) == (["a.json"], [("x.tar", Reason.ARCHIVE_BROKEN)])


# ---- doing it again


MIXED = zipped(
    [
        *files("a.json"),
        ("in.tar.gz", gzip.compress(tarred(TWO))),
        ("empty.json", b""),
        ("one.json.gz", gzip.compress(GOOD)),
        *files("z.json"),
    ]
)


def test_a_second_walk_gives_the_same_entries(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(MIXED)
    walks = [list(members(source_of(path), tmp_path / f"w{n}", SMALL)) for n in range(2)]
    first, second = [[(e.ordinal, e.path, e.size, e.sha256) for e in w] for w in walks]
    assert first == second
    assert len(first) == 6


@pytest.mark.parametrize("done", range(7))
def test_a_walk_goes_on_where_another_broke_off(tmp_path: Path, done: int) -> None:
    path, work = tmp_path / "x.zip", tmp_path / "work"
    path.write_bytes(MIXED)
    whole = [e.ordinal for e in members(source_of(path), tmp_path / "whole", SMALL)]
    started = members(source_of(path), work, SMALL)
    first = {next(started).ordinal for _ in range(min(done, 6))}
    started.close()  # type: ignore[attr-defined]
    rest = [
        e.ordinal
        for e in members(source_of(path), work, SMALL, have=lambda ordinal, _: ordinal in first)
    ]
    assert rest == [ordinal for ordinal in whole if ordinal not in first]


def test_what_an_earlier_walk_wrote_counts_against_the_limits(tmp_path: Path) -> None:
    path, work = tmp_path / "x.zip", tmp_path / "work"
    noise = hashlib.shake_128(b"seed").digest(MB)
    path.write_bytes(zipped([("1.bin", noise), ("2.bin", noise)]))
    next(members(source_of(path), work, SMALL))
    limits = _limits(total=2 * MB)
    again = members(source_of(path), work, limits, have=lambda ordinal, _: ordinal == 1)
    assert [e.path for e in again] == ["2.bin"]
    (work / "members" / "1").write_bytes(noise * 2)
    again = members(source_of(path), work, limits, have=lambda ordinal, _: ordinal == 1)
    with pytest.raises(Rejected):
        list(again)


@pytest.mark.threat("disk_full")
def test_a_full_disk_is_a_transient_error_and_leaves_no_half_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Callable[[object], None]
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(TWO))
    monkeypatch.setattr(atomic_files.os, "fsync", _full)
    with pytest.raises(TransientError):
        list(members(source_of(path), tmp_path / "work", SMALL))
    assert disk_use(tmp_path / "work") == 0
    seen("unpacking: waits, no half member")


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


# ---- what others broke, and what chance breaks


EXPECTED = {
    "absolute-path-atxt": ["b.txt"],
    "absolute-path-c-xt": ["b.txt"],
    "compressed-uncompressed-size-mismatch-for-stored-file-2147483647-5": ["b.txt"],
    "extra-field-length-exceeds-extra-field-buffer-size": ["a.txt"],
    "file-data-overflows-file-bounds-63-2147483647-308": ["b.txt"],
    "invalid-characters-in-filename-a-txt": ["b.txt"],
    "invalid-comment-length-expected-1-found-0-are-there-extra-by": ["a.txt", "b.txt"],
    "invalid-local-file-header-signature-0x3034b50": ["a.txt"],
    "invalid-relative-path-xt": ["b.txt"],
    "unsupported-compression-method-1": ["a.txt"],
}


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: path.stem)
@pytest.mark.threat("damaged")
def test_malformed_zips_of_others_give_what_is_good_in_them(
    tmp_path: Path, path: Path, seen: Callable[[object], None]
) -> None:
    out = Out()
    try:
        out.entries.extend(members(source_of(path), tmp_path / "work", SMALL))
    except Rejected as refused:
        out.refused = refused.reason
    assert out.loaded == EXPECTED.get(path.stem, [])
    assert out.refused or out.listed or path.stem.startswith("invalid-comment")
    assert set(tmp_path.iterdir()) <= {tmp_path / "work"}
    seen("malformed zip of others: what is good in it")


def test_the_malformed_zips_are_here() -> None:
    assert len(MALFORMED) == 24
    assert set(EXPECTED) <= {path.stem for path in MALFORMED}


def _samples() -> Iterator[bytes]:
    yield MIXED
    yield hostile.streamed_zip(files("a.json", "b.json"))
    yield gzip.compress(tarred(files("a.json", "b.json")))
    yield tarred(files("a.json", "b.json"), pax=True)
    yield _zst(tarred(files("a.json", "b.json")))
    yield bz2.compress(tarred(files("a.json", "b.json")))
    yield lzma.compress(tarred(files("a.json", "b.json")))
    yield lzma.compress(tarred(files("a.json", "b.json")), lzma.FORMAT_ALONE)


SAMPLES = list(_samples())


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@pytest.mark.threat("chance", seen="150 damaged archives: members, listings or a refusal")
@given(
    sample=st.sampled_from(SAMPLES),
    cut=st.none() | st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
)
def test_chance_damage_gives_members_listings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory,
    sample: bytes,
    cut: float | None,
    flips: list[tuple[float, int]],
) -> None:
    data = bytearray(sample[: None if cut is None else int(cut * len(sample))])
    for where, mask in flips:
        if data:
            data[int(where * len(data))] ^= mask
    root = tmp_path_factory.mktemp("chance")
    path, out = root / "file", Out()
    path.write_bytes(data)
    try:
        for entry in members(source_of(path, "file"), root / "work", SMALL, durable=False):
            out.entries.append(entry)
    except Rejected as refused:
        out.refused = refused.reason
    check(out, path, root, root)
    assert disk_use(root / "work") <= 10 * MB
    assert out.entries or out.refused
