"""Prove a receipt: read the sources again, and ask the lake for every record.

It shares the formats with the import, and nothing else: members are walked again, `Reader.count`,
which shares no cutting code with the import, counts the items, and the lake must have every key
that the source gives. No content is stored or shown: findings hold numbers and codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.archives.measure import measure
from pipeline.storage import spool_file
from schemas.errors import Rejected
from schemas.progress import ENDED, JobStatus
from schemas.tally import Tally
from sql.store import Lake
from tasks.operations.findings import Finding, is_sampled
from tasks.operations.removed_content import check_removed
from tasks.operations.verify_sources import Sources
from tasks.runtime.context import Runtime

#: The reconciler takes over an expired lease within a few turns.
_GRACE_S = 60.0


def verify(
    run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool = False
) -> list[Finding]:
    """Return every finding that can be proven of one job; `job` is its row of `imports.jobs`.

    For a job that ended as done the original is read again, in bounded memory, and unpacked into a
    temporary folder next to the work folders. Of documents and attachments, and of spools at rest,
    a sample is read to its last byte, or all with `deep`. Raises `TransientError` if the database
    goes away.
    """
    if job["status"] not in ENDED:
        return [Finding("at rest", False, f"the job is {job['status']}; wait for its end")]
    found = [
        *_ledger(reader, job),
        _policy(run, reader, job, deep=deep),
        _folders_gone(run, job),
        *_spools(run, reader, job, deep),
    ]
    if job["status"] == JobStatus.DONE or (job["sha256"] and job["archived_path"]):
        found.append(_original(run, job))
        if job["status"] == JobStatus.DONE and found[-1].ok:
            found += Sources(run, reader, job, deep=deep).findings()
    return found


# --- the ledger and the lake -----------------------------------------------------------------


def _ledger(reader: Lake, job: Mapping[str, Any]) -> Iterator[Finding]:
    def ask(name: str, **more: Any) -> list[dict[str, Any]]:
        user_id = job["user_id"]
        return reader.rows(user_id, "verify", name, job_id=job["id"], user_id=user_id, **more)

    yield _at_rest(job, ask("at_rest")[0])
    yield _counts(job, ask("sums"), ask("uneven_files")[0]["count"])
    yield _rows(job, ask("rows_of_job")[0], ask("rows_by_file")[0]["count"])
    stored, uneven = ask("quarantined")[0].values()
    counted = job["records_quarantined"]
    yield Finding(
        "quarantine",
        stored == counted and not uneven,
        f"{stored} records held, {counted} counted, {uneven} files differ",
    )
    yield _none("no record twice", ask("twice")[0]["count"], "keys occur twice")
    yield _none("vectors", ask("lone_vectors")[0]["count"], "vectors have no document")
    outlived = ask("outlived", grace_s=_GRACE_S)[0]["count"]
    yield _none("leases", outlived, "chunks are leased past their lease")


def _none(check: str, count: int, what: str) -> Finding:
    return Finding(check, count == 0, f"{count} {what}" if count else "")


def _at_rest(job: Mapping[str, Any], chunks: Mapping[str, int]) -> Finding:
    """Check that the job is done exactly when nothing remains, and ended once."""
    dead_chunks = chunks["dead"] if job["status"] == JobStatus.DONE else 0
    ok = job["remaining"] == chunks["open"] == chunks["ending"] == dead_chunks == 0
    return Finding(
        "at rest",
        ok and chunks["ended"] >= 1,
        f"{job['remaining']} remaining, {chunks['open']} chunks open, {dead_chunks} dead",
    )


def _counts(job: Mapping[str, Any], sums: list[dict[str, Any]], uneven: int) -> Finding:
    """Check seen = loaded + duplicate + quarantined, for each file and all sums of files."""
    counted = Tally.of_job(job)
    records = counted.records()
    same = all(row[name] == n for row in sums for name, n in records.items())
    numbers = ", ".join(f"{n} {name}" for name, n in records.items())
    wrong = "" if same else "; the sums over files or chunks differ"
    wrong += f"; {uneven} files don't add up" if uneven else ""
    return Finding("counts add up", same and counted.adds_up and not uneven, numbers + wrong)


def _rows(job: Mapping[str, Any], rows: Mapping[str, int], uneven: int) -> Finding:
    """Check that every row of the job names a committed chunk, and how many rows there are."""
    stored, committed, counted = rows["held"], rows["committed"], job["records_loaded"]
    return Finding(
        "rows",
        stored == committed == counted and not uneven,
        f"{stored} rows, {counted} counted, {stored - committed} without a done chunk, "
        f"{uneven} files differ",
    )


def _policy(run: Runtime, reader: Lake, job: Mapping[str, Any], *, deep: bool) -> Finding:
    """Check that nothing which the present privacy policy removes is left."""
    found, looked = check_removed(run, reader, job, deep=deep)
    if not found:
        return Finding("policy", True, looked)
    where = ", ".join(f"{n} {what}" for what, n in sorted(found.items()))
    return Finding(
        "policy", False, f"{where} hold what it takes away ({looked}); run: datapunk privacy apply"
    )


# --- the disk --------------------------------------------------------------------------------


def _folders_gone(run: Runtime, job: Mapping[str, Any]) -> Finding:
    """Check for leftovers: a work folder that `retry` does not need, a temporary file.

    Temporary files are looked for next to the original.
    """
    resumable = job["status"] in (JobStatus.FAILED, JobStatus.CANCELLED)
    left = [str(job["id"])] if run.folders.job(job["id"]).exists() and not resumable else []
    if job["archived_path"]:
        original = run.folders.data / job["archived_path"]
        left += [p.name for p in original.parent.glob(".*.part")]
    return _none("nothing left over", len(left), "work folders or temporary files are left")


def _spools(run: Runtime, reader: Lake, job: Mapping[str, Any], deep: bool) -> Iterator[Finding]:
    """Check that the spools that `retry` would use are as they were written."""
    folder = run.folders.chunks(job["id"])
    if not folder.is_dir():
        return
    read = altered = 0
    for row in reader.rows(job["user_id"], "verify", "artefacts", job_id=job["id"]):
        if not (folder / row["name"]).exists() or not is_sampled(deep, read):
            continue  # a missing one is made again
        read += 1
        try:
            spool_file.check(folder / row["name"])
        except spool_file.BrokenSpool:
            altered += 1
    detail = f"{altered} of {read} spools were altered; retry makes them anew" if altered else ""
    yield Finding("spools", not altered, detail or f"{read} read")


def _original(run: Runtime, job: Mapping[str, Any]) -> Finding:
    """Check that the dropped file is stored, and is still the same."""
    try:
        size, sha256 = measure(run.folders.data / (job["archived_path"] or ""))
    except (OSError, Rejected):
        return Finding("original", False, "the file is not where the receipt says")
    same = (size, sha256) == (job["size_bytes"], job["sha256"])
    return Finding("original", same, "" if same else "the file was altered since")
