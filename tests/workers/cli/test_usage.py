"""Wrong options, values, arguments and settings are named in plain words, by every verb."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_core._pydantic_core import list_all_errors
from typer.core import TyperArgument
from typer.testing import CliRunner

from pipeline.registry import all_formats
from schemas.records import DataType
from schemas.vocabulary import RecordType
from workers import plain_errors
from workers.cli import app, lazy, nearest
from workers.setting_fields import SettingFields

#: What libraries say, and a person should not have to read.
FOREIGN = (
    "Input should be", "Invalid value", "Traceback", "pydantic", "Value error", "Usage:",
    "No such option", "Missing argument", "Missing option", "Got unexpected",
    "requires an argument",
    "not a valid", "errors.",
)  # fmt: skip
NONSENSE = "no-such-value"


def _named(commands: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, found in commands.items():
        if hasattr(found, "commands"):
            yield from _named(found.commands, (*before, name))
        else:
            yield " ".join((*before, name)), found


VERBS = dict(_named(lazy.loaded()))


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lake is here, and no setting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(tmp_path / "data"))


def refused(*words: str) -> str:
    """The one line that a wrong call prints; as JSON too, if the verb has it."""
    result = CliRunner().invoke(app, list(words), prog_name="datapunk")
    line = result.stderr.strip()
    assert (result.exit_code, result.stdout) == (2, ""), (words, line, result.exception)
    assert len(line.splitlines()) == 1, line
    assert line.startswith("datapunk: "), line
    assert [text for text in FOREIGN if text in line] == [], line
    return line.removeprefix("datapunk: ")


def _needed(verb: Any) -> list[str]:
    """Words for what a verb can't do without."""
    words = []
    for param in verb.params:
        if param.required:
            value = "csv.table" if "--format" in param.opts else "1"
            words += [value] if isinstance(param, TyperArgument) else [param.opts[0], value]
    return words


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_option_is_named(verb: str) -> None:
    assert "--no-such-option" in refused(*verb.split(), "--no-such-option")


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_missing_is_named(verb: str) -> None:
    required = [param for param in VERBS[verb].params if param.required]
    if required:
        assert " is missing" in refused(*verb.split())
    for param in VERBS[verb].params:
        if not isinstance(param, TyperArgument) and not param.is_bool_flag:
            line = refused(*verb.split(), *_needed(VERBS[verb]), param.opts[-1])
            assert line == f"{param.opts[-1]} needs a value"


@pytest.mark.parametrize("verb", VERBS)
def test_one_word_too_many_is_named(verb: str) -> None:
    takes_any = any(param.nargs == -1 for param in VERBS[verb].params)
    if not takes_any:
        words = ["1"] * (1 + sum(isinstance(p, TyperArgument) for p in VERBS[verb].params))
        options = [word for word in _needed(VERBS[verb]) if word != "1" and word != "csv.table"]
        assert not options or verb in ("reparse", "quarantine discard"), "a value for each"
        line = refused(*verb.split(), *(_needed(VERBS[verb]) if options else ()), *words)
        assert "there is no place for: " in line or verb == "db url"


def _checked(param: Any) -> bool:
    """Whether a parameter takes some values alone."""
    descriptor = param.type_descriptor
    annotation = str(descriptor.annotation)
    if getattr(param, "is_bool_flag", False):
        return False
    return descriptor.is_choice or descriptor.is_datetime or "int" in annotation or (
        param.name in ("kind", "source", "form", "zone", "near", "where")
    )  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_value_is_named(verb: str) -> None:
    found = 0
    for param in VERBS[verb].params:
        if _checked(param) and (verb, param.name) != ("search", "near"):
            value = [NONSENSE] if isinstance(param, TyperArgument) else [param.opts[-1], NONSENSE]
            needed = [] if isinstance(param, TyperArgument) else _needed(VERBS[verb])
            line = refused(*verb.split(), *needed, *value)
            assert NONSENSE in line or "time zone" in line or "say type=" in line
            found += 1
    assert found or verb not in ("search", "count", "export", "embed", "reparse", "stats", "jobs")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if not verb.startswith("formats")])
def test_an_invalid_setting_is_named(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPUNK_SETTLE_S", "soon")
    line = refused(*verb.split(), *_needed(VERBS[verb]))
    assert line == "DATAPUNK_SETTLE_S: must be a number"


@pytest.mark.parametrize("name", SettingFields.model_fields)
@pytest.mark.parametrize("value", ["", "-1", "no such value", "1e999", "a=b", "\udc80"])
def test_every_setting_is_refused_in_plain_words(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"DATAPUNK_{name.upper()}", value)
    result = CliRunner().invoke(app, ["db", "url"], prog_name="datapunk")
    assert result.exit_code in (0, 2), result.exception
    if result.exit_code == 2:
        assert [text for text in FOREIGN if text in result.stderr] == [], result.stderr
        assert "is not possible here" not in result.stderr


def test_a_clause_needs_only_what_its_error_has() -> None:
    """The names in braces are those of pydantic's own context."""
    known = {error["type"]: error.get("example_context") or {} for error in list_all_errors()}
    for kind, text in plain_errors._CLAUSES.items():
        if kind != "path_type":  # which is not of the core
            assert set(re.findall(r"{(\w+)}", text)) <= set(known[kind]), kind
    assert plain_errors.clause({"type": "x", "msg": "y"}) == "has a value that is not possible here"


def test_with_json_the_error_is_json() -> None:
    result = CliRunner().invoke(app, ["search", "x", "--json", "-n", "0"], prog_name="datapunk")
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr) == {
        "error": {"exit_code": 2, "message": "-n must be at least 1, not '0'"}
    }
    down = CliRunner().invoke(app, ["jobs", "--json"], prog_name="datapunk")
    assert json.loads(down.stderr)["error"]["exit_code"] == down.exit_code == 69
    text = CliRunner().invoke(app, ["search", "-n", "0", "--", "--json"], prog_name="datapunk")
    assert text.stderr == "datapunk: -n must be at least 1, not '0'\n"


# --- what was meant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("photo", "medium"), ("Photos", "medium"), ("mail", "email"), ("song", "play"),
        ("mesage", "message"), ("tweets", "post"), ("meeting", "event"), ("MEDIUM", "medium"),
    ],
)  # fmt: skip
def test_everyday_words_lead_to_the_vocabulary(word: str, meant: str) -> None:
    assert nearest.nearest(word, nearest.types()) == meant
    line = refused("search", "x", "--type", word)
    assert line == f"There is no type {word!r}; did you mean {meant}?"


def test_a_word_that_is_like_none_gets_the_list() -> None:
    line = refused("count", "--type", "qqqq")
    for kind in (*RecordType, *DataType):
        assert f" {kind}" in line
    assert refused("count", "--source", "qqqq").endswith("; see: datapunk formats")
    assert "mail.mbox" in refused("reparse", "--format", "mail.mbx")


def test_everyday_words_hide_no_type() -> None:
    words = [word for words in nearest.EVERYDAY.values() for word in words]
    assert len(words) == len(set(words))
    assert not set(words) & set(nearest.types())


def test_formats_are_known_by_their_modules() -> None:
    assert nearest.formats() == {form.name for form in all_formats()}
