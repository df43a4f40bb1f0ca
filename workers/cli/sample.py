"""A small invented Takeout, the same bytes every time, with one broken record of several kinds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

NAME = "takeout-sample.zip"
_BEGAN = datetime(2024, 3, 1, 7, 30, tzinfo=UTC)


def write(path: Path) -> Path:
    """Write the archive to `path`. Stored, not deflated: every zlib would give other bytes."""
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name, content in members().items():
            archive.writestr(ZipInfo(name, date_time=(2024, 6, 1, 12, 0, 0)), content)
    return path


def members() -> dict[str, bytes]:
    """Return the files of the archive by their names."""
    return {
        "Takeout/My Activity/Search/MyActivity.json": _json(_activity()),
        "Takeout/Chrome/History.json": _json({"Browser History": _history()}),
        "Takeout/Location History/Records.json": _json({"locations": _locations()}),
        "Takeout/Mail/All mail Including Spam and Trash.mbox": _mbox(),
        "Takeout/Fitness/steps.csv": _csv(),
        "Takeout/Keep/shopping.txt": b"Bread, butter, and the good coffee from the corner shop.\n",
        "Takeout/Unknown/model.bin": bytes(range(256)) * 4,
        "Takeout/.DS_Store": b"\x00\x00\x00\x01Bud1",
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _at(n: int) -> datetime:
    return _BEGAN + timedelta(hours=7 * n)


def _activity() -> list[dict[str, Any]]:
    topics = ("bicycle repair", "sourdough bread", "train to Lisbon", "weather tomorrow")
    entries = [
        {
            "header": "Search",
            "title": f"Searched for {topics[n % 4]} {n}",
            "titleUrl": f"https://www.google.com/search?q={topics[n % 4].replace(' ', '+')}+{n}",
            "time": _at(n).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "products": ["Search"],
            "activityControls": ["Web & App Activity"],
        }
        for n in range(40)
    ]
    del entries[11]["title"]  # nothing says what it was
    return [*entries, entries[3]]  # and one comes twice


def _history() -> list[dict[str, Any]]:
    return [
        {
            "page_transition_qualifier": "CLIENT_REDIRECT",
            "title": f"Page {n} about gardens",
            "url": f"https://example.org/gardens/{n}",
            "client_id": "sample",
            "time_usec": int(_at(n).timestamp()) * 1_000_000,
        }
        for n in range(30)
    ]


def _locations() -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = [
        {
            "latitudeE7": 387_223_000 + 1_000 * n,
            "longitudeE7": -91_393_000 - 1_000 * n,
            "accuracy": 12 + n % 20,
            "timestamp": _at(n).isoformat().replace("+00:00", "Z"),
            "source": "WIFI",
        }
        for n in range(60)
    ]
    points[7]["latitudeE7"] = 1_900_000_000  # 190 degrees north
    return points


def _mbox() -> bytes:
    return b"".join(_mail(n) for n in range(6)) + _mail_with_attachment()


def _mail(n: int) -> bytes:
    return (
        f"From {n}@xxx {_at(n):%a %b %d %H:%M:%S +0000 %Y}\n"
        f"From: Ada <ada@example.org>\nTo: Ben <ben@example.org>\n"
        f"Subject: Notes of the week {n}\nMessage-ID: <sample-{n}@example.org>\n"
        f"Date: {_at(n):%a, %d %b %Y %H:%M:%S +0000}\n"
        "Content-Type: text/plain; charset=utf-8\n\n"
        f"Dear Ben, here is what happened in week {n}: we planted the beans.\n\n"
    ).encode()


def _mail_with_attachment() -> bytes:
    return (
        f"From 99@xxx {_at(9):%a %b %d %H:%M:%S +0000 %Y}\n"
        "From: Ben <ben@example.org>\nTo: Ada <ada@example.org>\n"
        "Subject: The list\nMessage-ID: <sample-99@example.org>\n"
        f"Date: {_at(9):%a, %d %b %Y %H:%M:%S +0000}\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n'
        "--b\nContent-Type: text/plain; charset=utf-8\n\nThe list is attached.\n"
        '--b\nContent-Type: text/plain; name="list.txt"\n'
        'Content-Disposition: attachment; filename="list.txt"\n\nbeans\npeas\n--b--\n\n'
    ).encode()


def _csv() -> bytes:
    rows = [f"{_at(n):%Y-%m-%d},{4_000 + 37 * n},{2.5 + n / 10:.1f}" for n in range(25)]
    rows[5] = f"{_at(5):%Y-%m-%d},4185,2.9,one field too many"
    return ("date,steps,kilometres\n" + "\n".join(rows) + "\n").encode()
