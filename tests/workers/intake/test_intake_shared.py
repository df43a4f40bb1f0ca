"""A claimed file is ours alone: nobody changes it by another name, or since they have it open."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archives import measure
from pipeline.storage import atomic_files
from schemas.errors import Rejected
from tests.workers.intake.place import Place
from workers import intake


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def _claimed(place: Place) -> Path:
    (original,) = place.folders.work.glob("*/original/*")
    return original


@pytest.mark.threat("moving", seen="another hard link, or open for writing: a copy is taken in")
@pytest.mark.parametrize("when", ["before", "after the look", "after the move"])
def test_another_hard_link_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    file, other = place.drop("a.txt", b"one"), tmp_path / "other"
    if when == "before":
        other.hardlink_to(file)
    rename, check = Path.rename, intake._check

    def look(path: Path, limit: int) -> None:
        check(path, limit)
        other.hardlink_to(path)

    def moved(path: Path, target: Path) -> Path:
        # The dropper has it open, and makes another name of what is open.
        new = rename(path, target)
        other.hardlink_to(new)
        return new

    if when == "after the look":
        monkeypatch.setattr(intake, "_check", look)
    elif when == "after the move":
        monkeypatch.setattr(Path, "rename", moved)
    assert len(place.watcher.scan()) == 1
    other.write_bytes(b"two, and more")
    assert _claimed(place).read_bytes() == b"one"
    assert _claimed(place).stat().st_nlink == 1


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_a_file_that_is_open_for_writing_is_copied(place: Place, how: str) -> None:
    file = place.drop("a.txt", b"one")
    with file.open("r+b", buffering=0) as stream:
        mapped = mmap.mmap(stream.fileno(), 3) if how == "mapped" else None
        if mapped is not None:
            stream.close()
        assert len(place.watcher.scan()) == 1
        if mapped is not None:
            mapped[:] = b"two"
            mapped.close()
        else:
            stream.write(b"two")
    assert _claimed(place).read_bytes() == b"one"


def test_a_file_that_is_nobody_elses_is_moved_and_not_copied(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = place.drop("a.txt", b"one")
    inode = file.stat().st_ino

    def no(*_: Any, **__: Any) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(intake, "replace_by_copy", no)
    with file.open("rb"):  # a reader can change nothing
        assert len(place.watcher.scan()) == 1
    assert _claimed(place).stat().st_ino == inode


def test_one_that_changes_while_it_is_copied_goes_back_and_aside(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, other = place.drop("a.txt", b"one"), tmp_path / "other"
    other.hardlink_to(file)
    put = measure.put

    def grow(stream: Any, data: bytes) -> None:
        put(stream, data)
        with other.open("ab", buffering=0) as out:  # as fast as it is read
            out.write(b"!")

    monkeypatch.setattr(measure, "put", grow)
    place.watcher.scan()
    assert not [*place.folders.work.iterdir()]
    assert (place.folders.failed / "anna" / "a.txt").read_bytes() == b"one!"
    assert "changed" in (place.folders.failed / "anna" / "a.txt.error.txt").read_text()


def test_what_goes_back_takes_nothings_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.drop("a.txt", b"one")
    move = intake._move

    def swap(path: Path, target: Path) -> None:
        """A link is there at the move, and another file afterwards."""
        file.unlink()
        file.symlink_to("/etc/hostname")
        move(path, target)
        file.write_bytes(b"another")

    monkeypatch.setattr(intake, "_move", swap)
    with pytest.raises(Rejected):
        intake.take_in(place.ledger, place.folders, file, "anna", move=True)  # type: ignore[arg-type]
    assert file.read_bytes() == b"another"
    (back,) = (p for p in file.parent.iterdir() if p != file)
    assert back.is_symlink()


def test_a_crash_before_the_copy_is_finished_by_a_copy(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, other = place.drop("a.txt", b"one"), tmp_path / "other"
    other.hardlink_to(file)

    def died(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(intake, "_make_ours", died)
        with pytest.raises(KeyboardInterrupt):
            place.watcher.scan()
    assert len(place.watcher.recover()) == 1
    other.write_bytes(b"two")
    assert _claimed(place).read_bytes() == b"one"


def test_the_other_name_stays_its_owners(place: Place, tmp_path: Path) -> None:
    file, other = place.drop("a.txt", b"one"), tmp_path / "other"
    other.hardlink_to(file)
    before = other.stat()
    place.watcher.scan()
    now = other.stat()
    assert (now.st_ino, now.st_uid, now.st_mode) == (before.st_ino, before.st_uid, before.st_mode)
    assert other.read_bytes() == b"one"


@given(number=st.sampled_from([errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, None]))
def test_blocks_are_shared_where_the_file_system_can(number: int | None) -> None:
    """Either way the copy is whole; the file system of the test need not be able to."""
    import tempfile

    def ioctl(target: int, request: int, source: int) -> int:
        assert request == 0x40049409
        if number is not None:
            raise OSError(number, os.strerror(number))
        os.write(target, os.pread(source, 1 << 20, 0))
        return 0

    with tempfile.TemporaryDirectory() as top, pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic_files.fcntl, "ioctl", ioctl)
        file = Path(top) / "a"
        file.write_bytes(b"data" * 1000)
        inode = file.stat().st_ino
        measure.replace_by_copy(file)
        assert file.stat().st_ino != inode
        assert file.read_bytes() == b"data" * 1000


def test_telling_of_writers_ends_nobody(tmp_path: Path) -> None:
    """One who opens it while it is asked sends a signal, which has to be one that is ignored."""
    file = tmp_path / "a"
    file.write_bytes(b"x")

    def told(stream: IO[bytes]) -> bool:
        return atomic_files.written_to(stream)  # type: ignore[arg-type]

    with file.open("rb") as stream:
        assert not told(stream)
        with file.open("ab"):
            assert told(stream)
        assert not told(stream)
