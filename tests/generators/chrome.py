"""What Chrome keeps in an account: history, bookmarks, forms, search engines, devices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from tests.generators.google_support import added, grown

_HISTORY = {"en": "History.json", "de": "Verlauf.json"}
_US = 1_546_300_800_000_000
_WEBKIT = 13_190_774_400_000_000


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Eight tenths of the records are visits, one bookmarks in folders of ten, one forms.

    One visit of a hundred has no address. `later`: as they are a month later, with new visits.
    Returns how many of each record type, and `rejected`, there are to be read.
    """
    chrome = folder / "Takeout" / "Chrome"
    chrome.mkdir(parents=True, exist_ok=True)
    tenth = records // 10
    visits = grown(records - 2 * tenth, later=later)
    _write(chrome / _HISTORY[locale], b"Browser History", _visits(visits, seed))
    _write(chrome / "Autofill.json", b"Autofill", _forms(tenth))
    _write(chrome / "SearchEngines.json", b"Search Engines", _engines(3))
    _write(chrome / "Device Information.json", b"Device Info", _devices(2))
    _bookmarks(chrome / "Bookmarks.html", tenth)
    bad = visits // 100
    found = {"visit": visits - bad, "bookmark": tenth, "list_item": tenth}
    return {**found, "setting": 3, "device": 2, "rejected": bad}


def after(records: int) -> dict[str, int]:
    """What becomes of the second export."""
    tenth = records // 10
    visits = records - 2 * tenth
    total = grown(visits, later=True)
    held, good = visits - visits // 100, total - total // 100
    duplicate = held + 2 * tenth + 3 + 2
    return added({"new": good - held, "duplicate": duplicate, "rejected": total // 100})


def _write(path: Path, key: bytes, items: Iterator[dict[str, object]]) -> None:
    with path.open("wb", buffering=1 << 20) as out:
        out.write(b'{"%b": [' % key)
        for n, item in enumerate(items):
            out.write(b",\n" if n else b"\n")
            out.write(orjson.dumps(item))
        out.write(b'\n], "Typed Url": []}\n' if key == b"Browser History" else b"\n]}\n")


def _visits(count: int, seed: int) -> Iterator[dict[str, object]]:
    for n in range(count):
        visit: dict[str, object] = {
            "title": f"Reiher {n % 977}",
            "url": f"https://site{(n + seed) % 500}.example/page/{n}",
            "time_usec": _US + n * 97_000_000,
            "page_transition": "LINK",
            "client_id": "AbCdEfGhIjKl==",
        }
        if n % 100 == 99:
            del visit["url"]
        yield visit


def _forms(count: int) -> Iterator[dict[str, object]]:
    for n in range(count):
        used = [_WEBKIT + n * 1_000_000, _WEBKIT + n * 2_000_000]
        yield {"name": f"field{n % 20}", "value": f"Wert {n}", "usage_timestamp": used}


def _engines(count: int) -> Iterator[dict[str, object]]:
    for n in range(count):
        url = f"https://search{n}.example/?q={{searchTerms}}"
        yield {"short_name": f"Suche {n}", "keyword": f"s{n}", "url": url, "date_created": _WEBKIT}


def _devices(count: int) -> Iterator[dict[str, object]]:
    for n in range(count):
        yield {"client_name": f"Gerät {n}", "signin_scoped_device_id": f"id-{n}"}


def _bookmarks(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write("<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<TITLE>Bookmarks</TITLE>\n<DL><p>\n")
        for n in range(count):
            if n % 10 == 0:
                out.write(f'<DT><H3 ADD_DATE="1704067200">Ordner {n // 10}</H3>\n<DL><p>\n')
            out.write(f'<DT><A HREF="https://example.org/{n}" ADD_DATE="{1704067200 + n}">')
            out.write(f"Seite {n}</A>\n")
            if n % 10 == 9 or n == count - 1:
                out.write("</DL><p>\n")
        out.write("</DL><p>\n")
