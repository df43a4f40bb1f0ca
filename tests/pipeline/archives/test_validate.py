"""Measuring what was dropped, and telling its type by content."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pipeline.archives import measure as archives_measure
from pipeline.archives import media_types
from pipeline.archives.measure import copy_and_measure, measure, media_type
from pipeline.storage import atomic_files
from schemas.errors import Rejected, TransientError
from schemas.reasons import Reason
from tests.support import hostile

DATA = b'{"a": 1}\n' * 300_000  # more than one piece of reading
SHA = hashlib.sha256(DATA).hexdigest()


def reason_of(call: Callable[[], object]) -> Reason:
    with pytest.raises(Rejected) as refused:
        call()
    assert str(refused.value)
    return refused.value.reason


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_bytes(DATA)
    return path


def test_measuring_tells_size_and_hash(file: Path) -> None:
    assert measure(file) == (len(DATA), SHA)


def test_copying_tells_the_same_and_leaves_only_the_copy(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "to" / "copy"
    target.parent.mkdir()
    assert copy_and_measure(file, target) == (len(DATA), SHA)
    assert target.read_bytes() == DATA
    assert list(target.parent.iterdir()) == [target]


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    (path.parent / "real").write_bytes(DATA)
    path.symlink_to(path.parent / "real")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.threat("moving", seen="folder, link, device or fifo: not_a_regular_file")
@pytest.mark.parametrize("make", [_folder, _link, _device, os.mkfifo])
def test_only_regular_files_are_taken_and_nothing_is_waited_for(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "x"
    make(path)
    assert reason_of(lambda: measure(path)) is Reason.NOT_REGULAR
    assert reason_of(lambda: copy_and_measure(path, tmp_path / "copy")) is Reason.NOT_REGULAR
    assert not (tmp_path / "copy").exists()


def test_a_device_is_not_even_opened() -> None:
    assert reason_of(lambda: measure(Path("/dev/null"))) is Reason.NOT_REGULAR


def test_a_file_that_is_not_there_is_a_transient_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        measure(tmp_path / "none")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    path.touch()
    assert reason_of(lambda: measure(path)) is Reason.EMPTY


def test_the_limit_is_the_last_size_that_passes(file: Path) -> None:
    assert measure(file, limit=len(DATA))[0] == len(DATA)
    assert reason_of(lambda: measure(file, limit=len(DATA) - 1)) is Reason.TOO_LARGE


def _append(path: Path) -> None:
    with path.open("ab") as out:
        out.write(b"more")


def _rewrite(path: Path) -> None:
    with path.open("r+b") as out:
        out.write(b"other")
    os.utime(path, ns=(1, 1))


def _cut(path: Path) -> None:
    os.truncate(path, 10)


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(DATA)
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)


@pytest.mark.threat("moving")
@pytest.mark.parametrize("change", [_append, _rewrite, _cut, _replace, os.unlink])
def test_a_file_that_changes_while_it_is_read_is_refused(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    seen: Callable[[object], None],
) -> None:
    read = archives_measure._read

    def read_and_change(*args: object) -> tuple[int, str]:
        found = read(*args)  # type: ignore[arg-type]
        change(file)
        return found

    monkeypatch.setattr(archives_measure, "_read", read_and_change)
    assert reason_of(lambda: copy_and_measure(file, tmp_path / "copy")) is Reason.CHANGED
    assert not (tmp_path / "copy").exists()
    seen(f"{change.__name__.strip('_')} while it is read: {Reason.CHANGED}")


@pytest.mark.threat("disk_full", seen="copying: waits, no half file")
def test_a_full_disk_is_a_transient_error_and_leaves_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(TransientError, match="No space left"):
        copy_and_measure(file, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_gone_is_a_transient_error(file: Path, tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        copy_and_measure(file, tmp_path / "none" / "copy")


MBOX = b"From 1@xxx Mon Jan 01 10:00:00 +0000 2024\r\nSubject: x\r\n\r\nbody\r\n"
CSV = b"id,name,amount\n1,a,2\n2,b,3\n3,c,4\n"
PROSE = b"Dear all, it is a fine day.\nIt rains.\nYours, me, and others, too.\n"
DOCX = hostile.zipped([("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<w/>")])
XLSX = hostile.zipped([("xl/workbook.xml", b"<w/>"), ("[Content_Types].xml", b"<x/>")])
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCUMENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ZIP = hostile.zipped([("a.json", b"{}")])
TAR = hostile.tarred([("a.json", b"{}")])

TYPES: list[tuple[str, bytes, str]] = [
    ("All mail.mbox", MBOX, "application/mbox"),
    ("no suffix", MBOX, "application/mbox"),
    ("patches", b"From 0123abcd Mon Sep 17 00:00:00 2001\nFrom: a\n\n", "application/mbox"),
    ("headless.mbox", b"From a Mon Jan  1 10:00:00 2024\n\nno header\n", "application/mbox"),
    ("letter.txt", b"From Monday on, 10:00\nwe meet.\n", "text/plain"),
    ("a.json", b'{"a": [1, 2]}', "application/json"),
    ("a.json", b'\xef\xbb\xbf [ {"a": 1}, ', "application/json"),
    ("a.json", '{"a": "é"}'.encode("utf-16"), "application/json"),
    ("a.json", b'[\n  {"a": 1},\n  {"a": 2}\n]\n', "application/json"),
    ("a.json", b'{\n "a": 1\n}\n', "application/json"),
    ("half.json", b'[{"a": 1}, {"a": "br', "application/json"),
    ("a.json", b"[1,2]", "application/json"),
    ("x.txt", b"[section]\nkey=value\n", "text/plain"),
    ("x.txt", b"{not json}", "text/plain"),
    ("a", b'{"a":1}\n{"a":2}\n', "application/x-ndjson"),
    ("a.json", b'{"a":1}\n[]\n', "application/x-ndjson"),
    ("a.ndjson", b'{"a":1}\n', "application/x-ndjson"),
    ("a.jsonl", b'{"a":1}', "application/x-ndjson"),
    ("a.csv", CSV, "text/csv"),
    ("a.csv", b'id,text\n1,"open\n2,b\n', "text/csv"),
    ("table", CSV, "text/csv"),
    ("table", CSV.replace(b",", b";"), "text/csv"),
    ("a.tsv", CSV.replace(b",", b"\t"), "text/tab-separated-values"),
    ("notes.txt", CSV, "text/plain"),
    ("letter", PROSE, "text/plain"),
    ("letter.txt", PROSE, "text/plain"),
    ("page.html", b"<!DOCTYPE html><html><body>hi</body></html>", "text/html"),
    ("a.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "application/pdf"),
    ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "image/x-canon-cr3"),
    ("a.rw2", b"IIU\0\x18\0\0\0\x88\xe7t\xd8", "image/x-panasonic-rw2"),
    ("a.orf", b"IIRO\x08\0\0\0\x88\xe7t\xd8", "image/x-olympus-orf"),
    ("a.mrw", b"\0MRM\0\0\n\x0c\0PRD\0\0\0\x18", "image/x-minolta-mrw"),
    ("a.ts", (b"G\x40\0\x10" + bytes(184)) * 3, "video/MP2T"),
    ("a.mts", (b"\1\2\3\4G\x40\0\x10" + bytes(184)) * 3, "video/MP2T"),
    ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", "image/jpeg"),
    ("a.eml", b"From: a@example.org\nTo: b@example.org\nSubject: x\n\nhi\n", "message/rfc822"),
    ("a.zip", ZIP, media_types.ZIP),
    ("takeout-001", ZIP, media_types.ZIP),
    ("stored pdf.zip", hostile.zipped([("a.pdf", b"%PDF-1.4\n")]), media_types.ZIP),
    ("report.docx", DOCX, DOCUMENT),
    ("sheet.xlsx", XLSX, SHEET),
    ("a.tar", TAR, media_types.TAR),
    ("a.tgz", gzip.compress(TAR, mtime=0), media_types.GZIP),
    ("a.json.gz", gzip.compress(b"{}", mtime=0), media_types.GZIP),
    ("a.tar.zst", zstandard.compress(TAR), media_types.ZSTD),
    ("a.tar.bz2", bz2.compress(TAR), media_types.BZIP2),
    ("empty.bz2", bz2.compress(b""), media_types.BZIP2),
    ("a.txz", lzma.compress(TAR), media_types.XZ),
    ("a.json.lzma", lzma.compress(b"{}", lzma.FORMAT_ALONE), media_types.LZMA),
    ("bracket.txt", b"]" * 4000, "text/plain"),
    ("noise", bytes(range(1, 256)) * 8, "application/octet-stream"),
]


@pytest.mark.parametrize(("name", "data", "expected"), TYPES)
def test_the_type_is_told_by_content(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert media_type(data[: media_types.HEAD], name, path) == expected


@pytest.mark.threat("two_types")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", hostile.polyglot(b"%PDF-1.4\n")),
        ("a.jpg", hostile.polyglot(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\1" * 99)),
        ("a.html", hostile.polyglot(b"<!DOCTYPE html><html>")),
        ("a.zip", hostile.polyglot(b"MZ" + b"\x90" * 99)),
        ("a.json", hostile.polyglot(b'{"a": 1}')),
        ("a.gz", hostile.polyglot(gzip.compress(b"{}", mtime=0))),
        ("tar with the head of a pdf.tar", hostile.tarred([("%PDF-1.4", b"{}")])),
        ("takeout.zip", b"<html>404 not found</html>"),
        ("a.json.gz", b'{"a": 1}'),
        ("photo.jpg", ZIP),
        ("a.json", gzip.compress(b"{}", mtime=0)),
        ("a.csv", TAR),
    ],
)
def test_what_is_two_things_or_lies_about_being_an_archive_is_refused(
    tmp_path: Path, name: str, data: bytes, seen: Callable[[object], None]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert reason_of(lambda: media_type(data, name, path)) is Reason.AMBIGUOUS_TYPE
    seen(f"{name}: {Reason.AMBIGUOUS_TYPE}")


def test_zeros_are_nothing_however_many(tmp_path: Path) -> None:
    path = tmp_path / "zeros.zip"
    path.write_bytes(bytes(3_000_000))
    assert reason_of(lambda: media_type(bytes(100), "zeros.zip")) is Reason.EMPTY
    assert reason_of(lambda: media_type(bytes(media_types.HEAD), "zeros.zip", path)) is Reason.EMPTY
    path.write_bytes(bytes(3_000_000) + b"x")
    assert media_type(bytes(media_types.HEAD), "disk", path) == "application/octet-stream"


def test_a_line_longer_than_the_head_is_one_value() -> None:
    head = json.dumps([{"a": n} for n in range(20_000)]).encode()[: media_types.HEAD]
    assert media_type(head, "a.json") == "application/json"


def test_threads_may_ask_at_once() -> None:
    found: list[str] = []
    page = b"<!DOCTYPE html><html><body>hi</body></html>"
    threads = [
        threading.Thread(target=lambda: found.append(media_type(page, "x"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["text/html"] * 8
