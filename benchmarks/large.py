"""`make bench-large`: files that are too large to be held, and a zip of ten thousand photographs.

An Apple Health export of 1 GB and a page of My Activity of 300 MB are generated, then each is cut,
read, understood, normalised and rendered as lines of COPY, in a process of its own. Printed are
records a second of CPU time and of the clock, and the most memory that the process held.

Workers import the photographs while another user imports another file. Printed are how long each
import took, when the last near duplicate was found, and how many attempts errors used up, which
must be none.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import generate, place, whole
from tests.generators import apple_health, my_activity
from workers.stores import open_ledger

#: By name: the bytes that are asked for, and about how many one record takes.
_INPUTS = {"apple_health": (1_000_000_000, 310), "my_activity_html": (300_000_000, 770)}
_PHOTOS = 10_000
#: What the other user imports meanwhile.
_VISITS, _OTHER = 5_000, "other@example.org"


def _generate(name: str, folder: Path, records: int) -> Path:
    if name == "apple_health":
        apple_health.generate(folder, records, seed=1)
        return folder / "apple_health_export" / "export.xml"
    path = folder / "MyActivity.html"
    my_activity.write_html(path, records, 1)
    return path


def _read(path: Path) -> dict[str, Any]:
    """Measure reading a whole file."""
    found = whole.run(path, path.name)
    records = found.becomes.total()
    return {
        "format": found.format,
        "megabytes": round(found.megabytes),
        "records": records,
        "records_per_cpu_s": round(records / found.cpu_seconds),
        "records_per_s": round(records / found.seconds),
        "peak_mb": whole.peak_mb(),
    }


def measure(name: str, size: int, folder: Path) -> dict[str, Any]:
    """Measure one input of about `size` bytes; raises OSError where the disk has no room for it."""
    whole.check_room(name, size, folder)
    path = _generate(name, folder, size // _INPUTS[name][1])
    found = whole.alone(_read, path)
    path.unlink()
    return found


# --- photographs -----------------------------------------------------------------------------


def photos(count: int, folder: Path) -> dict[str, Any]:
    """Import a zip of `count` photographs, from staging to the last near duplicate, and a file of
    another user while they load."""
    with place.servers(folder) as settings, place.worker(settings, processes=2):
        archive = folder / "photos.zip"
        planted = generate.write_photos(archive, count)
        visits = place.zipped(
            generate.write_visits(folder / "History.json", _VISITS), "Takeout/Chrome/History.json"
        )
        ledger = open_ledger(settings)
        job = place.submit(settings, ledger, archive, place.USER)
        while not place.ask(settings, "SELECT count(*) FROM user_data.documents"):
            time.sleep(0.1)
        other = place.submit(settings, ledger, visits, _OTHER)
        meanwhile = place.wait(ledger, other, limit_s=1_800)
        ended = place.wait(ledger, job, limit_s=3_600)
        while place.ask(settings, "SELECT count(*) FROM analytics.uncompared"):
            time.sleep(0.1)
        compared = place.ask(settings, "SELECT clock_timestamp()") - ended["started_at"]
        ledger.pool.close()
        return {
            "photographs": ended["records_loaded"],
            "megabytes": round(archive.stat().st_size / 1e6),
            "loaded_after_s": round(place.loaded_after(settings, ended)),
            "job_s": round(place.seconds(ended)),
            "compared_after_s": round(compared.total_seconds()),
            "near_duplicates": place.ask(settings, _FOUND),
            "planted": planted,
            "burnt_attempts": place.ask(settings, _BURNT),
            "failing_steps": place.ask(settings, "SELECT count(*) FROM imports.step_errors"),
            "other_user_s": round(
                (meanwhile["completed_at"] - meanwhile["created_at"]).total_seconds()
            ),
        }


_FOUND = (
    "SELECT count(DISTINCT record_key) FROM user_data.relations "
    "WHERE relation = 'near_duplicate_of'"
)
_BURNT = "SELECT count(*) FROM imports.events WHERE kind = 'attempt_failed'"


def _too_bad(found: Mapping[str, Any]) -> bool:
    """Tell whether a figure is over its limit."""
    return bool(
        found.get("peak_mb", 0) > whole.MOST_MEMORY
        or found.get("burnt_attempts", 0) > 0
        or found.get("failing_steps", 0) > 0
        or found.get("near_duplicates", 0) < found.get("planted", 0)
    )


def main() -> int:
    """Print the figures; 1 where a process held more memory than it may, an error used up an
    attempt, or a near duplicate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*sorted(_INPUTS), "photos"])
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes")
    asked = parser.parse_args()
    names = [asked.only] if asked.only else [*_INPUTS, "photos"]
    found = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="datapunk-large-") as folder:
            if name == "photos":
                Path(folder).chmod(0o711)  # the servers' user passes where we are root
                result = photos(round(_PHOTOS * asked.scale), Path(folder))
            else:
                result = measure(name, round(_INPUTS[name][0] * asked.scale), Path(folder))
            found.append(result)
            print(json.dumps(result), flush=True)
    return int(any(map(_too_bad, found)))


if __name__ == "__main__":
    sys.exit(main())
