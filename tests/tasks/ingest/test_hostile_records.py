"""Records that no export should hold, through a whole import: each loads or is quarantined."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.records import UNDATED
from tests.support.lake import Database, counts, zipped

pytestmark = pytest.mark.services

ANA = "ana@example.org"
SEPARATOR = b"From ana@example.org Mon May  1 10:00:00 2023\n"

Take = Callable[[Mapping[str, bytes]], dict[str, tuple[int, list[str]]]]
Seen = Callable[[object], None]


@pytest.fixture
def take(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database, seen: Seen
) -> Take:
    """Import members, and check that every record is accounted for: what became of each member,
    as (records loaded, codes of those quarantined)."""

    def do(members: Mapping[str, bytes]) -> dict[str, tuple[int, list[str]]]:
        job = imported(ANA, "export.zip", zipped(members))
        assert (job["status"], job["remaining"]) == ("done", 0)
        found, loaded, duplicate, quarantined = counts(job)
        assert found == loaded + duplicate + quarantined
        assert len(database.documents(job["id"])) + len(database.locations(job["id"])) == loaded
        files = database.files(job["id"])
        codes = database.rows("SELECT file_id, code FROM imports.quarantine ORDER BY id")
        ends = {}
        for name in members:
            bad = [row["code"] for row in codes if row["file_id"] == files[name]["id"]]
            ends[name] = (files[name]["counts"]["loaded"], bad)
            seen(f"{name}: " + ", ".join([f"{ends[name][0]} loaded", *map(str, bad)]))
        return ends

    return do


def good(*beside: bytes) -> bytes:
    """A record of its own, whatever stands beside it."""
    return b'{"id": "good beside %08x"}' % zlib.crc32(b",".join(beside))


def array(*items: bytes) -> bytes:
    return b"[" + b", ".join((good(*items), *items)) + b"]"


@pytest.mark.threat("giants")
def test_giants(take: Take) -> None:
    ends = take(
        {
            "deep.json": array(b"[" * 100_000 + b"]" * 100_000),
            "deep.ndjson": good() + b"\n" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n",
            "never closed.json": array(b"[" * 100_000)[:-1],
            "one string of 65 MiB.json": array(b'"' + b"x" * (65 << 20) + b'"', b"7"),
        }
    )
    assert ends == {
        "deep.json": (1, ["nested_too_deep"]),
        "deep.ndjson": (1, ["nested_too_deep"]),
        "never closed.json": (1, ["nested_too_deep", "truncated"]),
        "one string of 65 MiB.json": (2, ["item_too_large"]),
    }


@pytest.mark.threat("nul")
def test_what_postgres_can_not_hold(take: Take, database: Database, seen: Seen) -> None:
    ends = take(
        {
            "nul.json": array(b'{"text": "a\\u0000b"}'),
            "surrogate.json": array(b'{"text": "a\\ud800b", "\\udfff": 1}'),
            "nul.csv": b"id,text\n1,a\0b\n",
        }
    )
    assert ends == {"nul.json": (2, []), "surrogate.json": (2, []), "nul.csv": (1, [])}
    held = database.rows("SELECT content, metadata FROM user_data.documents")
    assert sum("a\ufffdb" in str(row) for row in held) == 3
    seen("stored as U+FFFD")


@pytest.mark.threat("encodings")
def test_texts_in_every_encoding(take: Take, database: Database, seen: Seen) -> None:
    rows = [
        {"id": n, "town": t} for n, t in enumerate(["Zürich", "Düsseldorf", "Köln", "Lüneburg"])
    ]
    text = json.dumps(rows, ensure_ascii=False)

    def table(name: str, codec: str) -> bytes:
        lines = (f"{row['id']},{row['town']}\n" for row in rows)
        return (f"id,town {name}\n" + "".join(lines)).encode(codec)

    ends = take(
        {
            "utf-16.json": text.encode("utf-16"),
            "latin-1.csv": table("in Latin-1", "latin-1"),
            "byte order mark.csv": table("marked", "utf-8-sig"),
            "one bad line.csv": table("damaged", "utf-8") + b"9,\xff\xfe\x81\n",
        }
    )
    assert ends == {
        "utf-16.json": (4, []),
        "latin-1.csv": (4, []),
        "byte order mark.csv": (4, []),
        "one bad line.csv": (4, ["bad_encoding"]),
    }
    told = database.rows("SELECT encoding FROM imports.files WHERE encoding IS NOT NULL")
    seen("recorded as " + ", ".join(sorted(row["encoding"] for row in told)))
    held = database.rows("SELECT content, metadata FROM user_data.documents")
    assert sum("Lüneburg" in str(row) for row in held) == 4


@pytest.mark.threat("numbers")
def test_numbers_that_are_none(take: Take, database: Database, seen: Seen) -> None:
    ends = take(
        {
            "1e400.json": array(b'{"n": 1e400}'),
            "NaN.json": array(b'{"n": NaN}', b'{"n": -Infinity}'),
            "5,000 digits.json": array(b'{"n": ' + b"7" * 5_000 + b"}"),
            "64 bits.json": array(b'{"n": 18446744073709551616}'),
            "a key twice.json": array(b'{"k": 1, "k": 2}'),
        }
    )
    assert ends == {
        "1e400.json": (2, []),
        "NaN.json": (2, []),  # the third says the same as the one in the file before
        "5,000 digits.json": (2, []),
        "64 bits.json": (2, []),
        "a key twice.json": (2, []),
    }
    documents = database.rows("SELECT metadata FROM user_data.documents")
    held = [row["metadata"]["fields"] for row in documents]
    assert {"n": "7" * 5_000} in held
    assert {"n": "18446744073709551616"} in held
    assert {"k": 2} in held
    assert all(math.isfinite(v) for row in held for v in row.values() if isinstance(v, float))
    seen("too long: kept as text; none: null, flagged; of a key that stands twice the last counts")


@pytest.mark.threat("dates")
def test_times_that_never_were(take: Take, database: Database, seen: Seen) -> None:
    def activity(*times: str) -> bytes:
        items = [
            {"header": "Search", "title": f"Searched for {t}", "products": ["Search"], "time": t}
            for t in times
        ]
        return json.dumps(items).encode()

    def points(*times: object) -> bytes:
        items = [{"latitudeE7": 1, "longitudeE7": n, "timestampMs": t} for n, t in enumerate(times)]
        return json.dumps({"locations": items}).encode()

    ends = take(
        {
            "Takeout/My Activity/Search/MyActivity.json": activity(
                "0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "2023-02-30T00:00:00Z"
            ),
            "Takeout/Location History/Records.json": points("1e20", 10**40, "1683000000"),
        }
    )
    assert list(ends.values()) == [(3, []), (3, [])]
    undated = database.rows(
        "SELECT metadata->'flags' AS flags FROM user_data.documents_activity_undated "
        "WHERE partition_at = %s AND source_timestamp IS NULL",
        UNDATED,
    )
    assert len(undated) == 3
    assert database.one("SELECT count(*) FROM timeseries.locations_undated") == 2
    seen("30 February, years 0 and 99999, 1e20 and 10^40 milliseconds: undated and flagged")


@pytest.mark.threat("csv")
def test_tables_that_lie(take: Take, database: Database, seen: Seen) -> None:
    ends = take(
        {
            "ragged.csv": b"a,b\n1,2\n3\n4,5,6\n",
            "NUL.csv": b"a,b\nx\0y,2\n",
            "200 kB in a cell.csv": b"a,b\n" + b"x" * 200_000 + b",2\n",
            "never closed.csv": b'a,b\n1,"open\n'
            + b"".join(b"%d,t\n" % n for n in range(2, 2_000)),
            "formula.csv": b"a,b\n=cmd()|' /C calc'!A0,+1\n",
        }
    )
    assert ends == {
        "ragged.csv": (2, ["ragged_row"]),
        "NUL.csv": (1, []),
        "200 kB in a cell.csv": (1, []),
        "never closed.csv": (1_998, ["unclosed_quote"]),
        "formula.csv": (1, []),
    }
    cells = database.one(
        "SELECT metadata->'fields' FROM user_data.documents WHERE metadata#>>'{fields,b}' = '+1'"
    )
    assert cells["a"] == "=cmd()|' /C calc'!A0"


def nested(parts: int) -> bytes:
    body = b"deep"
    for n in range(parts):
        kind = b"Content-Type: multipart/mixed; boundary=b%d\n\n" % n
        body = kind + b"--b%d\n" % n + body + b"\n--b%d--\n" % n
    return b"Subject: nested\nMessage-ID: <nested@example.org>\n" + body + b"\n"


@pytest.mark.threat("mime")
def test_mails_that_break_readers(take: Take, database: Database) -> None:
    people = b",\n ".join(b"u%d@example.org" % n for n in range(20_000))
    field = b"Message-ID: <%s@example.org>\n"
    ends = take(
        {
            "1,000 nested parts.mbox": SEPARATOR + nested(1_000),
            "unknown charset.mbox": SEPARATOR
            + field % b"charset"
            + b"Content-Type: text/plain; charset=x-nothing\n\ncaf\xc3\xa9\n",
            "30 February.mbox": SEPARATOR
            + field % b"date"
            + b"Date: Mon, 30 Feb 2026 10:00:00 +0000\n\nbody\n",
            "20,000 addresses.mbox": SEPARATOR + field % b"to" + b"To: " + people + b"\n\nbody\n",
        }
    )
    assert ends == {
        "1,000 nested parts.mbox": (0, ["mail_unreadable"]),
        "unknown charset.mbox": (1, []),
        "30 February.mbox": (1, []),
        "20,000 addresses.mbox": (1, []),
    }


@pytest.mark.threat("mbox")
def test_mails_that_look_like_two(take: Take) -> None:
    def mail(name: str, body: str, end: str = "\n") -> bytes:
        fields = f"Message-ID: <{name}@example.org>{end}Subject: {name}{end}{end}"
        return SEPARATOR + (fields + body).encode()

    ends = take(
        {
            "in a paragraph.mbox": mail("a", "Dear Ben,\nFrom now on it rains.\n\nFrom here on.\n"),
            "quoted.mbox": mail("b", "\n>From ben\n\n>>From cy\n"),
            "no final newline.mbox": mail("c", "one\n\n") + mail("d", "two"),
            "mixed line ends.mbox": mail("e", "one\r\n\r\n", "\r\n") + mail("f", "two\n"),
        }
    )
    assert ends == {
        "in a paragraph.mbox": (1, []),
        "quoted.mbox": (1, []),
        "no final newline.mbox": (2, []),
        "mixed line ends.mbox": (2, []),
    }


@pytest.mark.threat("chance")
def test_what_others_broke(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database, seen: Seen
) -> None:
    """Every file that nobody here wrote, in one archive: all are accounted for, none in the way."""
    top = Path(__file__).parents[2] / "data"
    files = [p for p in sorted(top.rglob("*")) if p.is_file()]
    data = {p.relative_to(top).as_posix(): p.read_bytes() for p in files}
    job = imported(ANA, "others.zip", zipped({**data, "good.json": array()}))
    assert (job["status"], job["remaining"]) == ("done", 0)
    found, loaded, duplicate, quarantined = counts(job)
    assert found == loaded + duplicate + quarantined
    listed = {path.partition("!/")[0] for path in database.files(job["id"])}
    assert listed == {*data, "good.json"}
    seen("files that others broke: all accounted for")


@pytest.mark.threat("sql")
def test_sql_is_only_text(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database, seen: Seen
) -> None:
    evil = "x'); DROP TABLE user_data.documents; --"
    user = "o'hara' OR 1=1 --@example.org"
    data = zipped({f"{evil}.json": json.dumps([{evil: evil, "id": "%(user_id)s {} $1"}]).encode()})
    job = imported(user, f"{evil.replace('/', '')}.zip", data)
    assert (job["status"], counts(job)) == ("done", (1, 1, 0, 0))
    (row,) = database.documents(job["id"])
    assert row["metadata"]["fields"] == {evil: evil, "id": "%(user_id)s {} $1"}
    assert list(database.files(job["id"])) == [f"{evil}.json"]
    assert database.one("SELECT name FROM user_data.users") == user
    seen("names, keys, values and a user's name: stored as text")
