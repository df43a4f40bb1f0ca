"""Samples of every format, and what becomes of them: shared by the contract tests.

A format's folder, `tests/formats/<its name>/`, holds `input/<the path it has in an export>` (one
file or more, all invented) and `expected.jsonl`, one line for each outcome. After adding a
sample, or when a format is meant to change:

    python -m tests.support.formats google.my_activity

writes `expected.jsonl` anew. Read its difference line by line before you commit it; the tests
only hold the code to it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import orjson

from pipeline.archives import media_types
from pipeline.contract import Format
from pipeline.normalise import Found, ReadContext, understand
from pipeline.registry import all_formats, format_named
from pipeline.syntax import sqlite_pages
from schemas.errors import Rejected
from schemas.files import Head, Member, Slice, SliceLimits
from schemas.records import RawRecord

FOLDER = Path(__file__).parents[1] / "formats"

#: One slice for the whole member.
ONE_PASS = SliceLimits(records=1 << 40, size=1 << 40)


class Sample(NamedTuple):
    """One input file of a format: its path inside the export, and where it lies."""

    form: Format
    path: str
    file: Path

    def __str__(self) -> str:
        return f"{self.form.name}:{self.path}"


def samples(form: Format) -> list[Sample]:
    """The samples of a format, by path; none if its folder is missing."""
    root = FOLDER / form.name / "input"
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [Sample(form, path.relative_to(root).as_posix(), path) for path in files]


def all_samples() -> list[Sample]:
    return [sample for form in all_formats() for sample in samples(form)]


def head_of(path: str, data: bytes) -> Head:
    """What `extract` shows the formats of a member with these bytes."""
    first = data[: media_types.HEAD]
    try:
        media_type = media_types.media_type(first, path)
    except Rejected:
        media_type = "application/octet-stream"
    tables = sqlite_pages.table_names(io.BytesIO(data))
    return Head(path=path, data=first, size=len(data), media_type=media_type, tables=tables)


def member_of(path: str, file: Path) -> Member:
    data = file.read_bytes()
    return Member(
        path=path,
        ordinal=0,
        file=file,
        size=len(data),
        sha256=sha256(data).hexdigest(),
        media_type=head_of(path, data).media_type,
    )


def read(
    form: Format, member: Member, limits: SliceLimits = ONE_PASS
) -> tuple[list[Slice], list[Found]]:
    """The slices of a member and the outcomes of all of them, as the stages make them."""
    with member.file.open("rb") as source:
        context = carried(form.reader.prepare(source, member))
        parts = list(form.reader.slices(source, context, limits))
    reading = ReadContext(form=form, member=member, context=context)
    found: list[Found] = []
    for part in parts:
        with member.file.open("rb") as source:  # each chunk opens the file anew
            found.extend(understand(reading, source, part))
    return parts, found


def read_items(form: Format, member: Member) -> list[RawRecord]:
    """The items of a member before they are understood, without what is broken."""
    with member.file.open("rb") as source:
        context = carried(form.reader.prepare(source, member))
        parts = list(form.reader.slices(source, context, ONE_PASS))
        found = [item for part in parts for item in form.reader.items(source, part, context)]
    return [item for item in found if isinstance(item, RawRecord)]


def carried(context: dict[str, Any]) -> dict[str, Any]:
    """The context as it comes back out of the ledger: jsonb orders names by their length."""
    back: dict[str, Any] = _in_order(orjson.loads(orjson.dumps(context)))
    return back


def _in_order(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_order(each) for each in value]
    if not isinstance(value, dict):
        return value
    names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
    return {name: _in_order(value[name]) for name in names}


def line_of(sample: Sample, found: Found) -> dict[str, Any]:
    """An outcome as a line of `expected.jsonl`; bytes as base64, an attachment's data left out."""
    offset, length, outcome = found
    fields = msgspec.to_builtins(outcome)
    if isinstance(blob := fields.get("blob"), dict):
        blob.pop("data")
    for time in (fields.get("time"), fields.get("until")):
        if time and time["zone"] is None:
            time.pop("zone")
    if not fields.get("mutable"):
        fields.pop("mutable", None)
    kept = {n: value for n, value in fields.items() if value not in (None, {}, [], ())}
    return {"from": [sample.path, offset, length], "is": type(outcome).__name__, **kept}


def lines_of(form: Format) -> list[dict[str, Any]]:
    """The lines that `expected.jsonl` should hold."""
    return [
        line_of(sample, found)
        for sample in samples(form)
        for found in read(form, member_of(sample.path, sample.file))[1]
    ]


def dump(line: dict[str, Any]) -> bytes:
    """A line as it stands in the file; lone surrogates survive as escapes."""
    try:
        return orjson.dumps(line)
    except orjson.JSONEncodeError:
        import json

        return json.dumps(line).encode()


def write_expected(form: Format) -> None:
    text = b"".join(dump(line) + b"\n" for line in lines_of(form))
    (FOLDER / form.name / "expected.jsonl").write_bytes(text)


class Watched(io.BytesIO):
    """Bytes that count what is read of them at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


def items_of(reader: Any, data: bytes | BinaryIO, limits: SliceLimits = ONE_PASS) -> Iterator[Any]:
    """Every item of some bytes, slice after slice."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    for part in list(reader.slices(source, {}, limits)):
        yield from reader.items(source, part, {})


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_expected(format_named(name))
