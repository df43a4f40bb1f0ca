"""Blocks of an HTML page, sound and broken, cut anyhow."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers import html_blocks
from pipeline.readers.html_blocks import HtmlBlocks
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

MEMBER = Member(path="a.html", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
READER = HtmlBlocks(opening=r'<div class="cell[ "]', element="div")
HEAD = b"<!DOCTYPE html><html><head><style>.cell { color: red }</style></head><body><div>"
TAIL = b"</div></body></html>\n"


def block(text: bytes) -> bytes:
    return b'<div class="cell wide"><div>%b</div></div>' % text


def page(*texts: bytes) -> bytes:
    return HEAD + b"".join(map(block, texts)) + TAIL


def read(
    data: bytes, *, records: int = 10_000, size: int = 1 << 23, reader: HtmlBlocks = READER
) -> list[RawRecord | Rejection]:
    """The items of `data`; the slices must tile it from the first block on."""
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    slices = list(reader.slices(source, context, SliceLimits(records=records, size=size)))
    if slices:
        ends = [context["first"] or 0, *(part.end for part in slices)]
        assert [part.start for part in slices] == ends[:-1]
        assert ends[-1] == len(data)
    items = [item for part in slices for item in reader.items(source, part, context)]
    for item in items:
        there = data[item.offset : item.offset + item.length]
        assert there == item.value.encode() if isinstance(item, RawRecord) else there == item.raw
    return items


def count(data: bytes) -> int:
    source = io.BytesIO(data)
    return READER.count(source, READER.prepare(source, MEMBER))


def reasons(items: list[RawRecord | Rejection]) -> list[Reason | None]:
    return [item.reason if isinstance(item, Rejection) else None for item in items]


def test_a_block_ends_where_the_next_begins_and_the_last_with_the_file() -> None:
    data = page(b"one", "zwölf <div>in</div>".encode(), b"<div class='cell'>three</div>")
    found = read(data)
    assert [i.value for i in found if isinstance(i, RawRecord)] == [
        block(b"one").decode(),
        block("zwölf <div>in</div>".encode()).decode(),
        (block(b"<div class='cell'>three</div>") + TAIL).decode(),
    ]
    assert count(data) == 3


def test_what_only_resembles_a_block_is_none() -> None:
    data = HEAD + b'<div class="cellar">x</div><p class="cell">y</p>' + TAIL
    assert read(data) == []
    assert count(data) == 0


def test_every_truncation_costs_the_last_block_alone_and_is_told() -> None:
    data = page(b"one", b"two", b"three")
    for end in range(len(data) - len(b"</html>\n"), 0, -1):
        items = read(data[:end])
        whole = data[:end].count(b"</div></div>")
        assert reasons(items)[:whole] == [None] * min(whole, 3)
        if b"<html>" in data[:end]:
            assert reasons(items)[-1] is Reason.TRUNCATED
            assert reasons(items).count(Reason.TRUNCATED) == 1


def test_a_fragment_need_not_be_closed() -> None:
    assert reasons(read(block(b"one") + block(b"two"))) == [None, None]


def test_bytes_that_are_no_utf8_cost_one_block() -> None:
    items = read(page(b"one", b"\xff", b"three"))
    assert reasons(items) == [None, Reason.BAD_ENCODING, None]


def test_a_block_over_the_bound_costs_itself() -> None:
    small = HtmlBlocks(opening=READER.opening, element="div", item_bytes=1_000)
    items = read(page(b"one", b"x" * 2_000, b"three"), reader=small)
    assert reasons(items) == [None, Reason.ITEM_TOO_LARGE, None]


def test_the_head_is_handed_on_where_it_is_asked_for() -> None:
    reader = HtmlBlocks(opening=READER.opening, element="div", head_bytes=5)
    items = read(page(b"one", b"two"), reader=reader, records=1)
    assert [dict(i.around) for i in items if isinstance(i, RawRecord)] == [{"head": "<div>"}] * 2


@given(
    st.lists(st.sampled_from([b"", b"a", b"<br>", b"<div>b</div>", b"</div>", b'<div class="cel'])),
    st.integers(1, 4),
    st.integers(1, 200),
    st.integers(1, 60),
)
@example([b"a"] * 9, 1, 1, 1)
def test_cut_anyhow_it_is_the_same(
    texts: list[bytes], records: int, size: int, window: int
) -> None:
    data = page(*texts)
    expected = read(data)
    assert count(data) == len([i for i in expected if i.length])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html_blocks, "_BLOCK", window)
        assert read(data, records=records, size=size) == expected
        assert count(data) == len([i for i in expected if i.length])


def test_memory_is_flat(tmp_path: Path) -> None:
    file = tmp_path / "big.html"
    with file.open("wb") as out:
        out.write(HEAD)
        for _ in range(300):
            out.write(block(b"x" * 1_000) * 100)
        out.write(TAIL)
    assert file.stat().st_size > 30_000_000
    tracemalloc.start()
    with file.open("rb") as source:
        context = READER.prepare(source, MEMBER)
        slices = list(READER.slices(source, context, SliceLimits()))
        found = sum(1 for part in slices for _ in READER.items(source, part, context))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == 30_000
    assert peak < 8_000_000
