"""Entries of statements: cut anywhere, read the same; what stands above goes to what follows."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers import blocks
from pipeline.readers.blocks import Blocks
from pipeline.registry import format_named
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

MEMBER = Member(path="a", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
READER = Blocks(
    kind="test", begin=r"<E>", end=r"</E>", stop=r"</S>", noted=r"<A>(?P<account>[^<]*)",
    closing=r"</F>\s*\Z",
)  # fmt: skip
WHOLE = SliceLimits(records=1 << 30, size=1 << 30)


def read(
    data: bytes, limits: SliceLimits = WHOLE, reader: Blocks = READER
) -> list[RawRecord | Rejection]:
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    parts = list(reader.slices(source, context, limits))
    assert all(a.end == b.start for a, b in pairwise(parts)), "slices tile the file"
    return [item for part in parts for item in reader.items(source, part, context)]


statements = st.lists(
    st.tuples(st.integers(0, 9), st.lists(st.text("abé<>/ES", max_size=9), max_size=5)), max_size=5
).map(
    lambda all_: "".join(
        f"<S><A>{account}" + "".join(f"<E>{text}</E>\n" for text in entries) + "</S>"
        for account, entries in all_
    )
    + "</F>"
)  # fmt: skip


@given(statements, st.integers(1, 4), st.integers(1, 40))
def test_slicing_anyhow_gives_the_same(text: str, records: int, size: int) -> None:
    data = text.encode()
    assert read(data, SliceLimits(records=records, size=size)) == read(data)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=6))
def test_an_entry_has_what_stands_above_it(accounts: list[tuple[int, int]]) -> None:
    data = b"".join(b"<S><A>%d%b</S>" % (a, b"<E>x<A>other</E>" * n) for a, n in accounts) + b"</F>"
    found = [item.around for item in read(data) if isinstance(item, RawRecord)]
    assert found == [{"account": str(a)} for a, n in accounts for _ in range(n)]


def test_more_statements_than_the_ledger_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_NOTES", 3)
    data = b"".join(b"<S><A>%d<E>x</E></S>" % n for n in range(20)) + b"</F>"
    for limits in (WHOLE, SliceLimits(records=1, size=1)):
        found = [item.around for item in read(data, limits) if isinstance(item, RawRecord)]
        assert found == [{"account": str(n)} for n in range(20)]


def test_marks_at_the_bounds_of_what_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b"<S><A>%d<E>%b</E></S>" % (n, b"x" * n) for n in range(1500)) + b"</F>"
    whole = read(data)
    monkeypatch.setattr(blocks, "_BLOCK", 1500)
    assert read(data) == whole
    assert READER.count(io.BytesIO(data), {}) == len(whole) == 1500


def test_what_breaks_off_says_so_once() -> None:
    for data in (b"<S><E>one</E><E>tw", b"<S><E>one</E>", b"<S>"):
        reasons = [item.reason for item in read(data) if isinstance(item, Rejection)]
        assert reasons == [Reason.TRUNCATED]


@pytest.mark.parametrize("name", ["ofx.payments", "mt940.payments", "camt.payments"])
def test_an_entry_too_long_costs_no_other(name: str) -> None:
    reader = format_named(name).reader
    assert isinstance(reader, Blocks)
    begin, end = {
        "ofx.payments": (b"<STMTTRN>", b"</STMTTRN>"),
        "mt940.payments": (b"\n:61:", b""),
        "camt.payments": (b"<Ntry>", b"</Ntry>"),
    }[name]
    data = begin + b"a" + end + begin + b"b" * (2 << 20) + end + begin + b"c" + end
    found = [isinstance(item, RawRecord) or item.reason for item in read(data, reader=reader)]
    assert found[:3] == [True, Reason.ITEM_TOO_LARGE, True]
