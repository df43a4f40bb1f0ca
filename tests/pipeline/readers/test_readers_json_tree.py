"""Several JSON arrays in one file, and arrays within arrays: sound and broken, cut anyhow."""

from __future__ import annotations

import io
import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json import tree as json_tree
from pipeline.readers.json.tree import JsonTree
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.support.formats import ONE_PASS, carried

CHATS = JsonTree(paths=("messages", "chats.list[].messages"))
TWO = JsonTree(paths=("a", "b.c", "names.*"))
TOP = JsonTree(paths=("", "items"))
ALL = JsonTree(paths=("me{}", "*.list[].messages", "*.*Map{}"), empties=True)
LIMITS = [SliceLimits(records=1), SliceLimits(records=2), SliceLimits(size=1), SliceLimits(size=60)]
MEMBER = Member(
    path="x.json", ordinal=0, file=Path("x"), size=0, sha256="", media_type="application/json"
)


def all_of(reader: JsonTree, data: bytes, limits: SliceLimits = ONE_PASS) -> list[Any]:
    """Every item of some bytes, slice after slice, with the context as the ledger gives it back."""
    source = io.BytesIO(data)
    context = carried(reader.prepare(source, MEMBER))
    parts = list(reader.slices(source, context, limits))
    assert all(a.end <= b.start for a, b in pairwise(parts))
    return [item for part in parts for item in reader.items(io.BytesIO(data), part, context)]


def values(reader: JsonTree, data: bytes) -> list[Any]:
    """Values and reasons, in order; every item's offset must lead to its bytes."""
    found = all_of(reader, data)
    for item in found:
        there = data[item.offset : item.offset + item.length]
        if isinstance(item, RawRecord):
            assert json_decode.decode(there) == item.value
        else:
            assert there.startswith(item.raw)
    for limits in LIMITS:
        assert all_of(reader, data, limits) == found
    assert cut_small(reader, data) == found
    return [item.value if isinstance(item, RawRecord) else item.reason for item in found]


def cut_small(reader: JsonTree, data: bytes, limits: SliceLimits = LIMITS[0]) -> list[Any]:
    """Read through blocks of a few bytes and in pieces as small, of which few are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "BLOCK", 7)
        patch.setattr(json_tree, "_PIECE_BYTES", 5)
        patch.setattr(json_tree, "_PIECES", 6)
        patch.setattr(json_tree, "_UNCUT_BYTES", 3)
        return all_of(reader, data, limits)


def test_arrays_within_the_items_of_an_array_know_what_they_lie_in() -> None:
    text = {
        "about": "x",
        "chats": {
            "list": [
                {"name": "Ana", "id": 1, "messages": [{"id": 1}, {"id": 2}], "type": "personal"},
                {"messages": [], "name": "none"},
                {"messages": [{"id": 1, "messages": [0]}], "name": None, "tags": ["a", {"b": 2}]},
            ],
            "note": "é\u0000",
        },
    }
    data = json.dumps(text, indent=1).encode()
    assert values(CHATS, data) == [{"id": 1}, {"id": 2}, {"id": 1, "messages": [0]}]
    around = [dict(item.around) for item in all_of(CHATS, data)]
    path = {"path": "chats.list[].messages", "keys": [], "first": True}
    outer = {"about": "x", "note": "é\ufffd", **path}
    first = {**outer, "name": "Ana", "id": 1, "type": "personal"}
    third = {**outer, "name": None, "tags": ["a", {"b": 2}]}
    assert around == [first, {**first, "first": False}, third]
    assert CHATS.count(io.BytesIO(data), {}) == 3


def test_a_chat_alone_and_any_key() -> None:
    assert values(CHATS, b'{"name": "n", "messages": [1, 2]}') == [1, 2]
    data = b'{"names": {"Bo": [1], "x.y": [2, 3], "no": {"a": [9]}}, "b": {"c": [4]}, "a": [5]}'
    assert values(TWO, data) == [1, 2, 3, 4, 5]
    found = all_of(TWO, data)
    assert [item.around["path"] for item in found] == ["names.*"] * 3 + ["b.c", "a"]
    assert [item.around["keys"] for item in found] == [["Bo"], ["x.y"], ["x.y"], [], []]
    assert TWO.count(io.BytesIO(data), {}) == 5


def test_an_array_at_the_top_or_under_a_key() -> None:
    assert values(TOP, b"\xef\xbb\xbf [1, [2]]") == [1, [2]]
    assert values(TOP, b'{"items": [1, [2]], "n": 3}') == [1, [2]]
    assert TOP.count(io.BytesIO(b"[1, [2]]"), {}) == 2


def test_objects_that_are_asked_for_and_arrays_without_an_item_are_items() -> None:
    chats = [{"messages": [], "name": "none"}, {"messages": [1]}, {"messages": [{}, []]}]
    text = {"me": {"id": 7, "of": [1, {"a": "]"}]}, "x": {"list": chats, "aMap": {}, "bMap": []}}
    expected = [text["me"], [], 1, {}, [], {}]
    for indent in (None, 1):
        data = json.dumps(text, indent=indent).encode()
        assert values(ALL, data) == expected
        assert ALL.count(io.BytesIO(data), {}) == len(expected)
    found = all_of(ALL, data)
    assert [item.around["keys"] for item in found] == [[], *[["x"]] * 4, ["x", "aMap"]]
    assert [item.around["first"] for item in found] == [True, True, True, True, False, True]
    assert found[1].around["name"] == "none"
    assert all(item.around["me"] == text["me"] for item in found[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"me": {"a": 1', [Reason.TRUNCATED]),
        (b'{"me": {"a": 1}', [{"a": 1}, Reason.TRUNCATED]),
        (b'{"me": {"a" 1}, "x": {"list": [{"messages": [2]}]}}', [Reason.BAD_SYNTAX, 2]),
        (b'{"me": {"a" 1} x, "x": {}}', [Reason.BAD_SYNTAX, Reason.BAD_SYNTAX]),
        (b'{"me": {} x, "x": {}}', [{}, Reason.BAD_SYNTAX]),
        (b'{"me": {"a": 1], "b": 2', [Reason.BAD_SYNTAX, Reason.TRUNCATED]),
        (b'{"me": [1], "x": {"list": [{"messages": []', [Reason.TRUNCATED]),
        (b'{"me": {} "x": {}}', [{}, Reason.BAD_SYNTAX]),
    ],
)
def test_broken_objects_are_told(text: bytes, expected: list[Any]) -> None:
    found = values(ALL, text)
    assert [one for one in found if one != []] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"{}", []),
        (b'{"a": {"0": 1}, "b": [1]}', []),
        (b'{"a": [1, 2', [1, Reason.TRUNCATED]),
        (b'{"a": [1, [2]', [1, [2], Reason.TRUNCATED]),
        (b'{"a": [', [Reason.TRUNCATED]),
        (b'{"a": [1]', [1, Reason.TRUNCATED]),
        (b'{"a": [1], "b": {"c": [2]', [1, 2, Reason.TRUNCATED]),
        (b'{"a": [1], "b', [1, Reason.TRUNCATED]),
        (b'{"a"', [Reason.TRUNCATED]),
        (b'{"a": [1 2, 3], "b": {"c": [4]}}', [Reason.BAD_SYNTAX, 3, 4]),
        (b'{"a": [1, 2}, 3], "b": {"c": [4]}}', [1, Reason.BAD_SYNTAX, 3, 4]),
        (b'{"a": [1], "x" ], "b": {"c": [4]}}', [1, 4, Reason.BAD_SYNTAX]),
        (b'{"a": [1], "b" {"c": [4]}}', [1, Reason.BAD_SYNTAX]),
        (b'{"a": [1]} 7', [1, Reason.BAD_SYNTAX]),
        (b'{"a": [1], "x": nonsense, "b": {"c": [,4]}}', [1, 4, Reason.BAD_SYNTAX]),
        (b'{"a": [1], "a": [2], "x": "]}"}', [1, 2]),
        (b"nonsense", [Reason.BAD_SYNTAX]),
    ],
)
def test_broken_text_is_told(text: bytes, expected: list[Any]) -> None:
    assert values(TWO, text) == expected


CHAT = st.fixed_dictionaries(
    {"messages": st.lists(st.integers() | st.text(max_size=8) | st.just({"id": [1]}), max_size=5)},
    optional={"name": st.text(max_size=9), "id": st.integers(), "more": st.just([{"x": "]"}])},
)
EXPORT = st.lists(st.permutations(["name", "messages", "id", "more"]).flatmap(
    lambda order: CHAT.map(lambda chat: {key: chat[key] for key in order if key in chat})
), max_size=6)  # fmt: skip
CUTS = st.builds(SliceLimits, records=st.integers(1, 6), size=st.integers(1, 80))


@settings(max_examples=60, database=None)
@given(EXPORT, CUTS, st.sampled_from([None, 1]))
def test_any_tree_comes_out_whole_however_it_is_cut(
    chats: list[dict[str, Any]], limits: SliceLimits, indent: int | None
) -> None:
    data = json.dumps({"id": 7, "chats": {"list": chats}, "z": 0}, indent=indent).encode()
    found = cut_small(CHATS, data, limits)
    rows = [(chat, message) for chat in chats for message in chat["messages"]]
    decoded = [json_decode.decode(json.dumps(message).encode()) for _, message in rows]
    assert [item.value for item in found] == decoded
    for item, (chat, _) in zip(found, rows, strict=True):
        facts = {key: value for key, value in chat.items() if key != "messages"}
        for name, fact in ({"id": 7, "z": 0} | facts).items():
            assert orjson.dumps(item.around[name]) == orjson.dumps(
                json_tree.json_walk._storable(json_decode.decode(json.dumps(fact).encode()))
            )
    assert found == all_of(CHATS, data)
    assert CHATS.count(io.BytesIO(data), {}) == len(rows)


@settings(max_examples=40, database=None)
@given(EXPORT, CUTS, st.dictionaries(st.text(max_size=3), st.integers() | st.just([{}])))
def test_any_tree_with_objects_and_empty_arrays_comes_out_whole(
    chats: list[dict[str, Any]], limits: SliceLimits, me: dict[str, Any]
) -> None:
    data = json.dumps({"me": me, "x": {"list": chats, "yMap": me}}, indent=1).encode()
    found = cut_small(ALL, data, limits)
    inner = [message for chat in chats for message in chat["messages"] or [[]]]
    decoded = [json_decode.decode(json.dumps(one).encode()) for one in (me, *inner, me)]
    assert [item.value for item in found] == decoded
    assert found == all_of(ALL, data)
    assert ALL.count(io.BytesIO(data), {}) == len(decoded)


@settings(max_examples=80, database=None)
@given(EXPORT, CUTS, st.floats(0, 1), st.binary(max_size=3), st.booleans())
def test_broken_bytes_yield_outcomes_and_never_silence(
    chats: list[dict[str, Any]], limits: SliceLimits, place: float, noise: bytes, cut: bool
) -> None:
    whole = json.dumps({"id": 7, "chats": {"list": chats}, "z": 0}).encode()
    at = int(len(whole) * place)
    data = whole[:at] if cut else whole[:at] + noise + whole[at + 1 :]
    found = cut_small(CHATS, data, limits)
    assert found == all_of(CHATS, data)
    for item in found:
        assert isinstance(item, RawRecord | Rejection)
    if cut and 0 < len(data) < len(whole):
        (told,) = [item for item in found if isinstance(item, Rejection)]
        # Before the first array ijson is asked; a half escape is no syntax to it.
        assert told.reason is Reason.TRUNCATED or not told.offset


def test_a_part_may_begin_at_any_item() -> None:
    """As the cutting out of poison asks: its parts begin and end where items do."""
    chats = [{"messages": list(range(n)), "n": n} for n in range(9)]
    data = json.dumps({"chats": {"list": chats}}).encode()
    source = io.BytesIO(data)
    context = CHATS.prepare(source, MEMBER)
    (whole,) = CHATS.slices(source, context, ONE_PASS)
    found = list(CHATS.items(source, whole, context))
    bounds = [item.offset for item in found]
    parts = [json_tree.Slice(a, b) for a, b in zip(bounds[::5], [*bounds[5::5], whole.end], strict=True)]  # fmt: skip # noqa: E501
    assert [item for part in parts for item in CHATS.items(source, part, context)] == found


def test_memory_and_context_stay_small_whatever_the_file_is_made_of() -> None:
    """Two large chats among thousands of small ones."""
    small = b",".join(
        b'{"name": "chat %d", "messages": [{"id": 1, "text": "hi"}, {"id": 2}]}' % n
        for n in range(6_000)
    )
    big = b",".join(b'{"id": %d, "text": "%s"}' % (n, b"x" * 80) for n in range(30_000))
    large = b'{"messages": [%b], "name": "large"}' % big
    data = b'{"chats": {"list": [%b]}}' % b",".join((small, large, small, large))
    source = io.BytesIO(data)
    tracemalloc.start()
    context = CHATS.prepare(source, MEMBER)
    names: dict[str, int] = {}
    found = 0
    for part in CHATS.slices(source, context, SliceLimits()):
        for item in CHATS.items(source, part, context):
            found += 1
            name = item.around["name"]
            names[name] = names.get(name, 0) + (name == "large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == 2 * 6_000 * 2 + 2 * 30_000
    assert len(names) == 6_001
    assert names["large"] == 60_000
    assert len(json.dumps(context)) < 10_000
    assert peak < 40_000_000


def test_many_large_arrays_do_not_make_a_large_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_tree, "_PIECE_BYTES", 50)
    chats = [{"name": str(n), "messages": ["x" * 60] * (n % 3)} for n in range(3_000)]
    data = json.dumps({"chats": {"list": chats}}).encode()
    context = CHATS.prepare(io.BytesIO(data), MEMBER)
    assert len(context["pieces"]) <= 256
    found = all_of(CHATS, data)
    assert [item.around["name"] for item in found] == [
        chat["name"] for chat in chats for _ in chat["messages"]
    ]


def test_blanks_are_no_matter_however_many() -> None:
    blanks = b" \n" * 5_000
    for data in (
        blanks + b'{"a": [1]}',
        b"{" + blanks + b'"x": 1,' + blanks + b'"a": ' + b"[1]" + blanks + b"}" + blanks,
        b"\xef\xbb\xbf" + blanks + b'{"a": [1]}',
    ):
        assert values(TWO, data) == [1]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": [1] x, "b": 2}',
        b'{"a": [1] x}',
        b'{"a": [1]' + b"x" * 5_000 + b"}",
        b'{"a": [1] "b": {"c": []}}',
        b'{"b": {"c": [1] x}}',
        b'{"b": {"c": [1]} {}}',
    ],
)
def test_what_stands_behind_an_array_is_told(data: bytes) -> None:
    assert values(TWO, data) == [1, Reason.BAD_SYNTAX]


@pytest.mark.parametrize("item", [b"x", b"{} {}", b'{"messages": []} x', b'[1 2], {"a": 1}'])
def test_what_is_no_item_of_an_outer_array_is_told(item: bytes) -> None:
    data = b'{"chats": {"list": [%b, {"messages": [1]}, 2, "x", null]}}'
    assert values(CHATS, data % b'{"y": 1}') == [1]
    assert values(CHATS, data % item) == [1, Reason.BAD_SYNTAX]
