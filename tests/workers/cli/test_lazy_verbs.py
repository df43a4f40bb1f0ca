"""The list of verbs says what their modules do, and a help text imports none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.support.place import ROOT
from workers.cli import app, lazy, sample
from workers.settings import Settings

GROUP = typer.main.get_group(app)
#: What takes long to import, and no help text needs.
HEAVY = (
    "psycopg", "celery", "numpy", "pydantic", "redis", "structlog", "importlib.metadata",
    "schemas.records", "pipeline",
)  # fmt: skip
#: What takes long to import, and no question about jobs needs.
NOT_TO_ASK = (
    "babel", "billiard", "celery", "dateutil", "kombu", "magic", "numpy", "orjson", "phonenumbers",
    "pyrage", "redis", "rich", "sentence_transformers", "stdnum", "structlog", "tenacity", "torch",
    "tornado", "watchfiles", "yoyo",
)  # fmt: skip
#: The command, and then on standard error which modules it has loaded.
RUN = """
import sys
from workers.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("verb", lazy.VERBS, ids=lambda verb: verb.name)
def test_a_verb_is_what_the_list_says(verb: lazy.Verb) -> None:
    command = lazy.UnloadedVerb(verb).load()
    assert command.name == verb.name
    assert " ".join(command.help.partition("\n\n")[0].split()) == verb.help


def test_the_list_has_every_verb_of_every_module() -> None:
    listed = {verb.name for verb in lazy.VERBS}
    assert set(GROUP.commands) == listed
    folder = Path(lazy.__file__).with_name("verbs")
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {verb.module for verb in lazy.VERBS} == modules
    for module in modules:
        found = __import__(f"workers.cli.verbs.{module}", fromlist=["register"])
        if hasattr(found, "app"):
            continue
        verbs = typer.Typer()
        found.register(verbs)
        assert typer.main.get_group(verbs).commands.keys() <= listed


def loaded_by(*words: str, **environment: str) -> tuple[str, set[str]]:
    """Run the command in a process of its own; its answer, and the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    return done.stdout, set(done.stderr.split())


def test_help_imports_no_client_of_a_service() -> None:
    answer, loaded = loaded_by("--help")
    assert "quarantine" in answer
    assert "workers.cli" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.services
def test_who_only_asks_loads_what_the_question_needs(
    place: Settings,
    imported: Callable[[str, str, bytes], dict[str, Any]],
    tmp_path: Path,
) -> None:
    job = imported("anna", "s.zip", sample.write(tmp_path / "s.zip").read_bytes())
    environment = {
        "DATAPUNK_DATA_DIR": str(place.data_dir),
        "DATAPUNK_BROKER_URL": place.broker(),
        "DATAPUNK_DATABASE_URL": place.url("admin"),
        "DATAPUNK_SCANNER": "auto",  # who scans is asked too
        "DATAPUNK_CLAMD_SOCKET": str(tmp_path / "no.socket"),
        **{f"DATAPUNK_{role.upper()}_URL": place.url(role) for role in ("reader", "ledger")},
    }
    asked = {
        "status": [["status"], ["status", "--json"]],
        "jobs": [["jobs"], ["jobs", "--json"]],
        "receipt": [["receipt", str(job["id"])]],
        "sets": [["sets"]],
    }
    assert set(asked) == {verb.name for verb in lazy.VERBS if verb.only_asks}
    for verb, calls in asked.items():
        for words in calls:
            answer, loaded = loaded_by(*words, **environment)
            assert verb == "sets" or "s.zip" in answer or str(job["id"]) in answer
            assert "psycopg" in loaded
            assert sorted(loaded & set(NOT_TO_ASK)) == [], words
