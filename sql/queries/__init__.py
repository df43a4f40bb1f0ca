"""The statements of the lake, by file and name, each with its purpose in one line above it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, LiteralString]:
    """Return the statements of `sql/queries/<file>.sql` by name."""
    text = files(__package__).joinpath(f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    named = dict(zip(parts[0::2], (p.strip() for p in parts[1::2]), strict=True))
    # Files of this package are code, not input: psycopg may take them as literals.
    return cast("dict[str, LiteralString]", named)
