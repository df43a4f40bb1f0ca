"""What was read under one policy never comes into the lake under another.

On every way by which content comes in, the policy changes between the reading and the commit, and
another host applies it to its end. When all is at rest, what it takes away stands in no column.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock
from uuid import UUID

import msgspec
import psycopg
import pytest

from pipeline import registry as formats
from schemas.errors import TransientError
from schemas.privacy import ReadUnder
from sql import search as sql_search
from sql.queries import queries
from sql.store import Lake, OtherPolicy, Purpose
from sql.vector_store import VectorStore
from tasks.derived import embedding_backfill, search_index
from tasks.ingest import chunk, loading, poison, upload
from tasks.maintenance import reconcile
from tasks.operations import privacy_reapply, quarantine, reparse_read, verify
from tasks.operations.reparse import order, reparse
from tasks.operations.rollback import roll_back
from tasks.runtime import context
from tasks.runtime.context import Runtime
from tasks.runtime.privacy_policy import PolicyFile
from tests.crash import small_import
from tests.support.lake import Database, Driver, FakeEmbedder, counts, zipped
from tests.tasks.privacy.test_planted import EXPORT, POLICY, columns, planted_in

pytestmark = pytest.mark.services

ANA, BO = "ana@example.org", "bo@example.org"
KEY = "0123456789abcdef" * 4
STRICT = f'{POLICY}[[rule]]\nkind = "email"\naction = "drop"\n'
#: What a person writes in the place of a record stays (docs/explanation/privacy.md).
_BY_HAND = "imports.quarantine.mended"

Imported = Callable[[str, str, bytes], dict[str, Any]]


def left(database: Database) -> set[str]:
    """The columns in which something stands that the strict policy takes away."""
    looked = {n: text for n, text in columns(database) if not n.endswith(".embedding")}
    assert any("heron" in text for text in looked.values()), "the look finds what is there"
    return {n for n, text in looked.items() if planted_in(text) or BO in text.lower()} - {_BY_HAND}


class Hosts(NamedTuple):
    """Two hosts with one policy file each, which say the same."""

    files: tuple[Path, Path]
    other: Runtime

    def change(self, policy: str) -> None:
        """Somebody changes the policy on both."""
        for file in self.files:
            file.write_text(policy)

    def apply(self, user: UUID) -> None:
        """The other host applies its policy, to the end."""
        privacy_reapply.apply(self.other, user, self.other.options.privacy.redactor(user))


@pytest.fixture
def hosts(make_run: Callable[..., Runtime], tmp_path: Path) -> Hosts:
    files = tmp_path / "policy.toml", tmp_path / "other.toml"
    (tmp_path / "key").write_text(KEY)
    made = Hosts(files, make_run(privacy=PolicyFile(files[1], tmp_path / "key")))
    made.change("")
    return made


@pytest.fixture
def run(make_run: Callable[..., Runtime], hosts: Hosts, tmp_path: Path) -> Iterator[Runtime]:
    made = make_run(max_attempts=2, privacy=PolicyFile(hosts.files[0], tmp_path / "key"))
    context.install(lambda: made)
    yield made
    context.forget()


class Meddler:
    """Changes the policy once, and has it applied, where a test says."""

    def __init__(self, hosts: Hosts, patch: pytest.MonkeyPatch, database: Database) -> None:
        self._hosts, self._patch, self._database = hosts, patch, database
        self.met = False

    def strike(self) -> None:
        """The policy changes, and is applied to all that is stored, to the end."""
        if not self.met:
            self.met = True
            self._hosts.change(STRICT)
            for row in self._database.rows("SELECT user_id FROM user_data.users"):
                self._hosts.apply(row["user_id"])

    def at(self, module: Any, point: str) -> None:
        """At a crash point of a module."""
        met = module.crash_here

        def here(name: str, stage: str = "") -> None:
            if name == point:
                self.strike()
            met(name, stage)

        self._patch.setattr(module, "crash_here", here)

    def before(self, owner: Any, name: str) -> None:
        """Just before something is called."""
        called = getattr(owner, name)

        def instead(*args: Any, **more: Any) -> Any:
            self.strike()
            return called(*args, **more)

        self._patch.setattr(owner, name, instead)


@pytest.fixture
def meddler(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, database: Database) -> Meddler:
    return Meddler(hosts, monkeypatch, database)


@pytest.fixture
def rest(run: Runtime, driver: Driver, database: Database) -> Callable[[], None]:
    """Everybody works until nothing is left to do."""

    def come() -> None:
        for _ in range(40):
            driver.drain()
            database.let_time_pass()
            reconcile.reconcile(run)
            if not driver.sent and database.one(
                "SELECT bool_and(completed_at IS NOT NULL) FROM imports.jobs"
            ):
                break
        else:
            raise AssertionError("the jobs don't come to an end")
        for row in database.rows("SELECT user_id FROM user_data.users"):
            search_index.index_user(run, row["user_id"], seconds=60)
            embedding_backfill.turn(run, row["user_id"], "full")

    return come


@pytest.fixture
def sound(run: Runtime, reader: Lake, database: Database) -> Callable[[], None]:
    """Nothing is left, and every receipt adds up."""

    def check() -> None:
        assert left(database) == set()
        for job in database.rows("SELECT * FROM imports.jobs"):
            found = verify.verify(run, reader, job, deep=True)
            assert [finding for finding in found if not finding.ok] == []

    return check


# --- every way of an import ------------------------------------------------------------------

_WAYS: dict[str, Callable[[Meddler], None]] = {
    "extract, before a flush": lambda m: m.before(upload.Cutter, "flush"),
    "normalise, with the spool written": lambda m: m.at(chunk, "normalise.written"),
    "screen, with the mask written": lambda m: m.at(chunk, "screen.written"),
    "embed, before vectors are remembered": lambda m: m.before(VectorStore, "keep"),
    "embed, with the vectors written": lambda m: m.at(chunk, "embed.written"),
    "load, before the commit": lambda m: m.at(loading, "load.after_partitions"),
}


@pytest.mark.parametrize("way", _WAYS)
def test_an_import_under_way(
    way: str, meddler: Meddler, drop: Callable[..., UUID], rest: Callable[[], None],
    sound: Callable[[], None], database: Database,
) -> None:  # fmt: skip
    _WAYS[way](meddler)
    job_id = drop(ANA, "export.zip", EXPORT)
    rest()
    assert meddler.met
    job = database.job(job_id)
    assert job["status"] == "done"
    assert counts(job)[3] == 3
    sound()
    drift = "SELECT coalesce(sum(records), 0) FROM imports.drift WHERE field <> 'x'"
    assert database.one(drift) == 1, "a chunk that is read anew counts its fields once"


def test_what_is_read_anew_does_not_wait(
    meddler: Meddler, drop: Callable[..., UUID], run: Runtime, driver: Driver, database: Database
) -> None:
    """No service has to answer first: the present policy is there."""
    run.options = msgspec.structs.replace(run.options, retry_delay_s=1.0)
    meddler.before(upload.Cutter, "flush")
    job_id = drop(ANA, "export.zip", EXPORT)
    driver.drain()
    (back,) = database.chunks(job_id, "upload")
    assert back["last_error_code"] == "policy_changed"
    assert back["not_before"] - database.one("SELECT clock_timestamp()") < timedelta(seconds=2)


def test_without_anybody_who_applies_it(
    drop: Callable[..., UUID], rest: Callable[[], None], hosts: Hosts, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """All of an import is as the policy wants it that stood at its end."""
    met = chunk.crash_here

    def here(name: str, stage: str = "") -> None:
        if name == "screen.written":
            hosts.change(STRICT)
        met(name, stage)

    monkeypatch.setattr(chunk, "crash_here", here)
    drop(
        ANA,
        "rows.ndjson",
        b'{"id": 1, "say": "heron 4556737586899855"}\n{"id": 4556737586899855, :}',
    )
    rest()
    assert left(database) == set()


def test_a_policy_that_changes_between_two_stages(
    drop: Callable[..., UUID], rest: Callable[[], None], hosts: Hosts, driver: Driver,
    database: Database,
) -> None:  # fmt: skip
    """The quarantined bytes of the first reading don't outlive the second."""
    job_id = drop(
        ANA, "rows.ndjson", b'{"id": 1, "note": "heron"}\n{"note": "4556737586899855", :}'
    )
    driver.step()
    job = database.job(job_id)
    perform = driver.perform

    def performed(stage: Any, chunk_id: Any, of: Any) -> bool:
        done = perform(stage, chunk_id, of)
        if stage == "screen":
            hosts.change(STRICT)
        return done

    driver.perform = performed  # type: ignore[method-assign]
    rest()
    assert job["status"] != "done"
    assert database.codes(job_id) != []
    assert left(database) == set()


def test_poison(
    meddler: Meddler, drop: Callable[..., UUID], rest: Callable[[], None],
    sound: Callable[[], None], database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    normalise = chunk.normalise_chunk

    def fails(run: Runtime, lease: Any) -> Any:
        if lease.ref.format == "ndjson":
            raise RuntimeError("as if it ended its worker")
        return normalise(run, lease)

    monkeypatch.setattr(chunk, "normalise_chunk", fails)
    meddler.before(poison, "Quarantined")
    job_id = drop(ANA, "export.zip", EXPORT)
    rest()
    assert meddler.met
    assert "poison" in database.codes(job_id)
    sound()


# --- what is done with stored things ---------------------------------------------------------


@pytest.fixture
def stored(imported: Imported, run: Runtime, rest: Callable[[], None]) -> dict[str, Any]:
    """An export that was imported under a policy that keeps everything."""
    job = imported(ANA, "export.zip", EXPORT)
    rest()
    return job


@pytest.mark.parametrize("at", ["read", "remembered", "committed"])
@pytest.mark.parametrize("name", ["mail.mbox", "ndjson", "google.photos_sidecar"])
def test_a_reparse(
    name: str, at: str, meddler: Meddler, stored: dict[str, Any], run: Runtime,
    rest: Callable[[], None], sound: Callable[[], None], database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = database.one("SELECT count(*) FROM user_data.documents")
    monkeypatch.setattr(formats, "all_formats", formats.all_formats)  # and back again
    small_import._make_better(name)
    if at == "read":
        meddler.at(reparse_read, "reparse.read")
    elif at == "remembered":
        database.rows("DELETE FROM vectors.cache")
        meddler.before(VectorStore, "keep")
    else:
        meddler.before(loading, "ensure_partitions")
    done = [said for _, said in reparse(run, stored["user_id"], order(name))]
    assert [said.files for said in done] == [1]
    assert meddler.met or (at == "remembered" and name.startswith("google")), "it has no texts"
    rest()
    sound()
    assert database.one("SELECT count(*) FROM user_data.documents") == before


def test_a_retry_from_quarantine(
    meddler: Meddler, stored: dict[str, Any], run: Runtime, rest: Callable[[], None],
    database: Database,
) -> None:  # fmt: skip
    """As if a format could read by now what it could not."""
    said = b'{"id": 4, "note": "heron, card 4556 7375 8689 9855 of bo@example.org"}' + b" " * 40
    number = database.one(
        "UPDATE imports.quarantine SET raw = %s WHERE id = (SELECT min(q.id) "
        "FROM imports.quarantine AS q JOIN imports.files AS f ON f.id = q.file_id "
        "WHERE f.path = 'rows.ndjson') RETURNING id",
        said,
    )
    meddler.before(quarantine._Attempt, "_load")
    tried = quarantine.retry(run, stored["user_id"], quarantine.Choice(id=number))
    assert meddler.met
    assert (tried.tried, tried.loaded) == (1, 1)
    rest()
    assert left(database) == set()


def test_a_record_that_is_mended(
    meddler: Meddler, stored: dict[str, Any], run: Runtime, rest: Callable[[], None],
    sound: Callable[[], None], database: Database,
) -> None:  # fmt: skip
    number = database.one(
        "SELECT min(q.id) FROM imports.quarantine AS q "
        "JOIN imports.files AS f ON f.id = q.file_id WHERE f.path = 'rows.ndjson'"
    )
    meddler.before(quarantine._Attempt, "_load")
    said = b'{"id": 4, "note": "heron, card 4556 7375 8689 9855 of bo@example.org"}\n'
    assert quarantine.mend(run, stored["user_id"], number, said).loaded == 1
    assert meddler.met
    rest()
    sound()


@pytest.mark.parametrize("at", ["taken", "remembered", "embedded"])
def test_vectors_that_follow(
    at: str, meddler: Meddler, imported: Imported, run: Runtime, rest: Callable[[], None],
    sound: Callable[[], None], database: Database,
) -> None:  # fmt: skip
    """A vector of an old text is remembered under no hash of it."""
    job = imported(ANA, "export.zip", EXPORT)
    search_index.index_user(run, job["user_id"], seconds=60)
    if at == "remembered":
        meddler.before(VectorStore, "keep")
    else:
        meddler.at(embedding_backfill, f"deepen.{at}")
    embedding_backfill.turn(run, job["user_id"], "full")
    assert meddler.met
    rest()
    sound()
    full = (
        "SELECT text_hash FROM vectors.cache WHERE model_id = ("
        "SELECT id FROM vectors.models WHERE tier = 'full')"
    )
    cached = {row["text_hash"] for row in database.rows(full)}
    texts = database.rows("SELECT title, content FROM user_data.documents")
    assert cached <= {hashed for row in texts for hashed in _hashes(run, row)}


def _hashes(run: Runtime, row: dict[str, Any]) -> set[UUID]:
    return {UUID(hashed) for hashed in privacy_reapply._remembered(run, row)}


def test_an_older_policy_that_is_still_applied(
    meddler: Meddler, stored: dict[str, Any], run: Runtime, hosts: Hosts, database: Database,
    rest: Callable[[], None], sound: Callable[[], None],
) -> None:  # fmt: skip
    """Another host's policy came while one was applied: that run ends, and writes no more."""
    hosts.change(
        '[[rule]]\nkind = "ip"\naction = "mask"\n[[rule]]\nkind = "email"\naction = "mask"\n'
    )
    user = stored["user_id"]
    meddler.before(privacy_reapply, "_write")
    with pytest.raises(TransientError, match="changed on the way"):
        privacy_reapply.apply(run, user, run.redactor(user))
    assert meddler.met
    rest()
    sound()


MAIL = """From - Mon May  1 10:00:00 2023
Message-ID: <1@example.org>
Subject: heron
Date: Mon, 1 May 2023 10:00:00 +0000
X-Gmail-Labels: {}
Content-Type: text/plain; charset=utf-8

What makes another version of this mail are its labels: with another text it is another mail.

"""


def test_a_version_that_comes_back_while_a_policy_is_applied(
    imported: Imported, run: Runtime, hosts: Hosts, database: Database, rest: Callable[[], None],
    sound: Callable[[], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A rollback puts an older version, not yet looked at, where the run has been."""
    imported(ANA, "a.mbox", MAIL.format("old: 4556737586899855").encode())
    newer = imported(ANA, "b.mbox", MAIL.format("new, and longer").encode())
    assert database.one("SELECT count(*) FROM user_data.versions") == 1
    hosts.change(STRICT)
    page, met = privacy_reapply.privacy.page, []

    def late(lake: Lake, user: UUID, table: Any, after: int, n: int) -> Any:
        if table == "versions" and not met:
            met.append(roll_back(run, newer["user_id"], newer["id"]))
        return page(lake, user, table, after, n)

    monkeypatch.setattr(privacy_reapply.privacy, "page", late)
    privacy_reapply.apply(run, newer["user_id"], run.redactor(newer["user_id"]))
    assert [back.restored for back in met] == [1]
    rest()
    sound()


def test_a_run_that_was_cut_short_looks_again_after_another_policy(
    imported: Imported, run: Runtime, hosts: Hosts, database: Database, rest: Callable[[], None],
    sound: Callable[[], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What came in meanwhile may stand where the run has been."""
    user = imported(ANA, "a.mbox", MAIL.format("old").encode())["user_id"]
    hosts.change(STRICT)
    with monkeypatch.context() as killed:
        killed.setattr(privacy_reapply.privacy, "finish", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            privacy_reapply.apply(run, user, run.redactor(user))
    hosts.change("")
    imported(ANA, "b.mbox", MAIL.format("newer: 4556737586899855").encode())
    assert database.one("SELECT count(*) FROM user_data.versions") == 1
    assert left(database) != set()
    hosts.change(STRICT)
    privacy_reapply.apply(run, user, run.redactor(user))
    rest()
    sound()


def test_words_that_are_indexed_while_a_policy_is_applied(
    imported: Imported, run: Runtime, hosts: Hosts, database: Database, rest: Callable[[], None],
) -> None:  # fmt: skip
    """Words of the old text don't come into the search behind its redactor."""
    said = b'{"id": 1, "note": "heron, write to zebrafinch@example.org soon"}\n'
    user = imported(ANA, "rows.ndjson", said)["user_id"]
    hosts.change(STRICT)
    models = embedding_backfill.known_models(run, user)
    asked = {
        "user_id": user, "n": 100, "models": list(models), "model_ids": list(models.values()),
        "least_chars": sql_search.LEAST_CHARS,
        **embedding_backfill.wanted_documents(run).parameters(),
    }  # fmt: skip
    applying = threading.Thread(target=hosts.apply, args=(user,))
    with run.lake.remaking(user, Purpose.INDEX) as entered:
        entered.connection.execute(queries("search")["index_some"], asked)
        applying.start()
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not database.one(waits):
            time.sleep(0.01)
            assert applying.is_alive(), "it does not wait for who indexes"
    applying.join()
    rest()
    words = database.rows("SELECT word FROM user_data.search_words WHERE word LIKE 'zebraf%%'")
    assert words == []


# --- the gate --------------------------------------------------------------------------------

#: Columns that hold texts and are no content, or none that the policy is about, each with why.
_NO_CONTENT = {
    "analytics": "counted from what is searchable, again whenever that changes",
    "archive": "empty",
    "imports.jobs": "names and states of files, as they were dropped",
    "imports.events": "ids, codes and numbers",
    "imports.chunks": "ids, codes and numbers",
    "imports.capabilities": "the server's own",
    "imports.sets": "names of files, as they were dropped",
    "imports.manifest_entries": "paths of files within an export (docs/explanation/privacy.md)",
    "imports.claims": "data types",
    "imports.privacy": "fingerprints",
    "imports.policies": "fingerprints",
    "imports.receipts_due": "ids",
    "imports.receivers": "hashes of their addresses",
    "imports.notices": "ids, states and numbers",
    "imports.step_errors": "ids, classes of errors, and places in our code",
    "timeseries.locations_by_hour": "counted",
    "timeseries.metrics_by_hour": "counted",
    "user_data.users": "the names of users",
    "user_data.relations": "names of relations between keys",
    "user_data.search_languages": "names of configurations",
    "user_data.unindexed": "data types",
    "vectors.models": "names of models",
    "vectors.waiting": "names of models",
}
#: And single columns of gated tables: our own codes and names, or set by an INSERT alone.
_NO_CONTENT_COLUMNS = {
    "data_type", "source", "record_type", "content_type", "language", "kind", "format", "unit",
    "media_type", "sha256", "encoding", "disposition", "reason", "detail", "scan", "counts",
    "locator", "stage", "code", "status",
}  # fmt: skip

_TEXTS = """
SELECT n.nspname || '.' || c.relname AS target, a.attname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('imports', 'user_data', 'timeseries', 'vectors', 'analytics', 'archive')
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND format_type(a.atttypid, NULL) IN ('text', 'text[]', 'jsonb', 'json', 'bytea', 'tsvector',
    'vector', 'halfvec', 'character varying', 'xml')
"""
_GATES = """
SELECT t.tgrelid::regclass::text AS target, pg_get_triggerdef(t.oid) AS said
FROM pg_trigger AS t WHERE t.tgfoid = 'imports.refuse_content'::regproc AND t.tgparentid = 0
"""


def test_every_column_that_holds_content_is_behind_the_gate(database: Database) -> None:
    gates: dict[str, list[str]] = {}
    for row in database.rows(_GATES):
        gates.setdefault(row["target"], []).append(row["said"])
    open_columns = []
    for row in database.rows(_TEXTS):
        target, name = row["target"], row["name"]
        if target in _NO_CONTENT or target.partition(".")[0] in _NO_CONTENT:
            continue
        said = gates.get(target, [])
        inserts = any("BEFORE INSERT ON" in one for one in said)
        updates = any(name in one.partition(" ON ")[0].replace(",", " ").split() for one in said)
        if not (inserts and (updates or name in _NO_CONTENT_COLUMNS)):
            open_columns.append(f"{target}.{name}")
    assert open_columns == []
    assert len(gates) >= 13


def test_no_role_gets_past_the_gate_by_a_partition(database: Database) -> None:
    """Triggers for each statement are those of the table that the statement names."""
    past = database.rows(
        "SELECT c.oid::regclass::text AS name FROM pg_class AS c WHERE c.relispartition "
        "AND (has_any_column_privilege('datapunk_ingest', c.oid, 'INSERT, UPDATE') "
        "OR has_any_column_privilege('datapunk_ledger', c.oid, 'INSERT, UPDATE'))"
    )
    assert past == []


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("INSERT INTO user_data.search_words (user_id, word) VALUES (%s, 'quagga')", ()),
        ("UPDATE imports.files SET context = '{}' WHERE user_id = %s", ()),
        ("UPDATE imports.quarantine SET raw = 'x' WHERE user_id = %s AND raw <> ''", ()),
        ("UPDATE imports.quarantine SET mended = 'x' WHERE user_id = %s", ()),
        ("INSERT INTO vectors.cache (user_id, model_id, text_hash, embedding) "
         "VALUES (%s, 1, gen_random_uuid(), '[1]')", ()),
    ],
)  # fmt: skip
def test_a_statement_that_did_not_pass_is_refused(
    query: str, parameters: tuple[Any, ...], stored: dict[str, Any], run: Runtime
) -> None:
    user = stored["user_id"]
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"only through imports\.enter"),
        run.lake.as_user(user) as connection,
    ):
        connection.execute(query.encode(), (user, *parameters))
    under = run.redactor(user).under
    with run.lake.entering(user, under) as entered:
        entered.connection.execute(query.encode(), (user, *parameters))


def test_bytes_may_always_be_taken_away(stored: dict[str, Any], run: Runtime) -> None:
    given_up = quarantine.discard(
        run, stored["user_id"], quarantine.Choice(), "no use", delete=True
    )
    assert given_up == 3


def test_who_names_a_policy_that_is_none_does_not_pass(
    stored: dict[str, Any], run: Runtime
) -> None:
    with (
        pytest.raises(OtherPolicy),
        run.lake.entering(stored["user_id"], ReadUnder("any")),
    ):
        raise AssertionError


# --- which policy is the present one ---------------------------------------------------------


class Say(NamedTuple):
    """What a host announces, as a fresh process of it."""

    lake: Lake
    user: UUID
    patch: pytest.MonkeyPatch

    def __call__(self, host: str, policy: str, *, by_hand: bool = False) -> bool:
        self.patch.setattr("platform.node", lambda: host)
        try:
            Lake(self.lake.pool).announce(self.user, policy, by_hand=by_hand)
        except TransientError as error:
            assert error.code == "policy_superseded"
            return False
        return True


@pytest.fixture
def say(imported: Imported, run: Runtime, monkeypatch: pytest.MonkeyPatch) -> Say:
    job = imported(ANA, "rows.ndjson", b'{"id": 1}\n')
    return Say(run.lake, job["user_id"], monkeypatch)


def test_hosts_agree_on_the_present_policy(say: Say, database: Database) -> None:
    def present() -> str:
        return str(database.one("SELECT policy FROM imports.policies ORDER BY id DESC LIMIT 1"))

    assert say("a", "old")
    assert say("b", "old")
    assert say("a", "new"), "a policy that nobody had is newer"
    assert not say("b", "old"), "a host that was not given it waits"
    assert not say("c", "old"), "as does one that comes late with the older one"
    assert present() == "new"
    assert say("b", "new")
    assert say("b", "old"), "who had the newer one, and changed it back, meant to"
    assert present() == "old"
    assert not say("a", "new")
    assert say("a", "new", by_hand=True), "`privacy apply` is a person's word"
    assert present() == "new"
    assert say("a", "new")
    assert database.one("SELECT count(*) FROM imports.policies WHERE host = 'c'") == 0


def test_chunks_of_a_host_with_an_older_file_wait_and_then_go_on(
    imported: Imported, run: Runtime, hosts: Hosts, driver: Driver, drop: Callable[..., UUID],
    database: Database, rest: Callable[[], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    user = imported(ANA, "first.ndjson", b'{"id": 1, "note": "heron"}\n')["user_id"]
    hosts.files[1].write_text(STRICT)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another")
        hosts.apply(user)
    job_id = drop(ANA, "rows.ndjson", b'{"id": 2, "note": "card 4556737586899855"}\n')
    for _ in range(2):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(run)
    (waits,) = database.chunks(job_id, "upload")
    assert (waits["status"], waits["last_error_code"]) == ("ready", "policy_superseded")
    assert waits["attempt"] == 0
    hosts.files[0].write_text(STRICT)
    rest()
    assert database.job(job_id)["status"] == "done"
    assert left(database) == set()


# --- how a changed policy is noticed, and what verify says -----------------------------------


def test_a_policy_that_keeps_its_time_and_size_is_noticed(tmp_path: Path) -> None:
    path, user = tmp_path / "policy.toml", UUID(int=1)
    path.write_text("[[rule]]\nkind = 'ip'\naction = 'drop'\n")
    file, stat = PolicyFile(path), path.stat()
    first = file.redactor(user)
    path.write_text("[[rule]]\nkind = 'ip'\naction = 'mask'\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (stat.st_mtime_ns, stat.st_size)
    assert file.redactor(user).under != first.under


def test_a_key_that_keeps_its_time_and_size_is_noticed(tmp_path: Path) -> None:
    path, key, user = tmp_path / "policy.toml", tmp_path / "key", UUID(int=1)
    path.write_text("[[rule]]\nkind = 'ip'\naction = 'hash'\n")
    key.write_text("a" * 32)
    file, stat = PolicyFile(path, key), key.stat()
    first = file.redactor(user)
    key.write_text("b" * 32)
    os.utime(key, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.redactor(user).under != first.under


_HELD = {
    "documents": "UPDATE user_data.documents SET content = 'to bo@example.org' WHERE id = "
    "(SELECT min(id) FROM user_data.documents WHERE content IS NOT NULL)",
    "people": "UPDATE user_data.entities SET name = 'bo@example.org' WHERE entity_key = "
    "(SELECT min(entity_key::text)::uuid FROM user_data.mentions)",
    "quarantined bytes": "UPDATE imports.quarantine SET raw = 'x'",
    "names of fields": "UPDATE imports.drift SET field = 'of bo@example.org'",
    "files": "UPDATE imports.files SET path = path || ' 4556737586899855.txt' "
    "WHERE ordinal IS NULL",
    "documents found by words": "UPDATE user_data.search SET words = words || 'quagga'::tsvector",
}


@pytest.mark.parametrize("what", _HELD)
@pytest.mark.parametrize("whole", [False, True], ids=["sample", "deep"])
def test_verify_tells_where_something_stands(
    what: str, whole: bool, hosts: Hosts, imported: Imported, rest: Callable[[], None],
    run: Runtime, reader: Lake, database: Database,
) -> None:  # fmt: skip
    hosts.change(STRICT)
    job = imported(ANA, "export.zip", EXPORT)
    rest()

    def policy() -> verify.Finding:
        found = verify.verify(run, reader, database.job(job["id"]), deep=whole)
        (one,) = [finding for finding in found if finding.check == "policy"]
        return one

    assert policy().ok, policy().detail
    database.rows(_HELD[what])
    assert not policy().ok
    assert what in policy().detail
    assert "privacy apply" in policy().detail
    assert BO not in policy().detail


def test_verify_looks_at_some_thousand_rows_of_a_big_job_and_at_all_with_deep(
    hosts: Hosts, imported: Imported, rest: Callable[[], None], run: Runtime, reader: Lake,
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    hosts.change(STRICT)
    rows = b"".join(b'{"id": %d, "note": "heron"}\n' % n for n in range(60))
    job = imported(ANA, "rows.ndjson", rows)
    monkeypatch.setattr("tasks.operations.removed_content._SAMPLE", 20)

    def said(*, deep: bool) -> str:
        found = verify.verify(run, reader, database.job(job["id"]), deep=deep)
        return next(finding.detail for finding in found if finding.check == "policy")

    assert said(deep=False) == "20 of 60 rows looked at"
    assert said(deep=True) == "60 of 60 rows looked at"


def test_the_embedder_is_asked_for_nothing_that_is_taken_away(
    meddler: Meddler, embedder: FakeEmbedder, drop: Callable[..., UUID], rest: Callable[[], None],
) -> None:  # fmt: skip
    meddler.at(chunk, "normalise.written")
    drop(ANA, "export.zip", EXPORT)
    rest()
    assert embedder.texts
    assert not any(planted_in(text) or BO in text for text in embedder.texts[-5:])


def test_exports_in_parts(
    meddler: Meddler, drop: Callable[..., UUID], rest: Callable[[], None],
    sound: Callable[[], None], database: Database,
) -> None:  # fmt: skip
    """What a sidecar in another part says was noted under a policy, and is read under the next."""
    top = "Takeout/Google Photos/Trip"
    note = (
        b'{"title": "a.jpg", "description": "heron 4556737586899855 bo@example.org", '
        b'"photoTakenTime": {"timestamp": "1683000000"}}'
    )
    first = zipped({f"{top}/a.jpg.supplemental-metadata.json": note})
    second = zipped({f"{top}/a.jpg": b"\xff\xd8\xff heron"})
    drop(ANA, "takeout-20250102T030405Z-001.zip", first)
    rest()
    meddler.at(chunk, "normalise.written")
    drop(ANA, "takeout-20250102T030405Z-002.zip", second)
    rest()
    sound()
