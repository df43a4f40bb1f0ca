"""The text of a receipt for a file: what `datapunk receipt` prints, in at most 80 columns."""

from __future__ import annotations

from uuid import UUID

from workers.cli import connect, console, receipts
from workers.settings import Settings

WIDTH = 80

#: A receipt with more files than this is not made behind an import: their list takes memory.
_MOST_FILES = 200_000


def text(settings: Settings, job_id: UUID) -> str:
    """Return the receipt of an ended job. Raises `ServiceDown` if the database does not answer."""
    with connect.services(settings) as lake:
        row = connect.find_job(lake.ledger, str(job_id))
        (files,) = lake.ledger.rows("receipts", "files", job_id=job_id)
        with console.on_paper(WIDTH) as paper:
            if files["count"] > _MOST_FILES:
                console.data(f"job       {job_id}")
                console.data(f"files     {files['count']}, too many for this file")
            else:
                receipts.show(receipts.gather(lake, row))
            _foot(str(job_id)[:8])
    return paper.getvalue()


def _foot(short: str) -> None:
    console.data("")
    console.data("Written when the import ended, and again when its numbers change.")
    console.data(f"To see it as it is now: datapunk receipt {short}")
