"""Bytes that nobody would write, for everything that reads a stranger's bytes.

Each target takes bytes and raises where a promise is broken: it ends, in members, listings,
outcomes or a refusal, cut anyhow it gives the same, and nothing is written elsewhere.

    python -m tests.fuzz --seconds 60 [--target csv.table]        (or: make fuzz SECONDS=60)

goes on for a while. What fails is printed as Python, to become a test. `tests.fuzz.with_atheris`
does the same by atheris.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import lzma
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from pipeline.archives import media_types
from pipeline.archives.measure import measure
from pipeline.archives.streams import ArchiveLimits
from pipeline.archives.unpack import members
from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.normalise import Found, normalise
from pipeline.registry import all_formats
from pipeline.services.mail import mime
from pipeline.text import charset, transcode
from schemas.errors import BadValue, Rejected
from schemas.files import Listed, Member, SliceLimits, SourceFile
from schemas.privacy import ReadUnder
from schemas.records import Outcome, Rejection
from tasks.ingest.record_spool import Batch
from tests.support import hostile
from tests.support.formats import head_of, member_of, read, samples

Target = Callable[[bytes], None]

_LIMITS = ArchiveLimits(total=3_000_000, member=1_000_000, ratio_from=1_000_000, members=500)
_CUTS = (SliceLimits(records=1), SliceLimits(records=3, size=64))


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder in memory, where there is such a place."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as name:
        yield Path(name)


def archive(data: bytes) -> None:
    """Everything between a dropped file and its members."""
    with _folder() as root:
        path, work = root / "file", root / "work"
        path.write_bytes(data)
        entries: list[Member | Listed] = []
        with suppress(Rejected):
            size, sha256 = measure(path)
            kind = media_types.media_type(data[: media_types.HEAD], "file", path)
            source = SourceFile(path=path, name="file", size=size, sha256=sha256, media_type=kind)
            for entry in members(source, work, _LIMITS, durable=False):
                entries.append(entry)
                assert _size(work) <= _LIMITS.total
        assert len({e.ordinal for e in entries}) == len(entries)
        kept = {e.file for e in entries if isinstance(e, Member)}
        assert {p for p in root.rglob("*") if not p.is_dir()} <= kept | {path}
        for entry in entries:
            if isinstance(entry, Member):
                assert measure(entry.file) == (entry.size, entry.sha256)


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def one_format(form: Format, data: bytes) -> None:
    """A format's own reading of a member, from its recognition to rows for the lake."""
    if not data:
        return  # it is set aside before
    with _folder() as root:
        file = root / "member"
        file.write_bytes(data)
        path = samples(form)[0].path
        form.score(head_of(path, data))
        member = member_of(path, file)
        parts, found = read(form, member)
        for limits in _CUTS:
            assert read(form, member, limits)[1] == found
        assert all(0 <= part.start <= part.end <= len(data) for part in parts)
        for offset, length, outcome in found:
            assert isinstance(outcome, Outcome)
            assert 0 <= offset <= offset + length <= len(data)
            if isinstance(outcome, Rejection):
                assert data[offset : offset + length].startswith(outcome.raw)
        batch = batched(form, found)
        tables = list(batch.tables.values())
        assert len(found) == len(batch.rejections) + sum(len(t.keys) for t in tables)
        assert all(len(t.lines) == len(t.keys) for t in tables)
        batch.write(root / "spool")
        assert {p.name for p in root.iterdir()} == {"member", "spool"}


def batched(form: Format, found: list[Found]) -> Batch:
    """Outcomes as `normalise` hands them on."""
    batch = Batch(ReadUnder("any"), keep_text=True, repeats=form.repeats)
    batch.add(0, 1, normalise(found))
    return batch


def one_mail(data: bytes) -> None:
    """A mail as its parts."""
    with suppress(BadValue):
        mime.parse(data)


def one_text(data: bytes) -> None:
    """A text in any charset; written again as UTF-8 it has as many line ends."""
    with suppress(BadValue):
        charset.decode(data)[0].encode("utf-8", "surrogatepass")
    encoding = transcode.survey(io.BytesIO(data))
    transcode.transcode(io.BytesIO(data), io.BytesIO(), encoding)


def one_document(kind: str, data: bytes) -> None:
    """The text of a document, or a flag that says why not."""
    text_of.extract_text(data, kind)


def _archives() -> list[bytes]:
    files = [("a.json", hostile.GOOD), ("b/c.csv", b"a,b\n1,2\n")]
    whole = hostile.zipped([*files, ("in.tar", hostile.tarred(files))])
    return [
        whole,
        hostile.streamed_zip(files),
        hostile.tarred(files, pax=True),
        gzip.compress(hostile.tarred(files)),
        zstandard.compress(hostile.tarred(files)),
        bz2.compress(hostile.tarred(files)),
        lzma.compress(hostile.tarred(files)),
        hostile.overlapping_zip(3, 1000),
        hostile.many_entries(5, 9),
    ]


def targets() -> dict[str, tuple[Target, list[bytes]]]:
    """Every target by name, with sound bytes to begin with."""
    mails = sorted((Path(__file__).parents[1] / "data" / "mail").glob("*.eml"))
    found: dict[str, tuple[Target, list[bytes]]] = {
        "archive": (archive, _archives()),
        "mail": (one_mail, [path.read_bytes()[:20_000] for path in mails]),
        "text": (one_text, ["Grüße".encode(c) * 9 for c in ("utf-8", "cp1252", "utf-16")]),
        "html": (partial(one_document, "text/html"), [b"<html><p>a<br>b</p></html>"]),
    }
    for form in all_formats():
        sound = [sample.file.read_bytes()[:20_000] for sample in samples(form)]
        found[form.name] = (partial(one_format, form), sound)
    return found


# --- by hypothesis

#: Bytes that mean something to one reader or another.
_TOKENS = [
    b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n", b"\n\n", b'"', b'""', b"[", b"]",
    b"{", b"}", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"-", b"9" * 30,
    b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f" * 8,
    b"\nFrom x Mon Jan  1 00:00:00 2024\n", b"--",
    b"Content-Type: multipart/mixed; boundary=", b"=?", b"<", b">",
    b"&#0;", b"2024-02-30", b"\xe2\x80\xae", b"\xc0\xaf",
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, sound: list[bytes]) -> bytes:
    """One of the sound ones, cut, flipped, grown and doubled; or bytes of no descent."""
    data = bytearray(draw(st.sampled_from(sound) | st.binary(max_size=60)))
    for _ in range(draw(st.integers(0, 4))):
        at, to = sorted(int(draw(st.floats(0, 1)) * len(data)) for _ in range(2))
        match draw(st.integers(0, 4)):
            case 0:
                del data[at:to]
            case 1:
                data[at:at] = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8))
            case 2:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 3:
                data[at:at] = data[at : min(to, at + 5_000)]
            case 4:
                del data[to:]
    return bytes(data)


def by_hypothesis(name: str, examples: int, number: int | None = None) -> None:
    """Try a target a number of times; without a number always the same bytes."""
    target, sound = targets()[name]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=number is None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(broken(sound))
    def tried(data: bytes) -> None:
        target(data)

    (tried if number is None else seeded(number)(tried))()


# --- by hand


def _each(names: list[str], seconds: float) -> None:
    share = seconds / len(names)
    for name in names:
        end, rounds = time.monotonic() + share, 0
        while time.monotonic() < end:
            by_hypothesis(name, 200, number=time.time_ns())
            rounds += 1
        print(f"{name}: {rounds * 200} tries, nothing found", flush=True)


def main() -> None:
    """Fuzz for a while."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--target", choices=list(targets()))
    asked = parser.parse_args()
    _each([asked.target] if asked.target else list(targets()), asked.seconds)
