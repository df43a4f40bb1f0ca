"""XML elements: where they lie in sound, odd and broken documents, at every slicing."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import xml_tree
from pipeline.readers.xml_elements import XmlElements
from pipeline.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.formats_support import Watched

READER = XmlElements(names=("a", "wide"), heads=("head", "part"))
MEMBER = Member(path="a.xml", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")

#: Pieces of a document, sound and not.
PIECES = [
    b'<a n="1"/>', b"<a>text<b/></a>", b'<p:a n="x>y"/>', b"<a n='\"'>&lt;</a >", b"<ab/>",
    b"<!-- <a/> -->", b"<![CDATA[<a/>]]>", b"<a><!-- </a> --><![CDATA[</a>]]></a>", b"\n  ",
    b"<head><t>x</t>", b"</head>", b"<part>", b"</part>", b"<wide n=\"" + b"w" * 300 + b'"/>',
    b'<a n="', b"<a", b"</a>", b"<!--", b"<a>&x;</a>", b"<a><b></a>", b"\xff", b"&", b'"', b">",
]  # fmt: skip


def read(data: bytes, *, records: int = 500, size: int = 1 << 23) -> list[RawRecord | Rejection]:
    """The items of `data`; the slices must tile it."""
    source = io.BytesIO(data)
    context = READER.prepare(source, MEMBER)
    slices = list(READER.slices(source, context, SliceLimits(records=records, size=size)))
    ends = [0, *(part.end for part in slices)]
    assert [part.start for part in slices] == ends[:-1]
    assert ends[-1] == len(data)
    return [item for part in slices for item in READER.items(source, part, context)]


def count(data: bytes) -> int:
    source = io.BytesIO(data)
    return READER.count(source, READER.prepare(source, MEMBER))


def values(data: bytes) -> list[Element]:
    items = read(data)
    assert all(isinstance(item, RawRecord) for item in items), items
    assert count(data) == len(items)
    return [item.value for item in items if isinstance(item, RawRecord)]


def reasons(data: bytes) -> list[Reason | None]:
    items = read(data)
    return [item.reason if isinstance(item, Rejection) else None for item in items]


def test_elements_lie_where_a_parser_finds_them() -> None:
    found = values(
        b'\xef\xbb\xbf<?xml version="1.0"?><!DOCTYPE r [<!-- v --> <!ELEMENT a (b)*>'
        b'<!ATTLIST a n CDATA #IMPLIED>]><r xmlns:p="q"><a n="x>&amp;"/><!--<a/>--><p:a>1<b>2</b>'
        b"<p:c>3</p:c></p:a><![CDATA[<a/>]]><ab/><a></a\n></r><!-- end -->\n"
    )
    assert [(e.tag, e.attributes, e.text) for e in found] == [
        ("a", {"n": "x>&"}, ""),
        ("a", {}, "1"),
        ("a", {}, ""),
    ]
    assert found[1].said("b") == "2" and found[1].said("c") == "3"


def test_a_head_comes_with_what_it_holds() -> None:
    data = b"<r><head k='1'><t>A</t><part><t>B</t><a n='1'/><a n='2'/></part></head><head/></r>"
    items = [item for item in read(data) if isinstance(item, RawRecord)]
    assert [i.value.tag for i in items] == ["head", "part", "a", "a", "head"]
    assert [i.value.said("t") for i in items[:2]] == ["A", "B"]
    held = items[0].around
    assert (held["items"], held["first"].attributes, held["last"].attributes) == (
        2,
        {"n": "1"},
        {"n": "2"},
    )
    assert items[4].around == {"items": 0, "first": None, "last": None}
    assert count(data) == 5


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<r><a/><a n='x><a/></r>", [None, Reason.BAD_SYNTAX, None]),
        (b"<r><a>one<a/></r>", [Reason.BAD_SYNTAX, None]),
        (b"<r><a><b></a><a/></r>", [Reason.BAD_SYNTAX, None]),
        (b"<r><a>&bomb;</a></r>", [Reason.BAD_SYNTAX]),
        (b"<r><a>\xff</a></r>", [Reason.BAD_SYNTAX]),
        (b"<r>" + b"<a>" + b"<b>" * 99 + b"</b>" * 99 + b"</a></r>", [Reason.TOO_DEEP]),
        (b"<r><a/><a>one", [None, Reason.TRUNCATED]),
        (b"<r><a/><a n='1", [None, Reason.TRUNCATED]),
        (b"<r><a/><!-- <a/><![CDATA[<!-- <a/></r>", [None, None, None]),
        (b"<r><a/>", [None, Reason.TRUNCATED]),
        (b"<r><a/></r>\0\0", [None, Reason.TRUNCATED]),
        (b"no XML at all", [Reason.TRUNCATED]),
        (b"<r k='1'/>\n", []),
        (b"<r></r>", []),
        (b"", []),
    ],
)
def test_what_is_broken_is_told(data: bytes, expected: list[Reason | None]) -> None:
    assert reasons(data) == expected


def test_entities_of_a_hostile_dtd_are_not_expanded() -> None:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (i, b"&e%d;" % (i - 1) * 10) for i in range(1, 12))
    data = b'<!DOCTYPE r [<!ENTITY e0 "ha">' + entities + b"]><r><a>&e11;</a><a n='&e11;'/></r>"
    assert reasons(data) == [Reason.BAD_SYNTAX, Reason.BAD_SYNTAX]
    external = b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><r><a>&f;</a></r>'
    assert reasons(external) == [Reason.BAD_SYNTAX]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 4), st.integers(1, 400))
@example([b"<head><t>x</t>", b"<a", b"</head>"], 1, 1)
@example([b'<a n="', b'<a n="1"/>', b'"', b">"], 1, 1)
@example([b"<!--", b"<a/>"], 1, 1)
def test_slicing_anyhow_gives_the_same(pieces: list[bytes], records: int, size: int) -> None:
    for data in (b"<r>" + b"".join(pieces) + b"</r>", b"".join(pieces)):
        whole = read(data)
        assert read(data, records=records, size=size) == whole
        assert count(data) <= len(whole)
        spans = [(item.offset, item.offset + item.length) for item in whole]
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        assert all(0 <= start <= end <= len(data) for start, end in spans)


@pytest.mark.parametrize("length", [1, 100, (1 << 20) - 20, (1 << 20) - 3, (1 << 20) + 5])
def test_elements_across_the_bounds_of_blocks(length: int) -> None:
    comment = b"<!--" + b"c" * length + b"-->"
    wide = b'<wide n="' + b"w" * length + b'"/>'
    data = b"<r>" + comment + wide + b"<a>" + comment + b"x</a><a/></r>"
    assert [(e.tag, e.text) for e in values(data)] == [("wide", ""), ("a", "x"), ("a", "")]


def test_memory_stays_small_and_what_is_too_large_is_told() -> None:
    reader = XmlElements(names=("a",), item_bytes=3 << 20)
    data = b"<r><a>" + b"x" * (5 << 20) + b"</a><a n='" + b"y" * (5 << 20) + b"'/><a/></r>"
    source = Watched(data)
    context = reader.prepare(source, MEMBER)
    parts = list(reader.slices(source, context, SliceLimits()))
    items: list[Any] = [i for part in parts for i in reader.items(source, part, context)]
    assert [getattr(item, "reason", None) for item in items] == [
        Reason.ITEM_TOO_LARGE,
        Reason.ITEM_TOO_LARGE,
        None,
    ]
    assert all(len(item.raw) <= 64 * 1024 for item in items[:2])
    assert source.largest <= 4 << 20


def test_a_root_is_seen_through_what_stands_before_it() -> None:
    seen = xml_tree.root_of(b'\xef\xbb\xbf \n<!-- c --><x:r k="v"><a/><b/><c')
    assert seen == ("r", {"k": "v"}, ("a", "b"))
    assert xml_tree.root_of(b"") is None
    assert xml_tree.root_of(b'{"json": 1}') is None


def test_a_complaint_says_where_and_not_what() -> None:
    with pytest.raises(BadValue) as complaint:
        xml_tree.parse(b"<a>secret</b>")
    assert complaint.value.detail == "not sound XML at line 1, column 11"
