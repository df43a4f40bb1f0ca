"""`pytest --fast`, as `make test-fast` runs it: what needs no server and takes a minute in all.

A file whose `pytestmark` names one of `LEFT_OUT` is not even imported; elsewhere a test is left
out that has such a mark or asks for the servers.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LEFT_OUT = ("services", "clamav", "slow", "sweep")

_WHOLE_FILE = re.compile(
    rf"^pytestmark = (?:\[[^\]]*?)?pytest\.mark\.(?:{'|'.join(LEFT_OUT)})\b", re.MULTILINE
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only what needs no server and is quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a file is left out as a whole; None leaves it to others."""
    if config.getoption("fast") and collection_path.suffix == ".py":
        return leaves_out(collection_path.read_text(encoding="utf-8")) or None
    return None


def leaves_out(source: str) -> bool:
    """Whether a file marks all of its tests so."""
    return _WHOLE_FILE.search(source) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("fast"):
        return
    out = [item for item in items if _needs_more(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if not _needs_more(item)]


def _needs_more(item: pytest.Item) -> bool:
    asked = getattr(item, "fixturenames", ())
    return "servers" in asked or any(item.get_closest_marker(name) for name in LEFT_OUT)
