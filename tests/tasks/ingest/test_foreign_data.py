"""Files that nobody here wrote, all in one archive: no crash, the receipt adds up, and whatever is
ill-formed is explained.

    FOREIGN_DATA=FOLDER pytest -s tests/tasks/ingest/test_foreign_data.py

takes another folder than the samples in `tests/data`.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.progress import Disposition
from schemas.reasons import Reason
from sql.store import Lake
from tasks.operations import quarantine, verify
from tasks.runtime.context import Runtime
from tests.support.lake import Database, counts, zipped
from workers.cli import connect, receipts
from workers.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.slow]

FOLDER = Path(os.environ.get("FOREIGN_DATA", str(Path(__file__).parents[2] / "data")))


def archive(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            made.writestr(zipfile.ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes())
    return out.getvalue()


def test_everything_at_once(
    imported: Callable[[str, str, bytes], dict[str, Any]], place: Settings, run: Runtime,
    reader: Lake, database: Database,
) -> None:  # fmt: skip
    job = imported("ana@example.org", "foreign.zip", archive(FOLDER))
    assert job["status"] == "done"
    with connect.services(place) as lake:
        receipt = receipts.gather(lake, connect.find_job(lake.ledger, str(job["id"])))
    assert receipt.adds_up
    assert receipt.dead_chunks == []
    explained(receipt)
    assert [f for f in verify.verify(run, reader, job) if not f.ok] == []
    tried = quarantine.retry(run, job["user_id"], quarantine.Choice(job_id=job["id"]))
    assert tried.loaded == tried.duplicate == 0, "what is bad stays bad when it is read again"
    assert counts(database.job(job["id"])) == counts(job)
    tell(receipt)


def test_two_mails_of_one_id_and_two_dates_are_two(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, reader: Lake
) -> None:
    mail = "Message-ID: <1@example.org>\nDate: {}\nSubject: a\nFrom: a@example.org\n\nText.\n"
    dates = ("Fri, 21 Nov 1997 09:55:06 -0600", "21 Nov 97 09:55:06 GMT")
    files = {f"{n}.eml": mail.format(date).encode() for n, date in enumerate(dates)}
    job = imported("ana@example.org", "1.zip", zipped(files))
    assert counts(job) == (2, 2, 0, 0)
    assert [f for f in verify.verify(run, reader, job) if not f.ok] == []


def explained(receipt: receipts.Receipt) -> None:
    """Each file and record that did not load has one of our codes and a sentence."""
    codes = set(Reason)
    for file in receipt.files:
        if file.disposition is not Disposition.HANDLED:
            assert file.reason in codes, file.path
        if file.disposition is Disposition.REJECTED:
            assert file.category is not None
    assert all(row["code"] in codes and row["first_detail"] for row in receipt.quarantine)
    malformed = [f for f in receipt.files if f.path.startswith("zip-malformed/")]
    archives = {f.path.split("!/")[0] for f in malformed if f.path.split("!/")[0].endswith(".zip")}
    assert archives, "none of the broken archives is passed over in silence"


def tell(receipt: receipts.Receipt) -> None:
    print(f"\n{len(receipt.files)} files: {receipt.dispositions}; records: {receipt.records}")
    for name, numbers in sorted(receipt.formats.items()):
        print(f"  {name}: {numbers}")
    reasons = Counter(f"{f.disposition}: {f.reason}" for f in receipt.files if f.reason)
    for why, n in sorted(reasons.items()):
        print(f"  {n} {why}")
    for row in receipt.quarantine:
        print(f"  {row['records']} {row['code']}, first: {row['first_detail']}")
