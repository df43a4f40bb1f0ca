"""The list of verbs says what their modules do, and a help text imports none of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from workers.cli import app, lazy

GROUP = typer.main.get_group(app)
#: What takes long to import, and no help text needs.
HEAVY = ("psycopg", "celery", "numpy", "pydantic", "redis", "structlog")


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


def test_help_imports_no_client_of_a_service() -> None:
    program = (
        "import sys\nfrom workers.cli import main\n"
        "sys.argv = ['datapunk', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"
    assert "quarantine" in done.stdout
