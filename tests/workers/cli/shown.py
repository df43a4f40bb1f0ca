"""Fixed data for what the command prints: long and Chinese names, many jobs, failing services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from schemas.progress import Disposition, SetState
from schemas.reasons import Category
from schemas.tally import Tally
from tasks.ingest.set_inventory import Inventory
from workers.cli import receipts, set_lines
from workers.cli.progress import Progress
from workers.cli.verbs import status
from workers.watching import Item, WatcherReport

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
USERS = ("ana@example.org", "a.person.with.a.long.name@mail.department.example.org", "李小龍")
NAMES = (
    "takeout-20240102T030405Z-001.zip",
    "Everything that was on the old computer in the attic, second copy (final) (1).tar.gz",
    "写真のバックアップと古い手紙の写し二〇二四年五月六日.zip",
    "notes.txt",
    "cafe\u0301-re\u0301sume\u0301-" + "e\u0301" * 40 + ".csv",
)
PATH = (
    "Takeout/Google Photos/Photos from the summer of 2019 at the sea/IMG_20190704_1203(1).jpg.json"
)


def job_id(n: int) -> UUID:
    return UUID(int=0x1A2B3C4D_0000_4000_8000_000000000000 + n * (1 << 96))


def progress(**changes: Any) -> Progress:
    facts: dict[str, Any] = {
        "bytes_cut": 4_000_000, "bytes_read": 1_040_000, "bytes_ended": 1_000_000,
        "all_cut": True, "waits": False, "bytes_per_s": 20_000.0, "records_per_s": 1_234.5,
        "running_s": 62.0,
    }  # fmt: skip
    return Progress(**{**facts, **changes})


_QUEUED = progress(
    bytes_cut=0, bytes_read=0, bytes_ended=0, all_cut=False, bytes_per_s=None, records_per_s=None,
    running_s=None,
)  # fmt: skip


def row(n: int, state: str = "done", **changes: Any) -> dict[str, Any]:
    """A row of `imports.jobs` with its counts."""
    created = NOW - timedelta(minutes=7 * n + 3)
    ended = state not in ("queued", "extracting", "loading")
    return {
        "id": job_id(n), "user_name": USERS[n % 3], "source_name": NAMES[n % 5], "status": state,
        "zone": None, "chunks": 12, "chunks_done": 12 if ended else 3, "records_seen": 165_432,
        "records_loaded": 165_419, "records_duplicate": 10, "records_quarantined": 3,
        "created_at": created, "started_at": created,
        "completed_at": created + timedelta(seconds=64) if ended else None,
        "duplicate_of": None, "error_code": None, "error_detail": None, **changes,
    }  # fmt: skip


def jobs() -> list[dict[str, Any]]:
    """Facts of many jobs: open, ended well and badly."""
    failed = {
        "error_code": "os_28",
        "error_detail": "A chunk failed at load and was given up; the rest was loaded.",
    }
    made = [
        (row(0, "extracting"), "normalise", progress(all_cut=False), {"os_28": 2}),
        (row(1, "loading"), "load", progress(), {}),
        (row(2, "queued", started_at=None), "normalise", _QUEUED, {}),
        (row(3, "failed", **failed), None, None, {}),
        (row(4, "cancelled"), None, None, {}),
        *((row(n), None, None, {}) for n in range(5, 20)),
    ]  # fmt: skip
    alert = "1200 of 165432 records are in quarantine (0.7%)"
    return [
        {**status.job_facts(job, stage, alert if job["status"] == "failed" else None, now),
         "waits": waits}
        for job, stage, now, waits in made
    ]  # fmt: skip


def sets() -> list[set_lines.SetLine]:
    parts = [
        set_lines.PartLine(part=part, job=job_id(n), file=NAMES[n], state="done", here=n != 1,
                           bare=False)
        for n, part in enumerate(("001", "002", "004"))
    ]  # fmt: skip
    first = set_lines.SetLine(
        name="takeout-20240102T030405Z", user=USERS[0], state=SetState.OPEN, waits_until=NOW,
        parts=parts, gaps=["003", "5-2", "5-3", "5-7"], waiting={"google.photos_sidecar": 12},
        listed=3_120, missing=14,
    )  # fmt: skip
    second = set_lines.SetLine(
        name="備份-二〇二四年五月六日", user=USERS[1], state=SetState.COMPLETE, waits_until=NOW,
        parts=parts[:1], gaps=[], waiting={}, listed=None, missing=None,
    )  # fmt: skip
    return [first, second]


def set_receipt() -> set_lines.SetReceipt:
    index = Inventory(
        pages=["Takeout/archive_browser.html"], unread=[], listed=3_120, not_exported=2,
        missing=[PATH, "Takeout/Drive/報告書.docx"], maybe_bare=1,
    )  # fmt: skip
    counts = Tally(seen=165_432, loaded=165_419, duplicate=10, quarantined=3)
    return set_lines.SetReceipt(set=sets()[0], records=counts, index=index)


def snapshot() -> status.Snapshot:
    item = Item(
        name="staging/ana@example.org/Everything from the attic.zip", code="not_readable",
        reason="The lake's user may not read it; give it to that user (chown, or chmod).",
        tries=4, since=NOW,
    )  # fmt: skip
    failing = {
        "step": "compared", "of": f"user {USERS[1]}", "error": "UndefinedColumn",
        "place": "sql/likeness.py:112", "failures": 3, "since": NOW, "again_at": NOW,
    }  # fmt: skip
    names = ("postgres", "valkey", "reconciler", "watcher", "worker", "worker-embed", "flower")
    services = {
        "processes": [
            {"name": name, "state": "FATAL" if name in ("valkey", "worker-embed") else "RUNNING"}
            for name in names
        ],
        "data_dir": "/srv/lakes/of-a-person-with-a-long-name/data",
        "settings_changed": [],
        "without_supervisor": 3,
        "open_jobs": 3,
        "scanner": "clamd does not answer",
        "disk_free_mb": 51_200,
        "watchers": [WatcherReport(host="h", pid=1, at=NOW, passed_over=[item], others=2)],
    }
    vectors = [
        {"user": USERS[0], "model": "full", "have": 1_200, "waiting": 164_000, "given_up": 3}
    ]
    return status.Snapshot(jobs(), [sets()[0]], vectors, [failing], services)


def quarantined() -> list[dict[str, Any]]:
    """A row for each code, and for each record: with the fields of both lists."""
    made = [
        ("ragged_row", Category.PERMANENT, "4 cells under 3 columns", PATH),
        ("place_out_of_range", Category.PERMANENT, "latitude or longitude is off the globe",
         "Takeout/位置情報の履歴と場所/レコード.json"),
        ("poison", Category.PERMANENT, "the record ended its worker each time that it was read",
         "mail.mbox"),
    ]  # fmt: skip
    return [
        {
            "user": USERS[n % 3], "code": code, "category": category, "records": 10**n,
            "first_file": path, "first_locator": f"bytes {n}035-{n}177", "first_detail": detail,
            "first_id": 40 + n, "id": 40 + n, "path": path, "locator": f"bytes {n}035-{n}177",
            "stage": "normalise", "detail": detail, "status": "open", "raw_bytes": 142,
        }
        for n, (code, category, detail, path) in enumerate(made)
    ]  # fmt: skip


def receipt(state: str = "done", **changes: Any) -> receipts.Receipt:
    counts = Tally(seen=165_432, loaded=165_419, duplicate=10, quarantined=3)
    base = receipts.FileLine(
        path=PATH, disposition=Disposition.HANDLED, reason=None, category=None, detail=None,
        format="google.photos_sidecar", size_bytes=812, counts=counts,
    )  # fmt: skip

    def file(path: str, kind: Disposition, reason: str | None, detail: str | None) -> Any:
        return receipts.msgspec.structs.replace(
            base, path=path, disposition=kind, reason=reason, detail=detail,
            format="csv.table" if kind is Disposition.HANDLED else None,
            category=Category.PERMANENT if kind is Disposition.REJECTED else None,
        )  # fmt: skip

    files = [
        base,
        file("統計/歩数.csv", Disposition.HANDLED, None, "read as shift_jis, by its letters alone"),
        file("old/" + PATH, Disposition.REJECTED, "archive_broken", "its directory is cut off"),
        file("model.bin", Disposition.UNKNOWN, "no_format_recognises_it", "kept in the original"),
        *(file(f"{n:02}.html", Disposition.IGNORED, "twin_of_another_file", None)
          for n in range(23)),
    ]  # fmt: skip
    facts: dict[str, Any] = {
        "job": job_id(1), "user": USERS[1], "file": NAMES[1], "state": state,
        "size_bytes": 52_428_800, "sha256": "0" * 64, "media_type": "application/zip",
        "scan": "81 clean; 2 not_scanned: larger than the scanner takes", "zone": "Europe/Rome",
        "created_at": NOW, "completed_at": NOW, "duration_s": 3_725.0, "duplicate_of": None,
        "error_code": None, "error_category": None, "error_detail": None,
        "archived_path": f"processed/{USERS[1]}/2024-05-06/{NAMES[1]}", "part_of": sets()[0],
        "index": set_receipt().index, "records": counts, "adds_up": True, "alert": None,
        "quality": {"completeness": 1.0, "accuracy": 0.987, "consistency": 0.9}, "dispositions": {},
        "formats": {"google.photos_sidecar": counts, "csv.table": Tally(seen=1, loaded=1)},
        "files": files, "newer_versions": 4, "older_versions": 1, "privacy": {},
        "empty": [PATH], "quarantine": quarantined(), "dead_chunks": [],
        "drift": [receipts.Drift(format="csv.table", field="colour", records=7, first_file=PATH)],
    }  # fmt: skip
    return receipts.Receipt(**{**facts, **changes})


def cancelled() -> receipts.Receipt:
    """Of a job that was stopped with 400 chunks to go; two more had been given up."""
    dead = [
        {"id": n, "stage": "normalise", "last_error_code": "cancelled", "attempt": 0}
        for n in range(400)
    ]
    worn = [
        {"id": n, "stage": "load", "last_error_code": "AssertionError", "attempt": 5}
        for n in range(900, 905)
    ]
    return receipt(
        "cancelled", error_code="cancelled", error_category=Category.PERMANENT,
        error_detail="Stopped on request; what had loaded stays.", dead_chunks=[*dead, *worn],
        archived_path=f"failed/{USERS[1]}/{NAMES[1]}", part_of=None, index=None, files=[],
        empty=[], drift=[], quarantine=[], quality=None,
    )  # fmt: skip
