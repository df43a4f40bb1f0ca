"""The sweep removes what a crash left, and nothing that another process uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from pipeline.storage.atomic_files import locked
from tasks.maintenance import sweep
from tasks.runtime.context import Runtime
from tests.support.lake import Database
from tests.tasks.maintenance.test_reconciler import ANA, SECRET, errors

pytestmark = pytest.mark.services

Imported = Callable[[str, str, bytes], dict[str, Any]]


def test_an_error_in_a_sweep_leaves_the_other_folders_to_it(
    run: Runtime, imported: Imported, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [imported(ANA, f"{n}.csv", f"a,b\n{n},{n}\n".encode()) for n in range(3)]
    folders = [run.folders.job(job["id"]) for job in jobs]
    for folder in folders:
        (folder / "original").mkdir(parents=True)
    real = sweep._take_back

    def fails(run_folders: Any, *more: Any) -> bool:
        if more[-1]["id"] == jobs[1]["id"]:
            raise PermissionError(13, SECRET)
        return real(run_folders, *more)

    monkeypatch.setattr(sweep, "_take_back", fails)
    assert sweep.sweep(run) == 2
    assert [folder.exists() for folder in folders] == [False, True, False]
    assert errors(database) == {("cleared", str(jobs[1]["id"])): ("PermissionError", 1)}


def test_a_folder_that_a_claim_holds_is_not_swept_however_old_it_looks(run: Runtime) -> None:
    folder = run.folders.job(uuid4())
    (folder / "original").mkdir(parents=True)
    os.utime(folder, (0, 0))  # as a clock that is hours ahead sees it
    with locked(folder):
        assert sweep.sweep(run) == 0
    (folder / "original" / "a.txt").write_bytes(b"The one copy.")
    os.utime(folder, (0, 0))
    assert sweep.sweep(run) == 0
    (folder / "original" / "a.txt").unlink()
    os.utime(folder, (0, 0))
    assert sweep.sweep(run) == 1


def test_a_folder_that_another_sweep_was_quicker_with_is_no_error(run: Runtime) -> None:
    assert sweep.remove_work_folder(run, run.folders.job(uuid4())) is False
