"""Names of columns in any script."""

from __future__ import annotations

import pytest

from pipeline.services import tables


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Average speed (m/s)", "average_speed_m_s"),
        ("채널 제목", "채널_제목"),
        ("शीर्षक टिप्पणी", "शीर्षक_टिप्पणी"),
        ("ชื่อ ที่อยู่", "ชื่อ_ที่อยู่"),
        ("Horário (UTC)", "horário_utc"),
    ],
)
def test_a_mark_belongs_to_its_word(name: str, snake: str) -> None:
    assert tables.snake(name) == snake


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("straße über", "straße uber"),
        ("ёлка", "елка"),
        ("ώρα", "ωρα"),
        ("タグ", "タグ"),
        ("채널", "채널"),
        ("ज़िला", "ज़िला"),
    ],
)
def test_only_accents_are_left_out(text: str, plain: str) -> None:
    assert tables.without_accents(text) == plain
