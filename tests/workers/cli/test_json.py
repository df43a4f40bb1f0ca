"""What each verb prints with `--json` has the shape of its schema, and no name beyond it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from typer.testing import CliRunner

import workers.cli
from schemas.files import SliceLimits
from tasks.derived import search_index
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeModels, zipped
from tests.workers.cli.test_usage import VERBS
from workers import wiring
from workers.cli import app, sample, waiting
from workers.reference import json_schemas, pages
from workers.reference.json_shapes import SHAPES
from workers.settings import Settings

ANA = "ana@example.org"
STEPS = json.dumps([{"dateTime": "03/05/24 08:00:00", "value": "12"}]).encode()
LETTER = (
    b"From - Mon May  1 10:00:00 2023\nMessage-ID: <1@example.org>\nFrom: Cy <cy@example.org>\n"
    b"Subject: Lamp\nDate: Mon, 01 May 2023 10:00:00 +0000\n\nA lamp for the room.\n\n"
)

#: How each schema's call is made; `JOB` has ended, `OPEN` runs. None: it has another call's shape.
CALLS: dict[str, list[str] | None] = {
    "add": ["add", "FILE", "NONE", "--user", ANA],
    "add --wait": None,
    "add --dry-run": ["add", "--dry-run", "FILE", "NONE", "--user", ANA],
    "cancel": ["cancel", "OPEN"],
    "compare": ["compare", "JOB", "SECOND"],
    "count": ["count", "--by", "person"],
    "day": ["day", "2024-03-05"],
    "db status": ["db", "status"],
    "demo": None,
    "doctor": ["doctor"],
    "embed": ["embed", "--model", "static"],
    "events": ["events"],
    "formats": ["formats", "mail"],
    "formats --takeout": ["formats", "--takeout", "fit"],
    "jobs": ["jobs"],
    "notify": ["notify"],
    "notify --test": None,
    "people": ["people"],
    "people WHO": ["people", "cy@example.org"],
    "privacy apply": ["privacy", "apply", "--dry-run"],
    "quality": ["quality", "JOB"],
    "quarantine edit": None,
    "quarantine list": ["quarantine", "list"],
    "quarantine list --all": ["quarantine", "list", "--all"],
    "quarantine retry": ["quarantine", "retry", "--job", "JOB"],
    "quarantine show": ["quarantine", "show", "RECORD"],
    "receipt": ["receipt", "JOB"],
    "reparse": ["reparse", "--format", "csv.table", "--all-versions", "--dry-run"],
    "rollback": ["rollback", "JOB", "--dry-run"],
    "search": ["search", "lamp", "--mode", "keyword"],
    "sets": ["sets"],
    "sets NAME": ["sets", "takeout-20250102T030405Z"],
    "show": ["show", "DOCUMENT"],
    "similar": ["similar", "DOCUMENT"],
    "stats": ["stats"],
    "status": ["status"],
    "verify": ["verify", "JOB"],
    "where DAY": ["where", "2024-03-05"],
    "where TIME": ["where", "2024-03-05 14:30"],
    "error": ["receipt", "nothing"],
}
#: Those that fail: a file is not there.
_FAIL = {"error", "add", "add --dry-run"}
#: Those that find nothing without a model or a receiver.
_EMPTY = {"notify", "similar", "embed"}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, where each object has the listed names alone."""
    for part in schema["$defs"].values():
        if "properties" in part:
            part["additionalProperties"] = False
    return schema


def test_every_verb_with_json_has_a_schema() -> None:
    with_json = {
        verb for verb, command in VERBS.items() if "json" in {p.name for p in command.params}
    }
    named = {call.partition(" --")[0] for call in SHAPES}
    verbs = {" ".join(word for word in call.split() if word.islower()) for call in named}
    assert verbs - {"error"} == with_json
    assert set(CALLS) == set(SHAPES)
    assert SHAPES["demo"] is SHAPES["receipt"] is SHAPES["add --wait"][0]
    assert SHAPES["quarantine edit"] is SHAPES["quarantine retry"]


@pytest.mark.parametrize("call", SHAPES)
def test_each_schema_is_one(call: str) -> None:
    text = (pages.FOLDER / "json" / json_schemas.file_of(call)).read_text()
    assert text == json_schemas.text_of(call), "run: make docs"
    schema = json.loads(text)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_folder_has_no_other_schema() -> None:
    files = {path.name for path in (pages.FOLDER / "json").iterdir()}
    assert files == {json_schemas.file_of(call) for call in SHAPES}


@pytest.fixture
def settled(
    run: Runtime, make_run: Callable[..., Runtime], place: Settings,
    monkeypatch: pytest.MonkeyPatch, imported: Callable[[str, str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> list[UUID]:  # fmt: skip
    """Two jobs of a sample lake: every verb sees it."""
    run.options = make_run(slices=SliceLimits(records=10)).options
    for found in pkgutil.walk_packages(workers.cli.__path__, "workers.cli."):
        if found.name != "workers.cli.__main__":
            module = importlib.import_module(found.name)
            if hasattr(module, "load"):
                monkeypatch.setattr(module, "load", lambda **_: place)
    monkeypatch.setattr(wiring, "ModelsHere", lambda _: FakeModels())
    monkeypatch.setattr(waiting, "_END_S", 0.2)
    first = imported(ANA, "s.zip", sample.write(tmp_path / "s.zip").read_bytes())
    more = {"Takeout/Fitbit/Global Export Data/steps-2024-03-05.json": STEPS, "a.mbox": LETTER}
    second = imported(ANA, "takeout-20250102T030405Z-001.zip", zipped(more))
    search_index.index_user(run, first["user_id"], seconds=60)
    return [first["id"], second["id"]]


@pytest.mark.services
def test_every_verb_prints_what_its_schema_says(
    settled: list[UUID], drop: Callable[..., UUID], driver: Driver, database: Database,
    tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / "new.ndjson"
    file.write_bytes(b'{"id": 1}\n' * 3 + b"{broken\n")
    opened = drop(ANA, "open.ndjson", b'{"id": 77}\n')
    driver.step()
    words = {"FILE": file, "NONE": tmp_path / "none.zip", "OPEN": opened}
    words |= {"JOB": settled[0], "SECOND": settled[1]}
    words["RECORD"] = database.one("SELECT min(id) FROM imports.quarantine")
    words["DOCUMENT"] = database.one("SELECT min(document_id) FROM user_data.search")
    seen = set()
    for call, arguments in CALLS.items():
        if arguments is None:
            continue
        line = [str(words.get(word, word)) for word in arguments] + ["--json"]
        result = CliRunner().invoke(app, line)
        # What `doctor` finds depends on the machine.
        assert call == "doctor" or result.exit_code == (call in _FAIL), (call, result.output)
        text = result.stderr if call == "error" else result.stdout
        answer = json.loads(text)
        assert answer or call in _EMPTY, call
        jsonschema.Draft202012Validator(strict(json_schemas.schema_of(call))).validate(answer)
        if call == "day":
            seen = {row["kind"] for row in answer}
    assert seen == {"document", "positions", "measurements"}
