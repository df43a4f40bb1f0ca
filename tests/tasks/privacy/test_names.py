"""Names that a language model tells: treated as other findings are, and never half switched on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from pipeline.ports import Names
from pipeline.privacy.policy import Policy, parse
from pipeline.privacy.redact import Redactor, Texts
from pipeline.privacy.redact_records import redact_outcomes
from schemas.errors import ConfigurationError, TransientError
from schemas.privacy import BY_RULE, Kind
from schemas.records import DataType, Record
from schemas.tally import FileTally
from tasks.derived import search_index
from tasks.operations import privacy_reapply
from tasks.runtime import context
from tasks.runtime.context import Runtime
from tasks.runtime.privacy_policy import PolicyFile
from tests.support.lake import Database, FakeEmbedder, counts, zipped
from tests.support.names import FakeNames, make_model, needs_presidio
from tests.tasks.privacy.test_privacy import KEY, stands_in
from workers.adapters import presidio
from workers.cli import app, doctor, receipts
from workers.settings import load

cli = CliRunner()
ALL = frozenset(Kind)
SAID = "Ana Ruiz sails to Port Varnow with a lantern for Kestrel Bank"


def redactor(policy: str = "", models: Names | None = None) -> Redactor:
    rules = parse(policy.encode(), ALL)
    return Redactor(rules, KEY.encode(), b"ana", models or FakeNames())


def treated(policy: str, *, language: str | None = "en", **texts: Any) -> Any:
    made = redactor(policy)
    given = Texts(**{"title": None, "content": None, "metadata": {}, **texts})
    told = made.find_names([(language, given, None)]).get(0)
    return made.redact("mail.mbox", given, told)


def rule(kind: str, action: str, **more: str) -> str:
    said = "".join(f"{name} = {value}\n" for name, value in more.items())
    return f'[[rule]]\nkind = "{kind}"\naction = "{action}"\n{said}'


# --- what is done with a name ----------------------------------------------------------------


def test_names_are_kept_and_tagged_without_a_rule() -> None:
    metadata = {"to": {"name": "Ana Ruiz"}, "at": ["Port Varnow"]}
    texts, done, _ = treated("", title=SAID, content=SAID, metadata=metadata)
    assert (texts.title, texts.content, texts.metadata) == (SAID, SAID, metadata)
    assert done == {"person": {"keep": 3}, "place": {"keep": 3}}


def test_names_are_hashed_masked_and_dropped_like_all_else() -> None:
    policy = rule("person", "hash") + rule("place", "drop") + rule("organisation", "mask")
    metadata = {"to": [{"name": "ANA  RUIZ"}, "Port Varnow"], "bank": "Kestrel Bank"}
    texts, done, gone = treated(policy, title=SAID, metadata=metadata)
    token = texts.title[: texts.title.index("]") + 1]
    assert token.startswith("[person:")
    assert texts.title == f"{token} sails to [place removed] with a lantern for Kestrel Bank"
    assert texts.metadata == {"to": [{"name": token}], "bank": "Kestrel Bank"}
    assert done == {"person": {"hash": 2}, "place": {"drop": 2}}
    assert set(gone) == {"Ana Ruiz", "ANA  RUIZ", "Port Varnow"}


def test_what_is_doubted_is_treated_where_a_rule_asks_for_guesses() -> None:
    policy = rule("organisation", "mask", confidence="0.3")
    texts, done, _ = treated(policy, content=SAID)
    assert texts.content.endswith("for ******* ****")
    assert done["organisation"] == {"mask": 1}


def test_what_a_rule_of_ours_finds_stays_with_it() -> None:
    class Greedy(FakeNames):
        def _in(self, text: str) -> list[Any]:
            from pipeline.ports import Name

            return [Name(Kind.PERSON, 0, len(text), 0.85)]

    policy = rule("person", "drop") + rule("email", "mask")
    made = redactor(policy, Greedy())
    said = Texts("Ana Ruiz's <ana@example.org> (+49 1512 3456789), Bo", None, {})
    told = made.find_names([("en", said, None)]).get(0)
    texts, done, _ = made.redact("x", said, told)
    masked = "***@*******.***"
    assert texts.title == f"[person removed]'s <{masked}> (+49 1512 3456789), [person removed]"
    assert done == {"email": {"mask": 1}, "person": {"drop": 2}, "phone": {"keep": 1}}
    told = made.find_names([("en", texts, None)]).get(0)
    again = made.redact("x", texts, told)
    assert again.texts == texts
    assert again.done == {"phone": {"keep": 1}}, "a mark and what is masked is no name"


def test_a_model_is_asked_of_words_in_its_language_alone_and_once() -> None:
    metadata = {
        "Ana Ruiz": 1, "type": "image/jpeg", "sha256": "9f86d081884c7d659a2feaa0c55ad015",
        "id": "<CAF4x@mail.example.org>", "status": "sent", "at": "2023-05-01T10:00:00Z",
        "date": "Mon, 1 May 2023 10:00:00 +0000 (UTC)",
        "file": "IMG_2041.JPG", "name": "Ana", "again": "Ana", "n": 4, "wide": "王伟",
    }  # fmt: skip
    fake = FakeNames()
    made = redactor("", fake)
    other = Texts("Ana Ruiz reist nach Port Varnow", None, {})
    asked = [("en", Texts("Ana", "an \ud800 odd text", metadata), "Letter to Ana Ruiz.pdf"),
             ("de", other, None), (None, other, None)]  # fmt: skip
    told = made.find_names(asked)
    assert fake.asked == ["Ana", "an \ufffd odd text", "王伟", "Letter to Ana Ruiz.pdf"]
    assert {n: set(one) for n, one in told.items()} == {0: {"Letter to Ana Ruiz.pdf"}}


def test_records_without_a_clue_of_ours_are_treated_too() -> None:
    record = Record(
        data_type=DataType.DOCUMENT, source="x", record_type="note", identity=("1",),
        content=SAID, language="en",
    )  # fmt: skip
    found = [(n, 1, one) for n, one in enumerate((record, record.__copy__()))]
    done = [one.privacy for _, _, one in redact_outcomes(found, redactor())]
    assert done == [{"person": {"keep": 1}, "place": {"keep": 1}}] * 2
    plain = [one for _, _, one in redact_outcomes(found, Redactor(Policy()))]
    assert plain == [record, record]


# --- the policy ------------------------------------------------------------------------------


def test_a_policy_can_name_what_nobody_finds_here_by_no_means(tmp_path: Path) -> None:
    path, user = tmp_path / "policy.toml", UUID(int=1)
    path.write_text(rule("ip", "drop") + rule("person", "drop"))
    wanted = r"rule 2: only a language model finds 'person'.*\[presidio\].*DATAPUNK_PRIVACY_MODELS"
    with pytest.raises(ConfigurationError, match=wanted):
        parse(path.read_bytes())
    with pytest.raises(ConfigurationError, match=wanted):
        PolicyFile(path).read()
    with pytest.raises(TransientError, match="privacy check"):
        PolicyFile(path).redactor(user)
    assert PolicyFile(path, models=FakeNames()).redactor(user).policy.rules[1].kinds == {
        Kind.PERSON
    }


def test_everything_is_what_can_be_found() -> None:
    said = b"[[rule]]\naction = 'drop'\n"
    assert parse(said).rules[0].kinds == BY_RULE
    assert parse(said, ALL).rules[0].kinds == ALL


def test_what_was_made_with_other_models_is_out_of_date() -> None:
    policy, other = Policy(), FakeNames()
    other.identity = "fake 2"
    made = [Redactor(policy, models=m).under.policy for m in (None, FakeNames(), other)]
    assert len(set(made)) == 3
    assert made[0] == policy.fingerprint()


# --- the settings ----------------------------------------------------------------------------


def test_models_are_named_by_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().privacy_models is None
    monkeypatch.setenv("DATAPUNK_PRIVACY_MODELS", "en=en_core_web_sm, de=models/de=1,")
    wanted = {"en": "en_core_web_sm", "de": str(tmp_path / "models/de=1")}
    assert load().privacy_models == wanted
    monkeypatch.delenv("DATAPUNK_PRIVACY_MODELS")
    Path("datapunk.toml").write_text("[privacy_models]\nxx = 'xx_ent_wiki_sm'\n")
    assert load().privacy_models == {"xx": "xx_ent_wiki_sm"}
    for wrong in ("en", "en=", "English=x", "EN=x", "=x"):
        monkeypatch.setenv("DATAPUNK_PRIVACY_MODELS", wrong)
        with pytest.raises(ConfigurationError, match="DATAPUNK_PRIVACY_MODELS: "):
            load()


@pytest.mark.parametrize("verb", [["privacy", "check"], ["worker"], ["up"]])
def test_a_missing_package_is_said_at_once(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_PRIVACY_MODELS", "en=en_core_web_sm")
    monkeypatch.setattr(presidio.util, "find_spec", lambda _: None)
    said = cli.invoke(app, verb)
    assert said.exit_code == 2
    assert said.stderr == (
        "datapunk: DATAPUNK_PRIVACY_MODELS needs presidio_analyzer and spacy: "
        "pip install 'datapunk-lake[presidio]'\n"
    )
    assert said.stdout == ""
    (check,) = doctor._guarded(doctor._names, load())
    assert check.level == "fail"
    assert "datapunk-lake[presidio]" in check.detail
    monkeypatch.delenv("DATAPUNK_PRIVACY_MODELS")
    assert doctor._guarded(doctor._names, load()) == []


# --- presidio and spaCy themselves -----------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "en")


@needs_presidio
def test_presidio_tells_names_with_its_own_confidence(model: Path) -> None:
    models = presidio.PresidioNames({"en": str(model)})
    assert models.reads("en-GB") == "en"
    assert models.reads("de") is models.reads(None) is None
    said, nothing = models.find([SAID, "the heron stands in the water"], "en")
    found = {(one.kind, SAID[one.start : one.end]): one.confidence for one in said}
    assert found.keys() == {
        (Kind.PERSON, "Ana Ruiz"), (Kind.PLACE, "Port Varnow"),
        (Kind.ORGANISATION, "Kestrel Bank"),
    }  # fmt: skip
    sure = [found[kind, name] for kind, name in found if kind is not Kind.ORGANISATION]
    assert min(sure) > 0.8
    assert found[Kind.ORGANISATION, "Kestrel Bank"] < 0.5
    assert nothing == []


@needs_presidio
def test_what_has_a_rule_of_ours_is_not_asked_of_presidio(model: Path) -> None:
    models = presidio.PresidioNames({"en": str(model)})
    said = "ana@example.org 4556 7375 8689 9855 +49 1512 3456789 81.2.69.160 1980-02-03"
    assert models.find([said], "en") == [[]]


@needs_presidio
def test_one_model_reads_all_other_languages(model: Path, tmp_path: Path) -> None:
    other = make_model(tmp_path / "xx", lang="xx")
    models = presidio.PresidioNames({"en": str(model), "xx": str(other)})
    assert [models.reads(one) for one in ("en", "de", "und", None)] == ["en", "xx", "xx", "xx"]
    assert len(models.find(["Ana Ruiz kommt"], "xx")[0]) == 1


@needs_presidio
def test_odd_and_endless_texts_are_read(model: Path) -> None:
    made = Redactor(Policy(), models=presidio.PresidioNames({"en": str(model)}))
    endless = "a heron stands in the water. " * 40_000  # more than spaCy takes at once
    odd = "\ud800 Ana Ruiz \x00 \u202e"
    for text in ("", "\x00", odd, "x" * 30_000, f"{endless}Ana Ruiz. {endless}"):
        said = Texts(None, text, {})
        told = made.find_names([("en", said, None)]).get(0)
        wanted = {"person": {"keep": 1}} if "Ana" in text else {}
        assert made.redact("x", said, told).done == wanted


@needs_presidio
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: "en_core_web_none", r"no spaCy model en_core_web_none .*spacy download"),
        (lambda folder: str(folder / "none"), "is no folder of a spaCy model"),
        (lambda folder: str(make_model(folder / "de", lang="de")), "is for de, not for en"),
        (lambda folder: str(make_model(folder / "x", rules=False)), "finds no names of people"),
    ],
)
def test_a_model_that_is_missing_or_useless_is_said_at_once(
    spoil: Callable[[Path], str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=f"DATAPUNK_PRIVACY_MODELS: .*{complaint}"):
        presidio.PresidioNames({"en": spoil(tmp_path)})


@needs_presidio
def test_a_model_that_can_not_be_loaded_stops_the_work_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "en")
    (folder / "config.cfg").write_text("[nlp]\nlang = 1\n")
    models = presidio.PresidioNames({"en": str(folder)})
    with pytest.raises(TransientError, match="privacy check"):
        models.find([SAID], "en")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_PRIVACY_MODELS", f"en={folder}")
    said = cli.invoke(app, ["privacy", "check"])
    assert said.exit_code == 2
    assert "can't be loaded (" in said.stderr
    make_model(folder)
    said = cli.invoke(app, ["privacy", "check"])
    assert said.exit_code == 0
    assert "en by en_pipeline 0.0.0" in said.stderr
    (check,) = doctor._guarded(doctor._names, load())
    assert (check.level, check.detail) == ("ok", "en: en_pipeline 0.0.0")


@needs_presidio
def test_a_model_that_changed_is_another(model: Path, tmp_path: Path) -> None:
    first, same = (presidio.PresidioNames({"en": str(model)}).identity for _ in range(2))
    again = make_model(tmp_path / "en")
    (again / "vocab" / "strings.json").write_text("[]")
    assert first == same != presidio.PresidioNames({"en": str(again)}).identity


_WATCHED = """
import logging, sys
events = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        events.append(event)
    elif event == "subprocess.Popen" and "pip" in str(arguments[1]):
        events.append(event)  # spaCy's own way to fetch a model
sys.addaudithook(hook)
logging.basicConfig(level=logging.DEBUG)
from workers.adapters.presidio import PresidioNames
models = PresidioNames({"en": sys.argv[1]})
assert not {"spacy", "presidio_analyzer", "torch"} & set(sys.modules), "made before a fork"
found = models.find([sys.argv[2]] * 3, "en")
print([len(one) for one in found], events)
"""


@needs_presidio
def test_nobody_is_asked_over_a_network_and_nothing_said_in_a_log(model: Path) -> None:
    root = Path(__file__).parents[3]
    said = f"{SAID}; mail ana@example.org or www.varnow.example"
    ran = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(model), said],
        capture_output=True, text=True, check=True, timeout=120, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert ran.stdout == "[3, 3, 3] []\n"
    for word in ("Ana", "Ruiz", "Varnow", "Kestrel", "lantern", "example.org"):
        assert word not in ran.stderr


# --- the lake --------------------------------------------------------------------------------


def mail(n: int, sender: str, subject: str, text: str) -> str:
    return (
        f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@example.org>\n"
        f"From: {sender} <x{n}@example.org>\nSubject: {subject}\n"
        f"Date: Mon, 1 May 2023 10:00:0{n} +0000\nContent-Type: text/plain; charset=utf-8\n\n"
        f"{text}\n\n"
    )


LETTERS = (
    mail(1, "Ana Ruiz", "To Port Varnow", f"{SAID}, and the grey heron looks on."),
    mail(2, "Bo", "Fish", "The grey heron stands in the water and waits for a fish."),
    mail(3, "Cy", "Reiher", "Der Reiher wartet im Wasser, und Ana Ruiz sieht ihm lange dabei zu."),
)
EXPORT = zipped({"letters.mbox": "".join(LETTERS).encode()})
PLANTED = ("Ruiz sails", "ruiz sails", "Varnow", "varnow")


@pytest.fixture(params=["fake", pytest.param("presidio", marks=needs_presidio)])
def models(request: pytest.FixtureRequest) -> Names:
    if request.param == "fake":
        return FakeNames()
    return presidio.PresidioNames({"en": str(request.getfixturevalue("model"))})


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(KEY)
    path = tmp_path / "policy.toml"
    path.write_text(rule("person", "hash") + rule("place", "drop"))
    return path


@pytest.fixture
def run(make_run: Callable[..., Runtime], policy_file: Path, models: Names) -> Iterator[Runtime]:
    made = make_run(privacy=PolicyFile(policy_file, policy_file.with_name("key"), models))
    context.install(lambda: made)
    yield made
    context.forget()


@pytest.mark.services
def test_names_are_treated_on_the_way_in_and_counted(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, database: Database,
    embedder: FakeEmbedder,
) -> None:  # fmt: skip
    job = imported("ana@example.org", "export.zip", EXPORT)
    assert counts(job) == (3, 3, 0, 0)
    search_index.index_user(run, job["user_id"], seconds=60)
    assert stands_in(database, "heron") != [], "the look finds what is there"
    assert stands_in(database, *PLANTED) == []
    assert not any(planted in text for planted in PLANTED for text in embedder.texts)
    (file,) = [f for f in database.files(job["id"]).values() if f["counts"]]
    done = FileTally.of(file["counts"]).privacy()
    assert (done["person"], done["place"]) == ({"hash": 2}, {"drop": 2})
    assert receipts.treatments(done).startswith(
        "2 names of places dropped, 2 names of people hashed"
    )
    rows = database.rows("SELECT title, metadata FROM user_data.documents")
    said = {row["title"]: row["metadata"] for row in rows}
    assert said.keys() == {"To [place removed]", "Fish", "Reiher"}
    assert said["To [place removed]"]["sender"]["name"].startswith("[person:")
    assert "person" not in said["Fish"]["privacy"]
    assert "person" not in said["Reiher"]["privacy"], "no model reads German here"


@pytest.mark.services
def test_names_are_treated_in_what_is_stored(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, database: Database,
    policy_file: Path,
) -> None:  # fmt: skip
    strict = policy_file.read_text()
    policy_file.write_text("")
    job = imported("ana@example.org", "export.zip", EXPORT)
    user = job["user_id"]
    search_index.index_user(run, user, seconds=60)
    assert stands_in(database, *PLANTED) != []
    policy_file.write_text(strict)
    applied = privacy_reapply.apply(run, user, run.options.privacy.redactor(user))
    assert applied.changed == 1
    assert (applied.done["person"], applied.done["place"]) == ({"hash": 2}, {"drop": 2})
    assert stands_in(database, *PLANTED) == []
    assert privacy_reapply.apply(run, user, run.options.privacy.redactor(user)).changed == 0
