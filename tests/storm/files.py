"""The files of a storm: several formats, no record in two of them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from random import Random

from tests.support.site import points


def make(folder: Path, count: int, random: Random) -> list[Path]:
    """Write that many files; every fourth has a record that can't be read, and texts to embed."""
    folder.mkdir()
    makers = (_zip, _rows, _places, _table)
    return [makers[n % 4](folder, n, random.randint(2_000, 6_000)) for n in range(count)]


def _zip(folder: Path, n: int, size: int) -> Path:
    mails = "".join(
        f"From {m}@xxx Fri Sep 16 22:26:51 +0000 2016\nMessage-ID: <{n}.{m}@mail.example>\n"
        f"Subject: {m}\nFrom: a@mail.example\n\nbody {m}\n\n"
        for m in range(size // 2)
    )
    path = folder / f"takeout-{n}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("Takeout/Mail/All mail.mbox", mails)
        out.writestr("table.csv", _csv(n, size) + '7,"open\n')
        for note in range(_NOTES):
            out.writestr(f"note-{note}.txt", f"Note {note} of archive {n}, about a lake at dawn.")
    return path


#: Texts of an archive that are embedded.
_NOTES = 12


def _csv(n: int, size: int) -> str:
    return f"id,file{n}\n" + "".join(f"{row},row {row}\n" for row in range(size))


def _rows(folder: Path, n: int, size: int) -> Path:
    path = folder / f"rows-{n}.ndjson"
    path.write_text("".join(f'{{"id": "{n}.{row}", "name": "row"}}\n' for row in range(size)))
    return path


def _places(folder: Path, n: int, size: int) -> Path:
    path = folder / f"Records-{n}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        data = points(size).replace(b'"longitudeE7": 130', f'"longitudeE7": {n + 10}'.encode())
        # A year's months and not ten years': each job's end has their statistics made anew.
        data = re.sub(rb'"timestamp": "20..', b'"timestamp": "2019', data)
        out.writestr("Takeout/Location History/Records.json", data)
    return path


def _table(folder: Path, n: int, size: int) -> Path:
    path = folder / f"table-{n}.csv"
    path.write_text(_csv(n, size))
    return path
