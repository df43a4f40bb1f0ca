"""Bombs of gigabytes on real workers, under the limits as they are by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import progress
from tests.support.site import Site
from tests.threats import bombs

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(progress.TIMEOUT_S),
]

MB = 10**6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bombs.bombed(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.mark.threat("bombs")
@pytest.mark.parametrize("what", bombs.BOMBS)
def test_a_bomb_costs_little(
    place: Site, tmp_path: Path, what: str, seen: Callable[[object], None]
) -> None:
    file, make = bombs.BOMBS[what]
    path = tmp_path / file
    path.write_bytes(make())
    cost = bombs.drop(place, path)
    liar = "declares 10 bytes" in what
    assert cost.code == ("done, its member: bad_checksum" if liar else "archive_ratio")
    assert cost.disk <= 200 * cost.size + 16 * MB
    assert cost.memory <= 300 * MB
    assert not list((place.settings.folders.work).rglob("members/*"))
    seen(f"{what}: {cost.code}")
