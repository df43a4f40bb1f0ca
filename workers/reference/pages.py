"""Rewrite every generated page of a checkout's `docs/`: `make docs` runs this module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from schemas import vocabulary
from workers.reference import configuration, format_table, takeout_coverage

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- table -->\n", "<!-- end -->"

#: What makes the table of a page; a person writes the text around it.
TABLES: dict[str, Callable[[], str]] = {
    "formats.md": format_table.table,
    "takeout.md": takeout_coverage.table,
    "vocabulary.md": vocabulary.table,
}
#: What makes a page as a whole.
WHOLE: dict[str, Callable[[], str]] = {"configuration.md": configuration.page}


def pages(docs: Path = DOCS) -> dict[Path, str]:
    """Return each generated page with the text that the code gives it."""
    made = {docs / name: make() for name, make in WHOLE.items()}
    for name, table in TABLES.items():
        before, begin, rest = (docs / name).read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise ValueError(f"{name} has no place for its table: {BEGIN.strip()} … {END}")
        made[docs / name] = before + begin + table() + end + after
    return made


def main(docs: Path = DOCS) -> None:
    """Write the pages, and print the names of those that changed."""
    for page, text in pages(docs).items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            print(page.name)


if __name__ == "__main__":
    main()
