"""One file through reader, format, normalise and rendering, in a process of its own."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.archives.media_types import HEAD, media_type
from pipeline.contract import Format
from pipeline.normalise import ReadContext
from pipeline.privacy.policy import Policy
from pipeline.privacy.redact import Redactor
from pipeline.read import read_records
from pipeline.registry import recognise
from schemas.files import Head, Member
from tasks.ingest.record_spool import Batch

#: Megabytes that no process may hold.
MOST_MEMORY = 256


class Import(NamedTuple):
    """What becomes of a file: rows, and rejections by code; seconds of the clock and of the CPU."""

    format: str
    megabytes: float
    becomes: Counter[str]
    seconds: float
    cpu_seconds: float


def run(path: Path, name: str) -> Import:
    """Render the rows of a file that is known under `name`."""
    with path.open("rb") as source:
        first = source.read(HEAD)
    size, kind = path.stat().st_size, media_type(first, name)
    form = recognise(Head(path=name, data=first, size=size, media_type=kind))
    assert isinstance(form, Format), form
    member = Member(path=name, ordinal=0, file=path, size=size, sha256="", media_type=kind)
    began, cpu = time.monotonic(), time.process_time()
    becomes, redactor = Counter[str](), Redactor(Policy())
    with path.open("rb") as source, path.open("rb") as cut:
        context = form.reader.prepare(source, member)
        reading = ReadContext(form=form, member=member, context=context)
        for part in form.reader.slices(cut, context, form.limits):
            batch = Batch(redactor.under, keep_text=False, repeats=form.repeats)
            batch.add(0, 0, read_records(reading, source, part, redactor=redactor))
            becomes["rows"] += sum(len(table.lines) for table in batch.tables.values())
            becomes.update(one.code for one in batch.rejections)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
    return Import(form.name, size / 1e6, becomes, seconds, cpu_seconds)


def peak_mb() -> int:
    """Return the peak memory of this process in megabytes.

    `rusage` would count that of its parent, too.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return round(int(peak) / 1024)


def alone(work: Callable[..., dict[str, Any]], *given: object) -> dict[str, Any]:
    """Call `work` in a fresh interpreter, so that its peak is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def check_room(name: str, size: int, folder: Path) -> None:
    """Raise OSError where the disk can't hold `size` bytes twice."""
    if shutil.disk_usage(folder).free < 2 * size:
        raise OSError(f"{name} takes {size / 1e6:.0f} MB, and the disk has no room for it twice")
