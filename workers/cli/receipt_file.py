"""The text of a receipt for a file: what `datapunk receipt` prints, in 80 columns.

Names of files stay whole, however long they are.
"""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

from psycopg.rows import DictRow

from schemas.tally import Tally
from sql.store import Ledger
from workers import stores
from workers.cli import connect, console, receipts
from workers.cli.columns import Whole
from workers.settings import Settings

WIDTH = 80

#: A receipt with more files than this is not made behind an import: their list takes memory.
_MOST_FILES = 200_000


def text(settings: Settings, ledger: Ledger, job_id: UUID) -> str:
    """Return the receipt of an ended job.

    Raises `TransientError` if the database does not answer.
    """
    with closing((reader := stores.reader(settings)).pool):
        lake = connect.Services(settings, ledger, reader)
        row = connect.find_job(ledger, str(job_id))
        (files,) = ledger.rows("receipts", "files", job_id=job_id)
        with console.on_paper(WIDTH) as paper:
            if files["count"] > _MOST_FILES:
                _in_short(row, files["count"])
            else:
                receipts.show(receipts.gather(lake, row))
            _foot(str(job_id)[:8])
    return paper.getvalue()


def _in_short(row: DictRow, files: int) -> None:
    counts = Tally.of_job(row)
    console.field("job", Whole(str(row["id"])))
    console.field("state", row["status"])
    console.field("files", f"{files}, too many to list here")
    console.field("records", console.records(counts))


def _foot(short: str) -> None:
    console.data("")
    console.note("Written when the import ended, and again when its numbers change.")
    console.note(f"To see it as it is now: datapunk receipt {short}")
