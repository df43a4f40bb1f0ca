"""Whatever a file system answers to whatever is asked: no item ends a scan or is lost, and when it
is over each is taken in or put aside."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage import atomic_files
from schemas.errors import DatapunkError, TransientError
from tests.support.place import ROOT, small_settings
from tests.workers.intake.place import ERRORS, Place, Refusing
from workers import intake, passed_over, put_aside, staging, watcher, watching
from workers.cli import doctor
from workers.cli.verbs import status
from workers.passed_over import PassedOver

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="mounts")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


@contextlib.contextmanager
def _another_disk(link: Path) -> Iterator[None]:
    """A folder on another file system, by a link; skips the test where there is none."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == link.parent.stat().st_dev:
        pytest.skip("no second file system")
    with tempfile.TemporaryDirectory(dir=shm) as top:
        link.symlink_to(top)
        yield


# --- another file system ---------------------------------------------------------------------


def test_failed_on_another_file_system(place: Place) -> None:
    with _another_disk(place.folders.failed):
        place.drop("empty.zip", b"")
        (place.folders.staging / "anna" / "link.zip").symlink_to("/etc/hostname")
        (place.folders.staging / "stray.zip").write_bytes(b"stray")
        place.drop("b.txt", user="ben")
        assert len(place.watcher.scan()) == 1
        kept = place.folders.failed / "anna"
        assert (kept / "empty.zip").read_bytes() == b""
        assert (kept / "link.zip").readlink() == Path("/etc/hostname")
        assert (place.folders.failed / "stray.zip").read_bytes() == b"stray"
        assert len([*place.folders.failed.rglob("*.error.txt")]) == 3
        assert not [*place.folders.failed.rglob("*.part")]
        assert [p.name for p in place.folders.staging.rglob("*")] in (
            ["anna", "ben"],
            ["ben", "anna"],
        )


def test_a_copy_that_was_cut_off_before_its_source_went_is_not_made_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(point: str) -> None:
        if point == "move.copied":
            raise KeyboardInterrupt

    with _another_disk(place.folders.failed):
        place.drop("empty.zip", b"")
        with monkeypatch.context() as patch:
            patch.setattr(atomic_files, "crash_here", died)
            with pytest.raises(KeyboardInterrupt):
                place.watcher.scan()
        place.new_watcher().scan()
        kept = sorted(p.name for p in (place.folders.failed / "anna").iterdir())
        assert kept == ["empty.zip", "empty.zip.error.txt"]


def test_what_no_other_file_system_takes_stays_with_its_reason(place: Place) -> None:
    with _another_disk(place.folders.failed):
        (place.folders.staging / "anna" / "Takeout").mkdir(parents=True)
        os.mkfifo(place.folders.staging / "anna" / "pipe")
        place.drop("b.txt", user="ben")
        assert len(place.watcher.scan()) == 1
        said = {item.name: item for item in place.said().passed_over}
        assert set(said) == {"staging/anna/Takeout", "staging/anna/pipe"}
        assert "pack it" in said["staging/anna/Takeout"].reason
        assert "another file system" in said["staging/anna/pipe"].reason
        assert not [*place.folders.failed.rglob("*.txt")], "a reason beside nothing"
    place.folders.failed.unlink()
    place.let_time_pass()
    place.watcher.scan()
    assert (place.folders.failed / "anna" / "Takeout").is_dir()
    assert not place.said().passed_over


def test_a_move_between_file_systems_follows_no_link_and_waits_on_no_pipe(tmp_path: Path) -> None:
    secret, link, pipe = tmp_path / "secret", tmp_path / "link", tmp_path / "pipe"
    secret.write_bytes(b"secret")
    link.symlink_to(secret)
    os.mkfifo(pipe)
    with _another_disk(tmp_path / "there"):
        atomic_files.move(link, tmp_path / "there" / "link")
        assert (tmp_path / "there" / "link").is_symlink()
        with pytest.raises(OSError, match="link") as caught:
            atomic_files.move(pipe, tmp_path / "there" / "pipe")
        assert caught.value.errno == errno.EXDEV
        assert not (tmp_path / "there" / "pipe").exists()


def test_what_grows_while_it_is_moved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grows = tmp_path / "grows"
    grows.write_bytes(b"one")
    put = atomic_files.put

    def put_and_grow(*args: object) -> None:
        put(*args)  # type: ignore[arg-type]
        with grows.open("ab") as out:
            out.write(b"more")
        monkeypatch.undo()

    monkeypatch.setattr(atomic_files, "put", put_and_grow)
    with _another_disk(tmp_path / "there"):
        with pytest.raises(TransientError, match="changed"):
            atomic_files.move(grows, tmp_path / "there" / "grows")
        assert grows.read_bytes() == b"onemore"
        assert not [*(tmp_path / "there").iterdir()]


# --- errors of every call --------------------------------------------------------------------


def _survives(numbers: dict[int, int], data: bytes, *, over: bool, hers: bool) -> int:
    """Calls with these numbers fail: of those that concern one user's file, or of all; how many
    calls there were."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as top:
        place = Place(Path(top), patch)
        place.drop("hers.zip", data)
        place.drop("his.zip", b"his", user="ben")
        dropped = Counter([data, b"his"])
        with pytest.MonkeyPatch.context() as faults:
            refusing = Refusing(faults, lambda path: not hers or "hers" in path or "anna" in path)
            refusing.refuse(numbers)
            place.watcher.scan()
            calls = len(refusing.calls)
        assert not hers or "his.zip" in place.ledger.jobs.values()
        assert place.kept() == dropped
        if over:  # a new process knows nothing of what was
            place.watcher = place.new_watcher()
            place.watcher.recover()
        for _ in range(3):
            place.let_time_pass()
            place.watcher.scan()
        assert place.kept() == dropped
        assert not [p for p in place.folders.staging.rglob("*") if p.is_file()]
        aside = [*place.folders.failed.rglob("*.error.txt")]
        assert len(place.ledger.jobs) + len(aside) == 2
        # What can't be opened is refused, as what is empty.
        refused = {errno.EACCES, errno.EPERM} & {*numbers.values()} or not data
        assert not aside or refused
        assert not place.said().passed_over
        assert not [*place.folders.work.glob("*/claim.json")]
    return calls


@pytest.mark.parametrize("first", [0, 3, 6])
@pytest.mark.parametrize("data", [b"hers", b""], ids=["good", "refused"])
@pytest.mark.parametrize("hers", [True, False], ids=["of one", "of all"])
def test_an_error_at_each_call_loses_nothing_and_stops_nobody(
    first: int, data: bytes, hers: bool
) -> None:
    at, more = 0, True
    while more:
        number = ERRORS[(first + at) % len(ERRORS)]
        more = _survives({at: number}, data, over=at % 2 == 0, hers=hers) > at
        at += 1
    assert at >= 10, "that many calls concern one file at least"


@given(
    numbers=st.dictionaries(st.integers(0, 60), st.sampled_from(ERRORS), min_size=2, max_size=5),
    data=st.sampled_from([b"hers", b""]),
    over=st.booleans(),
    hers=st.booleans(),
)
def test_several_errors_lose_nothing_and_stop_nobody(
    numbers: dict[int, int], data: bytes, over: bool, hers: bool
) -> None:
    _survives(numbers, data, over=over, hers=hers)


def test_a_claim_is_finished_that_was_refused_after_the_move(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file lay, nothing can be looked at either: that is not taken for a closed file."""

    file, moved = place.drop("a.txt"), []

    def refuse(_: Path) -> None:
        moved.append(not file.exists())
        if moved[-1]:
            raise PermissionError(errno.EPERM, "no")

    with monkeypatch.context() as faults:
        faults.setattr(intake, "fsync_folder", refuse)
        faults.setattr(watcher, "open_regular", refuse)
        assert place.watcher.scan() == []
    assert any(moved)
    assert len(place.watcher.scan()) == 1
    assert not [*place.folders.failed.rglob("*.error.txt")]


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_a_folder_that_can_not_be_read_costs_its_user_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    place.drop("a.txt")
    place.drop("b.txt", user="ben")
    with monkeypatch.context() as faults:
        Refusing(faults, lambda path: path.endswith("/anna")).refuse({0: number})
        assert len(place.watcher.scan()) == 1
    (item,) = place.said().passed_over
    assert (item.name, item.code) == ("staging/anna", f"os_{number}")
    place.let_time_pass()
    assert len(place.watcher.scan()) == 1


def test_a_defect_of_ours_costs_one_item_and_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.drop("a.txt")
    place.drop("b.txt", user="ben")
    insert = intake.insert

    def broken(connection: object, job: object, claimed: intake.Claimed, **more: float) -> None:
        if claimed.user == "anna":
            raise ZeroDivisionError
        insert(connection, job, claimed, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "insert", broken)
    assert len(place.watcher.scan()) == 1
    place.watcher.scan()
    (item,) = place.said().passed_over
    assert item.code == "defect"
    assert "ZeroDivisionError" in item.reason
    monkeypatch.setattr(intake, "insert", insert)
    place.let_time_pass()
    assert len(place.watcher.recover()) == 1
    place.watcher.scan()
    assert not place.said().passed_over


def test_a_damaged_note_of_a_claim_stops_no_other(place: Place) -> None:
    place.drop("b.txt", user="ben")
    bad = place.folders.work / "0-0-0-0-0"
    (bad / "original").mkdir(parents=True)
    (bad / "claim.json").write_bytes(b"{")
    assert place.watcher.recover() == []
    assert len(place.watcher.scan()) == 1
    assert [item.name for item in place.said().passed_over] == [".work/0-0-0-0-0/claim.json"]


def test_while_the_database_is_down_nobody_is_blamed(place: Place) -> None:
    file = place.drop("a.txt")
    place.ledger.down = True
    with pytest.raises(TransientError):
        place.watcher.scan()
    said = place.said()
    assert said.stopped == "The database does not answer."
    assert not said.passed_over
    assert file.exists()
    place.ledger.down = False
    assert len(place.watcher.scan()) == 1
    assert place.said().stopped is None


def test_the_database_says_no_to_one_item(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that one user's job holds is no reason for the others to wait."""
    place.drop("a.txt")
    place.drop("b.txt", user="ben")
    rows = place.ledger.rows

    def locked(*what: str, **values: object) -> list[object]:
        if values == {"name": "anna"} and place.clock.now == 0.0 and len(place.ledger.jobs) == 0:
            place.clock.now = 0.5
            raise TransientError("the database said LockNotAvailable")
        return rows(*what, **values)

    monkeypatch.setattr(place.ledger, "rows", locked)
    assert len(place.watcher.scan()) == 1
    assert [item.code for item in place.said().passed_over] == ["database"]
    place.let_time_pass()
    assert len(place.watcher.scan()) == 1


# --- waits, and what is said -----------------------------------------------------------------


def test_waits_grow_and_end_when_the_item_changes(tmp_path: Path) -> None:
    now = [0.0]
    passed = PassedOver(tmp_path, lambda: now[0])
    item = tmp_path / "a"
    item.touch()
    waits = []
    for _ in range(10):
        passed.note(item, "anna", "os_5", "why")
        begun = now[0]
        while passed.waits(item):
            now[0] += 0.5
        waits.append(now[0] - begun)
    assert waits == sorted(waits)
    assert waits[0] < waits[4] < waits[-1] == waits[-2] == 60
    passed.note(item, "anna", "os_5", "why")
    item.chmod(0o600)
    item.write_bytes(b"changed")
    passed.sweep()
    assert not passed.waits(item)
    item.unlink()
    passed.sweep()
    assert passed.items() == []


def test_one_users_thousand_troubles_are_bounded_and_not_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "WINDOW", 5)
    monkeypatch.setattr(passed_over, "WINDOW", 5)
    for n in range(20):
        place.drop(f"{n}.txt")
        (place.folders.staging / f"stray {n}").write_bytes(b"s")
    move, take_in = put_aside.move, intake.take_in

    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.EROFS, "no")

    def refuse_hers(*args: object, **more: object) -> object:
        if args[3] == "anna":
            refuse()
        return take_in(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(put_aside, "move", refuse)
    monkeypatch.setattr(intake, "take_in", refuse_hers)
    for _ in range(3):
        place.watcher.scan()
    place.drop("b.txt", user="ben")
    assert len(place.watcher.scan()) == 1
    assert len(place.said().passed_over) == 10
    monkeypatch.setattr(put_aside, "move", move)
    monkeypatch.setattr(intake, "take_in", take_in)
    for _ in range(10):
        place.let_time_pass()
        place.watcher.scan()
    assert len(place.ledger.jobs) == 21
    assert not place.said().passed_over


def test_the_state_is_closed_to_others_and_bad_ones_are_passed_by(place: Place) -> None:
    place.watcher.scan()
    (file,) = place.folders.run.glob("watcher-*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (place.folders.run / "watcher-other.json").write_text("{")
    assert place.said().stopped is None


def test_a_state_that_can_not_be_written_stops_nothing(place: Place) -> None:
    place.folders.run.rmdir()
    place.folders.run.write_text("in the way")
    place.drop("a.txt")
    assert len(place.watcher.scan()) == 1


def test_status_and_doctor_tell_what_was_passed_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.drop("照\udcff.zip")

    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.ESTALE, "no")

    monkeypatch.setattr(intake, "take_in", refuse)
    place.watcher.scan()
    shot = status.Snapshot([], [], [], [], {"watchers": watching.read_reports(place.folders)})
    (line,) = status.status_lines(shot)
    assert line == (
        "staging/anna/照\\xff.zip: not taken in, tried 1 times: Stale file handle. (os_116)"
    )
    (check,) = doctor._intake(small_settings(place.folders.data))
    assert check.level == "warn"
    assert line in check.detail
    (file,) = place.folders.run.glob("watcher-*.json")
    old = file.read_bytes().replace(b'"at":"2', b'"at":"1')
    file.write_bytes(old)
    assert watching.read_reports(place.folders) == [], "one that says nothing runs no more"


# --- staging that is closed ------------------------------------------------------------------


@ROOT_ONLY
def test_a_read_only_staging_is_said_and_recovered_from(tmp_path: Path) -> None:
    """In a mount namespace of its own, so that nothing is left behind."""
    program = ["unshare", "--mount", sys.executable]
    done = subprocess.run(
        [*program, "-m", "tests.workers.intake.readonly", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare:" in done.stderr:
        pytest.skip("no mount namespace here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "taken in after all"


def test_once_says_what_had_to_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.drop("a.txt")

    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.EROFS, "no")

    monkeypatch.setattr(intake, "take_in", refuse)
    with pytest.raises(DatapunkError, match=r"staging/anna/a\.txt: Read-only file system"):
        watcher._until_empty(place.watcher, small_settings(place.folders.data))
