"""The login that sets a server up need not be its superuser: it may create roles, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from workers.settings import Settings

#: Roles are the server's, and ours stand there already: the same script makes others by their name.
_SCRIPT = Path(__file__).parents[2] / "sql" / "roles.sql"
_ROLES = ("owner", "ingest", "reader", "ledger")


def _as(servers: Settings, login: str) -> psycopg.Connection:
    where = f"host={servers.server_socket_dir} dbname=postgres user={login}"
    return psycopg.connect(where, autocommit=True)


@pytest.fixture
def login(servers: Settings) -> Iterator[str]:
    with _as(servers, "datapunk_admin") as boss:
        boss.execute("CREATE ROLE privileged_boss LOGIN CREATEROLE")
        yield "privileged_boss"
        for role in _ROLES:
            boss.execute(f"DROP ROLE IF EXISTS privileged_{role}")
        boss.execute("DROP ROLE privileged_boss")


def test_a_login_that_may_create_roles_becomes_each_of_them(servers: Settings, login: str) -> None:
    script = _SCRIPT.read_text(encoding="utf-8").replace("datapunk_", "privileged_")
    with _as(servers, login) as connection:
        for _ in range(2):  # safe to run again
            connection.execute(script)
        for role in _ROLES:
            connection.execute(f"SET ROLE privileged_{role}")
            connection.execute("RESET ROLE")
