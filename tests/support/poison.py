"""The poisonous format where formats are found, in this process or in a worker's.

    python -m tests.support.poison worker --queues …

is `datapunk` with that format in its folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pipeline.formats
from pipeline.registry import all_formats

FOLDER = str(Path(__file__).parent / "planted" / "poison")


def rows(count: int, poison: Mapping[int, str], *, first: int = 0) -> bytes:
    """Return that many rows, one a line; those in `poison` do what it says."""
    lines = []
    for n in range(count):
        row = {"id": first + n, "text": f"row {first + n}"}
        lines.append(json.dumps({**row, "poison": poison[n]} if n in poison else row))
    return "\n".join(lines).encode() + b"\n"


def add_format() -> None:
    """Put the format into the folder of this process."""
    pipeline.formats.__path__ = [*pipeline.formats.__path__, FOLDER]
    all_formats.cache_clear()


if __name__ == "__main__":
    from workers.cli import main

    add_format()
    main()
