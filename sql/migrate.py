"""Migrations: plain SQL files, run by yoyo, with a checksum of each applied file.

An empty database starts from the baseline (`baseline/*.sql`), which stands for every migration up
to the one that it is named after. A database that has one of them applies the rest one by one.

Functions (`functions/*.sql`) and comments (`comments.sql`) are applied after them, whenever one of
those files changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote, urlencode

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import MigrationList

from schemas.errors import ConfigurationError, PermanentError

#: The schema of yoyo's state and the checksums; apart from the lake, so that a downgrade leaves it.
_SEARCH_PATH = "datapunk_migrations, public"
_LOCK = 7_215_001
#: The name of the checksum of the scripts that are applied again after migrations.
_AGAIN = "functions and comments"

#: Extensions that are used if available; nothing needs them.
OPTIONAL_EXTENSIONS = ("postgis", "timescaledb", "pg_partman", "pg_cron", "pgcrypto", "pg_prewarm")


class Applied(msgspec.Struct, frozen=True):
    """One migration: its name, and whether it is applied as it is in the file."""

    name: str
    applied: bool
    intact: bool


def _script(name: str) -> LiteralString:
    # A file of this package is code, not input.
    return files("sql").joinpath(name).read_text(encoding="utf-8")


def bootstrap(admin: str, *, login: bool) -> None:
    """Create roles, extensions and the schema for state, as an administrator; safe to run again.

    `login` lets the roles log in by themselves: for the embedded server, whose socket is in a
    folder that only its user can enter.
    """
    with psycopg.connect(admin, autocommit=True) as connection:
        version = connection.info.server_version
        if version < 150000:
            raise ConfigurationError(
                f"PostgreSQL 15 or newer is needed; this server is {version // 10000}."
            )
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(_script("roles.sql"))
        try:
            connection.execute(_script("extensions.sql"))
        except psycopg.errors.UndefinedFile as error:
            raise ConfigurationError(
                "The server lacks an extension (pgvector or contrib): install it there, "
                "for example the packages postgresql-contrib and postgresql-NN-pgvector."
            ) from error
        connection.execute(_script("confine.sql"))
        if login:
            for role in ("owner", "ingest", "reader", "ledger"):
                connection.execute(f"ALTER ROLE datapunk_{role} LOGIN")
        connection.execute(
            "CREATE SCHEMA IF NOT EXISTS datapunk_migrations AUTHORIZATION datapunk_owner"
        )
        connection.execute(
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO datapunk_owner', "
            "current_database()); END $$"
        )


def _yoyo_uri(conninfo: str) -> str:
    """Return the same connection as yoyo spells it, with its state in a schema of its own."""
    options = {k: str(v) for k, v in conninfo_to_dict(conninfo).items() if v is not None}
    database = options.pop("dbname", "postgres")
    options["schema"] = _SEARCH_PATH
    return f"postgresql+psycopg:///{quote(database)}?{urlencode(options, quote_via=quote)}"


@contextmanager
def _locked(conninfo: str) -> Iterator[psycopg.Connection]:
    """Take a lock around yoyo's own, which a kill would leave behind permanently."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS datapunk_migrations.checksums ("
            "name text PRIMARY KEY, sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        yield connection


def _files(folder: Path) -> dict[str, str]:
    """Return the checksum of each migration's file."""
    return {
        path.name.removesuffix(".sql"): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.sql"))
        if not path.name.endswith(".rollback.sql")
    }


def upgrade(owner: str, *, baseline: bool = True) -> list[str]:
    """Apply each migration that is missing, and return their names.

    An empty database gets the baseline in their place; without `baseline` it takes every step,
    as lakes did before there was one. Raises `PermanentError` if an applied file was edited.
    """
    with _locked(owner) as connection, as_file(files("sql") / "migrations") as folder:
        found = _files(folder)
        _refuse_edited(_checksums(connection), found)
        backend = get_backend(_yoyo_uri(owner))
        try:
            backend.break_lock()
            known = read_migrations(str(folder))
            pending: MigrationList = backend.to_apply(known)
            if baseline and len(pending) == len(known):
                _create_baseline(backend, known)
            backend.apply_migrations(backend.to_apply(known))
        finally:
            backend.connection.close()
        # All of them, and not only the pending: a kill may have come before their checksums.
        for name in found.keys() - _checksums(connection).keys():
            _note_checksum(connection, name, found[name])
        _apply_again(connection)
        _note_capabilities(connection)
    return [m.id for m in pending]


def _refuse_edited(known: dict[str, str], found: dict[str, str]) -> None:
    edited = [name for name, seen in known.items() if found.get(name, seen) != seen]
    if edited:
        raise PermanentError(
            f"Migration {', '.join(edited)} was edited after it was applied; "
            "undo the edit and write a new migration."
        )


def _create_baseline(backend: DatabaseBackend, known: MigrationList) -> None:
    """Create the schema of the baseline and mark its migrations, in one transaction."""
    (script,) = (files("sql") / "baseline").iterdir()
    last = script.name.removesuffix(".sql")
    with backend.transaction():
        backend.cursor().execute(script.read_text(encoding="utf-8"))
        for migration in known:
            if migration.id <= last:
                backend.mark_one(migration)


def downgrade(owner: str, count: int = 1) -> list[str]:
    """Roll back the last `count` migrations; return their names."""
    with _locked(owner) as connection, as_file(files("sql") / "migrations") as folder:
        backend = get_backend(_yoyo_uri(owner))
        try:
            backend.break_lock()
            chosen = backend.to_rollback(read_migrations(str(folder)))[:count]
            backend.rollback_migrations(chosen)
        finally:
            backend.connection.close()
        names = [m.id for m in chosen]
        connection.execute(
            "DELETE FROM datapunk_migrations.checksums WHERE name = ANY(%s)", ([*names, _AGAIN],)
        )
    return names


def status(owner: str) -> list[Applied]:
    """Return every migration, applied or not."""
    with _locked(owner) as connection, as_file(files("sql") / "migrations") as folder:
        known = _checksums(connection)
        return [
            Applied(name, name in known, known.get(name, digest) == digest)
            for name, digest in _files(folder).items()
        ]


def _checksums(connection: psycopg.Connection) -> dict[str, str]:
    return dict(
        connection.execute("SELECT name, sha256 FROM datapunk_migrations.checksums").fetchall()
    )


def _apply_again(connection: psycopg.Connection) -> None:
    """Apply the functions and comments again if one of their files changed, or a migration went."""
    folder = files("sql")
    functions = sorted((folder / "functions").iterdir(), key=lambda path: path.name)
    scripts = [f"functions/{path.name}" for path in functions] + ["comments.sql"]
    digest = sha256("".join(map(_script, scripts)).encode()).hexdigest()
    if _checksums(connection).get(_AGAIN) == digest:
        return
    with connection.transaction():
        # A function may call one that follows it.
        connection.execute("SET LOCAL check_function_bodies = off")
        for name in scripts:
            connection.execute(_script(name))
        _note_checksum(connection, _AGAIN, digest)


def _note_checksum(connection: psycopg.Connection, name: str, digest: str) -> None:
    connection.execute(
        "INSERT INTO datapunk_migrations.checksums (name, sha256) VALUES (%s, %s) "
        "ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, at = now()",
        (name, digest),
    )


def _note_capabilities(connection: psycopg.Connection) -> None:
    """Store which optional extensions the server has."""
    if connection.execute("SELECT to_regclass('imports.capabilities')").fetchone() == (None,):
        return
    connection.execute(
        "INSERT INTO imports.capabilities (name, available, installed) "
        "SELECT n, a.default_version, a.installed_version FROM unnest(%s::text[]) AS n "
        "LEFT JOIN pg_available_extensions AS a ON a.name = n "
        "ON CONFLICT (name) DO UPDATE SET available = excluded.available, "
        "installed = excluded.installed, seen_at = now()",
        (list(OPTIONAL_EXTENSIONS),),
    )
