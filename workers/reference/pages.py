"""Rewrite every generated page of a checkout's `docs/reference/`: `make docs` runs this module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from schemas import vocabulary
from workers.reference import (
    command_line,
    configuration,
    format_table,
    json_schemas,
    json_shapes,
    takeout_coverage,
)

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
BEGIN, END = "<!-- table -->\n", "<!-- end -->"

#: The functions that make the table of a page; a person writes the text around it.
TABLES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line.table,
    "formats.md": format_table.table,
    "json.md": json_schemas.table,
    "takeout.md": takeout_coverage.table,
    "vocabulary.md": vocabulary.table,
}
#: The functions that make a whole page.
WHOLE: dict[str, Callable[[], str]] = {
    "configuration.md": configuration.page,
    **{
        f"json/{json_schemas.file_of(call)}": partial(json_schemas.text_of, call)
        for call in json_shapes.SHAPES
    },
}


def pages(folder: Path = FOLDER) -> dict[Path, str]:
    """Return each generated page with its text."""
    texts = {folder / name: make() for name, make in WHOLE.items()}
    for name, table in TABLES.items():
        before, begin, rest = (folder / name).read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise ValueError(f"{name} has no place for its table: {BEGIN.strip()} … {END}")
        texts[folder / name] = before + begin + table() + end + after
    return texts


def main(folder: Path = FOLDER) -> None:
    """Write the pages, and print the names of those that changed."""
    for page, text in pages(folder).items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(page.relative_to(folder))


if __name__ == "__main__":
    main()
