"""Cards that are dropped and numbers that are hashed, planted wherever an export has room for them.

They are looked for in every column of every table, in what is embedded, in logs, in what commands
print and in every file that is left, however their digits are parted. Where
docs/explanation/privacy.md says that bytes stay as they came (originals, blobs, quarantined
records), and only there, they are.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.enrich import text_pieces
from tasks.derived import embedding_backfill, search_index
from tasks.ingest import upload
from tasks.maintenance import reconcile
from tasks.operations import privacy_reapply
from tasks.operations import quarantine as operations_quarantine
from tasks.runtime import context
from tasks.runtime.context import Runtime
from tasks.runtime.privacy_policy import PolicyFile
from tests.support.lake import Database, Driver, FakeEmbedder, zipped
from workers.cli import app
from workers.cli.verbs import jobs, people, quarantine, search, status
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
cli = CliRunner()

POLICY = """
regions = ["DE"]
[[rule]]
kind = "card"
action = "drop"
[[rule]]
kind = "phone"
action = "hash"
"""
CARD, PHONE = "4556737586899855", "15123456789"
#: As exports write them.
SPACED, DASHED = "4556 7375 8689 9855", "4556-7375-8689-9855"
FULL, HOME, PARTED, THIN = (
    "+49 1512 3456789", "01512 3456789", "+49 (1512) 345-6789", "+49\u202f1512\u202f3456789",
)  # fmt: skip
#: What parts digits, and what of the planted ones must stand nowhere once that is gone.
_PARTS = re.compile(r"[\s\-./()\u00a0\u202f\u2011]+")
_DIGITS = (CARD, CARD[4:], CARD[:12], PHONE, PHONE[2:])

_ENCODED = base64.b64encode(f"The heron's card is {SPACED}.\n".encode()).decode()
MAILS = f"""From - Mon May  1 10:00:00 2023
Message-ID: <1@example.org>
From: "Bo {FULL}" <bo@example.org>
Subject: Card {SPACED}
Date: Mon, 1 May 2023 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>The heron wants <b>{DASHED}</b>, =
or ring me: tel. {HOME}.</p>
--x
Content-Type: text/plain; name="card {DASHED}.txt"
Content-Disposition: attachment; filename="card {DASHED}.txt"
Content-Transfer-Encoding: base64

{_ENCODED}
--x--

From - Mon May  1 10:00:01 2023
Message-ID: <2@example.org>
From: Bo <bo@example.org>
Subject: Re: heron
In-Reply-To: <1@example.org>
Date: Mon, 1 May 2023 11:00:00 +0000
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{_ENCODED}
"""
CHAT = (
    f"[01.05.23, 10:00:00] {FULL}: my card is {SPACED}\n"
    f"[13.05.23, 10:00:01] Ana: no, {CARD}?\nand ring {PARTED}\n"
    f"[13.05.23, 10:00:02] {FULL} added {THIN}\n"
)
EVENTS = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VEVENT
UID:1@example.org
DTSTART:20230501T100000Z
SUMMARY:Call {FULL}
DESCRIPTION:Pay the heron with {SPACED}
LOCATION:Pond\\, tel. {HOME}
ORGANIZER;CN="Bo {FULL}":mailto:bo@example.org
END:VEVENT
BEGIN:VEVENT
UID:2@example.org
DTSTART:the card is {SPACED}
SUMMARY:No time {CARD}
END:VEVENT
END:VCALENDAR
"""
CONTACTS = f"""BEGIN:VCARD
VERSION:3.0
FN:Bo Heron
TEL;TYPE=CELL:{FULL}
TEL;TYPE=HOME:tel:+{PHONE}
NOTE:pays with {DASHED}
END:VCARD
"""
ROWS = [
    {"id": 1, "sender": {"name": f"Bo {FULL}", "phone": FULL}, "text": "hello heron"},
    {"id": 2, "note": f"call {FULL} about {SPACED}", "card": int(CARD)},
    {"id": 3, "deep": [{"numbers": {f"+49{PHONE}": ["mine", CARD]}}], "phone": HOME},
]
BROKEN = "".join(f'{{"id": {n}, "note": "card {SPACED}", :}}\n' for n in (4, 5, 6))
ACTIVITY = [
    {
        "header": "Search",
        "title": f"Searched for who is {FULL}",
        "titleUrl": f"https://www.google.com/search?q={CARD}",
        "time": "2023-05-01T10:00:00.000Z",
        "products": ["Search"],
        f"seen by {FULL}": SPACED,
    },
    {"header": "Search", "title": f"who is {FULL}", "time": f"paid by {SPACED}"},
]
TABLE = f"name,phone,paid with\nBo Heron,{FULL},{DASHED}\nCy,,cash\n"
PICTURE = BytesIO()
Image.new("RGB", (8, 8), "red").save(PICTURE, "JPEG")
SIDECAR = {
    "title": "a.jpg",
    "description": f"The heron's owner has {FULL}, and pays with {SPACED}",
    "photoTakenTime": {"timestamp": "1683000000"},
    "people": [{"name": f"Bo {FULL}"}],
}
NOTE = f"Rent for the heron is paid by {SPACED} every month, says {FULL}. Nothing else is new."
ALBUM = "Takeout/Google Photos/Photos from 2023"
EXPORT = zipped(
    {
        "all.mbox": MAILS.encode(),
        "WhatsApp Chat with Bo.txt": CHAT.encode(),
        "calendar.ics": EVENTS.replace("\n", "\r\n").encode(),
        "contacts.vcf": CONTACTS.replace("\n", "\r\n").encode(),
        "rows.ndjson": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS) + BROKEN.encode(),
        "Takeout/My Activity/Search/MyActivity.json": json.dumps(ACTIVITY).encode(),
        "people.csv": TABLE.encode(),
        "note.txt": NOTE.encode(),
        f"{ALBUM}/a.jpg": PICTURE.getvalue(),
        f"{ALBUM}/a.jpg.supplemental-metadata.json": json.dumps(SIDECAR).encode(),
    }
)
#: How often which file holds them, in titles, texts, values, names of fields and of attachments.
CARDS = {
    "all.mbox": 7, "WhatsApp Chat with Bo.txt": 2, "calendar.ics": 3, "contacts.vcf": 1,
    "rows.ndjson": 6, "Takeout/My Activity/Search/MyActivity.json": 5, "people.csv": 2,
    "note.txt": 1,  f"{ALBUM}/a.jpg.supplemental-metadata.json": 1,
}  # fmt: skip
PHONES = {
    "all.mbox": 2, "WhatsApp Chat with Bo.txt": 4, "calendar.ics": 3, "contacts.vcf": 4,
    "rows.ndjson": 11, "Takeout/My Activity/Search/MyActivity.json": 4, "people.csv": 2,
    "note.txt": 1,  f"{ALBUM}/a.jpg.supplemental-metadata.json": 2,
}  # fmt: skip


def planted_in(text: str) -> list[str]:
    """The planted digits that stand in a text, however they are parted."""
    bare = _PARTS.sub("", text)
    return [digits for digits in _DIGITS if digits in bare]


def columns(database: Database) -> Iterator[tuple[str, str]]:
    """Every column of every table, and of every view that holds rows, with all its values."""
    tables = database.rows(
        "SELECT format('%%I.%%I', n.nspname, c.relname) AS name FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') "
        "AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    for table in tables:
        held: dict[str, list[str]] = {}
        for row in database.rows(f"SELECT to_jsonb(t) AS said FROM {table['name']} AS t"):
            for column, value in row["said"].items():
                held.setdefault(column, []).append(_spelled_out(value))
        for column, values in held.items():
            yield f"{table['name']}.{column}", " | ".join(values)


def _spelled_out(value: Any) -> str:
    """A value as text; bytes, which come as hex, as the letters that they are."""
    if isinstance(value, str) and value.startswith("\\x"):
        return bytes.fromhex(value[2:]).decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def standing(database: Database) -> set[str]:
    """The columns in which planted digits stand. Floats of vectors are none of theirs."""
    looked = [(name, text) for name, text in columns(database) if not name.endswith(".embedding")]
    assert len(looked) > 100
    assert any("heron" in text for _, text in looked), "the look finds what is there"
    return {name for name, text in looked if planted_in(text)}


def vectors(database: Database) -> dict[str, int]:
    """How many vectors each tier has."""
    rows = database.rows(
        "SELECT m.tier, count(*) AS n FROM vectors.embeddings AS e "
        "JOIN vectors.models AS m ON m.id = e.model_id GROUP BY m.tier"
    )
    return {row["tier"]: row["n"] for row in rows}


def assert_vectors_are_of_the_texts(database: Database) -> None:
    """Each document's first vectors are those of its text as it stands."""
    rows = database.rows(
        "SELECT d.title, d.content, m.tier, e.embedding::text AS vector "
        "FROM vectors.embeddings AS e JOIN vectors.models AS m ON m.id = e.model_id "
        "JOIN user_data.documents AS d ON d.id = e.document_id"
    )
    for row in rows:
        (piece,) = text_pieces.pieces(
            text_pieces.text_of(row["title"], row["content"]) or "", 10_000, 1
        )
        (expected,) = FakeEmbedder().encode([piece.text])
        assert json.loads(row["vector"]) == expected.tolist()


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    (tmp_path / "key").write_text("0123456789abcdef" * 4)
    return path


@pytest.fixture
def run(make_run: Callable[..., Runtime], policy_file: Path) -> Iterator[Runtime]:
    made = make_run(privacy=PolicyFile(policy_file, policy_file.with_name("key")))
    context.install(lambda: made)
    yield made
    context.forget()


@pytest.fixture
def here(place: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands see the test's own lake."""
    for module in (quarantine, jobs, status, search, people):
        monkeypatch.setattr(module, "load", lambda: place)
    return place


def test_the_look_sees_every_spelling() -> None:
    for text in (SPACED, DASHED, CARD, FULL, HOME, PARTED, THIN, f'{{"x":"{SPACED}"}}'):
        assert planted_in(f"a {text} b")
    assert not planted_in("4556 7375 is half of a card, and 2023-05-01T10:00:00 a time")


def test_planted_values_are_nowhere(
    imported: Imported, run: Runtime, database: Database, embedder: FakeEmbedder,
    deep: FakeEmbedder, driver: Driver, here: Settings, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    job = imported(ANA, "export.zip", EXPORT)
    search_index.index_user(run, job["user_id"], seconds=60)
    embedding_backfill.turn(run, job["user_id"], "full")
    driver.drain()
    assert job["records_quarantined"] == 3
    assert standing(database) == set()
    assert embedder.texts and deep.texts
    assert not any(planted_in(text) for text in (*embedder.texts, *deep.texts))
    captured = capfd.readouterr()
    assert not planted_in(captured.out + captured.err)
    left = [
        path
        for path in run.folders.data.rglob("*")
        if path.is_file()
        and planted_in(path.read_bytes().decode("latin-1"))
        and not path.is_relative_to(run.folders.processed)
        and not path.is_relative_to(run.folders.blobs(job["user_id"]))
    ]
    assert left == []


@pytest.mark.parametrize(
    "command",
    [
        ["receipt", "JOB"], ["receipt", "JOB", "--json"], ["status"], ["jobs"],
        ["quarantine", "list"], ["quarantine", "show", "1"], ["quarantine", "show", "2"],
        ["quarantine", "show", "3"], ["search", "heron"], ["search", "heron", "--json"],
        ["search", "card", "--mode", "keyword", "--json"], ["people", "Bo Heron"],
        ["people", "Bo Heron", "--json"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_says_them(
    imported: Imported, run: Runtime, here: Settings, command: list[str]
) -> None:
    job = imported(ANA, "export.zip", EXPORT)
    search_index.index_user(run, job["user_id"], seconds=60)
    asked = [str(job["id"]) if word == "JOB" else word for word in command]
    said = cli.invoke(app, asked)
    assert said.exit_code == 0, said.output
    assert said.output
    assert not planted_in(said.output)


def test_quarantined_records_keep_no_bytes_and_are_read_from_the_original(
    imported: Imported, run: Runtime, here: Settings, database: Database
) -> None:
    job = imported(ANA, "export.zip", EXPORT)
    said = cli.invoke(app, ["quarantine", "export"]).output
    assert len(said.splitlines()) == 3
    assert not planted_in(said)
    assert all(json.loads(line)["raw"] == "" for line in said.splitlines())
    tried = operations_quarantine.retry(
        run, job["user_id"], operations_quarantine.Choice(job_id=job["id"])
    )
    assert (tried.tried, tried.still_bad) == (3, 3)
    assert standing(database) == set()


def test_the_receipt_counts_them(imported: Imported, database: Database, here: Settings) -> None:
    job = imported(ANA, "export.zip", EXPORT)
    said = json.loads(cli.invoke(app, ["receipt", str(job["id"]), "--json"]).output)
    assert said["privacy"]["card"] == {"drop": sum(CARDS.values())}
    assert said["privacy"]["phone"] == {"hash": sum(PHONES.values())}
    told = cli.invoke(app, ["receipt", str(job["id"])]).output
    assert f"{sum(CARDS.values())} payment cards dropped" in told
    assert f"{sum(PHONES.values())} phone numbers hashed" in told
    for expected, name in ((CARDS, "privacy.card.drop"), (PHONES, "privacy.phone.hash")):
        files = database.files(job["id"])
        assert {path: files[path]["counts"].get(name) for path in expected} == expected


def test_a_policy_that_comes_while_an_archive_is_cut_holds_for_what_was_read_of_it(
    drop: Callable[..., Any], driver: Any, run: Runtime, database: Database, policy_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A sidecar's facts are noted when it is cut: `privacy apply` may have gone by meanwhile."""
    policy_file.write_text("")
    flush = upload.Cutter.flush

    def late(cutter: upload.Cutter) -> None:
        policy_file.write_text(POLICY)
        flush(cutter)

    monkeypatch.setattr(upload.Cutter, "flush", late)
    job_id = drop(ANA, "export.zip", EXPORT)
    driver.drain()
    assert database.files(job_id) == {}
    database.let_time_pass()
    reconcile.reconcile(run)
    driver.drain()
    assert database.job(job_id)["status"] == "done"
    assert standing(database) == set()


def test_a_policy_that_came_later_reaches_both_tiers(
    imported: Imported, run: Runtime, database: Database, embedder: FakeEmbedder,
    deep: FakeEmbedder, policy_file: Path,
) -> None:  # fmt: skip
    policy_file.write_text("")
    job = imported(ANA, "export.zip", EXPORT)
    user = job["user_id"]
    search_index.index_user(run, user, seconds=60)
    embedding_backfill.turn(run, user, "full")
    assert {"user_data.search.words", "vectors.cache.text_hash"} <= {
        n for n, _ in columns(database)
    }
    assert len(standing(database)) > 5
    before = vectors(database)
    assert before["static"] == before["full"]

    policy_file.write_text(POLICY)
    for made in (embedder, deep):
        made.texts.clear()
    applied = privacy_reapply.apply(run, user, run.options.privacy.redactor(user))
    assert applied.changed > 10
    assert applied.files == 2, "an attachment's name, and a sidecar"
    assert embedding_backfill.turn(run, user, "full") > 10
    assert standing(database) == set()
    assert vectors(database) == before
    assert embedder.texts and deep.texts
    assert not any(planted_in(text) for text in (*embedder.texts, *deep.texts))
    assert_vectors_are_of_the_texts(database)
    told = database.rows("SELECT detail FROM imports.events WHERE kind = 'privacy_applied'")
    assert sum(row["detail"]["records"] for row in told) == applied.changed + applied.files
    again = privacy_reapply.apply(run, user, run.options.privacy.redactor(user))
    assert (again.changed, again.files) == (0, 0)
