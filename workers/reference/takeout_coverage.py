"""The coverage of Google Takeout: its 56 products, their data sets, and the format of each.

`make docs` writes it as the table of `docs/reference/takeout.md`. A test compares the page with it,
and `datapunk formats --takeout` shows the same. The products and data sets are those of
`docs/reference/exports/google-takeout.md#products-and-data-sets`, and are stored in
`takeout_coverage.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec


class Fate(StrEnum):
    """The treatment of a data set."""

    PARSED = "parsed"
    """Its own format makes records of it."""
    ROWS = "rows"
    """A catch-all stores each row or item under the export's own names."""
    FILES = "kept"
    """Each file is a document or medium, with its text or its metadata."""
    IGNORED = "ignored"
    """Listed in the receipt, with the reason, and not read."""
    UNKNOWN = "unknown"
    """Listed in the receipt and stored in the original: its fields are not verified."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """Some files of a product.

    `written` is the form that Takeout gives them; `example` is one of their usual paths, in
    English.
    """

    name: str
    written: str
    fate: Fate
    formats: tuple[str, ...] = ()
    why: str = ""
    example: str = ""


class Product(msgspec.Struct, frozen=True):
    """A product as Takeout's menu names it."""

    name: str
    data_sets: tuple[DataSet, ...]


class _Coverage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the data file."""

    product: tuple[Product, ...]
    elsewhere: tuple[Product, ...]


_DATA = Path(__file__).with_suffix(".toml")
_COVERAGE = msgspec.convert(tomllib.loads(_DATA.read_text(encoding="utf-8")), _Coverage)

PRODUCTS = _COVERAGE.product
ELSEWHERE = _COVERAGE.elsewhere


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One data set of a product of Google Takeout."""

    product: str
    data_set: str
    written: str
    becomes: Fate
    by: tuple[str, ...]
    why: str


def lines() -> Iterator[Line]:
    """Yield every data set of every product."""
    for product in (*PRODUCTS, *ELSEWHERE):
        for one in product.data_sets:
            yield Line(
                product=product.name,
                data_set=one.name,
                written=one.written,
                becomes=one.fate,
                by=one.formats,
                why=one.why,
            )


def table() -> str:
    """Return the same in Markdown; a product's name is at its first data set."""
    rows = ["| product | data set | becomes | by | why |", "|---|---|---|---|---|"]
    before = ""
    for line in lines():
        product = "" if line.product == before else line.product
        by = ", ".join(f"`{name}`" for name in line.by)
        cells = (product, f"{line.data_set} ({line.written})", line.becomes, by, line.why)
        rows.append(f"| {' | '.join(cells)} |")
        before = line.product
    return "\n".join(rows) + "\n"
