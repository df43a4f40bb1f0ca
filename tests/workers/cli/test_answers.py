"""Answers to a person's questions: one document, a day, a place, counts, two imports, exports."""

from __future__ import annotations

import csv
import io
import json
import mailbox
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import ParquetFile
from typer.testing import CliRunner

from pipeline.readers.mbox import Mbox
from schemas.errors import PermanentError
from schemas.files import Slice
from schemas.records import RawRecord
from sql import answers
from sql.store import Lake
from tasks.derived import search_index
from tasks.runtime.context import Runtime
from tests.support.lake import Database, zipped
from workers.cli import app, options
from workers.cli.verbs import answers as verbs
from workers.cli.verbs import export as export_verb
from workers.cli.verbs import people as people_verb
from workers.cli.verbs import search as search_verb
from workers.cli.writers import ics, lines, mbox, parquet
from workers.cli.writers.rows import COLUMNS
from workers.cli.zone import of_user
from workers.settings import Settings

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
Asked = Callable[..., Result]

MAIL = (
    "From - Mon May  1 10:00:00 2023\nMessage-ID: <1@example.org>\nFrom: Cy <cy@example.org>\n"
    "Subject: =2+3 herons\nDate: Mon, 01 May 2023 23:30:00 +0000\n\nGrey herons stand there.\n\n"
)
PLAYS = [
    {"endTime": f"2023-05-0{n} 10:00", "artistName": artist, "trackName": "T", "msPlayed": 60_000}
    for n, artist in ((1, "Nina"), (2, "Nina"), (3, "Otis"))
]
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:e1\r\nSUMMARY:Tea\\, cake; and\r\n"
    "DTSTART:20230501T140000Z\r\nDTEND:20230501T150000Z\r\nLOCATION:Kitchen\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)


def points(*days: int) -> bytes:
    found = [
        {
            "latitudeE7": n * 10**7,
            "longitudeE7": 5 * 10**7,
            "timestamp": f"2023-05-{n:02}T10:{m}:00Z",
        }
        for n in days
        for m in (10, 20)
    ]
    return json.dumps({"locations": found}).encode()


def archive(*days: int, plays: list[dict[str, Any]] = PLAYS) -> bytes:
    return zipped(
        {
            "Takeout/Mail/All mail.mbox": MAIL.encode(),
            "Takeout/Location History/Records.json": points(*days),
            "MyData/StreamingHistory0.json": json.dumps(plays).encode(),
            "c.ics": CALENDAR.encode(),
        }
    )


@pytest.fixture
def job(imported: Imported, run: Runtime) -> dict[str, Any]:
    made = imported(ANA, "1.zip", archive(1, 2))
    search_index.index_user(run, made["user_id"], seconds=60)
    return made


@pytest.fixture
def asked(job: dict[str, Any], place: Settings, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A verb's result, for a person in Berlin."""
    settings = place.model_copy(update={"zone": "Europe/Berlin"})
    for module in (verbs, export_verb, people_verb, search_verb):
        monkeypatch.setattr(module, "load", lambda: settings)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def id_of(database: Database, record_type: str) -> int:
    query = "SELECT id FROM user_data.documents WHERE record_type = %s ORDER BY id LIMIT 1"
    return int(database.one(query, record_type))


# --- the verbs -------------------------------------------------------------------------------


@pytest.mark.services
def test_a_document_is_shown_with_where_it_came_from(asked: Asked, database: Database) -> None:
    number = id_of(database, "message")
    text = asked("show", number).stdout
    assert "=2+3 herons" in text
    assert "2023-05-02 01:30:00+02:00" in text
    assert "Takeout/Mail/All mail.mbox in 1.zip" in text
    assert "cy@example.org (Cy)" in text
    assert "Grey herons stand there." in text
    found = json.loads(asked("show", number, "--json").stdout)
    assert (found["id"], found["record_type"], found["archive"]) == (number, "message", "1.zip")


@pytest.mark.services
def test_a_document_gives_its_bytes_in_the_original(
    asked: Asked, database: Database, run: Runtime
) -> None:
    raw = asked("show", id_of(database, "message"), "--raw").stdout_bytes
    assert raw.strip() == MAIL.encode().strip()
    numbers = [r["id"] for r in database.rows("SELECT id FROM user_data.documents ORDER BY id")]
    for number in numbers:
        assert asked("show", number, "--raw").stdout_bytes
    for path in run.folders.processed.rglob("*.zip"):
        path.unlink()
    result = asked("show", numbers[0], "--raw")
    assert result.exit_code == 1
    assert "original can no longer be read" in result.output


def test_what_nothing_is_counted_by_is_named() -> None:
    result = CliRunner().invoke(app, ["count", "--by", "artst"])
    assert result.exit_code == 2
    assert "did you mean artist?" in " ".join(result.output.replace("│", " ").split())
    assert {"artist", "person", "month"} <= set(options.keys(""))
    assert options.keys("weekd") == ["weekday"]


def test_bytes_are_not_printed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    result = CliRunner().invoke(app, ["show", "1", "--raw"])
    assert "redirect them" in result.output, "refused before the lake is asked"


@pytest.mark.services
def test_who_saw_a_document_is_recorded(asked: Asked, database: Database) -> None:
    number = id_of(database, "message")
    asked("show", number)
    details = [row["detail"] for row in database.rows("SELECT * FROM imports.events")]
    assert {"document": number} in details


@pytest.mark.services
def test_a_document_of_another_user_is_not_there(
    asked: Asked, imported: Imported, database: Database
) -> None:
    imported(BO, "2.zip", zipped({"a.mbox": MAIL.encode()}))
    of_bo = database.one(
        "SELECT d.id FROM user_data.documents AS d JOIN user_data.users AS u USING (user_id) "
        "WHERE u.name = %s", BO,
    )  # fmt: skip
    result = asked("show", of_bo, "--user", ANA)
    assert result.exit_code == 1
    assert "no document of that id" in str(result.output)


@pytest.mark.services
def test_a_day_has_all_that_happened_in_order(asked: Asked) -> None:
    lines = asked("day", "2023-05-01").stdout.splitlines()
    assert [line[:20].rstrip() for line in lines] == [
        "11:59  play", "12:10  positions", "16:00  event",
    ]  # fmt: skip
    assert "2: 1.0000, 5.0000" in lines[1]
    # 23:30 in UTC is the next day in Berlin.
    assert "01:30  message" in asked("day", "2023-05-02").stdout


@pytest.mark.services
def test_a_day_of_nothing_says_so(asked: Asked) -> None:
    assert "There is nothing of 1999-01-01" in asked("day", "1999-01-01").output
    result = asked("day", "yesterday")
    assert result.exit_code == 2
    assert "write it as 2024-03-05" in result.output


@pytest.mark.services
def test_where_a_person_was(asked: Asked) -> None:
    (line,) = asked("where", "2023-05-02").stdout.splitlines()
    assert line.startswith("2023-05-02 12:10  2.0000, 5.0000")
    before, after = asked("where", "2023-05-01 18:00").stdout.splitlines()
    assert before.startswith("2023-05-01 12:20  1.00000, 5.00000")
    assert after.startswith("2023-05-02 12:10  2.00000, 5.00000")
    assert "No position is known" in asked("where", "1999-01-01 10:00").output


@pytest.mark.services
@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("type", {"play": 3, "message": 1, "event": 1}),
        ("artist", {"Nina": 2, "Otis": 1}),
        ("person", {"cy@example.org": 1}),
        ("month", {"2023-05": 5}),
        ("day", {"2023-05-01": 2, "2023-05-02": 2, "2023-05-03": 1}),
        ("weekday", {"Monday": 2, "Tuesday": 2, "Wednesday": 1}),
        ("hour", {"11": 3, "01": 1, "16": 1}),
    ],
)
def test_documents_are_counted_by(asked: Asked, by: str, expected: dict[str, int]) -> None:
    rows = json.loads(asked("count", "--by", by, "--json").stdout)
    assert {row["value"]: row["records"] for row in rows} == expected


@pytest.mark.services
def test_every_way_to_count_can_be_asked_for(job: dict[str, Any], reader: Lake) -> None:
    for by in (*answers.COLUMNS, *answers.ENTITIES, *answers.KEYS):
        answers.count(reader, job["user_id"], by, answers.Chosen(), "UTC", 5)


@pytest.mark.services
def test_a_count_is_of_what_was_chosen(asked: Asked) -> None:
    chosen = ("--by", "artist", "--from", "2023-05-02", "--to", "2023-05-02", "--json")
    rows = json.loads(asked("count", *chosen).stdout)
    assert [(row["value"], row["records"]) for row in rows] == [("Nina", 1)]
    assert json.loads(asked("count", "--source", "google", "--json").stdout) == []
    assert asked("count", "--by", "colour").exit_code == 2


@pytest.mark.services
def test_two_imports_are_compared(asked: Asked, job: dict[str, Any], imported: Imported) -> None:
    later = imported(ANA, "2.zip", archive(2, 3, plays=PLAYS[1:]))
    result = asked("compare", job["id"], later["id"], "--json")
    found = json.loads(result.stdout)
    kinds = {
        row["kind"]: (row["only_first"], row["only_second"], row["both"]) for row in found["kinds"]
    }
    assert kinds["locations"] == (2, 2, 2)
    assert kinds["activity"] == (1, 0, 2)
    assert kinds["email"] == (0, 0, 1)
    assert [row["record_type"] for row in found["only_first"]] == ["play"]
    assert found["only_second"] == []
    assert "only in the first" in asked("compare", job["id"], later["id"]).stdout


# --- exports ---------------------------------------------------------------------------------


@pytest.mark.services
def test_an_export_has_every_document_once(
    asked: Asked, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_PAGE", 2)
    rows = [json.loads(line) for line in asked("export").stdout.splitlines()]
    ids = [row["id"] for row in database.rows("SELECT id FROM user_data.documents")]
    assert sorted(row["id"] for row in rows) == sorted(ids)
    file = tmp_path / "all.csv"
    assert asked("export", "--format", "csv", "-o", file).exit_code == 0
    table = list(csv.DictReader(io.StringIO(file.read_text(), newline="")))
    assert sorted(int(row["id"]) for row in table) == sorted(ids)
    assert "'=2+3 herons" in {row["title"] for row in table}
    assert file.stat().st_mode & 0o777 == 0o600
    assert asked("export", "-o", file).exit_code == 1  # it is not written over
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.services
def test_documents_are_exported_as_parquet(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 2)
    file = tmp_path / "all.parquet"
    assert asked("export", "--format", "parquet", "-o", file).exit_code == 0
    table = ParquetFile(file)
    assert table.num_row_groups == 3
    written = [json.loads(line) for line in asked("export").stdout.splitlines()]
    rows = table.read().to_pylist()
    for row in rows:
        row["at"] = row["at"] and row["at"].astimezone(UTC)
        row["metadata"] = json.loads(row["metadata"])
    for row in written:
        row["at"] = row["at"] and datetime.fromisoformat(row["at"])
    assert rows == [{name: row[name] for name in COLUMNS} for row in written]
    assert asked("export", "--format", "parquet").stdout_bytes == file.read_bytes()


def test_a_large_text_ends_a_row_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_CHARACTERS", 10)
    row = {**dict.fromkeys(COLUMNS), "id": 1, "metadata": {}}
    rows = [{**row, "content": text} for text in ("x" * 9, "x" * 9, "x", None)]
    file = ParquetFile(io.BytesIO(b"".join(parquet.parquet(rows))))
    assert [file.metadata.row_group(n).num_rows for n in range(2)] == [2, 2]


def test_no_documents_are_a_whole_file() -> None:
    file = ParquetFile(io.BytesIO(b"".join(parquet.parquet([]))))
    assert (file.metadata.num_rows, file.schema_arrow.names) == (0, list(COLUMNS))


def test_parquet_without_the_extra_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PermanentError, match=r"datapunk-lake\[parquet\]"):
        parquet.parquet([])


@pytest.mark.services
def test_positions_are_exported_as_a_track(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_PAGE", 1)
    track = ElementTree.fromstring(asked("export", "--format", "gpx").stdout)
    times = [time.text for time in track.iter("{http://www.topografix.com/GPX/1/1}time")]
    assert times == [f"2023-05-0{n}T10:{m}:00Z" for n in (1, 2) for m in (10, 20)]


@pytest.mark.services
def test_events_are_exported_as_a_calendar(asked: Asked) -> None:
    text = asked("export", "--format", "ics").stdout
    assert "SUMMARY:Tea\\, cake\\; and" in text
    assert "DTSTART:20230501T140000Z" in text
    assert "DTEND:20230501T150000Z" in text
    assert text.count("BEGIN:VEVENT") == 1


QUOTING = (
    "From - Mon May  1 10:00:00 2023\nMessage-ID: <9@example.org>\nSubject: Quotes\n"
    "Date: Mon, 01 May 2023 10:00:00 +0000\n\n>From the first,\n>>From the second.\n\n"
)
LETTER = b"Message-ID: <8@example.org>\r\nSubject: Letter\r\n\r\nFrom here\r\n>From there"
WITHIN = (
    "From - Mon May  1 10:00:00 2023\nMessage-ID: <7@example.org>\nSubject: Outer\n"
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee this.\n--b\n"
    "Content-Type: message/rfc822\n\nMessage-ID: <6@example.org>\nSubject: Inner\n\nHello.\n"
    "--b--\n\n"
)


@pytest.mark.services
def test_mails_are_exported_with_their_bytes(
    asked: Asked, imported: Imported, run: Runtime, tmp_path: Path
) -> None:
    emlx = b"%d  \n" % len(LETTER) + LETTER + b'<?xml version="1.0"?><plist><dict/></plist>\n'
    other = imported(ANA, "2.zip", zipped({"q.mbox": (QUOTING + WITHIN).encode(), "5.emlx": emlx}))
    search_index.index_user(run, other["user_id"], seconds=60)
    file = tmp_path / "all.mbox"
    result = asked("export", "--format", "mbox", "-o", file)
    assert result.exit_code == 0, result.output
    written = file.read_bytes()
    for mail in (MAIL, QUOTING, WITHIN):
        body = mail.partition("\n")[2].encode()
        assert written.count(body) == 1, "the bytes of the original, once"
    assert b"\r\n>From here\r\n>>From there\n\n" in written
    assert b"plist" not in written
    box = mailbox.mbox(file)
    subjects = {"=2+3 herons", "Quotes", "Letter", "Outer"}
    assert {mail["Subject"] for mail in box} == subjects
    box.close()
    assert "left out: 3 of type play, which is no mail" in result.stderr
    assert "left out: 1 of type event, which is no mail" in result.stderr
    assert "original" not in result.stderr
    some = asked("export", "--format", "mbox", "--type", "email", "--to", "2023-05-01 14:00")
    assert b"Quotes" in some.stdout_bytes
    assert b"herons" not in some.stdout_bytes
    assert "left out" not in some.stderr
    for path in run.folders.processed.rglob("2.zip"):
        path.unlink()
    gone = asked("export", "--format", "mbox", "--type", "message")
    assert b"herons" in gone.stdout_bytes
    assert b"Quotes" not in gone.stdout_bytes
    assert "left out: 4 whose original can't be read any more" in gone.stderr
    again = imported(BO, "all.mbox", written)
    assert (again["records_seen"], again["records_quarantined"]) == (6, 0), "and two within Outer"


_LINES = st.sampled_from((b"From x", b">From a", b">>From ", b"", b"From:", b"text", b" From y"))


@given(st.lists(st.lists(_LINES, max_size=6), max_size=4), st.sampled_from((b"\n", b"\r\n")))
def test_any_mail_survives_an_mbox(mails: list[list[bytes]], end: bytes) -> None:
    letters = [b"Subject: s" + end + end + end.join(lines) + end for lines in mails]
    at = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    written = b"".join(mbox.entry("mail.eml", letter, at) for letter in letters)
    assert read_mbox(written) == letters
    entries = [mbox.entry("mail.eml", each, None) for each in letters]
    separator = b"From - Mon May  1 10:00:00 2023\n"
    items = [separator + entry.partition(b"\n")[2] for entry in entries]
    again = b"".join(mbox.entry("mail.mbox", item, at) for item in items)
    assert again == written, "what is escaped is not escaped twice"


def read_mbox(data: bytes) -> list[bytes]:
    reader, source = Mbox(), io.BytesIO(data)
    if not data:
        return []
    context = reader.prepare(source, None)  # type: ignore[arg-type]
    items = reader.items(source, Slice(0, len(data)), context)
    return [item.value.body for item in items if isinstance(item, RawRecord)]


# --- search and people -----------------------------------------------------------------------


@pytest.mark.services
def test_a_search_for_nothing_lists_in_the_order_of_time(asked: Asked) -> None:
    for mode in ("keyword", "hybrid", "semantic"):
        result = asked("search", "", "--mode", mode)
        kinds = [(line[10:20], line[22:34].strip()) for line in result.stdout.splitlines()
                 if line[:8].strip()]  # fmt: skip
        assert kinds == [
            ("2023-05-03", "play"), ("2023-05-02", "play"), ("2023-05-02", "message"),
            ("2023-05-01", "event"), ("2023-05-01", "play"),
        ], mode  # fmt: skip
        assert result.stderr.count("times are in Europe/Berlin") == 1
        zone, place = result.stderr.splitlines()
        assert (zone, place.startswith("1 to ")) == ("times are in Europe/Berlin", True)


@pytest.mark.services
def test_a_search_is_limited_in_the_zone_of_the_person(asked: Asked) -> None:
    def found(*words: str) -> list[str]:
        result = asked("search", "", "--json", *words)
        assert result.exit_code == 0, result.output
        return [hit["at"] for hit in json.loads(result.stdout)["hits"]]

    mail, play = "2023-05-01T23:30:00Z", "2023-05-02T10:00:00Z"
    assert set(found("--from", "2023-05-02", "--to", "2023-05-02")) >= {mail}, "01:30 in Berlin"
    assert mail not in found("--to", "2023-05-01")
    assert found("--from", "2023-05-02 01:30", "--to", "2023-05-02 01:31") == [mail]
    assert found("--from", "2023-05-02 01:31", "--to", "2023-05-02") != [mail]
    assert found("--from", "2023-05-01T23:30Z", "--to", "2023-05-01T23:31Z") == [mail]
    assert play not in found("--to", "2023-05-02 02:00")
    assert asked("search", "x", "--from", "soon").exit_code == 2


@pytest.mark.services
def test_a_person_is_listed_with_text(asked: Asked) -> None:
    result = asked("people", "cy@example.org")
    first, text = result.stdout.splitlines()
    assert first.split()[1:4] == ["2023-05-02", "message", "sender"]
    assert first.endswith("=2+3 herons")
    assert text.strip() == "Grey herons stand there."
    assert result.stderr.strip() == "times are in Europe/Berlin"
    (row,) = json.loads(asked("people", "cy@example.org", "--json").stdout)
    assert (row["content"].strip(), row["at"]) == (
        "Grey herons stand there.", "2023-05-01T23:30:00Z",
    )  # fmt: skip


@pytest.mark.services
@pytest.mark.parametrize(
    "words",
    [["day", "2023-05-01"], ["where", "2023-05-02"], ["count"], ["people", "cy@example.org"],
     ["search", "herons", "--mode", "keyword"]],
)  # fmt: skip
def test_the_zone_is_named_once(asked: Asked, words: list[str]) -> None:
    assert asked(*words).output.count("Europe/Berlin") == 1


@pytest.mark.parametrize("zone", ["EST5EDT,M3.2.0,M11.1.0", "No/Such", ""])
def test_a_system_without_a_named_zone_has_utc(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    assert of_user(Settings(_env_file=None)).key


@given(st.text(max_size=300))
def test_any_text_survives_a_calendar(text: str) -> None:
    row = {"id": 1, "at": datetime(2024, 1, 1, tzinfo=UTC), "title": text, "content": None}
    lines = "".join(ics.ics([{**row, "metadata": {}}])).encode("utf-8", "replace")
    assert all(len(line) <= 75 for line in lines.split(b"\r\n"))
    unfolded = lines.decode().replace("\r\n ", "")
    (summary,) = [s[8:] for s in unfolded.split("\r\n") if s.startswith("SUMMARY:")]
    plain = "".join(c for c in "\n".join(text.splitlines()) if c >= " " or c in "\t\n")
    assert _unescaped(summary) == plain.encode("utf-8", "replace").decode()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


@given(st.text(max_size=50))
def test_no_cell_is_a_formula(text: str) -> None:
    row = {**dict.fromkeys(COLUMNS), "title": text, "metadata": {}}
    _, line = csv.reader(io.StringIO("".join(lines.csv_lines([row])), newline=""))
    cell = line[COLUMNS.index("title")]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'")


def test_a_day_is_as_long_as_its_clocks_say() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 5, 1), 24)):
        span = answers.span_of(day, berlin)
        assert (
            span.before.astimezone(UTC) - span.after.astimezone(UTC)
        ).total_seconds() == hours * 3600
