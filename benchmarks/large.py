"""`make bench-large`: files that are too large to be held, read as the stages read them.

An Apple Health export of 1 GB and a page of My Activity of 300 MB are generated, then each is cut,
read, understood, normalised and rendered as lines of COPY, in a process of its own. Printed are
records a second of CPU time and of the clock, and the most memory that the process held.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.format import Format, recognise
from pipeline.normalise import normalise, understand
from pipeline.sniff import HEAD, media_type
from schemas.files import Head, Member
from schemas.privacy import ReadUnder
from tasks.batches import Batch
from tests.generators import apple_health, my_activity

#: By name: the bytes that are asked for, and about how many one record takes.
_INPUTS = {"apple_health": (1_000_000_000, 310), "my_activity_html": (300_000_000, 770)}
_MOST_MEMORY = 256


def _generate(name: str, folder: Path, records: int) -> Path:
    if name == "apple_health":
        apple_health.generate(folder, records, seed=1)
        return folder / "apple_health_export" / "export.xml"
    path = folder / "MyActivity.html"
    my_activity.write_html(path, records, 1)
    return path


def _read(path: Path) -> dict[str, Any]:
    """A whole file through reader, format, normalise and the rendering of its rows."""
    with path.open("rb") as source:
        first = source.read(HEAD)
    size, kind = path.stat().st_size, media_type(first, path.name)
    form = recognise(Head(path=path.name, data=first, size=size, media_type=kind))
    assert isinstance(form, Format), form
    member = Member(path=path.name, ordinal=0, file=path, size=size, sha256="", media_type=kind)
    began, cpu = time.monotonic(), time.process_time()
    records = 0
    with path.open("rb") as source, path.open("rb") as cut:
        context = form.reader.prepare(source, member)
        for part in form.reader.slices(cut, context, form.limits):
            batch = Batch(ReadUnder("any"), keep_text=False, repeats=form.repeats)
            batch.add(0, 0, normalise(understand(form, member, source, part, context)))
            records += len(batch.rejections) + sum(len(t.lines) for t in batch.tables.values())
    seconds, worked = time.monotonic() - began, time.process_time() - cpu
    return {
        "format": form.name,
        "megabytes": round(size / 1e6),
        "records": records,
        "records_per_cpu_s": round(records / worked),
        "records_per_s": round(records / seconds),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def measure(name: str, size: int, folder: Path) -> dict[str, Any]:
    """One input of about `size` bytes; raises OSError where the disk has no room for it."""
    if shutil.disk_usage(folder).free < 2 * size:
        raise OSError(f"{name} takes {size / 1e6:.0f} MB, and the disk has no room for it twice")
    path = _generate(name, folder, size // _INPUTS[name][1])
    # A fresh interpreter: what generating took is no part of the peak.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(_read, (path,))
    path.unlink()
    return found


def main() -> int:
    """Print the figures; 1 where a process held more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(_INPUTS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes")
    asked = parser.parse_args()
    names = [asked.only] if asked.only else list(_INPUTS)
    found = []
    with tempfile.TemporaryDirectory(prefix="datapunk-large-") as folder:
        for name in names:
            size = round(_INPUTS[name][0] * asked.scale)
            found.append(measure(name, size, Path(folder)))
            print(json.dumps(found[-1]), flush=True)
    return int(any(one["peak_mb"] > _MOST_MEMORY for one in found))


if __name__ == "__main__":
    sys.exit(main())
