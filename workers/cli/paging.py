"""Say which part of a list a page is, and where the list ends."""

from __future__ import annotations


def line(shown: int, total: int | None, number: int, page: int) -> str:
    """Return a line about one page; nothing where the list is empty.

    `shown` items are on the page, `number` fit on one. `total` is how many there are; None: more
    than the pages up to this one have.
    """
    first = (page - 1) * number + 1
    if total == 0:
        return ""
    if not shown:
        last = -(-total // number) if total else page - 1
        return f"There is no page {page}: the last is {last}."
    if total is None:
        return f"{first} to {first + shown - 1}; see more with --page {page + 1}"
    return f"{first} to {first + shown - 1} of {total}"
