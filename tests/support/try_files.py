"""What becomes of each file in a folder, without a service.

    python -m tests.support.try_files FOLDER

prints for each file its format, how many records a lake would get, what is unknown and why, the
codes of what would be quarantined, and whether `verify` would agree. With `--records` each record
follows, as `expected.json` of a case in `tests/reported/` names its parts; with `--together` the
folder is one export, so that formats see the files beside their own.
"""

from __future__ import annotations

import argparse
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.support.formats import dump
from tests.support.reported import File, Report, examine


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", action="store_true", help="print each record")
    parser.add_argument("--together", action="store_true", help="the folder is one export")
    asked = parser.parse_args()
    for name, report in _reports(asked.folder, together=asked.together):
        if isinstance(report, Exception):
            place = traceback.extract_tb(report.__traceback__)[-1]
            file = Path(place.filename).name
            print(f"{name}: RAISES {type(report).__name__} at {file}:{place.lineno}")
            continue
        for told in report.files:
            print(line(name, told))
        if asked.records:
            for record in report.records:
                print("   ", dump(record).decode("utf-8", "replace"))


def _reports(folder: Path, *, together: bool) -> Iterator[tuple[str, Report | Exception]]:
    whole = together or folder.is_file()
    paths = [folder] if whole else sorted(p for p in folder.rglob("*") if p.is_file())
    for path in paths:
        name = path.name if whole else path.relative_to(folder).as_posix()
        with tempfile.TemporaryDirectory() as work:
            try:
                yield name, examine(path, Path(work))
            except Exception as error:  # what it is for: one file never hides the others
                yield name, error


def line(name: str, file: File) -> str:
    """One line on a file."""
    inner = "" if file.path == name.rpartition("/")[2] else f" {file.path}"
    if file.disposition != "handled":
        return f"{name}{inner}: {file.disposition}, {file.reason} {file.detail}".rstrip()
    said = [f"{file.rows} rows"]
    if file.duplicates:
        said.append(f"{file.duplicates} duplicates")
    bad = [f"{n} {code}" for code, n in sorted(file.quarantined.items())]
    if bad:
        said.append(f"quarantined {' and '.join(bad)} ({file.details[0]})")
    if not file.agrees:
        said.append(f"VERIFY DISAGREES: counts {file.counted}, read {file.items}")
    if file.detail:
        said.append(file.detail)
    return f"{name}{inner}: {file.format}, {', '.join(said)}"


if __name__ == "__main__":
    main()
