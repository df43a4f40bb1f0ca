"""Repositories of the AT Protocol: what is encoded is decoded, and damage is told."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.syntax import car_files
from schemas.errors import BadValue
from schemas.reasons import Reason
from tests.support.make_car import ACCOUNT, RECORDS, Car, commit, encode, repository

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary()
    | st.floats(allow_nan=False) | st.binary(min_size=36, max_size=36).map(car_files.Link)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
KEYS = st.text("abcdefg./", min_size=1, max_size=30)


@given(VALUES)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    assert car_files.decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        car_files.decode(data)
    except BadValue as bad:
        assert bad.reason


@settings(max_examples=40)
@given(st.dictionaries(KEYS, st.dictionaries(st.text(max_size=5), st.integers(-9, 9)), max_size=12))
def test_all_records_come_out_in_their_order(records: dict[str, dict[str, Any]]) -> None:
    found = car_files.Repository(repository(records))
    account, tree = found.account()
    assert account == ACCOUNT
    assert found.broken is None
    assert list(found.records(tree)) == [
        car_files.Found(key, records[key]) for key in sorted(records)
    ]


def reasons(data: bytes) -> list[Reason | None]:
    found = car_files.Repository(data)
    _, tree = found.account()
    told = [one.why.reason if one.why else None for one in found.records(tree)]
    return [*told, *([found.broken.reason] if found.broken else [])]


def test_a_damaged_block_costs_its_record() -> None:
    whole = repository(RECORDS)
    assert reasons(whole) == [None] * len(RECORDS)
    at = whole.index("Grüezi".encode())
    damaged = whole[:at] + b"X" + whole[at + 1 :]
    assert sorted(map(str, reasons(damaged))) == ["None"] * (len(RECORDS) - 1) + ["bad_syntax"]


def test_a_block_that_nothing_leads_to_is_told() -> None:
    made = Car()
    made.add({"$type": "app.bsky.feed.post", "text": "lost"})
    tree = made.node({"a/b": {"n": 1}})
    assert reasons(made.written(made.add(commit(tree)))) == [None, Reason.BAD_SHAPE]


def test_what_goes_round_and_what_is_named_over_and_over_ends() -> None:
    made = Car()
    link = made.add({"text": "x" * 100_000})
    entries = [{"p": 0, "k": b"%05d" % n, "v": link, "t": None} for n in range(2_000)]
    tree = made.add({"l": None, "e": entries})
    found = reasons(made.written(made.add(commit(tree))))
    assert found.count(None) < 20
    assert Reason.ITEM_TOO_LARGE in found
    twice = made.add({"l": tree, "e": [{"p": 0, "k": b"k", "v": link, "t": tree}]})
    assert Reason.BAD_SHAPE in reasons(made.written(made.add(commit(twice))))


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x01\xa0", b"\x02\x81", encode({"version": 1}), b"\xff" * 40]
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadValue):
        car_files.Repository(data).account()


def test_links_and_bytes_are_as_in_json() -> None:
    link = car_files.Link(b"\x01\x55\x12\x20" + bytes(32))
    shown = car_files.plain({"a": [link, b"\x00\xff"], "b": math.pi})
    assert shown["a"][0]["$link"].startswith("bafkrei")
    assert shown == {"a": [{"$link": shown["a"][0]["$link"]}, {"$bytes": "AP8"}], "b": math.pi}
