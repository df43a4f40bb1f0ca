"""Google's activities in HTML and JSON, of any size, with counts that need no reading.

Of each hundred records one has no title or, on a page, a time that never was; of the others, by the
last digit of their number, five are videos watched, two searches, one a page opened, two something
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import NamedTuple

import orjson

_START = datetime(2015, 1, 1, tzinfo=UTC)
_KINDS = ("play",) * 5 + ("search",) * 2 + ("visit",) + ("activity",) * 2
_BIRDS = ("heron", "stork", "crane", "egret", "Löffler", "Säbelschnäbler", "ibis", "bittern")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: By kind: what stands before a title and behind it, in English and in German.
_VERBS = {
    "en": {
        "play": ("Watched\u00a0", ""),
        "search": ("Searched for\u00a0", ""),
        "visit": ("Visited\u00a0", ""),
        "activity": ("Used\u00a0", ""),
    },
    "de": {
        "play": ("", " angesehen"),
        "search": ("Gesucht nach:\u00a0", ""),
        "visit": ("", " besucht"),
        "activity": ("", " verwendet"),
    },
}
_PATHS = {
    "en": (
        "Takeout/My Activity/Search/MyActivity.html",
        "Takeout/YouTube and YouTube Music/history/watch-history.json",
    ),
    "de": (
        "Takeout/Meine Aktivitäten/Google Suche/MeineAktivitäten.html",
        "Takeout/YouTube und YouTube Music/Verlauf/Wiedergabeverlauf.json",
    ),
}
_PRODUCTS = {"play": "YouTube", "search": "Search", "visit": "Search", "activity": "Maps"}
_HEAD = (
    '<html><head><meta charset="utf-8"><title>My Activity History</title>'
    '<style type="text/css">.mdl-grid{display:flex}</style></head><body><div class="mdl-grid">'
)
_ENTRY = (
    '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
    '<div class="header-cell mdl-cell mdl-cell--12-col">'
    '<p class="mdl-typography--title">{product}<br></p></div>'
    '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">'
    "{before}{title}{behind}<br>{below}{time}<br>{summary}</div>"
    '<div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 '
    'mdl-typography--text-right"></div>'
    '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption">'
    "<b>{products}</b><br>&emsp;{product}<br>{details}<b>{why}</b><br>&emsp;{because}</div>"
    "</div></div>"
)
_CAPTION = {
    "en": {
        "products": "Products:",
        "why": "Why is this here?",
        "because": "This activity was saved because these settings were on:&nbsp;History.",
    },
    "de": {
        "products": "Produkte:",
        "why": "Warum steht das hier?",
        "because": "Diese Aktivität wurde gespeichert, weil dies aktiv war:&nbsp;Verlauf.",
    },
}


class _Made(NamedTuple):
    kind: str
    title: str
    url: str
    at: datetime
    bad: bool


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Half of the records as a page of My Activity, half as YouTube's history in JSON.

    Returns how many of each record type, and `rejected`, there are to be read.
    """
    html, json = (folder / path for path in _PATHS[locale])
    in_html = records - records // 2
    write_html(html, in_html, seed, locale=locale)
    write_json(json, range(in_html, records), seed, locale=locale)
    return counts(records, in_html)


def counts(records: int, on_page: int = 0) -> dict[str, int]:
    """What becomes of the first `records` records, by arithmetic alone.

    The bad one of a hundred is refused in JSON; of the first `on_page`, which are on the page, it
    stays undated.
    """
    found = {"rejected": records // 100 - on_page // 100}
    for digit, kind in enumerate(_KINDS):
        found[kind] = found.get(kind, 0) + (records - digit + 9) // 10
    found[_KINDS[9]] -= found["rejected"]  # the bad one of a hundred is the last
    return {kind: count for kind, count in found.items() if count}


def write_html(path: Path, records: int, seed: int, *, locale: str = "en") -> Path:
    """A page of the first `records` records, about 950 bytes each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="", buffering=1 << 20) as out:
        out.write(_HEAD)
        for n, made in enumerate(_made(range(records), seed)):
            out.write(_entry(n, made, locale))
        out.write("</div></body></html>\n")
    return path


def write_json(path: Path, numbers: range, seed: int, *, locale: str = "en") -> Path:
    """The records of those numbers as an array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=1 << 20) as out:
        for n, made in enumerate(_made(numbers, seed)):
            out.write(b",\n" if n else b"[")
            out.write(orjson.dumps(_item(made, locale)))
        out.write(b"]\n")
    return path


def _made(numbers: range, seed: int) -> Iterator[_Made]:
    for n in numbers:
        mixed = (n * 2_654_435_761 + seed) % 4_294_967_296
        kind, title = _KINDS[n % 10], f"{_BIRDS[mixed % 8]} {mixed % 9973} & {n}"
        yield _Made(kind, title, _url(kind, n, title), _at(n), n % 100 == 99)


def _at(n: int) -> datetime:
    return _START + timedelta(seconds=37 * n)


def _url(kind: str, n: int, title: str) -> str:
    if kind == "play":
        return f"https://www.youtube.com/watch?v=inv{n:08d}"
    if kind == "search":
        return f"https://www.google.com/search?q={title.replace(' & ', '+')}"
    if kind == "visit":
        return f"https://www.google.com/url?q=https://site{n % 500}.example/{n}&usg=x"
    return ""


def _entry(n: int, made: _Made, locale: str) -> str:
    before, behind = _VERBS[locale][made.kind]
    shown, ad = escape(made.title), n % 50 == 4
    url = made.url.replace("&", "&amp;")
    return _ENTRY.format(
        product=_PRODUCTS[made.kind],
        before=before,
        behind=behind,
        title=f'<a href="{url}">{shown}</a>' if url else shown,
        below=f'<a href="https://www.youtube.com/channel/UC{n % 300}">Channel {n % 300}</a><br>'
        if made.kind == "play"
        else "",
        time=_spelt(made, locale),
        summary="<p>An AI wrote this on 9:00:00.</p>" if made.kind == "activity" else "",
        details="<b>Details:</b><br>&emsp;From Google Ads<br>" if ad else "",
        **_CAPTION[locale],
    )


def _spelt(made: _Made, locale: str) -> str:
    at = made.at
    if locale == "de":
        day = "30.02." if made.bad else f"{at:%d.%m.}"
        return f"{day}{at.year}, {at:%H:%M:%S} UTC"
    day = "Feb 30" if made.bad else f"{_MONTHS[at.month - 1]} {at.day}"
    half = "AM" if at.hour < 12 else "PM"
    return f"{day}, {at.year}, {at.hour % 12 or 12}:{at:%M:%S}\u202f{half} UTC"


def _item(made: _Made, locale: str) -> dict[str, object]:
    before, behind = _VERBS[locale][made.kind]
    item: dict[str, object] = {
        "header": _PRODUCTS[made.kind],
        "title": None if made.bad else f"{before.replace(chr(0xA0), ' ')}{made.title}{behind}",
        "time": f"{made.at:%Y-%m-%dT%H:%M:%S}.123Z",
        "products": [_PRODUCTS[made.kind]],
        "activityControls": ["History"],
    }
    if made.url:
        item["titleUrl"] = made.url
    if made.kind == "play":
        item["subtitles"] = [{"name": "A channel", "url": "https://www.youtube.com/channel/UC1"}]
    return item
