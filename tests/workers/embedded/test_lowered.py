"""Where root runs the lake: who its processes are, whose the files are, and what works on."""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from schemas.errors import ConfigurationError
from tests.support.place import ROOT, clean_place, open_folder, small_settings
from tests.workers.intake.place import Place
from workers import intake
from workers.embedded import data_folders, program_states, supervisor, unprivileged
from workers.settings import Settings

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="root alone can give itself up")


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_folder() as folder:
        clean_place(monkeypatch, folder)
        yield folder
        monkeypatch.chdir("/")


@pytest.fixture
def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


# --- acting ----------------------------------------------------------------------------------


def test_what_root_makes_while_it_acts_is_the_users(top: Path, nobody: pwd.struct_passwd) -> None:
    top.chmod(0o777)
    closed = top / "closed"
    closed.mkdir(0o700)
    with unprivileged.act_as(nobody):
        (top / "made").write_bytes(b"x")
        with pytest.raises(PermissionError):
            (closed / "no").write_bytes(b"x")
        with unprivileged.act_as_root():
            (closed / "yes").write_bytes(b"x")
        with pytest.raises(PermissionError):
            (closed / "no").write_bytes(b"x")
        with unprivileged.act_as(nobody), unprivileged.act_as_root(), unprivileged.act_as_root():
            (closed / "yes").unlink()
    assert (top / "made").stat().st_uid == nobody.pw_uid
    (closed / "yes").write_bytes(b"x")
    assert (closed / "yes").stat().st_uid == 0


def test_a_child_that_settles_is_root_no_more(top: Path, nobody: pwd.struct_passwd) -> None:
    with unprivileged.act_as(nobody):
        child = os.fork()
        if child == 0:
            unprivileged.become_acting_user()
            try:
                os.setuid(0)
            except PermissionError:
                os._exit(0 if os.getresuid() == (nobody.pw_uid,) * 3 else 2)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


# --- the watcher -----------------------------------------------------------------------------


@pytest.fixture
def place(top: Path, monkeypatch: pytest.MonkeyPatch, nobody: pwd.struct_passwd) -> Place:
    made = Place(top / "data", monkeypatch)
    made.folders.failed.mkdir()
    made.folders.data.chmod(0o711)
    for folder in (made.folders.work, made.folders.failed):
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    made.folders.staging.chmod(0o700)
    made.watcher._user = nobody
    return made


def test_a_file_of_any_owner_becomes_the_lakes(place: Place, nobody: pwd.struct_passwd) -> None:
    for name, uid, mode in (("a", 0, 0o600), ("b", 12345, 0o400), ("c", 12345, 0o000)):
        file = place.drop(name)
        file.chmod(mode)
        os.chown(file, uid, uid)
    (place.folders.staging / "anna").chmod(0o700)
    os.chown(place.folders.staging / "anna", 12345, 12345)
    assert len(place.watcher.scan()) == 3
    for file in place.folders.work.rglob("*"):
        assert file.stat().st_uid == nobody.pw_uid, file
    for original in place.folders.work.glob("*/original/*"):
        assert stat.S_IMODE(original.stat().st_mode) == 0o600


def test_what_is_put_aside_lies_in_the_lakes_folder(
    place: Place, nobody: pwd.struct_passwd
) -> None:
    place.drop("empty.zip", b"")
    place.watcher.scan()
    folder = place.folders.failed / "anna"
    assert (folder / "empty.zip").exists()
    assert {folder.stat().st_uid, (folder / "empty.zip.error.txt").stat().st_uid} == {nobody.pw_uid}


def test_another_name_of_a_file_keeps_its_owner(place: Place, top: Path) -> None:
    file = place.drop("a.txt", b"one")
    other = top / "other"
    other.hardlink_to(file)
    os.chown(file, 12345, 12345)
    file.chmod(0o600)
    assert len(place.watcher.scan()) == 1
    assert (other.stat().st_uid, other.read_bytes()) == (12345, b"one")


def test_root_follows_no_link_that_a_worker_put_there(
    place: Place, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that a parser's defect gave to a stranger owns the work folders."""
    target = top / "target"
    (target / "original").mkdir(parents=True)
    move = intake._move

    def swap(path: Path, original: Path) -> None:
        job = original.parent.parent
        job.rename(job.with_name("gone"))
        job.symlink_to(target)
        move(path, original)

    file = place.drop("a.txt", b"one")
    monkeypatch.setattr(intake, "_move", swap)
    assert place.watcher.scan() == []
    assert not [*(target / "original").iterdir()], "root put a file where it was led"
    assert file.read_bytes() == b"one"


def test_a_note_that_was_changed_leads_root_nowhere(place: Place, top: Path) -> None:
    secret = top / "secret"
    secret.write_bytes(b"secret")
    secret.chmod(0o600)
    for n, name in enumerate((f"../../../../../..{secret}", "a.txt")):
        job = place.folders.work / f"0000000{n}-0000-4000-8000-000000000000"
        (job / "original").mkdir(parents=True)
        if name == "a.txt":
            (job / "original" / name).symlink_to(secret)
        (job / "claim.json").write_text(
            f'{{"user":"anna","name":"{name}","dropped":"{top}/cron.d/x"}}'
        )
        for path in (job, *job.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
    place.watcher.recover()
    assert secret.stat().st_uid == 0
    assert not (top / "cron.d").exists()
    assert not place.ledger.jobs


# --- giving the lake away --------------------------------------------------------------------


def test_a_lake_of_roots_is_given_once_and_whole(top: Path, nobody: pwd.struct_passwd) -> None:
    lake = top / "blobs"
    (lake / "a" / "b").mkdir(parents=True, mode=0o700)
    for path, mode in ((lake / "a" / "1", 0o400), (lake / "a" / "b" / "2", 0o600)):
        path.write_bytes(b"x")
        path.chmod(mode)
    outside = top / "outside"
    outside.write_bytes(b"x")
    (lake / "link").symlink_to(outside)
    hers = top / "hers"
    hers.write_bytes(b"x")
    os.chown(hers, 12345, 12345)
    (lake / "shared").hardlink_to(hers)
    unprivileged.hand_over_all(lake, nobody)
    given = [p for p in (lake, *lake.rglob("*")) if p.name != "shared"]
    assert {p.lstat().st_uid for p in given} == {nobody.pw_uid}
    assert (lake / "a" / "1").stat().st_mode & 0o600 == 0o600
    assert outside.stat().st_uid == 0
    assert hers.stat().st_uid == 12345
    (lake / "later").write_bytes(b"of root")
    unprivileged.hand_over_all(lake, nobody)
    assert (lake / "later").stat().st_uid == 0, "it is not looked through at every start"


def test_one_that_was_cut_off_is_begun_anew(
    top: Path, nobody: pwd.struct_passwd, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = top / "blobs"
    (lake / "a").mkdir(parents=True)
    (lake / "a" / "1").write_bytes(b"x")
    chown = os.chown
    with monkeypatch.context() as patch:
        calls: list[object] = []

        def cut(*args: object, **more: object) -> None:
            calls.append(args)
            if len(calls) > 1:
                raise KeyboardInterrupt
            chown(*args, **more)  # type: ignore[arg-type]

        patch.setattr(os, "chown", cut)
        with pytest.raises(KeyboardInterrupt):
            unprivileged.hand_over_all(lake, nobody)
    unprivileged.hand_over_all(lake, nobody)
    assert {p.stat().st_uid for p in (lake, *lake.rglob("*"))} == {nobody.pw_uid}


def test_a_key_is_opened_to_nobody_and_named(top: Path, nobody: pwd.struct_passwd) -> None:
    key = top / "key"
    key.write_text("k" * 40)
    key.chmod(0o600)
    settings = Settings(data_dir=top / "data", privacy_key_file=key)
    with pytest.raises(ConfigurationError, match=f"chown nobody {key}"):
        unprivileged.let_run(settings, nobody)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


# --- all of it -------------------------------------------------------------------------------


@pytest.fixture
def lake(top: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    values = {
        "SCANNER": "off", "SETTLE_S": "0.5", "EMBED_TYPES": "none", "WORKER_CONCURRENCY": "1",
        "FLOWER_PORT": "15872",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"DATAPUNK_{name}", value)
    settings = small_settings(top / "data")
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("DATAPUNK_MEMORY_MB", "512")
    yield settings
    supervisor.down(settings, say=lambda _: None)


def _run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _until_lowered(settings: Settings, uid: int) -> dict[str, set[int]]:
    """The users of each program's processes, once those that give up root have done so."""
    users: dict[str, set[int]] = {}
    for _ in range(600):
        users = {}
        for each in program_states.state(settings):
            main = psutil.Process(each.pid or 0)
            family = [main, *main.children(recursive=True)]
            users[each.name] = {n for p in family for n in p.uids()}
        if all(u == {uid} for name, u in users.items() if name != "watcher"):
            break
        time.sleep(0.2)
    return users


@pytest.mark.services
@pytest.mark.slow
def test_no_process_that_parses_is_root_and_an_old_lake_goes_on(lake: Settings, top: Path) -> None:
    data_folders.prepare_folders(lake)  # as an older version left it: all of it root's
    kept = lake.folders.processed / "anna" / "2025-01-01" / "old.txt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"an original from then")
    (lake.folders.all_blobs / "x").mkdir()
    mine = top / "mine.txt"
    mine.write_bytes(b"a file that only root can read")
    mine.chmod(0o600)
    for turn in range(2):
        _run("up")
        user = pwd.getpwuid(lake.folders.postgres.stat().st_uid)
        users = _until_lowered(lake, user.pw_uid)
        watcher = users.pop("watcher")
        assert watcher == {0}
        assert set(users) == {
            "postgres", "valkey", "worker", "worker-embed", "reconciler", "flower",
        }  # fmt: skip
        assert {uid for each in users.values() for uid in each} == {user.pw_uid}
        assert kept.stat().st_uid == user.pw_uid
        file = lake.folders.staging / "anna" / f"{turn}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"dropped by root, number %d" % turn)
        mine.write_bytes(b"a file that only root can read, number %d" % turn)
        assert "done" in _run("add", str(mine), "--user", "anna", "--wait")
        for _ in range(300):
            if f"{turn}.txt" in _run("status") and not file.exists():
                break
        while '"open_jobs": 0' not in _run("status", "--json"):
            time.sleep(0.2)
        assert len(re.findall(r" done +1/1 ", _run("jobs"))) == 2 * (turn + 1)
        originals = [p for p in lake.folders.processed.rglob("*.txt") if p != kept]
        assert {p.stat().st_uid for p in originals} == {user.pw_uid}
        assert not [p for p in lake.folders.work.rglob("*") if p.stat().st_uid == 0]
        _run("down")
