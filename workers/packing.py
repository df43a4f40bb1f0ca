"""Pack a folder, such as an unzipped export, as one archive that can be taken in."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline.archives.measure import open_regular
from schemas.errors import Rejected
from schemas.reasons import Reason
from tasks.runtime.temp_dirs import temp_dir
from workers.embedded.unprivileged import act_as_root


class Packed(msgspec.Struct, frozen=True):
    """A file to take in; `left_out` links and special files of the folder are not in it."""

    path: Path
    left_out: int = 0


@contextmanager
def as_file(path: Path, work: Path, limit: int) -> Iterator[Packed]:
    """Yield a file as it is, and a folder as a tar in a temporary folder under `work`.

    The same folder gives the same bytes: entries are in the order of their names, and have no owner
    and no mode. Links are not followed. Raises `Rejected` for a folder without a file, one of more
    than `limit` bytes, and one that changes meanwhile, and `OSError` for what can't be read.
    """
    with act_as_root():
        is_folder = path.is_dir() and not path.is_symlink()
    if not is_folder:
        yield Packed(path)
        return
    with temp_dir(work) as folder:
        packed = folder / f"{path.resolve().name}.tar"
        with packed.open("xb") as out:
            left_out = _pack(path.resolve(), out, limit)
        yield Packed(packed, left_out)


def _pack(folder: Path, out: BinaryIO, limit: int) -> int:
    """Write the regular files under a folder; return how many other entries are left out."""
    count, total, left_out = 0, 0, 0
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file, state in _entries(folder):
            if not stat.S_ISREG(state.st_mode):
                left_out += 1
                continue
            count, total = count + 1, total + state.st_size
            if total > limit:
                raise Rejected(Reason.TOO_LARGE, f"The folder is over the limit of {limit} bytes.")
            _add(archive, file, file.relative_to(folder.parent))
    if not count:
        raise Rejected(Reason.EMPTY, "The folder has no file.")
    return left_out


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield everything under a folder that is no folder, in the order of names."""
    with act_as_root(), os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
        states = [entry.stat(follow_symlinks=False) for entry in found]
    for entry, state in zip(found, states, strict=True):
        if stat.S_ISDIR(state.st_mode):
            yield from _entries(Path(entry.path))
        else:
            yield Path(entry.path), state


def _add(archive: tarfile.TarFile, file: Path, name: Path) -> None:
    with act_as_root():
        source = open_regular(file)
    with source:
        state = os.fstat(source.fileno())
        header = tarfile.TarInfo(str(name))
        header.size, header.mtime = state.st_size, int(state.st_mtime)
        try:
            archive.addfile(header, source)
        except OSError as error:
            if error.errno is None:  # tarfile's own: the file is shorter than it was
                why = "A file of the folder changed while it was read; try again."
                raise Rejected(Reason.CHANGED, why) from None
            raise
