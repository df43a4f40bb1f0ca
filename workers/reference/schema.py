"""Rewrite `sql/schema.sql`, the tables that the migrations create: `make schema` runs this.

Functions are in `sql/functions/`. Repetition is left out: partitions, which are like their parents,
and the configuration of text search for each language.
"""

from __future__ import annotations

import re
import subprocess
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
_LEFT_OUT = ("FUNCTION", "TEXT SEARCH CONFIGURATION")
#: The line that pg_dump writes above each object.
_OBJECT = re.compile(r"^-- Name: (.*); Type: (.*); Schema: .*$", re.MULTILINE)
#: Text that differs by server, session or run.
_UNNAMED = re.compile(r" CONSTRAINT \w+_not_null NOT NULL\b")
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.M)


def dump(url: str) -> str:
    """Return the schemas of a database as SQL, without functions, owners and versions."""
    chosen = [f"--schema={name}" for name in SCHEMAS]
    chosen += [f"--exclude-table={name}" for name in _PARTITIONS]
    command = [postgres.tool("pg_dump"), "--schema-only", "--no-owner", *chosen, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # From version 18 on, constraints of NOT NULL have names, and older columns' differ from newer.
    parts = _OBJECT.split(_UNNAMED.sub(" NOT NULL", text))[1:]
    statements = [
        _NOISE.sub("", f"{statement}\n").strip()
        for name, kind, statement in zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
        if kind not in _LEFT_OUT and not name.startswith("FUNCTION ")
    ]
    return "\n\n".join([_HEAD.strip(), *filter(None, statements)]) + "\n"


def main() -> None:
    """Migrate an empty database of a server of its own, and write the file from it."""
    with TemporaryDirectory(prefix="datapunk-schema-") as folder:
        top = Path(folder)
        top.chmod(0o711)  # the servers' user passes where we are root
        # A server of its own, whatever the settings of this machine name.
        own = {"data_dir": top / "data", "database_url": None, "owner_url": None}
        settings = load().model_copy(update=own)
        settings.data_dir.mkdir(0o711)
        with local_servers.servers(settings):
            migrate.bootstrap(settings.url("admin"), login=True)
            migrate.upgrade(settings.url("owner"))
            SCHEMA.write_text(dump(settings.url("admin")), encoding="utf-8")


if __name__ == "__main__":
    main()
