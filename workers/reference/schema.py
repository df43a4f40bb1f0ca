"""Write `sql/schema.sql`, today's tables as the migrations give them, or a new `sql/baseline/`.

`make schema` and `make baseline` run this.

Functions are in `sql/functions/`. Repetition is left out: partitions, which are like their parents,
and the configuration of text search for each language.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sql import migrate
from workers.embedded import local_servers, postgres
from workers.settings import load

SCHEMA = Path(__file__).parents[2] / "sql" / "schema.sql"
SCHEMAS = ("user_data", "imports", "vectors", "timeseries", "analytics", "archive")

_HEAD = """\
-- The tables of the lake as the migrations give them, written by `make schema`. Never edited, and
-- never run: read it to see what there is. Functions stand in `functions/`. Partitions are as their
-- parents; they, and a configuration of text search for each language, are left out.
"""
_PARTITIONS = ("user_data.documents_*", "timeseries.*_undated")
_CONFIGURATION = "TEXT SEARCH CONFIGURATION"
_LEFT_OUT = ("FUNCTION", _CONFIGURATION)

_BASELINE_HEAD = """\
-- The schema that the migrations up to the one in this file's name give, written by
-- `make baseline`. An empty database starts from it. Never edited: a change is a new migration.
SET LOCAL check_function_bodies = off;
"""
#: Postgres has stemmers for more languages from version to version: the block that creates a
#: configuration for each stands in the baseline, and not the configurations of one version.
_WITH_CONFIGURATIONS = SCHEMA.parent / "migrations" / "0006.search.sql"
_CONFIGURE = re.compile(r"^DO \$\$\nDECLARE\n    name text;\n.*?^\$\$;", re.MULTILINE | re.DOTALL)
#: What pg_dump writes above each object.
_OBJECT = re.compile(r"^-- Name: (.*); Type: (.*); Schema: .*$", re.MULTILINE)
#: Text that differs by server, session or run.
_UNNAMED = re.compile(r" CONSTRAINT \w+_not_null NOT NULL\b")
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.M)

_BODY = re.compile(r"^CREATE FUNCTION .*\$_?\$;$", re.MULTILINE | re.DOTALL)


def dump(url: str) -> str:
    """Return the schemas of a database as SQL, without functions, owners and versions."""
    partitions = [f"--exclude-table={name}" for name in _PARTITIONS]
    statements = [
        statement
        for name, kind, statement in _objects(url, *partitions)
        if kind not in _LEFT_OUT and not name.startswith("FUNCTION ")
    ]
    return "\n\n".join([_HEAD.strip(), *filter(None, statements)]) + "\n"


def baseline(url: str) -> str:
    """Return a script that creates the schemas of a database, but for comments and owners."""
    created = [s for _, kind, s in _objects(url, "--no-comments") if kind != _CONFIGURATION]
    (configurations,) = _CONFIGURE.findall(_WITH_CONFIGURATIONS.read_text(encoding="utf-8"))
    return "\n\n".join([_BASELINE_HEAD.strip(), *filter(None, created), configurations]) + "\n"


def _objects(url: str, *options: str) -> list[tuple[str, str, str]]:
    """Return the name, kind and statements of each object in the schemas."""
    chosen = [*(f"--schema={name}" for name in SCHEMAS), *options]
    command = [postgres.tool("pg_dump"), "--schema-only", "--no-owner", *chosen, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # From version 18 on, constraints of NOT NULL have names, and older columns' differ from newer.
    parts = _OBJECT.split(_UNNAMED.sub(" NOT NULL", text))[1:]
    found = zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
    return [(name, kind, _statements(kind, text)) for name, kind, text in found]


def _statements(kind: str, text: str) -> str:
    if kind == "FUNCTION":  # a line of its body may look like noise
        (body,) = _BODY.findall(text)
        return str(body)
    return _NOISE.sub("", f"{text}\n").strip()


def main(argv: list[str] | None = None) -> None:
    """Migrate an empty database of a server of its own, and write the file from it.

    With `--baseline` write the baseline in place of the one before.
    """
    new = "--baseline" in (sys.argv[1:] if argv is None else argv)
    with TemporaryDirectory(prefix="datapunk-schema-") as folder:
        top = Path(folder)
        top.chmod(0o711)  # the servers' user passes where we are root
        # A server of its own, whatever the settings of this machine name.
        own = {"data_dir": top / "data", "database_url": None, "owner_url": None}
        settings = load().model_copy(update=own)
        settings.data_dir.mkdir(0o711)
        with local_servers.servers(settings):
            migrate.bootstrap(settings.url("admin"), login=True)
            names = migrate.upgrade(settings.url("owner"), baseline=False)
            if new:
                _write_baseline(names[-1], baseline(settings.url("admin")))
            else:
                SCHEMA.write_text(dump(settings.url("admin")), encoding="utf-8")


def _write_baseline(last: str, text: str) -> None:
    folder = SCHEMA.parent / "baseline"
    for older in folder.glob("*.sql"):
        older.unlink()
    (folder / f"{last}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
