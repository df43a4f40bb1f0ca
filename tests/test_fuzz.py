"""Each target of `tests.fuzz` for some seconds, always with the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.format import all_formats, format_named
from schemas.records import Rejection
from sql.queries import queries
from tests import fuzz
from tests.formats_support import member_of, read, samples

#: Tries for each target: a share of what fits into some seconds. What is slow to read gets fewer.
_EXAMPLES = max(20, 1_500 // len(fuzz.targets()))
_STORED = max(10, 400 // len(all_formats()))
_SLOW = {"document.plain", "html"}


@pytest.mark.threat("chance")
@pytest.mark.parametrize("name", fuzz.targets())
def test_damage_breaks_no_promise(name: str, seen: Callable[[object], None]) -> None:
    fuzz.by_hypothesis(name, _EXAMPLES // 2 if name in _SLOW else _EXAMPLES)
    seen(f"{name}: nothing found")


@pytest.mark.services
@pytest.mark.threat("chance")
@pytest.mark.parametrize("name", [form.name for form in all_formats()])
def test_what_is_read_can_be_stored(
    name: str,
    url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    seen: Callable[[object], None],
) -> None:
    """Postgres takes every row that comes of any bytes, and as many as there are records."""
    form = format_named(name)
    path, sound = samples(form)[0].path, fuzz.targets()[name][1]
    file = tmp_path_factory.mktemp("fuzz") / "member"
    with psycopg.connect(url("ingest"), autocommit=True) as connection:

        @settings(
            max_examples=_STORED,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(fuzz.broken(sound))
        def stored(data: bytes) -> None:
            _store(connection, file, path, data)

        def _store(connection: psycopg.Connection, file: Path, path: str, data: bytes) -> None:
            file.write_bytes(data)
            _, found = read(form, member_of(path, file))
            batch = fuzz.batched(found)
            records = sum(not isinstance(outcome, Rejection) for _, _, outcome in found)
            taken = 0
            for table in ("documents", "locations"):
                sections = getattr(batch, table).sections(table)
                with connection.transaction():
                    connection.execute(queries("lake")[f"stage_{table}"])
                    with connection.cursor().copy(queries("lake")[f"copy_{table}"]) as copy:
                        copy.write(sections[f"{table}.lines"])
                    count = f"SELECT count(*) FROM stage_{table}".encode()
                    taken += (connection.execute(count).fetchone() or (0,))[0]
            assert taken == records

        stored()
    seen(f"{name}: Postgres takes what was read")
