"""The table in `docs/reference/formats.md`, made from the formats themselves.

`make docs` writes it there. A test compares the page with it, and `datapunk formats` shows the
same.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.contract import Format, Rank
from pipeline.registry import all_formats

_RANKS = {
    Rank.PRODUCT: "one product's export, by path and structure",
    Rank.SYNTAX: "any file in this syntax that no product claims",
    Rank.WHOLE: "any such file that nothing above claims",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a format."""

    name: str
    version: int
    title: str
    claims: str
    products: tuple[str, ...]
    vintages: tuple[str, ...]
    locales: tuple[str, ...]
    """Supported languages of its names or dates; empty: it depends on none."""
    becomes: tuple[str, ...]
    """Record types; positions and measured values have none."""
    data_type: str
    reader: str
    sample: str
    tried: tuple[str, ...]
    """Projects whose files were tried."""


def entries(formats: Sequence[Format] | None = None) -> list[Entry]:
    """Return the formats by rank and name."""
    return [_entry(form) for form in (formats or all_formats())]


def _entry(form: Format) -> Entry:
    return Entry(
        name=form.name,
        version=form.version,
        title=form.title,
        claims=_RANKS[form.rank],
        products=form.products,
        vintages=form.vintages,
        locales=form.locales,
        becomes=tuple(str(kind) for kind in form.record_types),
        data_type=str(form.data_type),
        reader=f"{form.reader.name} v{form.reader.version}",
        sample=form.sample,
        tried=form.tried,
    )


def table(formats: Sequence[Format] | None = None) -> str:
    """Return the formats as a Markdown table, one line each."""
    lines = [
        "| format | what it is | products | vintages | languages | becomes | sample | tried with "
        "| reader |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(entry) for entry in entries(formats)]
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str:
    cells = (
        f"`{entry.name}` v{entry.version}",
        entry.title,
        ", ".join(entry.products) or entry.claims,
        "; ".join(entry.vintages),
        ", ".join(entry.locales) or "any",
        ", ".join(entry.becomes) or entry.data_type,
        entry.sample,
        ", ".join(entry.tried) or "no",
        f"`{entry.reader}`",
    )
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
