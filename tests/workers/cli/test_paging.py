"""A page says which part of a list it is, and a page beyond the end names the last."""

from __future__ import annotations

import pytest

from workers.cli import paging


@pytest.mark.parametrize(
    ("shown", "total", "page", "expected"),
    [
        (10, 23, 1, "1 to 10 of 23"),
        (3, 23, 3, "21 to 23 of 23"),
        (10, None, 2, "11 to 20; see more with --page 3"),
        (0, 23, 9, "There is no page 9: the last is 3."),
        (0, 20, 3, "There is no page 3: the last is 2."),
        (0, 0, 1, ""),
    ],
)
def test_a_page(shown: int, total: int | None, page: int, expected: str) -> None:
    assert paging.line(shown, total, 10, page) == expected
