"""XML elements: where they lie in sound, odd and broken documents, at every slicing."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers.xml.elements import HEADLESS, XmlElements
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from schemas.errors import BadValue
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.support.formats import Watched

READER = XmlElements(names=("a", "wide"), heads=("head", "part"))
ORDERED = XmlElements(names=("a",), heads=("head",), ordered_by="t")
MEMBER = Member(path="a.xml", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")

#: Pieces of a document, sound and not.
PIECES = [
    b'<a n="1"/>', b"<a>text<b/></a>", b'<p:a n="x>y"/>', b"<a n='\"'>&lt;</a >", b"<ab/>",
    b"<!-- <a/> -->", b"<![CDATA[<a/>]]>", b"<a><!-- </a> --><![CDATA[</a>]]></a>", b"\n  ",
    b"<head><t>x</t>", b"</head>", b"<part>", b"</part>", b"<wide n=\"" + b"w" * 300 + b'"/>',
    b'<a n="', b"<a", b"</a>", b"<!--", b"<a>&x;</a>", b"<a><b></a>", b"\xff", b"&", b'"', b">",
    b"<a>&#55357;&#56396; & &nbsp;\x0b</a>", b"<?a <a/> ?>", b"<?", b"</a <a/>", b"<a", b"<",
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
    assert found[1].text_at("b") == "2" and found[1].text_at("c") == "3"


def test_a_head_comes_with_what_it_holds() -> None:
    data = b"<r><head k='1'><t>A</t><part><t>B</t><a n='1'/><a n='2'/></part></head><head/></r>"
    items = [item for item in read(data) if isinstance(item, RawRecord)]
    assert [i.value.tag for i in items] == ["head", "part", "a", "a", "head"]
    assert [i.value.text_at("t") for i in items[:2]] == ["A", "B"]
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
        (b"<r><a/>x</a><b>y</b></r>", [None, Reason.BAD_SYNTAX]),
        (b"<r><a n='x<y'>z</a></r>", [Reason.BAD_SYNTAX, Reason.BAD_SYNTAX]),
        (b"<r><a<?x ?> n='1'>z<a/></r>", [Reason.BAD_SYNTAX, None]),
        (b'<r><a"1">z</a><a=/><ab=/></r>', [Reason.BAD_SYNTAX, Reason.BAD_SYNTAX]),
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
        # All but that the document breaks off, and ends of elements that begin nowhere.
        told = [
            i for i in whole
            if not isinstance(i, Rejection) or (i.length and i.detail != HEADLESS)
        ]  # fmt: skip
        assert count(data) == len(told)
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
    assert seen == ("r", {"k": "v"}, ("a", "b"), 15)
    assert xml_tree.root_of(b"") is None
    assert xml_tree.root_of(b'{"json": 1}') is None


def test_a_complaint_says_where_and_not_what() -> None:
    with pytest.raises(BadValue) as complaint:
        xml_tree.parse(b"<a>secret</b>")
    assert complaint.value.detail == "the XML is invalid at line 1, column 11"


#: What may stand before a root, sound and not.
PROLOGUES = [
    b"", b"\xef\xbb\xbf", b"\n\n", b" " * 10, b"\xef\xbb\xbf \n", b"<!-- <a/> -->",
    b'<?xml version="1.0"?>', b'\n<?xml version="1.0"?>', b'<!-- c --><?xml version="1.0"?>',
    b'<?xml version="1.0" encoding="utf-16"?>', b"<?xml version='1.0'?><?xml version='1.0'?>",
    b'<!DOCTYPE r [<!ENTITY e "<a/>">]>', b"<!DOCTYPE r [<!ELEMENT r (a)><!-- <a/> -->]>",
    b"<!DOCTYPE r [<!ATTLIST r k CDATA #IMPLIED <!ELEMENT a EMPTY>]>", b"<!DOCTYPE r [<!ELEMENT",
    b"<!DOCTYPE r", b"\x01",
]  # fmt: skip


@given(st.lists(st.sampled_from(PROLOGUES), max_size=3), st.integers(1, 3))
def test_what_stands_before_the_root_costs_no_element(before: list[bytes], records: int) -> None:
    data = b"".join(before) + b'<p:r k="v"><a n="1"/><a n="2"/></p:r>\n'
    items = read(data, records=records)
    if data.lstrip(b"\xef\xbb\xbf \n").startswith(b"<"):
        root = xml_tree.root_of(data)
        assert root is not None and (root.tag, root.attributes) == ("r", {"k": "v"})
        assert [item.value.attributes["n"] for item in items] == ["1", "2"]  # type: ignore[union-attr]
    assert count(data) == sum(bool(item.length) for item in items)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("&#55357;&#56396;", "\U0001f44c"),
        ("&#xD83D;&#xdc4c;!", "\U0001f44c!"),
        ("&#55357;&#xDC4C;&#65;", "\U0001f44cA"),
        ("half &#55357; only", "half \ufffd only"),
        ("&#56396;&#55357;", "\ufffd\ufffd"),
        ("&#55357;&#55357;&#56396;", "\ufffd\U0001f44c"),
        ("&#0;&#11;&#xFFFF;&#1114112;", "\ufffd" * 4),
        ("&#60;&#38;&#9;&#0;", "<&\t\ufffd"),
        ("\x0b\x00\ufffe", "\ufffd" * 3),
        ("A & B&C &amp; D&", "A & B&C & D&"),
        ("&nbsp;&eacute;&lt;", "\xa0é<"),
        ("I <3 you < me", "I <3 you < me"),
    ],
)
def test_what_producers_write_and_xml_forbids_is_mended(text: str, meant: str) -> None:
    data = text.encode()
    for item in read(b"<r><a>" + data + b"</a></r>"):
        assert isinstance(item, RawRecord)
        assert (item.value.text, item.flags) == (meant, ("xml_mended",))
    if "<" not in text:
        (item,) = read(b"<r><a n='" + data + b"'/></r>")
        assert isinstance(item, RawRecord)
        assert item.value.attributes["n"].replace(" ", "\t") == meant.replace(" ", "\t")
    (item,) = read(b"<r><a><!-- & --><![CDATA[&#55357;&]]>" + data + b"</a></r>")
    assert isinstance(item, RawRecord)
    assert item.value.text == "&#55357;&" + meant


def test_what_is_sound_has_no_flag() -> None:
    items = read("<r><a n='&amp;&#128076;'>&lt;\U0001f44c</a></r>".encode())
    assert [item.flags for item in items if isinstance(item, RawRecord)] == [()]


@given(st.text())
def test_a_mended_text_is_never_refused(text: str) -> None:
    """Whatever stands between two tags, but for tags and what only a DTD can explain."""
    bare = text.replace("<", "< ").replace(";", "").encode("utf-8", "replace")
    found, _ = xml_tree.understood(b"<a>" + bare + b"</a>")
    assert len(found.text) >= len(bare.decode().replace("\r\n", "\n")) - 2 * bare.count(b"]]>")


def test_a_head_says_whether_the_texts_rise() -> None:
    def held(*texts: str) -> Any:
        inner = "".join(f"<a><t>{text}</t></a>" for text in texts)
        source = io.BytesIO(f"<r><head>{inner}</head></r>".encode())
        context = ORDERED.prepare(source, MEMBER)
        (part,) = ORDERED.slices(source, context, SliceLimits())
        first = next(iter(ORDERED.items(source, part, context)))
        assert isinstance(first, RawRecord)
        return first.around["texts"], first.around["in_order"]

    assert held() == ((), True)
    assert held("10:02Z", "10:00Z", "10:01Z") == (("10:00Z", "10:02Z"), False)
    assert held("10:00Z", "10:00Z", "10:01Z") == (("10:00Z", "10:01Z"), True)
    assert held("02:59+02:00", "02:01+01:00") == (("02:59+02:00", "02:01+01:00"), True)


def test_a_head_has_what_stands_behind_its_items() -> None:
    data = (
        b"<r><head><t>A</t><part><t>B</t><s><a n='1'/></s><a n='2'/><s><a n='3'/></s><x>1</x>"
        b"</part><part><s><a n='4'/></s><x>2</x><p:y k='v'/></part><n>N &amp; M</n><m/></head>"
        b"<head><a/></head>"
        b"</r>"
    )
    items = [item for item in read(data) if isinstance(item, RawRecord)]
    tails = [[e.tag for e in i.around["tail"]] for i in items if "tail" in i.around]
    assert tails == [["n", "m"], ["x"], ["x", "y"]]
    assert items[0].around["tail"][0].text == "N & M"
