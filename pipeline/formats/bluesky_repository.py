"""Bluesky: the repository of an account as a CAR file, which the app exports as `repo.car`.

It holds all records of the account under their keys, `<collection>/<key>`, but no pictures. See
`pipeline.syntax.car_files` for the file and `pipeline.services.bluesky` for the records.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.contract import Format
from pipeline.readers.whole import WholeFile
from pipeline.services import bluesky, messaging
from pipeline.syntax import car_files
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Outcome, RawRecord, Rejection

_NAME = "bluesky.repository"
_MOST = 64 * 1024 * 1024


def to_outcomes(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield each record of the repository, identified by its address."""
    if item.value is None:
        raise BadValue(Reason.ITEM_TOO_LARGE, "the repository is too large for memory")
    repository = car_files.Repository(item.value)
    try:
        account, tree = repository.account()
        for found in repository.records(tree):
            yield _outcome(account, found)
    except BadValue as bad:
        yield Rejection(reason=bad.reason, detail=bad.detail)
    if repository.broken is not None:
        yield Rejection(reason=repository.broken.reason, detail=repository.broken.detail)


def _outcome(account: str, found: car_files.Found) -> Outcome:
    if found.why is not None:
        return Rejection(reason=found.why.reason, detail=found.why.detail)
    fields, address = car_files.plain(found.value), f"at://{account}/{found.key}"
    if found.key.count("/") != 1:
        return Rejection(reason=Reason.BAD_SHAPE, detail="a key without a collection")
    return messaging.attempt(lambda: bluesky.record(_NAME, address, fields))


def _looks_like(head: Head) -> int:
    """Recognise a header of CAR, version 1, and a commit or another block of the protocol."""
    return 2 * (b"eroots" in head.data[:16] and b"gversion\x01" in head.data[:80])


FORMAT = Format(
    name=_NAME,
    title="A repository of Bluesky (CAR file)",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.car",),
    looks_like=_looks_like,
    reader=WholeFile(value_bytes=_MOST),
    record=to_outcomes,
    products=("Bluesky",),
    record_types=bluesky.RECORD_TYPES,
)
