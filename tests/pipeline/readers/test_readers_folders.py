"""Folders that items of a file lie in: of bookmarks and of placemarks, however they are cut."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import folders
from pipeline.readers.bookmarks import Bookmarks
from pipeline.readers.folders import Folders, Outline
from pipeline.readers.xml.elements import XmlElements
from schemas.files import Member, SliceLimits
from schemas.records import RawRecord

KML = XmlElements(names=("Placemark",), folders=("Folder",), named=("Document", "Tour"))
MEMBER = Member(path="a", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")

#: A tree: a leaf is a number, a folder a name and what is in it.
TREES = st.lists(
    st.recursive(
        st.integers(0, 9),
        lambda inner: st.tuples(st.sampled_from(["", "A", "B & C", "]]"]), st.lists(inner)),
        max_leaves=12,
    ),
    max_size=4,
)
CUTS = st.builds(SliceLimits, records=st.integers(1, 3))


def inside(tree: list[Any], around: tuple[str, ...] = ()) -> list[list[str]]:
    """The folders of each leaf."""
    found: list[list[str]] = []
    for one in tree:
        if isinstance(one, tuple):
            found += inside(one[1], (*around, one[0]))
        else:
            found.append([name for name in around if name])
    return found


def kml(tree: list[Any]) -> str:
    return "".join(
        f"<Folder>{named(one[0])}<Tour><name>no</name></Tour>{kml(one[1])}</Folder>"
        if isinstance(one, tuple)
        else f"<!-- <Folder> --><Placemark><name>{one}</name></Placemark>"
        for one in tree
    )


def named(name: str) -> str:
    if not name:
        return "<name/>"
    return f"<name><![CDATA[{name}]]></name>" if "&" in name else f"<name> {name} </name>"


def html(tree: list[Any]) -> str:
    return "".join(
        f"<DT><H3 ADD_DATE='7'>{one[0].replace('&', '&amp;')}</H3><DL>{html(one[1])}</DL>"
        if isinstance(one, tuple)
        else f'<DT><A HREF="{one}">x</A>'
        for one in tree
    )


def arounds(reader: Any, text: str, limits: SliceLimits) -> list[dict[str, Any]]:
    source = io.BytesIO(text.encode())
    context = reader.prepare(source, MEMBER)
    parts = list(reader.slices(source, context, limits))
    items = [item for part in parts for item in reader.items(source, part, context)]
    return [dict(item.around) for item in items if isinstance(item, RawRecord)]


@settings(max_examples=60)
@given(TREES, CUTS)
def test_each_item_knows_the_folders_it_lies_in(tree: list[Any], limits: SliceLimits) -> None:
    found = arounds(KML, f"<kml><Document><name>d</name>{kml(tree)}</Document></kml>", limits)
    assert [around["folders"] for around in found] == inside(tree)
    found = arounds(Bookmarks(), f"<DL>{html(tree)}</DL>", limits)
    assert [around["folders"] for around in found] == inside(tree)
    assert all(dates == {"add_date": "7"} for around in found for dates in around["dates"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Folder><Placemark/><name>late</name></Folder><Placemark/>", [["late"], []]),
        ("<Folder><name>a</name><Placemark><name>b</Folder><Placemark/>", [[]]),
        ("<k:Folder><k:name>a</k:name><name>b</name><k:Placemark/></k:Folder>", [["a"]]),
        ("</Folder><Folder/><Folder><name>a<Placemark/>", [["a"]]),
        ("<Folder><Document><name>d</name><Folder><name>i</name><Placemark/>", [["i"]]),
    ],
)
def test_odd_folders(text: str, expected: list[list[str]]) -> None:
    found = arounds(KML, f"<kml>{text}</kml>", SliceLimits())
    assert [around["folders"] for around in found] == expected


def test_behind_the_last_step_that_is_kept_nothing_is_in_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folders, "_STEPS", 3)
    outline = Outline()
    outline.begin(0, "a")
    outline.begin(10, "b")
    outline.begin(20, "c")
    outline.begin(30, "d")
    outline.end(40)
    found = Folders(outline.steps)
    assert [[step[1] for step in found.at(at)] for at in (5, 15, 35)] == [["a"], ["a", "b"], []]
