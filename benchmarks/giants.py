"""Giants: one record of 200 MB in each syntax, 5 GB of JSON in one line, and a zip with 2,000,000
members. Each becomes rows or rejections with a code, in the same memory.

    python -m benchmarks.giants                 all, one after the other; takes half an
                                                hour and 12 GB of disk
    python -m benchmarks.giants --scale 0.1     the same, a tenth as large
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import whole
from pipeline.archives import media_types
from pipeline.archives.streams import ArchiveLimits
from pipeline.archives.unpack import members
from pipeline.archives.zip_checks import inspect_archive
from schemas.files import Member, SourceFile

_MB, _BLOCK = 10**6, 1 << 20


class Giant(NamedTuple):
    """A file of one thing that is too large: `size` bytes of `unit`, between a beginning and an
    end, and which records and rejections come of it."""

    path: str
    size: int
    begin: bytes
    unit: bytes
    end: bytes
    becomes: Mapping[str, int]


def _one(path: str, begin: bytes, end: bytes, code: str = "item_too_large") -> Giant:
    """Yield a record of 200 MB, then a small one."""
    return Giant(path, 200 * _MB, begin, b"a word ", end, {"rows": 1, code: 1})


_XML = b"<?xml version='1.0'?><gpx version='1.1'><wpt lat='1' lon='2'><name>"
_ITEM = b'{"name":"' + b"a word " * 500 + b'","number":1},'
_SOON = b"2020-01-01T00:00:00Z"
GIANTS: dict[str, Giant] = {
    "an item of a JSON array": _one("a.json", b'[{"a":"', b'"},{"a":"b"}]'),
    "a line of NDJSON": _one("a.ndjson", b'{"a":"', b'"}\n{"a":"b"}\n'),
    "a cell of CSV": _one("a.csv", b"a,b\n1,", b"\n2,c\n"),
    "a quoted cell of CSV": _one("a.csv", b'a,b\n1,"', b'"\n2,c\n'),
    "a mail in an mbox": _one(
        "a.mbox",
        b"From a@b.de Mon Jan  1 00:00:00 2020\nSubject: a\n\n",
        b"\n\nFrom a@b.de Mon Jan  1 00:00:00 2020\nSubject: a\n\nb\n",
    ),
    "a mail in a file": Giant(
        "mails/a.eml",
        200 * _MB,
        b"Subject: a\nFrom: a@b.de\n\n",
        b"a word\n",
        b"",
        {"item_too_large": 1},
    ),
    "an element of XML": _one(
        "a.gpx", _XML, b"</name></wpt><wpt lat='1' lon='2'><time>" + _SOON + b"</time></wpt></gpx>"
    ),
    "a message of a chat": Giant(
        "WhatsApp Chat with Ana.txt",
        200 * _MB,
        b"20/06/2017, 20:27 - Ana: a\n20/06/2017, 20:28 - Bo: b\n20/06/2017, 20:28 - Ana: ",
        b"a word ",
        b"\n20/06/2017, 20:29 - Ana: b\n",
        {"rows": 3, "item_too_large": 1},
    ),
    "an event of a calendar": _one(
        "a.ics",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20200101T000000Z\nSUMMARY:",
        b"\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nDTSTART:20200101T000000Z\nSUMMARY:b\nEND:VEVENT\n"
        b"END:VCALENDAR\n",
    ),
    "5 GB of JSON in one line, one string": Giant(
        "a.json", 5_000 * _MB, b'["', b"a word ", b'","b"]', {"rows": 1, "item_too_large": 1}
    ),
    "5 GB of JSON in one line, small items": Giant(
        "a.json", 5_000 * _MB, b"[", _ITEM, b'{"a":1}]', {}
    ),
}
ZIP, _ZIP_MEMBERS = "a zip of 2,000,000 members", 2_000_000


def _write(giant: Giant, size: int, folder: Path) -> Path:
    """Write a giant of about `size` bytes, written in blocks."""
    path = folder / giant.path
    path.parent.mkdir(exist_ok=True)
    block = giant.unit * (_BLOCK // len(giant.unit))
    with path.open("wb") as file:
        file.write(giant.begin)
        for _ in range(max(1, size // len(block))):
            file.write(block)
        file.write(giant.end)
    return path


def _zip(members: int, folder: Path) -> Path:
    """Write a zip of `members` small files, written in a stream."""
    path = folder / "many.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for n in range(members):
            file.writestr(f"a/{n:07}.json", b'[{"a":1}]')
    return path


def _walk(path: Path) -> dict[str, Any]:
    """Do what `validate` and `extract` do with a zip: read its directory, write each member."""
    began, cpu = time.monotonic(), time.process_time()
    limits = ArchiveLimits()
    inspected = inspect_archive(path, limits)
    size = path.stat().st_size
    source = SourceFile(path=path, name=path.name, size=size, sha256="", media_type=media_types.ZIP)
    count = 0
    for member in members(source, path.parent, limits, durable=False):
        count += 1
        if isinstance(member, Member):
            member.file.unlink()
    worked = time.process_time() - cpu
    return {
        "megabytes": round(size / 1e6),
        "becomes": {"entries": inspected.entries, "members": count},
        "seconds": round(time.monotonic() - began, 1),
        "members_per_cpu_s": round(count / worked),
        "peak_mb": whole.peak_mb(),
    }


def _swallow(path: Path, name: str) -> dict[str, Any]:
    """Import a giant and return its outcome."""
    found = whole.run(path, name)
    return {
        "format": found.format,
        "megabytes": round(found.megabytes),
        "becomes": dict(found.becomes),
        "seconds": round(found.seconds, 1),
        "megabytes_per_cpu_s": round(found.megabytes / found.cpu_seconds),
        "peak_mb": whole.peak_mb(),
    }


def tried(name: str, scale: float, folder: Path) -> dict[str, Any]:
    """Return the outcome of a giant at `scale` of its size, and its peak memory."""
    work: Callable[..., dict[str, Any]] = _swallow
    arguments: tuple[Any, ...]
    if name == ZIP:
        path, work = _zip(round(_ZIP_MEMBERS * scale), folder), _walk
        arguments = (path,)
    else:
        giant = GIANTS[name]
        whole.check_room(name, round(giant.size * scale), folder)
        path = _write(giant, round(giant.size * scale), folder)
        arguments = (path, giant.path)
    try:
        found = whole.alone(work, *arguments)
    finally:
        size = path.stat().st_size
        path.unlink()
    units = size // len(GIANTS[name].unit) if name in GIANTS else 0
    return {"what": name, "units": units, **found}


def main() -> int:
    """Print the figures; 1 where a process held more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="datapunk-large-") as folder:
        for name in (*GIANTS, ZIP):
            if asked.only not in name:
                continue
            found.append(tried(name, asked.scale, Path(folder)))
            print(json.dumps(found[-1]), flush=True)
    return int(any(one["peak_mb"] > whole.MOST_MEMORY for one in found))


if __name__ == "__main__":
    sys.exit(main())
