"""Take a file in: lock it, record it in the ledger, and only then send the message.

An intake lock is a work folder with a `claim.json`, made durable before the file moves into it. The
process that takes the file in has a lock on the folder; a folder that nobody has locked was left by
a crash, and `recover` finishes it. Once the ledger knows the job, `claim.json` is removed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes
from uuid import UUID, uuid4

import msgspec
import structlog
from psycopg.types.json import Jsonb

from pipeline.archives.measure import copy_and_measure, open_regular, replace_by_copy
from pipeline.archives.multipart import part_of
from pipeline.storage.atomic_files import (
    absent,
    fsync_folder,
    locked,
    private,
    put,
    written,
    written_to,
)
from schemas.crash import crash_here
from schemas.errors import ConfigurationError, PermanentError, Rejected, TransientError
from schemas.folders import Folders
from schemas.reasons import Reason
from sql.connection import Connection
from sql.queries import queries
from sql.store import Ledger
from tasks.runtime import dispatch, measured_originals
from tasks.runtime.context import Options
from workers.embedded.unprivileged import act_as_root, give, pin_folder

log = structlog.get_logger("datapunk.intake")

#: Letters and digits of any script, and the signs of e-mail addresses; never a path or an option.
_USER = re.compile(r"(?![.\-~ ])(?!.*\.\.)[\w.@+=%&'#! -]+(?<![ .])")
_SHA256 = re.compile(rb"\s*\\?([0-9a-fA-F]{64})(\s|$)")
_SIDECAR_MOST = 4096
#: Longest stored name, in bytes; shorter where a file system takes less than 255.
_NAME_MOST = 200
#: What is added to a name: the first letters of a job before it, and `.error.txt` after it. A
#: temporary name has its own limit (`pipeline/storage/atomic_files.py`).
_ADDED = len("12345678-") + len(".error.txt")
_CLAIM = "claim.json"
_JOBS = queries("jobs")


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `claim.json`: enough to finish an intake that a crash cut off."""

    user: str
    name: str
    dropped: str
    """The path of the dropped file, its bytes quoted as in a URL.

    After a crash its `.sha256` may still be there.
    """
    expected_sha256: str | None = None
    copied: bool = False
    zone: str | None = None


def check_user(name: str) -> str:
    """Return a user's name in its one spelling (NFC). Raises `PermanentError` for a bad one."""
    name = unicodedata.normalize("NFC", name)
    if not _USER.fullmatch(name) or len(name.encode()) > 254:
        raise PermanentError(
            "A user's name has letters, digits and . _ - + @ (an e-mail address is fine), "
            "begins with a letter or digit and has at most 254 bytes."
        )
    return name


def storable_name(name: str, most: int = _NAME_MOST) -> str:
    """Return a file's name for the ledger and the data folder.

    It has no control characters, and at most `most` bytes.
    """
    text = name.encode("utf-8", "backslashreplace").decode()
    text = "".join("_" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    if len(text.encode()) <= most:
        return text
    stem, dot, suffix = text.rpartition(".")
    if not stem or len(suffix.encode()) > 20:
        stem, dot, suffix = text, "", ""
    room = most - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + suffix


def room_for_names(folders: Iterable[Path]) -> int:
    """Return the longest name for these folders, in bytes, without what is added to it.

    Folders that do not exist yet are ignored.
    """
    room = _NAME_MOST
    for folder in folders:
        with suppress(OSError, ValueError):
            room = min(room, os.pathconf(folder, "PC_NAME_MAX") - _ADDED)
    return room


def sidecar(path: Path) -> Path:
    """Return the file that may hold the SHA-256 of another."""
    return path.with_name(path.name + ".sha256")


def expected_sha256(path: Path) -> str | None:
    """Return the SHA-256 in the `.sha256` file next to `path`; None if there is none.

    Raises `Rejected` if it exists and can't be read, or holds no SHA-256.
    """
    try:
        with open_regular(sidecar(path)) as source:
            found = _SHA256.match(source.read(_SIDECAR_MOST))
    except FileNotFoundError:
        return None
    except PermissionError:
        why = "The .sha256 file beside it can't be read."
        raise Rejected(Reason.CHECKSUM_MISMATCH, why) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no such name is possible, so there is none
            return None
        raise
    if found is None:
        raise Rejected(Reason.CHECKSUM_MISMATCH, "The .sha256 file beside it holds no SHA-256.")
    return found[1].decode().lower()


def take_in(
    ledger: Ledger,
    folders: Folders,
    path: Path,
    user: str,
    *,
    move: bool,
    options: Options | None = None,
    zone: str | None = None,
) -> UUID:
    """Make a job of one file, which is moved into the job's work folder, or copied.

    `zone` is the IANA name of the zone of its clocks that name none; without it that of `options`.
    Raises `Rejected` (not a regular file, empty, bad `.sha256`), `PermanentError` for a user's
    name, `PermissionError`, and `TransientError` where the database or the disk fails: `recover`
    then finishes what was moved.
    """
    options = options or Options()
    user = check_user(user)
    with _at(path, move=move) as here:
        with act_as_root():
            _check(here, options.max_upload_bytes)
            expected = expected_sha256(here)
        room = room_for_names((folders.work, folders.processed, folders.failed))
        claimed = Claimed(
            user=user,
            name=storable_name(path.name, room),
            dropped=quote_from_bytes(os.fsencode(path.absolute())),
            expected_sha256=expected,
            copied=not move,
            zone=zone or options.zone,
        )
        ledger.rows("jobs", "user_id", name=user)  # the database answers, before anything moves
        job_id = uuid4()
        with _new_claim(folders, job_id, claimed):
            original = folders.original(job_id, claimed.name)
            if move:
                _move(here, original)
                _make_ours(folders, original, path.absolute(), options)
            else:
                _copy(folders, job_id, here, original, options)
            _enter(ledger, folders, job_id, claimed, options)
    crash_here("intake.settled")
    _send(ledger, job_id, options)
    return job_id


def _copy(folders: Folders, job_id: UUID, here: Path, original: Path, options: Options) -> None:
    """Copy a file in. It is read here and not again until it is unpacked."""
    size, sha256 = copy_and_measure(
        here, original, limit=options.max_upload_bytes, reading=act_as_root
    )
    measured_originals.note(folders, job_id, original, size, sha256)


@contextmanager
def _at(path: Path, *, move: bool) -> Iterator[Path]:
    """Yield the path of a file; in staging, through a folder that no other user can replace."""
    if not move:  # the user's own file
        yield path
        return
    with pin_folder(path.parent, dropped=True) as folder:
        yield folder / path.name


def _check(path: Path, limit: int) -> None:
    with open_regular(path) as source:
        size = os.fstat(source.fileno()).st_size
    if size == 0:
        raise Rejected(Reason.EMPTY, "The file is empty.")
    if size > limit:
        raise Rejected(Reason.TOO_LARGE, f"The file is over the limit of {limit} bytes.")


@contextmanager
def _new_claim(folders: Folders, job_id: UUID, claimed: Claimed) -> Iterator[None]:
    """Yield with a locked work folder, which is removed if no file was moved into it."""
    folder = folders.job(job_id)
    try:
        private(folders.work)
        (folder / "original").mkdir(parents=True)
        crash_here("intake.made")
        with locked(folder):
            with written(folder / _CLAIM) as out:
                put(out, msgspec.json.encode(claimed))
            fsync_folder(folders.work)
            crash_here("intake.noted")
            yield
    except BaseException:
        with suppress(OSError):  # `recover` handles what is unknown now
            if absent(folders.original(job_id, claimed.name)):
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _move(path: Path, target: Path) -> None:
    crash_here("intake.before_rename")
    with pin_folder(target.parent, dropped=False) as folder, act_as_root():
        try:
            path.rename(folder / target.name)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise ConfigurationError(
                    "staging and .work must lie on one file system; mount the data folder whole."
                ) from None
            raise
        crash_here("intake.after_rename")
        fsync_folder(folder)
        fsync_folder(path.parent)


def _make_ours(folders: Folders, original: Path, path: Path, options: Options) -> None:
    """Make sure that no other user can change a file that was taken in.

    Another user may have a hard link to it or an open handle; then a copy replaces it. A file that
    can't be secured goes back to `path`, where it was dropped, and the error is raised.
    """
    try:
        with pin_folder(original.parent, dropped=False) as folder:
            here = folder / original.name
            with (
                act_as_root(),
                open_regular(here) as file,
            ):  # it may have been swapped before the move
                shared = os.fstat(file.fileno()).st_nlink > 1
                if not shared:
                    give(file)  # from here on no other user can open it
                    shared = written_to(file)
            if shared:
                crash_here("intake.shared")
                replace_by_copy(here, limit=options.max_upload_bytes, reading=act_as_root)
                crash_here("intake.copied")
    except (Rejected, OSError, TransientError):
        _give_back(folders, original, path)
        raise


def _give_back(folders: Folders, original: Path, path: Path) -> None:
    """Move a file back to where it was dropped; under another name if that is taken."""
    if folders.staging not in path.parents:
        raise PermanentError("It did not lie in staging.")
    with act_as_root():
        path.parent.mkdir(exist_ok=True)
    with (
        pin_folder(original.parent, dropped=False) as claimed,
        pin_folder(path.parent, dropped=True) as folder,
        act_as_root(),
    ):
        name = path.name
        while not absent(folder / name):
            name = f"{uuid4().hex[:8]}-{storable_name(path.name)}"
        # A crash here leaves an intake lock without its file, as one does before the first move.
        os.rename(claimed / original.name, folder / name)  # noqa: PTH104 - no point of its own
        fsync_folder(folder)
        fsync_folder(claimed)


def _enter(
    ledger: Ledger, folders: Folders, job_id: UUID, claimed: Claimed, options: Options
) -> None:
    """Insert the job, its first chunk and the event in one transaction.

    Then remove the intake lock.
    """
    with ledger.transaction() as connection:
        insert(connection, job_id, claimed, set_wait_s=options.set_wait_s)
        crash_here("intake.before_commit")
    crash_here("intake.after_commit")
    _drop_sidecar(folders, claimed)
    crash_here("intake.sidecar_gone")
    (folders.job(job_id) / _CLAIM).unlink(missing_ok=True)


def insert(connection: Connection, job_id: UUID, claimed: Claimed, *, set_wait_s: float) -> None:
    """Insert a job once, however often a crash repeats this; as a part of its set, by its name."""
    connection.execute(_JOBS["ensure_user"], {"name": claimed.user})
    user = connection.execute(_JOBS["user_id"], {"name": claimed.user}).fetchone()
    ids = {"job_id": job_id, "user_id": user and user["user_id"]}
    job = {"source_name": claimed.name, "expected_sha256": claimed.expected_sha256}
    job["zone"] = claimed.zone
    if connection.execute(_JOBS["insert_job"], {**ids, **job}).fetchone() is None:
        return
    connection.execute(_JOBS["insert_upload"], ids)
    if part := part_of(claimed.name):
        values = {**msgspec.structs.asdict(part), "wait_s": set_wait_s}
        connection.execute(queries("sets")["join_set"], {**ids, **values})
    detail = Jsonb({"by": "add" if claimed.copied else "watch"})
    event = {"chunk_id": None, "kind": "received", "detail": detail}
    connection.execute(_JOBS["event"], {**ids, **event})


def _drop_sidecar(folders: Folders, claimed: Claimed) -> None:
    """Remove the `.sha256` file of a moved file, unless another took its place."""
    path = _dropped(claimed)
    if claimed.copied or claimed.expected_sha256 is None or folders.staging not in path.parents:
        return
    with (
        suppress(OSError, Rejected),
        pin_folder(path.parent, dropped=True) as folder,
        act_as_root(),
    ):
        here = folder / path.name
        if absent(here) and expected_sha256(here) == claimed.expected_sha256:
            sidecar(here).unlink()


def _dropped(claimed: Claimed) -> Path:
    return Path(os.path.normpath(os.fsdecode(unquote_to_bytes(claimed.dropped))))


def _send(ledger: Ledger, job_id: UUID, options: Options) -> None:
    """Send the message. Without a broker the job waits in the ledger for the reconciler."""
    window, most = options.dispatch_window, options.max_attempts
    dispatch.send_on(ledger, job_id, window=window, max_attempts=most)


def recover(
    ledger: Ledger,
    folders: Folders,
    options: Options | None = None,
    *,
    passed: Callable[[Path], bool] = lambda _: False,
    trouble: Callable[[Path, Exception], None] | None = None,
) -> list[UUID]:
    """Finish intakes that crashes cut off; return their jobs.

    An intake whose file never moved is dropped: the file is still in its place. One that can't be
    finished now goes to `trouble`, if given, and the others continue; an intake for which `passed`
    returns true is skipped. A `TransientError` of the database is always raised.
    """
    options = options or Options()
    done: list[UUID] = []
    for note in folders.work.glob(f"*-*-*-*-*/{_CLAIM}"):
        if passed(note):
            continue
        try:
            with suppress(BlockingIOError, FileNotFoundError), locked(note.parent, wait=False):
                job_id = UUID(note.parent.name)
                if _recover(ledger, folders, job_id, note, options):
                    done.append(job_id)
        except Exception as error:
            if trouble is None or (isinstance(error, TransientError) and error.code is None):
                raise
            trouble(note, error)
    for job_id in done:
        log.warning("finished a claim that was cut off", job_id=str(job_id))
        _send(ledger, job_id, options)
    return done


def _recover(ledger: Ledger, folders: Folders, job_id: UUID, note: Path, options: Options) -> bool:
    claimed = msgspec.json.decode(note.read_bytes(), type=Claimed)
    if claimed.name != Path(claimed.name).name:
        raise PermanentError("The note of a claim was changed.")
    original = folders.original(job_id, claimed.name)
    known = bool(ledger.rows("jobs", "one_job", prefix=str(job_id)))
    if not known and absent(original):
        shutil.rmtree(note.parent, ignore_errors=True)
        return False
    if not known and not claimed.copied:
        _make_ours(folders, original, _dropped(claimed), options)
    _enter(ledger, folders, job_id, claimed, options)
    return not known
