"""What a policy takes away is nowhere: in no table, embedded text, log or export."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pipeline.privacy.policy import Policy, parse
from pipeline.privacy.redact import Redactor, Texts, merge_counts
from schemas.errors import ConfigurationError, TransientError
from schemas.progress import Stage
from schemas.tally import FileTally
from sql.store import Lake
from tasks.derived import search_index
from tasks.maintenance import reconcile
from tasks.operations import privacy_reapply
from tasks.runtime import context
from tasks.runtime.context import Runtime
from tasks.runtime.privacy_policy import PolicyFile
from tests.support.lake import Database, FakeEmbedder, counts, zipped
from workers.cli import receipts

ANA = "ana@example.org"
KEY = "0123456789abcdef" * 4
POLICY = """
regions = ["DE"]
[[rule]]
kind = "card"
action = "drop"
[[rule]]
kind = "phone"
action = "hash"
"""
#: As they are written here and there; and what of them must stand nowhere.
CARDS = ("4556 7375 8689 9855", "4556737586899855")
PHONES = ("+49 1512 3456789", "01512 3456789", "+4915123456789")
PLANTED = ("4556 7375", "45567375", "86899855", "8689 9855", "3456789")

MAIL = f"""From - Mon May  1 10:00:00 2023
Message-ID: <1@example.org>
From: Bo <bo@example.org>
Subject: Card {CARDS[0]}
Date: Mon, 1 May 2023 10:00:00 +0000
Content-Type: text/plain; charset=utf-8

The heron wants {CARDS[1]}, or ring me: tel. {PHONES[1]}.

"""
ROWS = [
    {"id": 1, "sender": {"name": "Bo", "phone": PHONES[0]}, "text": "hello"},
    {"id": 2, "note": f"call {PHONES[0]} about {CARDS[0]}", "card": int(CARDS[1])},
    {"id": 3, "deep": [{"numbers": {PHONES[2]: ["mine", CARDS[1]]}}], "phone": PHONES[1]},
]
TABLE = f"name,phone,paid with\nBo,{PHONES[0]},{CARDS[0]}\nCy,,cash\n"
ACTIVITY = [
    {
        "header": "Search",
        "title": f"Searched for who is {PHONES[0]}",
        "titleUrl": "https://www.google.com/search?q=x",
        "time": "2023-05-01T10:00:00.000Z",
        "products": ["Search"],
    }
]
CONTACT = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bo\r\nTEL:{PHONES[0]}\r\nEND:VCARD\r\n"
EXPORT = zipped(
    {
        "bo.vcf": CONTACT.encode(),
        "all.mbox": MAIL.encode(),
        "rows.ndjson": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
        "people.csv": TABLE.encode(),
        "Takeout/My Activity/Search/MyActivity.json": json.dumps(ACTIVITY).encode(),
        "note.txt": f"Rent is paid by {CARDS[0]} every month. Nothing else is new.".encode(),
    }
)

Imported = Callable[[str, str, bytes], dict[str, Any]]


# --- the policy ------------------------------------------------------------------------------


def treated(policy: str, *, source: str = "mail.mbox", **texts: Any) -> Any:
    given = {"title": None, "content": None, "metadata": {}, **texts}
    return Redactor(parse(policy.encode()), KEY.encode(), b"ana").redact(source, Texts(**given))


def test_the_first_rule_that_fits_wins() -> None:
    policy = """
[[rule]]
kind = "email"
field = "metadata.sender"
action = "keep"
[[rule]]
kind = "email"
source = "mail"
action = "mask"
[[rule]]
action = "drop"
"""
    metadata = {"sender": {"address": "bo@example.org"}, "cc": ["cy@example.org"]}
    texts, done, gone = treated(policy, content="ask bo@example.org", metadata=metadata)
    assert texts.content == "ask **@*******.***"
    assert texts.metadata == {"sender": {"address": "bo@example.org"}, "cc": ["**@*******.***"]}
    assert done == {"email": {"keep": 1, "mask": 2}}
    assert set(gone) == {"bo@example.org", "cy@example.org"}
    other = treated(policy, source="json.array", content="ask bo@example.org", metadata=metadata)
    assert other.texts.content == "ask [email removed]"
    assert other.texts.metadata == {"sender": {"address": "bo@example.org"}, "cc": []}


def test_equal_values_give_equal_tokens_however_they_are_written() -> None:
    texts, done, _ = treated(POLICY, title=f"{PHONES[0]} / {PHONES[2]}", content=f"Tel {PHONES[1]}")
    first, second = texts.title.split(" / ")
    assert first == second == texts.content.removeprefix("Tel ")
    assert done == {"phone": {"hash": 3}}
    other_user = Redactor(parse(POLICY.encode()), KEY.encode(), b"ben")
    assert other_user.redact("x", Texts(PHONES[0], None, {})).texts.title != first


def test_what_was_treated_is_not_found_again() -> None:
    policy = "".join(
        f'[[rule]]\nkind = "{k}"\naction = "{a}"\n'
        for k, a in (
            ("card", "drop"),
            ("phone", "hash"),
            ("email", "mask"),
            ("secret", "drop"),
            ("ip", "mask"),
            ("iban", "hash"),
            ("coordinates", "mask"),
            ("birth_date", "hash"),
            ("mac", "mask"),
        )
    )
    said = (
        f"{CARDS[0]} {PHONES[0]} bo@example.org password: hunter2x 81.2.69.160 born 1980-02-03 "
        "DE89 3704 0044 0532 0130 00 geo:52.5200,13.4050 00:1a:2b:3c:4d:5e"
    )
    once = treated(
        policy, content=said, metadata={"place": {"latitude": 52.52, "longitude": 13.405}}
    )
    assert sum(n for actions in once.done.values() for n in actions.values()) == 10
    again = treated(policy, content=once.texts.content, metadata=once.texts.metadata)
    assert again == (once.texts, {}, ())
    assert merge_counts(once.done, again.done) == once.done


@pytest.mark.parametrize("action", ["mask", "drop", "hash"])
def test_coordinates_that_cannot_be_rounded_are_gone(action: str) -> None:
    said = {
        "place": {"name": "Pier", "exported_latitude": "52.5200x"},
        "exported_place": "52.5200x 13.4050x",
        "flags": ["place_unusable"],
    }
    policy = f'[[rule]]\nkind = "coordinates"\naction = "{action}"\n'
    found = treated(policy, content=None, metadata=said)
    assert found.texts.metadata == {"place": {"name": "Pier"}, "flags": ["place_unusable"]}
    assert found.done == {"coordinates": {action: 2}}
    assert treated(policy, content=None, metadata=found.texts.metadata).done == {}
    other = f'[[rule]]\nkind = "card"\naction = "{action}"\n'
    assert treated(other, content=None, metadata=said).texts.metadata == said


def test_nothing_but_a_tag_without_a_policy() -> None:
    metadata = {"sender": {"phone": PHONES[0]}, "n": 4556737586899855}
    texts = Texts("a title", f"ring {PHONES[0]}", metadata)
    found = Redactor(Policy()).redact("x", texts)
    assert all(new is old for new, old in zip(found.texts, texts, strict=True))
    assert found.done == {"card": {"keep": 1}, "phone": {"keep": 2}}


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ("rules = 1", "there is no 'rules'"),
        ("[[rule]]\nkind = 'card'", "rule 1: it has no action"),
        ("[[rule]]\naction = 'drop'\n[[rule]]\naction = 'eat'", "rule 2: there is no action 'eat'"),
        ("[[rule]]\naction = 'drop'\nkind = ['card', 'crad']", "there is no kind 'crad'"),
        ("[[rule]]\naction = 'drop'\nfield = 'body'", "field begins with title, content or"),
        ("[[rule]]\naction = 'drop'\nconfidence = 2", "confidence is a number from 0 to 1"),
        ("regions = ['XX']", "countries of two letters"),
        ("[[rule]\n", "privacy policy: "),
    ],
)
def test_a_policy_that_is_wrong_says_where(policy: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        parse(policy.encode())


def test_a_policy_that_hashes_needs_a_key() -> None:
    with pytest.raises(ConfigurationError, match="DATAPUNK_PRIVACY_KEY_FILE"):
        Redactor(parse(POLICY.encode()))


def test_a_policy_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path, user = tmp_path / "policy.toml", UUID(int=1)
    path.write_text("[[rule]]\nkind = 'ip'\naction = 'drop'\n")
    file = PolicyFile(path)
    first = file.redactor(user)
    assert file.redactor(user) is first
    path.write_text("[[rule]]\nkind = 'email'\naction = 'drop'\n")
    assert file.redactor(user).under != first.under
    path.write_text("nonsense")
    for _ in range(2):
        with pytest.raises(TransientError, match="privacy check"):
            file.redactor(user)


# --- the lake --------------------------------------------------------------------------------


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    (tmp_path / "key").write_text(KEY)
    return path


@pytest.fixture
def run(make_run: Callable[..., Runtime], policy_file: Path) -> Iterator[Runtime]:
    made = make_run(privacy=PolicyFile(policy_file, policy_file.with_name("key")))
    context.install(lambda: made)
    yield made
    context.forget()


def stands_in(database: Database, *texts: str) -> list[str]:
    """Tables in which one of the texts stands, as text or as bytes; raw quarantine apart."""
    tables = database.rows(
        "SELECT format('%%I.%%I', n.nspname, c.relname) AS name FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r' "
        "AND n.nspname IN ('user_data', 'vectors', 'imports', 'timeseries', 'analytics', 'archive')"
    )
    likes = [f"%{form}%" for text in texts for form in (text, text.encode().hex())]
    return [
        table["name"]
        for table in tables
        if database.one(
            f"SELECT EXISTS (SELECT FROM {table['name']} AS t "
            "WHERE (to_jsonb(t) - 'raw')::text LIKE ANY(%s))",
            likes,
        )
    ]


@pytest.mark.services
def test_what_is_dropped_and_hashed_stands_nowhere(
    imported: Imported, run: Runtime, database: Database, embedder: FakeEmbedder,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    job = imported(ANA, "export.zip", EXPORT)
    assert counts(job) == (9, 9, 0, 0)
    search_index.index_user(run, job["user_id"], seconds=60)
    assert database.one("SELECT count(*) FROM user_data.search") == 9
    assert stands_in(database, "heron") != [], "the look finds what is there"
    assert stands_in(database, *PLANTED) == []
    assert not any(planted in text for planted in PLANTED for text in embedder.texts)
    out = capfd.readouterr()
    assert not any(planted in out.out + out.err for planted in PLANTED)
    files = database.files(job["id"])
    dropped = {path: file["counts"].get("privacy.card.drop", 0) for path, file in files.items()}
    activity = "Takeout/My Activity/Search/MyActivity.json"
    assert dropped == {
        "all.mbox": 2, "rows.ndjson": 6, "people.csv": 2, "note.txt": 1, "bo.vcf": 0, activity: 0
    }  # fmt: skip
    done = sum((FileTally.of(file["counts"]) for file in files.values()), FileTally()).privacy()
    assert done["card"] == {"drop": 11}
    assert done["phone"] == {"hash": 15}
    assert receipts.treatments(done).startswith("11 payment cards dropped, 15 phone numbers hashed")
    keys = database.one(
        "SELECT count(DISTINCT m.record_key) FROM user_data.mentions AS m "
        "JOIN user_data.entities AS e USING (user_id, entity_key) WHERE e.value LIKE '[phone:%%'"
    )
    assert keys == 1, "a hashed number still joins"


@pytest.mark.services
def test_a_policy_that_changed_is_applied_to_what_is_stored(
    imported: Imported, run: Runtime, database: Database, policy_file: Path, reader: Lake
) -> None:
    strict = policy_file.read_text()
    policy_file.write_text("")
    job = imported(ANA, "export.zip", EXPORT)
    user = job["user_id"]
    search_index.index_user(run, user, seconds=60)
    kept = stands_in(database, *PLANTED)
    assert {"user_data.entities", "user_data.search"} <= set(kept)
    before = database.rows("SELECT id, record_key FROM user_data.documents ORDER BY id")
    vectors = database.one("SELECT count(*) FROM vectors.embeddings")

    policy_file.write_text(strict)
    redactor = run.options.privacy.redactor(user)
    dry = privacy_reapply.apply(run, user, redactor, dry=True)
    assert stands_in(database, *PLANTED) == kept
    applied = privacy_reapply.apply(run, user, redactor)
    assert applied == dry
    assert (applied.documents, applied.changed) == (9, 8)
    assert applied.done["card"] == {"drop": 11}
    assert stands_in(database, *PLANTED) == []
    after = database.rows("SELECT id, record_key FROM user_data.documents ORDER BY id")
    assert after == before, "who a record is does not change"
    assert database.one("SELECT count(*) FROM vectors.embeddings") == vectors
    assert database.one("SELECT count(*) FROM user_data.search") == 9
    event = database.one("SELECT detail FROM imports.events WHERE kind = 'privacy_applied'")
    assert event["records"] == 8
    assert not any(planted in str(event) for planted in PLANTED)

    assert privacy_reapply.apply(run, user, redactor).changed == 0
    twice = imported(ANA, "again.zip", EXPORT)
    assert twice["status"] == "duplicate"
    again = imported(ANA, "other.zip", zipped({"all.mbox": MAIL.encode()}))
    assert counts(again) == (1, 0, 1, 0), "the same texts under the same policy: no new version"


@pytest.mark.services
def test_a_chunk_read_under_another_policy_is_read_again(
    drop: Callable[[str, str, bytes], UUID], driver: Any, run: Runtime, database: Database,
    policy_file: Path,
) -> None:  # fmt: skip
    strict = policy_file.read_text()
    policy_file.write_text("")
    job_id = drop(ANA, "rows.ndjson", json.dumps(ROWS[1]).encode() + b"\n")
    driver.step()
    message = driver.sent.popleft()
    for stage in (Stage.NORMALISE, Stage.SCREEN, Stage.EMBED):
        assert driver.perform(stage, message.chunk, message.job_id)
    policy_file.write_text(strict)
    assert not driver.perform(Stage.LOAD, message.chunk, message.job_id)
    database.let_time_pass()
    reconcile.reconcile(run)
    driver.drain()
    assert counts(database.job(job_id)) == (1, 1, 0, 0)
    assert stands_in(database, *PLANTED) == []
