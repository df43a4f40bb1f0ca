"""The table in `docs/formats.md`, made from the formats themselves.

    python -m pipeline.catalogue

prints it. A test holds the page to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.format import Format, Rank, all_formats

_RANKS = {
    Rank.PRODUCT: "one product's export, by path and structure",
    Rank.SYNTAX: "any file in this syntax that no product claims",
    Rank.WHOLE: "any such file that nothing above claims",
}


def table(formats: Sequence[Format] | None = None) -> str:
    """The formats as a Markdown table, by rank and name, one line each."""
    lines = ["| format | what it is | claims | becomes | reader |", "|---|---|---|---|---|"]
    lines += [_line(form) for form in (formats or all_formats())]
    return "\n".join(lines) + "\n"


def _line(form: Format) -> str:
    cells = (
        f"`{form.name}` v{form.version}",
        form.title,
        _RANKS[form.rank],
        f"`{form.data_type}`",
        f"`{form.reader.name}` v{form.reader.version}",
    )
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(table(), end="")
