"""The YAML above the text of a Markdown file, as Obsidian and Jekyll write it.

Only plain values are built, and no alias is followed: a few lines of aliases can expand to
gigabytes.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import yaml

_BLOCK = re.compile(r"\ufeff?---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LONGEST = 64 * 1024


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A loader that refuses aliases, and takes dates as they are written."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parted(written: str) -> tuple[dict[str, Any] | None, str]:
    """Return the fields and the text below them.

    The fields are empty where there are none, and None where they cannot be read.
    """
    block = _BLOCK.match(written[:_LONGEST])
    if block is None:
        return {}, written
    try:
        found = yaml.load(block[1] or "", _Loader)  # noqa: S506 - a safe loader
        fields = _plain(found)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, LookupError, OverflowError):
        return None, written
    if found is None:
        fields = {}
    return (fields, written[block.end() :]) if isinstance(fields, dict) else (None, written)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; YAML's further types (sets, bytes) become text."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def texts(value: Any) -> list[str]:
    """Return a list of labels, which may be written as one text with commas or blanks."""
    parts = re.split(r"[,\s]+", value) if isinstance(value, str) else value
    found = parts if isinstance(parts, list) else []
    return [str(one).strip().lstrip("#") for one in found if one not in (None, "")]
