"""The mails of `export --format mbox`: their bytes in the originals, and which have none there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sql import answers
from sql.answers import Chosen
from workers.cli import connect, console
from workers.cli.writers.mbox import MAILS
from workers.cli.writers.mbox import entry as mbox_entry
from workers.settings import Settings

_LAST = datetime.max.replace(tzinfo=UTC)
_MISSING = "whose original can't be read any more"


def entries(lake: connect.Services, owner: UUID, chosen: Chosen) -> Iterator[bytes]:
    """Yield the chosen mails as entries of an mbox, then print what was left out.

    Mails within a mail, and attachments, are in the entry of that mail.
    """
    left_out: Counter[str] = Counter()
    for row in answers.no_mails(lake.reader, owner, chosen):
        left_out[f"of type {row['type']}, which is no mail"] += row["documents"]
    mails = []
    for row in answers.mails(lake.reader, owner, chosen):
        if row["source"] in MAILS:
            mails.append(row)
        else:
            left_out[f"of {row['source']}, which holds no mail as it was sent"] += 1
    left_out[_MISSING] += len(mails)
    if mails:
        for keys, entry in _of_originals(lake.settings, mails):
            left_out[_MISSING] -= len(keys)
            yield entry
    for why, number in left_out.items():
        if number:
            console.say(f"left out: {number} {why}")


def _of_originals(
    settings: Settings, mails: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Set[bytes], bytes]]:
    """Yield each entry with the keys of the documents in it."""
    from tasks.operations.original_bytes import items_of  # noqa: PLC0415 - reads every format

    with connect.runtime(settings) as run:
        for job, rows in groupby(mails, key=itemgetter("job")):
            by_key = {row["record_key"].bytes: row for row in rows}
            wanted: dict[int, set[bytes]] = {}
            for key, row in by_key.items():
                wanted.setdefault(row["ordinal"], set()).add(key)
            for keys, raw in items_of(run, connect.find_job(run.ledger, str(job)), wanted):
                first = min((by_key[key] for key in keys), key=lambda row: row["at"] or _LAST)
                yield keys, mbox_entry(first["source"], raw, first["at"])
