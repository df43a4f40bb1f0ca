"""The bytes of documents as they stand in their original."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Mapping, Set
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.contract import Format
from pipeline.normalise import ReadContext, slices_of
from pipeline.quality import Repeats, key_of, occurrence_key, own_key_of
from pipeline.read import read_records
from pipeline.values import time_zones
from schemas.errors import PermanentError, Rejected
from schemas.files import Listed
from schemas.records import Record
from tasks.ingest import members, stored_originals
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tasks.runtime.temp_dirs import temp_dir

_BLOCK = 1024 * 1024
_UNREADABLE = "The original can no longer be read. The document in the lake is complete."


class _Place(NamedTuple):
    """Where an item lies in a file, in bytes."""

    file: Path
    offset: int
    length: int


def copy_item(
    run: Runtime, job: Mapping[str, Any], found: Mapping[str, Any], key: bytes, out: BinaryIO
) -> None:
    """Write the bytes of the item that a document was read from.

    `job` is a row of the ledger, `found` has `ordinal` of its file and `metadata`; `key` is the
    document's, 16 bytes. A member that was rewritten as UTF-8 gives those bytes. Raises
    `PermanentError` if the original is gone or does not hold the document.
    """
    if found["ordinal"] is None:
        blob = found["metadata"].get("blob") or {}
        _copy_file(
            FileBlobs(run.folders.blobs(job["user_id"])).path(str(blob.get("sha256", ""))), out
        )
        return
    with temp_dir(run.folders.work) as work:
        try:
            place = _find(run, job, found["ordinal"], key, work)
        except (FileNotFoundError, Rejected) as error:
            raise PermanentError(_UNREADABLE) from error
        with place.file.open("rb") as source:
            source.seek(place.offset)
            _copy(source, out, place.length)


def items_of(
    run: Runtime, job: Mapping[str, Any], wanted: Mapping[int, Set[bytes]]
) -> Iterator[tuple[Set[bytes], bytes]]:
    """Yield the wanted documents of each item that has some, by their keys, and the item's bytes.

    `wanted` has keys of documents by the ordinal of their member. The original is read once, in its
    own order; nothing is yielded for what can't be read any more.
    """
    left = {ordinal: set(keys) for ordinal, keys in wanted.items()}
    with temp_dir(run.folders.work) as work, suppress(FileNotFoundError, Rejected):
        for readable in _members(run, job, left, work):
            yield from _wanted_items(readable, job, left[readable.member.ordinal])
            if not any(left.values()):
                return


def _wanted_items(
    readable: members.Readable, job: Mapping[str, Any], left: set[bytes]
) -> Iterator[tuple[Set[bytes], bytes]]:
    """Yield the items of a member that have wanted documents, and take those out of `left`."""
    for (offset, length), same in groupby(_keyed(readable, job), key=itemgetter(0, 1)):
        if keys := {key for _, _, key in same} & left:
            left -= keys
            with readable.member.file.open("rb") as source:
                source.seek(offset)
                yield keys, source.read(length)


def _find(run: Runtime, job: Mapping[str, Any], ordinal: int, key: bytes, work: Path) -> _Place:
    for readable in _members(run, job, {ordinal}, work):
        for offset, length, found in _keyed(readable, job):
            if found == key:
                return _Place(readable.member.file, offset, length)
    raise PermanentError(
        "The original does not hold it as its format reads it now; see: datapunk reparse"
    )


def _members(
    run: Runtime, job: Mapping[str, Any], ordinals: Container[int], work: Path
) -> Iterator[members.Readable]:
    """Yield some members of an original that a format reads, each until the next is asked for."""
    for entry in stored_originals.entries(run, job, work):
        if entry.ordinal in ordinals and not isinstance(entry, Listed):
            readable = members.prepare(entry, work / "text")
            if not isinstance(readable, Listed):
                yield readable


def _keyed(readable: members.Readable, job: Mapping[str, Any]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the place and the key of each document of a member."""
    form, member = readable.form, readable.member
    home = time_zones.of_account(job["zone"])
    reading = ReadContext(form=form, member=member, context=readable.context, home=home)
    repeats = Repeats()
    with member.file.open("rb") as cut, member.file.open("rb") as source:
        for part in slices_of(form, member, cut, readable.context, form.limits):
            for offset, length, outcome in read_records(reading, source, part):
                if isinstance(outcome, Record):
                    for key in _keys(form, outcome, repeats):
                        yield offset, length, key


def _keys(form: Format, record: Record, repeats: Repeats) -> set[bytes]:
    """Return the keys under which a record may be stored."""
    base = key_of(record)
    if form.repeats:
        return {occurrence_key(base, repeats.number(0, base))}
    return {base, own_key_of(record)}


def _copy_file(path: Path, out: BinaryIO) -> None:
    try:
        with path.open("rb") as source:
            shutil.copyfileobj(source, out, _BLOCK)
    except OSError as error:
        raise PermanentError(_UNREADABLE) from error


def _copy(source: BinaryIO, out: BinaryIO, length: int) -> None:
    while length > 0 and (data := source.read(min(length, _BLOCK))):
        out.write(data)
        length -= len(data)
