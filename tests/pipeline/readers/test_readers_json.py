"""JSON arrays and lines, sound and broken, cut anyhow."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import scan as json_scan
from pipeline.readers.json.items import JsonItems
from pipeline.readers.json.ndjson import Ndjson
from pipeline.recognition import peek
from pipeline.syntax import json_events
from schemas.files import Head, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.support.formats import ONE_PASS, Sample, Watched, all_samples, items_of

TOP = JsonItems()
KEYED = JsonItems(path="Browser History")
LINES = Ndjson()
ONE_BY_ONE = SliceLimits(records=1)


def values(data: bytes, reader: Any = TOP) -> list[Any]:
    """Values and reasons, in order; every item's offset must lead to its bytes."""
    found = []
    for item in items_of(reader, data):
        there = data[item.offset : item.offset + item.length]
        if isinstance(item, RawRecord):
            assert json_decode.decode(there) == item.value
            found.append(item.value)
        else:
            assert there.startswith(item.raw)
            assert item.raw or not item.length
            found.append(item.reason)
    assert cut_small(reader, data, ONE_BY_ONE) == list(items_of(reader, data))
    return found


def cut_small(reader: Any, data: bytes, limits: SliceLimits) -> list[Any]:
    """Items read through blocks of a few bytes, so that bounds fall at every possible place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "BLOCK", 7 if len(data) < 2_000 else 20_000)
        return list(items_of(reader, data, limits))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        (" [ ] ", []),
        ("[[], {}, [[]]]", [[], {}, [[]]]),
        (
            '["]", "[", "{,}", "\\"", "\\\\", "\\\\\\",", 1]',
            ["]", "[", "{,}", '"', "\\", '\\",', 1],
        ),
        ("[1,-2.5e3,true,null]\n", [1, -2500.0, True, None]),
        ('[\n  {\n    "a": [1, 2]\n  },\n  {}\n]', [{"a": [1, 2]}, {}]),
        ('[{"a": 1, "a": 2}]', [{"a": 2}]),
        ('["\\u0000", "\\ud800"]', ["\0", "\ud800"]),
        ('["\\ud83d\\ude00", "ü"]', ["\U0001f600", "ü"]),
        ("\ufeff[1, 2]", [1, 2]),
        (f"[{2**64 - 1}, {-(2**63)}, 1]", [2**64 - 1, -(2**63), 1]),
        (f"[{2**64}, {-(2**63) - 1}, 1]", [str(2**64), str(-(2**63) - 1), 1]),
        ('["' + "7" * 40 + '", 0.' + "1" * 25 + "]", ["7" * 40, float("0." + "1" * 25)]),
        ("[" + "1" * 25 + ".5]", [float("1" * 25 + ".5")]),
    ],
)
def test_sound_arrays(text: str, expected: list[Any]) -> None:
    data = text.encode()
    assert values(data) == expected
    assert TOP.count(io.BytesIO(data), {}) == len(expected)


def test_integers_too_long_for_int_are_kept_as_text() -> None:
    assert values(b"[1," + b"7" * 5000 + b",2]") == [1, "7" * 5000, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[1, 2", [1, Reason.TRUNCATED]),
        (b"[1, 2 ", [1, 2, Reason.TRUNCATED]),
        (b"[", [Reason.TRUNCATED]),
        (b"[ \n", [Reason.TRUNCATED]),
        (b"[1,", [1, Reason.TRUNCATED]),
        (b"[1 , ", [1, Reason.TRUNCATED]),
        (b"[1,,", [1, Reason.TRUNCATED]),
        (b"[[1]", [[1], Reason.TRUNCATED]),
        (b"[[", [Reason.TRUNCATED]),
        (b"[1 2,", [Reason.BAD_SYNTAX, Reason.TRUNCATED]),
        (b"[1, NaN", [1, None, Reason.TRUNCATED]),
        (b'[1, "a', [1, Reason.TRUNCATED]),
        (b'[1, "a\\', [1, Reason.TRUNCATED]),
        (b'[1, {"a": "\xc3', [1, Reason.TRUNCATED]),
        (b'[1, {"a": [', [1, Reason.TRUNCATED]),
        (b'[{"a": 1}', [{"a": 1}, Reason.TRUNCATED]),
        (b'[1, {"a" 2}, 3]', [1, Reason.BAD_SYNTAX, 3]),
        (b"[1 2, 3]", [Reason.BAD_SYNTAX, 3]),
        (b"[1, 2}, 3]", [1, Reason.BAD_SYNTAX, 3]),
        (b"[1,, 2, ]", [1, 2]),
        (b"[NaN, -Infinity, 1e400, 1]", [None, None, None, 1]),
        (b'["\xff", "\xed\xa0\x80", 1]', [*[Reason.BAD_ENCODING] * 2, 1]),
        (b'["a\nb", 1]', ["a\nb", 1]),
        (b"[1] [2]", [1, Reason.BAD_SYNTAX]),
        (b"[1]]", [1, Reason.BAD_SYNTAX]),
        (b"[1]\0\0", [1, Reason.BAD_SYNTAX]),
        (b'[1\\, "a\\\\", 2]', [Reason.BAD_SYNTAX, "a\\", 2]),
        (b"[1, " + b"[" * 100_000 + b"]" * 100_000 + b", 2]", [1, Reason.TOO_DEEP, 2]),
        (b"[1, " + b"[" * 100_000, [1, Reason.TOO_DEEP, Reason.TRUNCATED]),
        (b"\xef\xbb", [Reason.BAD_SYNTAX]),
        (b"", []),
        (b" \n", [Reason.TRUNCATED]),
        (b"\0" * 50, [Reason.BAD_SYNTAX]),
        (b'{"a": 1', [Reason.TRUNCATED]),
        (b'{"a": 1}', []),
        (b'{"item": 1}', []),
        (b'"text"', []),
    ],
)
def test_broken_arrays_lose_only_what_is_broken(text: bytes, expected: list[Any]) -> None:
    assert values(text) == expected


def test_depth_at_the_limit_is_taken_whatever_its_neighbours() -> None:
    deep = b"[" * json_decode.MAX_DEPTH + b"]" * json_decode.MAX_DEPTH
    for neighbour in (b"1", b"nonsense", b"[" + deep + b"]"):
        found = values(b"[" + deep + b"," + neighbour + b"]")
        assert isinstance(found[0], list)
    assert values(b"[[" + deep + b"]]") == [Reason.TOO_DEEP]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"Browser History": [1, 2]}', [1, 2]),
        (
            '\ufeff{"x": [[{"Browser History": [9]}]], "Browser\\u0020History"\n:\n[ 1 ], "y": 2}',
            [1],
        ),
        (
            '{"a,\\"]": "}", "b": {"Browser History": [9]}, "Browser History":[{"c": 1}]}',
            [{"c": 1}],
        ),
        ('{"Browser History": [1, 2', [1, Reason.TRUNCATED]),
        ('{"Browser History": [', [Reason.TRUNCATED]),
        ('{"Browser History": [1 ', [1, Reason.TRUNCATED]),
        ('{"Browser History": [[1],', [[1], Reason.TRUNCATED]),
        ('{"Browser History": [1], "next": [broken', [1, Reason.TRUNCATED]),
        ('{"Browser History": [1]', [1, Reason.TRUNCATED]),
        ('{"Browser History": [1]} {"Browser History": [2]}', [1, Reason.BAD_SYNTAX]),
        ('{"Browser History": [1], "x": "y", "Browser History": [2]}', [1, Reason.BAD_SYNTAX]),
        ('{"Browser History": [1], "x": [NaN, "\\ud83d", {"y": "\t"},], "z": -0e1}\n', [1]),
        ('{"other": {"x": nonsense}, "Browser History": [1]}', [1, Reason.BAD_SYNTAX]),
        ('{"other": ]}, "Browser History": [1]}', [Reason.BAD_SYNTAX]),
        ('{"Browser History": {"0": 1}}', []),
        ('{"Browser History": null}', []),
        ('{"Browser Hist', [Reason.TRUNCATED]),
        ('{"Browser History" [1]}', [Reason.BAD_SYNTAX]),
        ("[1, 2]", []),
        (" " * 300_000 + '{"pad": "' + "x" * 300_000 + '", "Browser History": [1]}', [1]),
    ],
)
def test_array_under_a_key(text: str, expected: list[Any]) -> None:
    assert values(text.encode(), KEYED) == expected


def test_array_under_a_path_of_keys() -> None:
    data = b'{"a": {"b": [0]}, "c": {"a": 1, "b": [1, 2]}}'
    assert values(data, JsonItems(path="c.b")) == [1, 2]
    assert JsonItems(path="c.b").count(io.BytesIO(data), {}) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"\n \r\n", []),
        (b'{"a": 1}\n', [{"a": 1}]),
        (b'\xef\xbb\xbf{"a": 1}\r\n\r\n[2]\r\n3', [{"a": 1}, [2], 3]),
        (b'1\n{"a": \n2\n', [1, Reason.BAD_SYNTAX, 2]),
        (b'1\n{"a": ', [1, Reason.TRUNCATED]),
        (b'1, 2\n[3\n4]\n"\xff"\n5', [*[Reason.BAD_SYNTAX] * 3, Reason.BAD_ENCODING, 5]),
        (b"1\n" + b"[" * 100_000 + b"\n" + b"9" * 30 + b"\n2", [1, Reason.TOO_DEEP, "9" * 30, 2]),
        (b"1\n" + b"\0" * 50 + b"\n2\n", [1, Reason.BAD_SYNTAX, 2]),
    ],
)
def test_lines(text: bytes, expected: list[Any]) -> None:
    assert values(text, LINES) == expected
    assert LINES.count(io.BytesIO(text), {}) == len(expected)


@pytest.mark.parametrize(("opening", "between", "closing"), [(b"[", b",", b"]"), (b"", b"\n", b"")])
def test_an_item_too_large_is_passed_over_in_bounded_memory(
    opening: bytes, between: bytes, closing: bytes
) -> None:
    large = b'"' + b"x" * 12_000_000 + b'"'
    data = opening + between.join((b"1", b"  " + large + b" ", b"2")) + closing
    reader = JsonItems(item_bytes=1_000_000) if opening else Ndjson(item_bytes=1_000_000)
    source = Watched(data)
    tracemalloc.start()
    found = list(items_of(reader, source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [getattr(item, "value", None) for item in found] == [1, None, 2]
    assert found[1].reason is Reason.ITEM_TOO_LARGE
    assert len(found[1].raw) <= json_scan.PREFIX
    assert large.startswith(found[1].raw)
    assert data[found[1].offset :].startswith(large)
    assert source.largest <= json_scan.BLOCK
    assert peak < 8_000_000


def test_an_item_too_large_is_the_same_in_any_slicing() -> None:
    reader = JsonItems(item_bytes=10)
    data = b'[1, "aaaaaaaaaaaaaaaa" , [2,3],"bbbbbbbbbbbbbbbbbbbbb"]'
    expected = [1, Reason.ITEM_TOO_LARGE, [2, 3], Reason.ITEM_TOO_LARGE]
    assert values(data, reader) == expected
    assert values(data[:-1], reader) == [*expected, Reason.TRUNCATED]


def test_slices_keep_to_their_limits() -> None:
    data = json.dumps([{"n": n} for n in range(1000)]).encode()
    by_count = list(TOP.slices(io.BytesIO(data), {}, SliceLimits(records=300)))
    counts = [len(list(TOP.items(io.BytesIO(data), part, {}))) for part in by_count]
    assert counts == [300, 300, 300, 100]
    by_size = list(TOP.slices(io.BytesIO(data), {}, SliceLimits(size=1000)))
    longest = max(part.end - part.start for part in by_size)
    assert 1000 <= longest < 1000 + len('{"n": 999}, ')
    assert len(by_size) == len(data) // 1000 + 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(['"', "\\", "]", "},{"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
ARRAYS = st.lists(JSON, max_size=12)
LIMITS = st.builds(
    SliceLimits, records=st.integers(1, 6), size=st.integers(1, 80) | st.just(1 << 30)
)
PLACES = st.floats(0, 1)


def _as_read(value: Any) -> Any:
    """What the readers make of a value that `json` wrote: integers over 64 bits are text."""
    if isinstance(value, bool) or not isinstance(value, int | list | dict):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, list):
        return [_as_read(inner) for inner in value]
    return {key: _as_read(inner) for key, inner in value.items()}


@settings(max_examples=150, database=None)
@given(ARRAYS, LIMITS, st.sampled_from([None, 1]))
def test_any_array_comes_out_whole_however_it_is_cut(
    array: list[Any], limits: SliceLimits, indent: int | None
) -> None:
    data = json.dumps(array, indent=indent, ensure_ascii=indent is None).encode()
    found = cut_small(TOP, data, limits)
    assert [item.value for item in found] == _as_read(array)
    assert TOP.count(io.BytesIO(data), {}) == len(array)
    assert list(items_of(TOP, data)) == found


@settings(max_examples=100, database=None)
@given(ARRAYS, LIMITS, st.booleans())
def test_any_lines_come_out_whole_however_they_are_cut(
    array: list[Any], limits: SliceLimits, last_feed: bool
) -> None:
    data = "\n".join(map(json.dumps, array)).encode() + b"\n" * last_feed
    assert [item.value for item in cut_small(LINES, data, limits)] == _as_read(array)


@settings(max_examples=150, database=None)
@given(ARRAYS, LIMITS, PLACES)
def test_a_truncated_array_gives_what_came_before(
    array: list[Any], limits: SliceLimits, place: float
) -> None:
    whole = json.dumps(array).encode()
    data = whole[: int(len(whole) * place)]
    found = cut_small(TOP, data, limits)
    sound = [item for item in found if isinstance(item, RawRecord)]
    before = [item for item in items_of(TOP, whole) if item.offset + item.length <= len(data)]
    # A number that stands at the very end may have been longer.
    assert sound == before or (
        sound == before[:-1] and isinstance(before[-1].value, int | float | str)
    )
    told = [Reason.TRUNCATED] if 0 < len(data) < len(whole) else []
    assert [item.reason for item in found[len(sound) :]] == told


SLOPPY_TEXTS = st.lists(
    st.sampled_from(
        [
            *("a", " ", "\t", "\n", ",", "[", "1e5", "NaN", "u", "é", "😀"),
            *(r"\\", r"\"", r"\n", r"\u0041", r"\ud83d", r"\uDE00", r"\uD8"),
        ]
    ),
    max_size=5,
).map(lambda parts: '"' + "".join(parts) + '"')
SLOPPY_NUMBERS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        st.sampled_from(["0", "7", "12", "9" * 30]),
        st.sampled_from(["", ".5", ".000"]),
        st.sampled_from(["", "e5", "E-5", "e+0066", "e" + "9" * 60, "E-" + "9" * 60]),
    ),
)
SLOPPY = st.recursive(
    SLOPPY_TEXTS
    | SLOPPY_NUMBERS
    | st.sampled_from(["null", "NaN", "-Infinity", "true", "x", "1 2", "nul"]),
    lambda inner: st.lists(inner | st.sampled_from(["", " "]), max_size=4).map(
        lambda parts: "[" + ",".join(parts) + "]"
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, database=None)
@given(st.lists(SLOPPY | st.sampled_from(["", " ", "\n"]), max_size=6), st.integers(0, 70))
def test_the_count_agrees_on_all_that_is_read(parts: list[str], blanks: int) -> None:
    """Halves of surrogate pairs, exponents that no number holds, places without an item; with the
    bounds of buffers at every place in them."""
    data = ("[" + " " * blanks + ",".join(parts) + "]").encode()
    found = list(items_of(TOP, data))
    if any(isinstance(item, Rejection) for item in found):
        return
    counted = json_events.count(
        io.BytesIO(data),
        lambda stream: json_events.count_items(stream) if next(stream) else (),
        buffer=64,  # longer than any run of digits above
    )
    assert counted == TOP.count(io.BytesIO(data), {}) == len(found)


def test_a_break_between_items_is_a_rejection_of_no_bytes() -> None:
    for data in (b"[", b"[1,", b"[[1] , "):
        *_, last = items_of(TOP, data)
        assert (last.reason, last.raw, last.offset, last.length) == (
            Reason.TRUNCATED, b"", len(data), 0
        )  # fmt: skip


ARRAY_SAMPLES = [sample for sample in all_samples() if isinstance(sample.form.reader, JsonItems)]


@pytest.mark.parametrize("sample", ARRAY_SAMPLES, ids=str)
def test_no_break_before_the_end_of_the_array_is_silent(sample: Sample) -> None:
    """Cut at any byte before the bracket that closes the array: the last outcome tells of it."""
    data, reader = sample.file.read_bytes(), sample.form.reader
    array = next(iter(reader.slices(io.BytesIO(data), {}, ONE_PASS)))
    assert data[array.end : array.end + 1] == b"]"
    for size in range(1, array.end + 1):
        found = list(items_of(reader, data[:size]))
        reasons = [item.reason for item in found if isinstance(item, Rejection)]
        if size >= array.start:
            assert found[-1].reason is Reason.TRUNCATED
            assert reasons.count(Reason.TRUNCATED) == 1
        assert reasons
        for limits in (ONE_BY_ONE, SliceLimits(size=50)):
            assert list(items_of(reader, data[:size], limits)) == found


@settings(max_examples=200, database=None)
@given(st.sampled_from([TOP, KEYED, LINES]), ARRAYS, LIMITS, PLACES, st.binary(max_size=3))
@example(KEYED, [], SliceLimits(records=1), 0.96875, b"\0")
def test_broken_bytes_yield_outcomes_and_lose_no_byte(
    reader: Any, array: list[Any], limits: SliceLimits, place: float, noise: bytes
) -> None:
    data = json.dumps({"Browser History": array} if reader is KEYED else array).encode()
    at = int(len(data) * place)
    data = data[:at] + noise + data[at + 1 :]
    found = cut_small(reader, data, limits)
    assert found == list(items_of(reader, data))
    for item in found:
        assert isinstance(item, RawRecord | Rejection)
    for part in reader.slices(io.BytesIO(data), {}, limits):
        _every_byte_is_in_an_item(reader, data, part.start, part.end, found)


def _every_byte_is_in_an_item(
    reader: Any, data: bytes, start: int, end: int, found: list[Any]
) -> None:
    """Of a slice only white space, separators and the array's own closing are left."""
    left = bytearray(data[start:end])
    for item in found:
        for at in range(max(item.offset, start), min(item.offset + item.length, end)):
            left[at - start] = ord(" ")
    assert left.strip(b", \t\r\n") in (b"", b"]", b"]}")


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[", b"{", b"[1,", b'{"a"', b"\0" * 9, b"[\xff]"]
)
def test_peeking_never_raises(data: bytes) -> None:
    head = head_of(data)
    assert peek.first_items(head) in ([], [1])
    assert peek.first_items(head, "a") == []
    assert peek.top_keys(head) in ((), ("a",))
    assert peek.is_json_array(head) is data.startswith(b"[") or data == b"[\xff]"
    assert peek.is_json_object(head) is data.startswith(b"{")


def head_of(data: bytes, size: int | None = None) -> Head:
    return Head(
        path="x.json", data=data, size=len(data) if size is None else size, media_type="text/plain"
    )


def test_peeking_sees_what_stands_before_the_break() -> None:
    array = head_of(b'\xef\xbb\xbf [{"a": 1}, [2], {"b": ')
    assert peek.is_json_array(array)
    assert peek.first_items(array, n=5) == [{"a": 1}, [2]]
    assert peek.first_items(array, n=1) == [{"a": 1}]
    keyed = head_of(b'\xef\xbb\xbf{"Typed Url": [{"inner": 1}], "Browser History": [7, 8, nonsense')
    assert peek.top_keys(keyed) == ("Typed Url", "Browser History")
    assert peek.first_items(keyed, "Typed Url") == [{"inner": 1}]
    assert not peek.is_json_array(head_of(b"[2024-01-01"[:1] + b"x"))
    assert peek.first_items(keyed, "Browser History") == [7, 8]


def test_peeking_at_the_keys_of_an_item_that_is_larger_than_the_head() -> None:
    head = head_of(b'[{"id": {"x": 1}, "mapping": {"a": [{"b": 1')
    assert peek.item_keys(head) == ("id", "mapping")
    some = b'{"c": [{"id": 1}, {"no": 2}, {"id": 3}, {"more": 4}]}'
    assert peek.item_keys(head_of(some), "c") == ("id", "no")
    assert peek.item_keys(head_of(b'[[1], {"no": 2}]')) == ("no",)


@pytest.mark.parametrize("size", [4_000, 4_301, 5_000, 60_000])
@pytest.mark.parametrize("opening", [b"[1,", b"[1,-", b'[1,"', b'[1,{"a":'])
def test_integers_that_crash_ijson_do_not_reach_it(opening: bytes, size: int) -> None:
    head = head_of(opening + b"7" * size + b"}")
    assert peek.first_items(head)[0] == 1
    assert TOP.count(io.BytesIO(head.data), {}) >= 1


def test_peeking_into_deep_nesting_is_quick_enough_to_end() -> None:
    head = head_of(b"[" * 65_000)
    assert peek.first_items(head) == []
    assert peek.top_keys(head) == ()
    assert TOP.count(io.BytesIO(head.data), {}) == 1


def test_peeking_at_lines_leaves_out_the_one_that_is_cut() -> None:
    assert peek.lines(head_of(b"\xef\xbb\xbf\n1\r\n\n2\n3"), 5) == [b"1", b"2", b"3"]
    assert peek.lines(head_of(b"1\n2\n3", size=99), 5) == [b"1", b"2"]
    assert peek.lines(head_of(b"1\n2\n3"), 2) == [b"1", b"2"]
