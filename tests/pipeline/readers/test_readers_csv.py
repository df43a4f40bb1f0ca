"""CSV rows: csv-spectrum, the hostile cases, and one cutter for every slicing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers.csv.rows import CsvRows
from schemas.files import Context, Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection

SPECTRUM = Path(__file__).parents[2] / "data" / "csv-spectrum"
MEMBER = Member(path="a.csv", ordinal=0, file=Path("a.csv"), size=0, sha256="", media_type="")
#: In csv-spectrum's own answer for this file another telephone number stands.
_WRONG_ANSWER = "location_coordinates"


def read(
    data: bytes, *, records: int = 10_000, size: int = 1 << 23, reader: CsvRows | None = None
) -> tuple[Context, list[RawRecord | Rejection]]:
    """Context and items of `data`; the slices must tile what follows the byte order mark."""
    reader = reader or CsvRows()
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    slices = list(reader.slices(source, context, SliceLimits(records=records, size=size)))
    ends = [context["start"], *(part.end for part in slices)]
    assert [part.start for part in slices] == ends[:-1]
    assert ends[-1] == max(len(data), context["start"])
    return context, [item for part in slices for item in reader.items(source, part, context)]


def values(data: bytes) -> list[dict[str, str]]:
    _, items = read(data)
    assert all(isinstance(item, RawRecord) for item in items), items
    return [item.value for item in items if isinstance(item, RawRecord)]


def reasons(items: list[RawRecord | Rejection]) -> list[Reason]:
    return [item.reason for item in items if isinstance(item, Rejection)]


def count(data: bytes) -> int:
    source = io.BytesIO(data)
    return CsvRows().count(source, CsvRows().prepare(source, MEMBER))


@pytest.mark.parametrize("path", sorted((SPECTRUM / "csvs").iterdir()), ids=lambda p: p.stem)
def test_csv_spectrum(path: Path) -> None:
    expected = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_bytes())
    data = path.read_bytes()
    if path.stem == _WRONG_ANSWER:
        expected = [{**expected, "Contact Phone Number": "2095257564"}]
    assert values(data) == expected
    assert count(data) == len(expected)


def test_an_unclosed_quote_costs_one_line_and_no_more() -> None:
    data = b'a,b\n1,x\n2,"stray\n3,y\n4,"in, quotes"\n5,z\n'
    _, items = read(data)
    assert reasons(items) == [Reason.UNCLOSED_QUOTE]
    assert isinstance(items[1], Rejection)
    assert (items[1].raw, items[1].offset) == (b'2,"stray', data.index(b"2,"))
    assert [i.value["a"] for i in items if isinstance(i, RawRecord)] == ["1", "3", "4", "5"]


def test_a_quote_that_never_closes_does_not_swallow_the_file() -> None:
    rows = b"".join(b"%d,text\n" % n for n in range(5_000))
    _, items = read(b'a,b\n0,"open\n' + rows)
    assert reasons(items) == [Reason.UNCLOSED_QUOTE]
    assert len(items) == 5_001


@pytest.mark.parametrize("lines", [999, 1_000])
def test_a_quoted_cell_may_run_over_999_line_ends(lines: int) -> None:
    data = b'a,b\n1,"' + b"x\n" * lines + b'x"\n2,y\n'
    _, items = read(data)
    assert (reasons(items)[:1] == [Reason.UNCLOSED_QUOTE]) == (lines == 1_000)
    last = items[-1]
    assert isinstance(last, RawRecord)
    assert last.value == {"a": "2", "b": "y"}


@pytest.mark.parametrize("over", [0, 1, 9, 100_000])
def test_a_quoted_cell_with_line_ends_may_take_a_mebibyte(over: int) -> None:
    row = b'1,"' + b"x" * ((1 << 20) - 5 + over) + b'\n"'
    assert len(row) == (1 << 20) + over
    _, items = read(b"a,b\n" + row + b"\n2,y\n")
    assert (Reason.UNCLOSED_QUOTE in reasons(items)) == bool(over)
    assert isinstance(items[-1], RawRecord)


def test_what_lies_beyond_a_slice_decides_about_a_quote_as_it_does_in_one_pass() -> None:
    data = b"a,b\n" + b'1,"open\n' + b"2,plain\n" * 1_200 + b'3,"two\nlines"\n'
    _, whole = read(data)
    for records in (1, 7, 400):
        assert read(data, records=records)[1] == whole


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1\n", [{"a": "1", "b": ""}]),
        (b"a,b,c\n1\n1,2\n", [Reason.RAGGED_ROW, {"a": "1", "b": "2", "c": ""}]),
        (b'a,b\n,\n  ,\n1,2\n"",""\n', [{"a": "1", "b": "2"}]),
        (b"sep=;\r\na;b\r\n1,5;2\r\n", [{"a": "1,5", "b": "2"}]),
        (b'a,b\n1,"he said \\"no\\", then left"\n', [{"a": "1", "b": 'he said "no", then left'}]),
        (b'a,b\n1,"C:\\temp\\"\n2,x\n', [{"a": "1", "b": "C:\\temp\\"}, {"a": "2", "b": "x"}]),
        (b"a,b\n1,2,3\n", [Reason.RAGGED_ROW]),
        (b"a,b\n1,2,,\n", [{"a": "1", "b": "2"}]),
        (b"a,b\n\n1,2\n\r\n\n", [{"a": "1", "b": "2"}]),
        (b"a,b\n=cmd()|' /C calc'!A0,2\n", [{"a": "=cmd()|' /C calc'!A0", "b": "2"}]),
        (b"a,b\nx\x00y,2\n", [{"a": "x\x00y", "b": "2"}]),
        (b"a,b\n" + b"x" * 200_000 + b",2\n", [{"a": "x" * 200_000, "b": "2"}]),
        (b'a,b\n"' + b"x" * 200_000 + b'",2\n', [{"a": "x" * 200_000, "b": "2"}]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [{"a": "1", "b": "2"}]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', [{"a": "1", "b": "2"}]),
        (b"a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        (b"a,b\r1,2\r3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (b'a,b\r1,"x\ry"\r', [{"a": "1", "b": "x\ry"}]),
        (b"a,b\nx\ry,2\n", [{"a": "x\ry", "b": "2"}]),
        (b'a,b\nx\ry,"2,""3"\n', [{"a": "x\ry", "b": '2,"3'}]),
        (b'a,b\n5" pipe,x "y" z\n', [{"a": '5" pipe', "b": 'x "y" z'}]),
        (b'a,b\n"x"tail,2\n', [{"a": "xtail", "b": "2"}]),
        (b"a,b\n\xff,1\n\xc3\xa4,2\n", [Reason.BAD_ENCODING, {"a": "ä", "b": "2"}]),
        (b"a;b\n1,5;2,5\n3,5;4\n", [{"a": "1,5", "b": "2,5"}, {"a": "3,5", "b": "4"}]),
        (b"a\tb\n1, 2\tx\n", [{"a": "1, 2", "b": "x"}]),
        (b"a|b\n1|2\n", [{"a": "1", "b": "2"}]),
        (b"'a','b'\n'1,5','2'\n", [{"a": "1,5", "b": "2"}]),
        (b"name\nana\n'tis\n", [{"name": "ana"}, {"name": "'tis"}]),
    ],
)
def test_what_stands_in_the_wild(data: bytes, expected: list[dict[str, str] | Reason]) -> None:
    _, items = read(data)
    assert [i.value if isinstance(i, RawRecord) else i.reason for i in items] == expected


@pytest.mark.parametrize(
    ("data", "columns", "header"),
    [
        (b"a,,a,a_2\n1,2,3,4\n", ["a", "column_2", "a_3", "a_2"], 0),
        (b"1,2\n3,4\n", ["column_1", "column_2"], -1),
        (b"ana@example.org,x\nbo@example.org,y\n", ["column_1", "column_2"], -1),
        (b"2024-01-01,x\n", ["column_1", "column_2"], -1),
        (b"a,b\n", ["a", "b"], 0),
        (b"", [], -1),
        (b'Notes:\n"About this file"\n\na,b\n1,2\n3,4\n', ["a", "b"], 26),
    ],
)
def test_the_header_and_its_names(data: bytes, columns: list[str], header: int) -> None:
    context, _ = read(data)
    assert (context["columns"], context["header"]) == (columns, header)
    assert json.loads(json.dumps(context)) == context


@pytest.mark.parametrize(
    ("above", "told"),
    [
        (b"Notes:\n\n", [["Notes:"]]),
        (b'"Account";"DE00"\n""\n"Balance:";"1.234,56"\n""\n',
         [["Account", "DE00"], ["Balance:", "1.234,56"]]),
        (b"Account;;;\nFrom;2026-01-01;;\n;;;\n", [["Account"], ["From", "2026-01-01"]]),
        (b'Account;DE\nFor;"x\n', [["Account", "DE"], ['For;"x']]),
        (b"A;1\nB;2\nC;3\nD;4\nE;5\nF;6\n", [[chr(65 + n), str(n + 1)] for n in range(6)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [2, 3, 40])
def test_a_table_begins_where_its_width_begins(
    above: bytes, told: list[list[str]], rows: int
) -> None:
    body = b"".join(b"2026-01-%02d;x;y;-3,80\n" % (n % 28 + 1) for n in range(rows))
    data = above + b"Day;What;For;Sum\n" + body
    context, items = read(data)
    assert context["columns"] == ["Day", "What", "For", "Sum"]
    assert (len(items), reasons(items), count(data)) == (rows, [], rows)
    assert all(i.around == {"above": told} for i in items if isinstance(i, RawRecord))


@pytest.mark.parametrize("blank", [b"", b"\xef\xbb\xbf", b"\r\n\n"])
@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"", 0),
        (b"day,sum", 0),
        (b"day,sum\n", 0),
        (b"day,sum\n1,2,\n", 1),
        (b"day,sum\n?,?,?\n1,2,\n", 1),
    ],
)
def test_a_line_that_is_known_to_be_a_title_is_no_row(blank: bytes, body: bytes, rows: int) -> None:
    context, items = read(blank + b"com.kind,5,1\n" + body, reader=CsvRows(titled=True))
    told = [item for item in items if isinstance(item, RawRecord)]
    assert [item.value for item in told] == [{"day": "1", "sum": "2"}] * rows
    assert all(item.around == {"above": [["com.kind", "5", "1"]]} for item in told)
    assert (context["columns"] == ["day", "sum"]) is bool(body)


def test_rows_of_many_widths_stay_under_the_first() -> None:
    context, items = read(b"a,b,c\nx,y,z,w\nx,y,z,w\nx,y,z,w\n")
    assert context["columns"] == ["a", "b", "c"]
    assert reasons(items) == [Reason.RAGGED_ROW] * 3


def test_a_line_without_end_is_rejected_in_bounded_memory() -> None:
    reader = CsvRows(item_bytes=300_000)
    long = b"x" * 2_000_000
    _, items = read(b"a,b\n1,2\n" + long + b"\n3,4\n", reader=reader)
    assert reasons(items) == [Reason.ITEM_TOO_LARGE]
    rejected = items[1]
    assert isinstance(rejected, Rejection)
    assert (rejected.offset, rejected.length) == (8, len(long) + 1)
    assert 0 < len(rejected.raw) <= 1 << 20
    assert len(items) == 3
    assert reasons(read(b"a,b\n" + long, reader=reader)[1]) == [Reason.ITEM_TOO_LARGE]


_CELLS = st.text(st.sampled_from("ab ,;\"'\r\n\x00é=\t"), max_size=6)
_ROWS = st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=12)
_LIMITS = st.integers(1, 5)


@given(_ROWS, st.sampled_from(["\n", "\r\n"]), _LIMITS)
def test_what_csv_writes_is_read_back_at_any_slicing(
    rows: list[tuple[str, str]], end: str, records: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("first", "second"))
    writer.writerows(rows)
    data = text.getvalue().encode()
    _, items = read(data, records=records)
    full = [row for row in rows if any(map(str.strip, row))]
    assert [tuple(i.value.values()) for i in items if isinstance(i, RawRecord)] == full
    assert count(data) == len(full)


@given(st.lists(st.sampled_from([*b'ab,;"\r\n\x00\xff']), max_size=80), _LIMITS, st.integers(1, 40))
@example(list(b'a,b\n1,"x\n2,y\n'), 1, 1)
def test_any_bytes_give_the_same_rows_at_any_slicing(
    data: list[int], records: int, size: int
) -> None:
    _, whole = read(bytes(data))
    _, cut = read(bytes(data), records=records, size=size)
    assert cut == whole
    for item in whole:
        assert 0 <= item.offset < item.offset + item.length <= len(data)
        if isinstance(item, Rejection):
            assert bytes(data)[item.offset :].startswith(item.raw)


def test_every_truncation_gives_outcomes() -> None:
    data = b'a,b\n1,"x\ny"\n2,"z"\n\xc3\xa4,"\xe2\x82\xac"\n'
    for end in range(len(data) + 1):
        read(data[:end])


def test_offsets_lead_to_the_rows() -> None:
    data = b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n2,z\r\n'
    _, items = read(data)
    assert [data[i.offset : i.offset + i.length] for i in items] == [b'1,"x\r\ny"\r', b"2,z\r"]


def test_blocks_and_slices_meet_in_rows_of_every_length() -> None:
    rows = [f'{n},"{"y" * (n % 97)}\n{n}"' if n % 3 else f"{n},plain" for n in range(20_000)]
    data = "\n".join(["a,b", *rows]).encode()
    assert len(data) > 2 * 256 * 1024
    _, items = read(data, size=100_000)
    assert [i.value["a"] for i in items if isinstance(i, RawRecord)] == [
        str(n) for n in range(20_000)
    ]
    assert count(data) == 20_000


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        # Blanks behind the delimiter, before quotes that hold delimiters and line ends.
        ('"a", "b"\n"1", "x, y"\n"2", "z\nw"\n', [["1", "x, y"], ["2", "z\nw"]]),
        ('"a",  "b"\r\n"1",  ""\r\n3,  "it""s"\r\n', [["1", ""], ["3", 'it"s']]),
        ("'a';'b'\n'1';'x;y'\n'2';'it''s'\n'';'z'\n", [["1", "x;y"], ["2", "it's"], ["", "z"]]),
        # Decimal commas in quotes are no delimiters, though most lines hold one.
        (
            '"Balance";"1,2 EUR";\n\n"day";"who";"sum";\n"2.1.";"a";"-1,2";\n"3.1.";"b";"-3,4";\n',
            [["2.1.", "a", "-1,2", ""], ["3.1.", "b", "-3,4", ""]],
        ),
        # A quoted cell with commas and quotes between delimiters of another kind.
        ('a|b\nx|["p","q"]\ny|["r","s"]\n', [["x", '["p","q"]'], ["y", '["r","s"]']]),
        # A day in words is no column's name, so the first row is a row.
        ("Air,La femme,01 Jan 2024 12:00\nAir,Kelly,01 Jan 2024 12:04\n", None),
        ('Air,La femme,"Jan 1, 2024"\nAir,Kelly,"Jan 2, 2024"\n', None),
        # Sums above a table, nearly as wide as it.
        (
            "What,,Sum\nBegin,,1.00\nCredits,,2.00\n\nDate,Text,Amount,Balance\n"
            "01/02/2024,a,1.00,2.00\n01/03/2024,b,1.00,3.00\n",
            [["01/02/2024", "a", "1.00", "2.00"], ["01/03/2024", "b", "1.00", "3.00"]],
        ),
        ("Bank;\nFrom:;\n2024-01-01;2024-02-01;\nCur;In;Out;\nPLN;1;2;\n\nday;text;kind;sum;\n"
         "2024-01-03;a;b;1;;\n2024-01-04;c;d;2;;\n",
         [["2024-01-03", "a", "b", "1", ""], ["2024-01-04", "c", "d", "2", ""]]),
    ],
)  # fmt: skip
def test_tables_as_programs_and_banks_write_them(data: str, rows: list[list[str]] | None) -> None:
    context, items = read(data.encode())
    told = [list(item.value.values()) for item in items if isinstance(item, RawRecord)]
    if rows is None:
        assert context["header"] == -1
        rows = list(csv.reader(io.StringIO(data)))
    assert told == rows
    assert len(items) == len(rows) == CsvRows().count(io.BytesIO(data.encode()), context)


def test_notes_below_a_small_table_do_not_hide_its_header() -> None:
    data = b"Mine\n\nday,text,kind,sum\n2024-01-03,a,b,1\n2024-01-04,c,d,2\n-\n2 rows\nmade: now\n"
    context, items = read(data)
    assert context["columns"] == ["day", "text", "kind", "sum"]
    assert [isinstance(item, RawRecord) for item in items] == [True, True, False, False, False]
