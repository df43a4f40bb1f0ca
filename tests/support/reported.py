"""Files as people reported them, read as an import reads them, without a service.

A case is a folder `tests/reported/<case>/`: `input/` holds what was dropped, `SOURCE.md` says who
reported it and what is right, `expected.json` says that so that it can be checked.
CONTRIBUTING.md shows how to add one.

What is dropped takes the way of an upload: its type is told, an archive is walked, each member
finds its format and is cut into slices, items become records, and those the lines that are copied
into the lake. Only the ledger and the lake are left out; keys tell what a lake would count twice.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec
import orjson

from pipeline.archives import unpack, zip_checks
from pipeline.archives.measure import measure, media_type
from pipeline.enrich.entities import mentions
from pipeline.normalise import Found, ReadContext, slices_of
from pipeline.ports import Neighbour, Neighbours, T
from pipeline.privacy.policy import Policy
from pipeline.privacy.redact import Redactor
from pipeline.read import read_records
from schemas.errors import Rejected
from schemas.files import Listed, Member, Slice, SliceLimits, SourceFile
from schemas.privacy import ReadUnder
from schemas.reasons import Reason
from schemas.records import Instant, Metric, Outcome, Point, Record, Rejection
from tasks.ingest import members, record_spool
from tasks.runtime.context import Options
from tests.support.formats import carried

FOLDER = Path(__file__).parents[1] / "reported"

#: One slice for all that a member holds.
_WHOLE = SliceLimits(records=1 << 40, size=1 << 40)


class File(msgspec.Struct, kw_only=True):
    """What became of one member, or of an upload that was refused as a whole.

    `disposition` is as in the ledger, `reason` its code where nothing reads it. `counted` is what
    the reader's own count says, which `verify` compares with `items`.
    """

    path: str
    disposition: str
    reason: str | None = None
    detail: str = ""
    format: str | None = None
    items: int = 0
    counted: int = 0
    rows: int = 0
    duplicates: int = 0
    quarantined: Counter[str] = msgspec.field(default_factory=Counter)
    details: list[str] = msgspec.field(default_factory=list)
    """What each rejection says, in their order."""

    @property
    def agrees(self) -> bool:
        """Whether `verify` would be content: on broken syntax the two ways to count may differ."""
        return self.counted == self.items or bool(self.quarantined)


class Report(msgspec.Struct, kw_only=True):
    """All files of a drop, and the records that a lake would hold, as expected.json names them."""

    files: list[File] = msgspec.field(default_factory=list)
    records: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def listed(self, disposition: str) -> dict[str, str | None]:
        """The files of one disposition that nothing was read from, with their reasons."""
        return {f.path: f.reason for f in self.files if f.disposition == disposition}

    def total(self) -> dict[str, Any]:
        """The counts of all files."""
        return {
            "rows": sum(f.rows for f in self.files),
            "duplicates": sum(f.duplicates for f in self.files),
            "quarantined": dict(sum((f.quarantined for f in self.files), Counter())),
        }


def examine(
    inputs: Path, work: Path, *, limits: SliceLimits = _WHOLE, home: tzinfo | None = None
) -> Report:
    """Read a file, or everything in a folder as parts of one export.

    `limits` cut the slices, `home` is the zone of the account.
    """
    return _Examination(work, limits, home).of(inputs)


class _Read(msgspec.Struct):
    """A member that a format reads, and its place in the report."""

    file: File
    found: members.Readable
    sha256: str


class _Examination:
    def __init__(self, work: Path, limits: SliceLimits, home: tzinfo | None) -> None:
        self._work, self._limits, self._home = work, limits, home
        self._options = Options()
        self._redactor = Redactor(Policy())
        self._report = Report()
        self._readable: list[_Read] = []
        self._keys: set[tuple[str, bytes, int]] = set()

    def of(self, inputs: Path) -> Report:
        paths = sorted(p for p in inputs.rglob("*") if p.is_file()) if inputs.is_dir() else [inputs]
        root = inputs if inputs.is_dir() else inputs.parent
        for nth, path in enumerate(paths):
            self._upload(path, path.relative_to(root).as_posix(), self._work / str(nth))
        beside = _Beside(self._readable)
        for read in self._readable:
            self._read(read, beside)
        return self._report

    def _upload(self, path: Path, name: str, work: Path) -> None:
        try:
            size, sha256 = measure(path)
            with path.open("rb") as source:
                kind = media_type(source.read(members.HEAD), name, path)
            zip_checks.inspect_archive(path, self._options.archive)
            dropped = SourceFile(path=path, name=name, size=size, sha256=sha256, media_type=kind)
            for entry in unpack.members(dropped, work, self._options.archive, durable=False):
                self._member(entry, work / "text")
        except Rejected as error:
            refused = File(
                path=name, disposition="rejected", reason=error.reason, detail=str(error)
            )
            self._report.files.append(refused)

    def _member(self, entry: Member | Listed, work: Path) -> None:
        found = members.prepare(entry, work) if isinstance(entry, Member) else entry
        if isinstance(found, Listed):
            told = File(
                path=found.path,
                disposition=found.disposition,
                reason=found.reason,
                detail=found.detail,
            )
        else:
            told = File(
                path=found.member.path,
                disposition="handled",
                format=found.form.name,
                detail=found.note,
            )
            self._readable.append(_Read(told, found, entry.sha256 or ""))
        self._report.files.append(told)

    def _read(self, read: _Read, beside: Neighbours) -> None:
        form, file, member = read.found.form, read.file, read.found.member
        context = carried(read.found.context)
        batch = record_spool.Batch(ReadUnder("any"), keep_text=True, repeats=form.repeats)
        outcomes: list[Outcome] = []
        with member.file.open("rb") as cut:
            parts = list(slices_of(form, member, cut, context, self._limits))
            file.counted = form.reader.count(cut, context)
        for slot, part in enumerate(parts):
            found = self._outcomes(read.found, part, context, beside, file)
            batch.add(slot, 0, _noted(found, outcomes, batch))
        self._count(file, batch, outcomes)

    def _outcomes(
        self,
        found: members.Readable,
        part: Slice,
        context: dict[str, Any],
        beside: Neighbours,
        file: File,
    ) -> Iterator[Found]:
        reading = ReadContext(
            form=found.form,
            member=found.member,
            context=context,
            neighbours=beside if found.form.needs_set else None,
            home=self._home,
        )
        with found.member.file.open("rb") as source:  # each chunk opens the file anew
            yield from read_records(
                reading, source, part, redactor=self._redactor, seen=_Seen(file)
            )

    def _count(self, file: File, batch: record_spool.Batch, outcomes: list[Outcome]) -> None:
        """Count the outcomes of a member as the lake would, by the keys that were made."""
        columns = {Record: iter(_keys(batch, "documents"))}
        columns |= {Point: iter(_keys(batch, "locations")), Metric: iter(_keys(batch, "metrics"))}
        for outcome in outcomes:
            if isinstance(outcome, Rejection):
                file.quarantined[outcome.reason] += 1
                file.details.append(outcome.detail)
                continue
            key = next(columns[type(outcome)])
            if key in self._keys:
                file.duplicates += 1
                continue
            self._keys.add(key)
            file.rows += 1
            self._report.records.append(said(outcome, file.path))


class _Seen:
    """Counts the items of a member."""

    def __init__(self, file: File) -> None:
        self._file = file

    def fields(self, unknown: Any) -> None:
        """Drift is no matter of these cases."""

    def items(self, count: int) -> None:
        self._file.items += count


class _Beside(Neighbours):
    """The files of one drop, as the ledger would list them."""

    def __init__(self, read: Sequence[_Read]) -> None:
        self._all = sorted((_neighbour(one) for one in read), key=lambda n: n.path)
        self._known: dict[tuple[str, Any], Any] = {}

    def folder(self, path: str) -> Sequence[Neighbour]:
        folder = path[: path.rfind("/") + 1]
        return [n for n in self._all if n.path[: n.path.rfind("/") + 1] == folder]

    def known(self, path: str, make: Callable[[Sequence[Neighbour]], T]) -> T:
        key = (path[: path.rfind("/") + 1], make)
        if key not in self._known:
            self._known[key] = make(self.folder(path))
        made: T = self._known[key]
        return made

    def bare(self) -> Sequence[Neighbour]:
        return []


def _neighbour(read: _Read) -> Neighbour:
    member, form = read.found.member, read.found.form
    return Neighbour(
        path=member.path,
        size=member.size,
        sha256=read.sha256,
        media_type=member.media_type,
        format=form.name,
        context=carried(read.found.context),
    )


def _noted(
    found: Iterable[Found], outcomes: list[Outcome], batch: record_spool.Batch
) -> Iterator[Found]:
    """Each outcome as it passes by; or the rejection that the batch makes of it."""
    for place in found:
        before = len(batch.rejections)
        yield place
        outcome = place[2]
        for bad in batch.rejections[before:]:
            outcome = Rejection(reason=Reason(bad.code), detail=bad.detail)
        outcomes.append(outcome)


def _keys(batch: record_spool.Batch, name: str) -> Iterator[tuple[str, bytes, int]]:
    """What the lake's unique key holds of each record of a table."""
    table = batch.tables[name]
    types = table.types or itertools.repeat(0)
    for key, at, kind in zip(table.keys, table.ats, types, strict=False):
        yield f"{name} {kind}", key, at


# --- what a record says, and what is expected of it -------------------------------------------


def said(outcome: Record | Point | Metric, path: str) -> dict[str, Any]:
    """An outcome as expected.json names its parts; what is empty is left out.

    `is` is document, location or metric; `file` the member; `at` the moment in UTC, and `time`
    the text that it was read from; `metadata` is all of it, `flags` with it; `mentions` are the
    people, places and links, each `[role, kind, value]`.
    """
    fields = msgspec.to_builtins(outcome)
    kinds = {Record: "document", Point: "location", Metric: "metric"}
    told = {"is": kinds[type(outcome)], "file": path, "format": fields.pop("source"), **fields}
    for name in ("identity", "privacy", "mutable", "context_metadata"):
        told.pop(name, None)
    told |= _when(outcome.time, "at", "time")
    if isinstance(outcome, Metric):
        told |= _when(outcome.until, "until", "until_text")
    if isinstance(outcome, Record):
        told["metadata"] = outcome.all_metadata
        told["mentions"] = [[m.role, m.kind, m.value] for m in mentions(outcome)]
        if outcome.blob is not None:
            told["blob"].pop("data", None)
    return {name: value for name, value in told.items() if value not in (None, {}, [], ())}


def _when(time: Instant | None, at: str, text: str) -> dict[str, Any]:
    if time is None:
        return {at: None, text: None}
    moment = time.at and time.at.isoformat().replace("+00:00", "Z")
    return {at: moment, text: time.text, "time_flag": time.flag, "zone_source": time.zone_source}


def fits(expected: Any, got: Any) -> bool:
    """Whether a value is as expected.

    An object asks for its own names only, and null for none at all; a list for as many values in
    that order. `{"$has": x}` asks that a list has a value like x, or a text holds it, and
    `{"$not": x}` for anything but x. Numbers are equal to nine digits.
    """
    if isinstance(expected, dict):
        if expected.keys() == {"$has"}:
            return _has(expected["$has"], got)
        if expected.keys() == {"$not"}:
            return not fits(expected["$not"], got)
        return isinstance(got, Mapping) and all(fits(v, got.get(n)) for n, v in expected.items())
    if isinstance(expected, list):
        same = isinstance(got, list | tuple) and len(expected) == len(got)
        return same and all(map(fits, expected, got))
    if isinstance(expected, float) and isinstance(got, int | float):
        return abs(expected - got) <= 1e-9 * max(1.0, abs(expected))
    return bool(expected == got)


def _has(wanted: Any, got: Any) -> bool:
    if isinstance(got, str):
        return wanted in got
    return isinstance(got, list | tuple) and any(fits(wanted, one) for one in got)


class Expected(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What expected.json says. What is left out of the first five is nothing: 0, {}."""

    rows: int = 0
    """Records in the lake: documents, locations and metrics."""
    duplicates: int = 0
    quarantined: dict[str, int] = {}
    """How many records by code."""
    unread: dict[str, str] = {}
    """Members that are unknown, ignored or rejected: path to reason."""
    formats: dict[str, str] = {}
    """Members that a format reads: path to its name."""
    records: list[Any] = []
    """Each is like another record: see `fits`."""
    each: dict[str, Any] = {}
    """Every record is like it."""
    none: list[Any] = []
    """No record is like any of these."""


def expected_of(case: Path) -> Expected:
    """The expectation of a case."""
    return msgspec.json.decode((case / "expected.json").read_bytes(), type=Expected)


def differences(expected: Expected, report: Report) -> list[str]:
    """Everything in which a report is not as expected, in words."""
    total = report.total()
    unread = {f.path: f.reason for f in report.files if f.disposition != "handled"}
    formats = {f.path: f.format for f in report.files if f.disposition == "handled"}
    pairs = [
        ("rows", expected.rows, total["rows"]),
        ("duplicates", expected.duplicates, total["duplicates"]),
        ("quarantined", expected.quarantined, total["quarantined"]),
        ("unread", expected.unread, unread),
        ("formats", expected.formats, formats),
    ]
    found = [f"{what}: {want} expected, not {got}" for what, want, got in pairs if want != got]
    found += [
        f"{f.path}: counted {f.counted}, read {f.items}" for f in report.files if not f.agrees
    ]
    return found + _unlike(expected, report.records)


def _unlike(expected: Expected, records: list[dict[str, Any]]) -> Iterator[str] | list[str]:
    found: list[str] = []
    left = list(records)
    for nth, wanted in enumerate(expected.records):
        at = next((n for n, record in enumerate(left) if fits(wanted, record)), None)
        if at is None:
            found.append(f"no record is like records[{nth}]: {_short(wanted)}")
        else:
            left.pop(at)
    found += [
        f"not like each: {_short(record)}" for record in records if not fits(expected.each, record)
    ]
    found += [
        f"like none[{nth}]: {_short(record)}"
        for nth, wanted in enumerate(expected.none)
        for record in records
        if fits(wanted, record)
    ]
    if found:
        found += [f"there is: {_short(record)}" for record in left]
    return found


def _short(value: Any) -> str:
    return orjson.dumps(value, default=str).decode("utf-8", "replace")[:2_000]


def cases() -> list[Path]:
    """Every case."""
    return sorted(path.parent for path in FOLDER.glob("*/expected.json"))
