"""Archives in which every service has a file that another's parser might take: each goes to its
owner and gives records; what is disputed or gives none is shown.

Source: `docs/reference/exports/traps.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline import registry as formats
from pipeline.contract import Format
from sql.store import Lake
from tasks.operations import verify
from tasks.runtime.context import Runtime
from tests.pipeline.recognition.test_recognition import CASES, as_bytes
from tests.support.lake import zipped
from workers.cli import app, connect, receipts
from workers.cli.verbs import jobs
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]


@pytest.fixture
def receipt(place: Settings) -> Callable[[dict[str, Any]], receipts.Receipt]:
    def made(job: dict[str, Any]) -> receipts.Receipt:
        with connect.services(place) as lake:
            return receipts.gather(lake, connect.find_job(lake.ledger, str(job["id"])))

    return made


def test_every_contested_file_in_one_archive(
    imported: Imported, receipt: Callable[..., receipts.Receipt], run: Runtime, reader: Lake
) -> None:
    """Each in a folder of its own beside all others; none of those with an owner is empty."""
    files = {f"{n}/{case.path}": as_bytes(case.data) for n, case in enumerate(CASES)}
    job = imported(ANA, "4sq-export.zip", zipped(files))
    made = receipt(job)
    assert made.adds_up
    by_path = {file.path: file for file in made.files}
    for n, case in enumerate(CASES):
        file = by_path[f"{n}/{case.path}"]
        if case.owner is not None:
            assert file.format == case.owner
            assert file.counts.seen > 0, file.path
        elif file.format is None:
            assert file.reason is not None
    assert [f for f in verify.verify(run, reader, job) if not f.ok] == []


def test_a_claimed_file_without_a_record_is_a_warning(
    imported: Imported, receipt: Callable[..., receipts.Receipt], place: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its own format is sure of it, and finds nothing: the shape inside has changed."""
    old = formats.format_named("google.chrome_history")
    blind = msgspec.structs.replace(old, record=lambda item, member: ())
    every = tuple(blind if form is old else form for form in formats.all_formats())
    monkeypatch.setattr(formats, "all_formats", lambda: every)
    page = b'{"Browser History": [{"url": "https://x", "title": "x", "time_usec": 1}]}'
    name = "Takeout/Chrome/History.json"
    job = imported(ANA, "1.zip", zipped({name: page, "a.txt": b"A lamp."}))
    assert receipt(job).empty == [name]
    monkeypatch.setattr(jobs, "load", lambda: place)
    said = CliRunner().invoke(app, ["receipt", str(job["id"])]).stdout
    assert f"warning   no record in {name}, which looked like a known one" in said


def test_a_conflict_names_both(
    imported: Imported, receipt: Callable[..., receipts.Receipt], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = formats.format_named("google.chrome_history")
    twin: Format = msgspec.structs.replace(old, name="another.history")
    every = (*formats.all_formats(), twin)
    monkeypatch.setattr(formats, "all_formats", lambda: every)
    page = b'{"Browser History": [{"url": "https://x", "title": "x", "time_usec": 1}]}'
    job = imported(ANA, "1.zip", zipped({"Takeout/Chrome/History.json": page}))
    (file,) = receipt(job).files
    assert (file.disposition, file.reason) == ("unknown", "claimed_by_several_formats")
    assert file.detail == "another.history, google.chrome_history"
