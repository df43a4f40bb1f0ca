"""Two tiers of vectors: what follows behind the load, and what a search makes of both."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from schemas.errors import TransientError
from schemas.progress import Tier
from sql.search import Filters, Model, Search, fuse_models
from sql.store import Lake
from sql.vectors import MOST_ATTEMPTS, Backlog, Where
from tasks.derived import embedding_backfill, search_index
from tasks.maintenance import reconcile
from tasks.operations import verify
from tasks.operations.rollback import roll_back
from tasks.runtime import dispatch
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeEmbedder, FakeModels, zipped
from workers.adapters import static_embeddings
from workers.adapters.embedding_models import ModelsHere
from workers.adapters.sentence_transformers import SentenceTransformerEmbedder, batches_by_tokens
from workers.embedded import machine
from workers.setting_types import Tiers
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]
_SEND_TURN = dispatch.send_turn  # the driver puts its own in its place


def mails(*numbers: int, text: str = "text") -> bytes:
    return zipped(
        {
            "all.mbox": "".join(
                f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@example.org>\n"
                f"From: a@example.org\nSubject: mail {n}\n"
                f"Date: Mon, 01 May 2023 10:00:{n:02} +0000\n\n{text} {n}\n\n"
                for n in numbers
            ).encode()
        }
    )


@pytest.fixture
def job(imported: Imported) -> dict[str, Any]:
    return imported(ANA, "1.zip", mails(*range(1, 7)))


def have(database: Database, tier: str) -> int:
    """Documents with vectors of a tier."""
    count: int = database.one(
        "SELECT count(DISTINCT e.document_id) FROM vectors.embeddings AS e "
        "JOIN vectors.models AS m ON m.id = e.model_id WHERE m.tier = %s",
        tier,
    )
    return count


def waiting(database: Database) -> int:
    count: int = database.one("SELECT count(*) FROM vectors.waiting")
    return count


# --- behind the load -------------------------------------------------------------------------


def test_a_job_ends_with_static_vectors_and_the_full_ones_follow(
    job: dict[str, Any], run: Runtime, driver: Driver, database: Database, deep: FakeEmbedder
) -> None:
    assert (have(database, "static"), have(database, "full"), waiting(database)) == (6, 0, 6)
    assert reconcile.reconcile(run)["turns"] == 1
    assert list(driver.turns) == [(job["user_id"], "full")]
    driver.take_turns(run)
    assert (have(database, "full"), waiting(database)) == (6, 0)
    assert len(deep.texts) == 6
    assert reconcile.reconcile(run)["turns"] == 0


def test_an_import_ends_before_the_model_is_made_and_gets_its_vectors_later(
    imported: Imported, run: Runtime, driver: Driver, database: Database
) -> None:
    models = run.models
    assert isinstance(models, FakeModels)
    models.unmade.add("static")
    job = imported(ANA, "1.zip", mails(*range(1, 7)))
    assert (job["status"], job["records_loaded"]) == ("done", 6)
    assert (have(database, "static"), waiting(database)) == (0, 12)
    reconcile.reconcile(run)
    driver.take_turns(run)  # the full model is there, and its turn waits for no other
    assert (have(database, "static"), have(database, "full")) == (0, 6)

    models.unmade.clear()
    reconcile.reconcile(run)
    driver.take_turns(run)
    assert (have(database, "static"), waiting(database)) == (6, 0)


def test_a_turn_waits_for_imports_and_is_sent_once(
    job: dict[str, Any], run: Runtime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "send_turn", lambda *_: None)
    monkeypatch.setattr(run, "queue_lengths", lambda: {dispatch.BEHIND: 1})
    assert embedding_backfill.send_turns(run) == 0  # one waits in the broker
    monkeypatch.setattr(run, "queue_lengths", dict)
    database.rows("UPDATE imports.chunks SET status = 'ready' WHERE kind = 'finish'")
    assert embedding_backfill.send_turns(run) == 0
    embedding_backfill.in_background(
        run, job["user_id"], Tier.FULL
    )  # and one that began ends at once
    assert have(database, "full") == 0
    database.rows("UPDATE imports.chunks SET status = 'done'")
    assert embedding_backfill.send_turns(run) == 1
    database.rows("UPDATE vectors.waiting SET taken_until = now() + interval '1 minute'")
    assert embedding_backfill.send_turns(run) == 0  # somebody is at it


def index_of_vectors(database: Database) -> int | None:
    """Its number: one that is made anew has another."""
    (row,) = database.rows("SELECT id FROM vectors.models WHERE tier = 'static'")
    oid: int | None = database.one(
        f"SELECT to_regclass('vectors.embeddings_m{row['id']}_hnsw')::oid"
    )
    return oid


def test_many_vectors_follow_the_rows_where_an_index_would_slow_them(
    imported: Imported, run: Runtime, driver: Driver, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    few = msgspec.structs.replace(run.options, index_from_vectors=4, vectors_at_once=5)
    monkeypatch.setattr(run, "options", few)
    imported(ANA, "1.zip", mails(*range(1, 7)))  # nothing is indexed yet
    first = index_of_vectors(database)
    assert (have(database, "static"), first is None) == (6, False)

    imported(ANA, "2.zip", mails(*range(7, 11)))  # few come at once
    assert (have(database, "static"), index_of_vectors(database)) == (10, first)

    imported(ANA, "3.zip", mails(*range(11, 17)))
    assert (have(database, "static"), index_of_vectors(database)) == (10, first)
    reconcile.reconcile(run)
    driver.take_turns(run)
    assert (have(database, "static"), index_of_vectors(database)) == (16, first)

    imported(ANA, "4.zip", mails(*range(17, 40)))  # more than there are
    assert have(database, "static") == 16
    reconcile.reconcile(run)
    driver.take_turns(run)
    again = index_of_vectors(database)
    assert (have(database, "static"), again is None, again == first) == (39, False, False)


def test_a_message_says_ids_alone_and_comes_last(
    monkeypatch: pytest.MonkeyPatch, job: dict[str, Any]
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async", lambda self: sent.append((self.kwargs, self.options))
    )
    _SEND_TURN(job["user_id"], "full")
    ((kwargs, options),) = sent
    assert kwargs == {"user_id": str(job["user_id"]), "model": "full"}
    assert (options["queue"], options["priority"]) == ("embed", 9)


def test_a_transient_error_counts_no_attempt_and_the_next_turn_goes_on(
    job: dict[str, Any], run: Runtime, driver: Driver, database: Database, deep: FakeEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def away(texts: Sequence[str]) -> NDArray[np.float32]:
        raise TransientError("away")

    with monkeypatch.context() as patch:
        patch.setattr(deep, "encode", away)
        embedding_backfill.in_background(run, job["user_id"], Tier.FULL)
    (row,) = database.rows(
        "SELECT max(attempts) AS attempts, max(taken_until) = '-infinity' AS free "
        "FROM vectors.waiting"
    )
    assert row == {"attempts": 0, "free": True}
    embedding_backfill.in_background(run, job["user_id"], Tier.FULL)
    assert have(database, "full") == 6


def test_a_text_that_breaks_the_model_costs_the_others_nothing(
    job: dict[str, Any], run: Runtime, database: Database, reader: Lake, deep: FakeEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    encode = deep.encode

    def breaks(texts: Sequence[str]) -> NDArray[np.float32]:
        if any("mail 3" in text for text in texts):
            raise ValueError
        return encode(texts)

    monkeypatch.setattr(deep, "encode", breaks)
    failed = 0
    for _ in range(30):
        try:
            embedding_backfill.in_background(run, job["user_id"], Tier.FULL)
        except ValueError:
            failed += 1
    assert failed == MOST_ATTEMPTS
    assert have(database, "full") == 5
    left = Backlog(reader, job["user_id"]).left("full")
    assert (left.have, left.waiting, left.given_up) == (5, 0, 1)
    assert embedding_backfill.send_turns(run) == 0
    monkeypatch.setattr(deep, "encode", encode)
    embedding_backfill.add_lacking(
        run, job["user_id"], "full"
    )  # asked for again, it is tried again
    embedding_backfill.turn(run, job["user_id"], "full")
    assert (have(database, "full"), waiting(database)) == (6, 0)


def test_what_changes_while_it_is_embedded_gets_no_vectors_of_its_old_text(
    job: dict[str, Any], run: Runtime, database: Database, deep: FakeEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    encode, texts = deep.encode, list[str]()

    def meanwhile(said: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            database.rows("UPDATE user_data.documents SET content = 'new' WHERE title = 'mail 2'")
        texts.extend(said)
        return encode(said)

    monkeypatch.setattr(deep, "encode", meanwhile)
    assert embedding_backfill.turn(run, job["user_id"], "full") == 6
    assert sum("mail 2" in text for text in texts) == 2
    (row,) = database.rows(
        "SELECT embedding::real[] AS it FROM vectors.embeddings AS e JOIN vectors.models AS m "
        "ON m.id = e.model_id JOIN user_data.documents AS d ON d.id = e.document_id "
        "WHERE m.tier = 'full' AND d.title = 'mail 2'"
    )
    assert row["it"] == pytest.approx(FakeEmbedder().encode(["mail 2\n\nnew"])[0].tolist())


def test_what_is_taken_back_while_it_is_embedded_leaves_no_lone_vector(
    job: dict[str, Any], run: Runtime, database: Database, reader: Lake, deep: FakeEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    encode = deep.encode

    def meanwhile(said: Sequence[str]) -> NDArray[np.float32]:
        if database.job(job["id"])["status"] == "done":
            roll_back(run, job["user_id"], job["id"])
        return encode(said)

    monkeypatch.setattr(deep, "encode", meanwhile)
    embedding_backfill.turn(run, job["user_id"], "full")
    assert database.one("SELECT count(*) FROM vectors.embeddings") == 0
    assert waiting(database) == 0
    found = {f.check: f.ok for f in verify.verify(run, reader, database.job(job["id"]))}
    assert found["vectors"]


def test_what_lacks_vectors_is_found_wherever_it_comes_from(
    job: dict[str, Any], run: Runtime, driver: Driver, database: Database,
    embedder: FakeEmbedder, deep: FakeEmbedder,
) -> None:  # fmt: skip
    user = job["user_id"]
    embedding_backfill.turn(run, user, "full")
    database.rows(
        "DELETE FROM vectors.embeddings WHERE document_id IN "
        "(SELECT id FROM user_data.documents WHERE title IN ('mail 1', 'mail 5'))"
    )
    asked = len(embedder.texts), len(deep.texts)
    embedding_backfill.Lacking().add(run)
    assert waiting(database) == 4
    for tier in Tier:
        embedding_backfill.turn(run, user, tier)
    assert (have(database, "static"), have(database, "full")) == (6, 6)
    assert (len(embedder.texts), len(deep.texts)) == asked  # they were embedded before


def test_only_some_by_type_and_source_and_a_model_by_its_name(
    job: dict[str, Any], run: Runtime, database: Database
) -> None:
    user = job["user_id"]
    run.model_id(user, "other")
    embedding_backfill.add_lacking(run, user, "other", Where(source="google"))
    assert embedding_backfill.turn(run, user, "other") == 0
    embedding_backfill.add_lacking(run, user, "other", Where(type="email", source="mail"))
    assert embedding_backfill.turn(run, user, "other") == 6
    tiers = database.rows("SELECT tier FROM vectors.models ORDER BY id")
    assert [row["tier"] for row in tiers] == ["static", None]
    assert waiting(database) == 6  # those of the full tier


def test_a_turn_that_was_killed_leaves_its_documents_to_the_next(
    job: dict[str, Any], run: Runtime, database: Database
) -> None:
    backlog = Backlog(run.lake, job["user_id"])
    assert len(backlog.take("full", 4, 60)) == 4
    assert embedding_backfill.turn(run, job["user_id"], "full") == 2
    database.let_time_pass()
    assert embedding_backfill.turn(run, job["user_id"], "full") == 4
    assert have(database, "full") == 6


def test_another_users_documents_are_neither_seen_nor_touched(
    job: dict[str, Any], imported: Imported, run: Runtime, database: Database
) -> None:
    other = imported("bo@example.org", "2.zip", mails(9))
    embedding_backfill.turn(run, other["user_id"], "full")
    assert have(database, "full") == 1
    taken = Backlog(run.lake, job["user_id"]).take("full", 1, 60)
    assert Backlog(run.lake, other["user_id"]).put("full", 1, taken, None) == 0
    assert waiting(database) == 6


# --- the command -----------------------------------------------------------------------------


def test_the_command_embeds_what_lacks_a_model_and_says_how_much(
    job: dict[str, Any], run: Runtime, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.cli import app, connect

    monkeypatch.setattr(connect, "runtime", lambda _: nullcontext(run))
    asked = ["embed", "--model", "full", "--where", "type=email,source=mail", "--json"]
    said = json.loads(CliRunner().invoke(app, asked).stdout)
    assert said == [{"model": "full", "documents": 6, "waiting": 0, "given_up": 0}]
    assert have(database, "full") == 6
    again = CliRunner().invoke(app, ["embed"])
    assert again.stdout == "static: 0 documents embedded\nfull: 0 documents embedded\n"
    assert CliRunner().invoke(app, ["embed", "--where", "colour=red"]).exit_code == 2


def test_only_what_changed_is_embedded_again(
    job: dict[str, Any], imported: Imported, run: Runtime, database: Database,
    embedder: FakeEmbedder, deep: FakeEmbedder,
) -> None:  # fmt: skip
    embedding_backfill.turn(run, job["user_id"], Tier.FULL)
    embedder.texts.clear()
    deep.texts.clear()
    imported(ANA, "2.zip", mails(*range(1, 8)))  # six of them as before
    search_index.index_user(run, job["user_id"], seconds=60)
    assert embedding_backfill.turn(run, job["user_id"], Tier.FULL) == 1
    for made in (embedder, deep):
        assert [text for text in made.texts if "mail 7" not in text] == []
        assert made.texts
    database.rows("UPDATE user_data.documents SET content = 'other' WHERE title = 'mail 3'")
    database.rows(
        "DELETE FROM vectors.embeddings WHERE document_id IN "
        "(SELECT id FROM user_data.documents WHERE title = 'mail 3')"
    )
    deep.texts.clear()
    embedding_backfill.add_lacking(run, job["user_id"], Tier.FULL)
    assert embedding_backfill.turn(run, job["user_id"], Tier.FULL) == 1
    assert [text for text in deep.texts if "other" not in text] == []


# --- search ----------------------------------------------------------------------------------


def models(database: Database, *tiers: str) -> list[Model]:
    """The models of the tiers; each remembers in `asked` that it was used."""
    ids = {r["tier"]: r["id"] for r in database.rows("SELECT id, tier FROM vectors.models")}

    def encode(text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = FakeEmbedder().encode([text])[0]
        return vector

    def forbidden(text: str) -> NDArray[np.float32]:
        raise AssertionError("this model is not to be loaded")

    return [
        Model(
            id=ids.get(tier.strip("!"), 0),
            dimension=8,
            encode=forbidden if tier.startswith("!") else encode,
            waits_as=tier.strip("!"),
        )
        for tier in tiers
    ]


def best(seeker: Search, database: Database, *tiers: str) -> str | None:
    asked = models(database, *tiers)
    return seeker.by_meaning("mail 4\n\ntext 4", asked, Filters()).hits[0].title


def test_a_query_takes_the_best_tier_that_covers_the_lake(
    job: dict[str, Any], run: Runtime, database: Database, reader: Lake
) -> None:
    user = job["user_id"]
    seeker, backlog = Search(reader, user), Backlog(run.lake, user)
    run.model_id(user, "full")
    assert best(seeker, database, "!full", "static") == "mail 4"
    _some(run, backlog, user, 2)
    assert best(seeker, database, "!full", "static") == "mail 4"
    _some(run, backlog, user, 2)
    assert best(seeker, database, "full", "static") == "mail 4"
    embedding_backfill.turn(run, user, "full")
    assert best(seeker, database, "full", "!static") == "mail 4"


def _some(run: Runtime, backlog: Backlog, user: UUID, n: int) -> None:
    """Vectors of the full tier for `n` further documents."""
    taken = backlog.take("full", n, 600)
    texts = [(at, f"{each.title}\n\n{each.content}") for at, each in enumerate(taken)]
    made = embedding_backfill.embed_texts(run, user, "full", texts, None)
    assert backlog.put("full", run.model_id(user, "full"), taken, made) == n


def test_what_waits_for_its_vectors_is_not_pushed_down() -> None:
    plain = [(7, 0.9), (1, 0.8), (2, 0.7)]
    better = [(1, 0.9), (2, 0.8)]
    assert [at for at, _ in fuse_models(better, plain, {1, 2})] == [7, 1, 2]
    assert [at for at, _ in fuse_models([(2, 0.9), (1, 0.8)], plain, {1, 2, 7})] == [2, 1, 7]


# --- the models ------------------------------------------------------------------------------


def test_batches_hold_so_many_tokens_and_every_text_once() -> None:
    texts = ["x" * n for n in (4, 400, 40, 4000, 8, 80_000)]
    batches = list(batches_by_tokens(texts, 1010))
    assert sorted(n for batch in batches for n in batch) == list(range(6))
    assert batches[0] == [5]
    for batch in batches[1:]:
        assert len(batch) * (max(len(texts[n]) for n in batch) // 4 + 1) <= 1010


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence-transformers model of 40 words and no sense, made here in a moment."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def make_tiny(folder: Path) -> str:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{n}" for n in range(300))]
    words += [f"##{n}" for n in range(300, 400)]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    config = BertConfig(
        vocab_size=len(words), hidden_size=288, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(288)], device="cpu").save(
        str(folder / "model"), create_model_card=False
    )
    return str(folder / "model")


def test_texts_load_with_the_vectors_of_the_cheaper_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "has_nvidia", lambda: False)

    def first(tiers: Tiers) -> Tier:
        settings = Settings(_env_file=None, data_dir=tmp_path, embed_tiers=tiers)
        return ModelsHere(settings).first_tier()

    assert [*map(first, (Tiers.BOTH, Tiers.STATIC, Tiers.FULL))] == [
        Tier.STATIC, Tier.STATIC, Tier.FULL,
    ]  # fmt: skip


def test_a_static_model_is_made_once_by_whoever_comes_first(tiny: str, tmp_path: Path) -> None:
    left = tmp_path / ".static-of-one-that-was-killed.part"
    left.mkdir()
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(2) as pool:
        revisions = pool.starmap(_made_there, [(str(tmp_path), tiny)] * 2)
    assert len(set(revisions)) == 1
    assert [path.name[:7] for path in tmp_path.iterdir() if path.is_dir()] == ["static-"]
    assert not left.exists()
    folder = static_embeddings.ensure_static_model(tmp_path, tiny)
    embedder = static_embeddings.StaticEmbedder(folder, "x")
    vectors = embedder.encode(["word1 word2", "word2 word1", "word7", ""])
    assert (vectors.shape, embedder.revision) == ((4, 256), revisions[0])
    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors[:3], axis=1), 1, atol=1e-3)
    assert not vectors[3].any()

    with processes.Pool(1) as pool:
        assert pool.apply(_loaded_there, (str(folder),)) == []


def test_texts_share_nothing_only_for_being_texts(tiny: str) -> None:
    """Drawn by the law that the weights go by, tokens cancel out: words among themselves, and what
    words fall into."""
    source = SentenceTransformerEmbedder(tiny, device="cpu")
    table = static_embeddings.table_of(source).astype(np.float64)
    often = 1 / np.arange(2, len(table) + 2)
    for kind in (slice(0, 305), slice(305, 405)):
        drawn = often[kind] @ table[kind]
        assert np.linalg.norm(drawn) < 0.01 * (often[kind] @ np.linalg.norm(table[kind], axis=1))


def _loaded_there(folder: str) -> list[str]:
    """The heavy modules of a process that answered a query by a static model."""
    import sys

    import workers.cli

    assert workers.cli.app
    static_embeddings.StaticEmbedder(Path(folder), "x").encode(["word1"])
    return [
        name for name in ("torch", "transformers", "sentence_transformers") if name in sys.modules
    ]


def _made_there(models: str, tiny: str) -> str:
    return static_embeddings.StaticEmbedder(
        static_embeddings.ensure_static_model(Path(models), tiny), "x"
    ).revision
