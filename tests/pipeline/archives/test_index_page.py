"""Names of parts, and the page that lists an export, without any service."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archives.multipart import Gap, Part, gaps, part_of
from pipeline.services.google import archive_browser
from tests.support.sets import STEM, flat_page, page

TREE = {
    "Google Fotos": {
        "": ["print-subscriptions.json"],
        "Fotos von 2019": ["a & b.jpg", "ü.jpg", "!fort.jpg"],
        "Reisen/Süd <1>": ["a & b.jpg"],
    },
    "Chrome": {"": ["Verlauf.json"]},
}
#: Where the page lies.
PLACE = "Takeout/archive_browser.html"
PATHS = [
    "Google Fotos/print-subscriptions.json",
    "Google Fotos/Fotos von 2019/a & b.jpg",
    "Google Fotos/Fotos von 2019/ü.jpg",
    "Google Fotos/Fotos von 2019/fort.jpg",
    "Google Fotos/Reisen/Süd <1>/a & b.jpg",
    "Chrome/Verlauf.json",
]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (f"{STEM}-007.zip", Part(STEM, 0, 7)),
        (f"{STEM}-1.tgz", Part(STEM, 0, 1)),
        (f"{STEM}-3-009.zip", Part(STEM, 3, 9)),
        (f"{STEM}-3-010.tar.gz", Part(STEM, 3, 10)),
        (f"{STEM}-3-010 (2).tgz", Part(STEM, 3, 10)),
        (f"{STEM}-3-011.mp4", Part(STEM, 3, 11, bare=True)),
        (f"{STEM}-012.MOV", Part(STEM, 0, 12, bare=True)),
        ("mydata~1735787045000.zip", Part("mydata~1735787045000", 0, 1)),
        ("mydata~1735787045000-2.zip", Part("mydata~1735787045000", 0, 2)),
    ],
)
def test_a_part_is_known_by_its_name(name: str, part: Part) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    "name",
    [f"{STEM}.zip", f"{STEM}-1-2-3.zip", f"my {STEM}-001.zip", f"{STEM}-00001.zip", "a-001.zip",
     "takeout-2025-001.zip", "mydata-1.zip", f"{STEM}-001.zip.sha256", f"{STEM}-001"],
)  # fmt: skip
def test_other_names_are_no_parts(name: str) -> None:
    assert part_of(name) is None


def test_gaps_are_counted_in_each_file_from_one() -> None:
    assert gaps([]) == gaps([(0, 1), (0, 2), (1, 1), (2, 1)]) == []
    found = gaps([(3, 9), (3, 2), (0, 2), (3, 9)])
    assert found == [Gap(0, 1, 1), Gap(3, 1, 1), Gap(3, 3, 8)]
    assert [gap.label for gap in found] == ["1", "3-001", "3-003 to 3-008"]
    assert gaps([(0, 1)], gone=[(0, 2), (0, 1), (1, 2)]) == [Gap(0, 2, 2), Gap(1, 1, 2)]


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(1, 40))))
def test_gaps_and_parts_fill_the_numbers(numbers: set[tuple[int, int]]) -> None:
    missing = {(g.file, n) for g in gaps(numbers) for n in range(g.first, g.last + 1)}
    last = {file: max(n for f, n in numbers if f == file) for file, _ in numbers}
    assert missing | numbers == {(f, n) for f, most in last.items() for n in range(1, most + 1)}
    assert not missing & numbers


@pytest.mark.parametrize("make", [page, flat_page])
def test_a_page_lists_files_with_their_folders(make: Callable[..., bytes], tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(make(TREE))
    found = archive_browser.entries(file, PLACE)
    assert [e.path for e in found] == PATHS
    assert [e.path for e in found if e.failed] == ["Google Fotos/Fotos von 2019/fort.jpg"]


def test_names_that_were_taken_apart_are_put_together(tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(page({"P": {unicodedata.normalize("NFD", "Süd "): ["ü.jpg"]}}))
    assert [e.path for e in archive_browser.entries(file, PLACE)] == ["P/Süd/ü.jpg"]


@pytest.mark.parametrize("path", ["index.html", "Notes.htm", "export.zip!/index.html"])
def test_a_strangers_page_with_links_is_no_page_of_an_export(tmp_path: Path, path: str) -> None:
    file = tmp_path / "page"
    file.write_bytes(b'<html><a href="Notes/Pond.html">pond</a><a href="b/c.png">c</a></html>')
    assert archive_browser.entries(file, path) == []
    file.write_bytes(page(TREE))
    assert archive_browser.entries(file, path)


def test_without_its_structure_relative_links_count(tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(
        b'<a href="https://example.org/x/y.json">no</a><a href="#top">no</a><a href="/x/y">no</a>'
        b"<a href=\"Takeout/Mail/All%20mail.mbox\">mail</a><a href='./Fit/a.json?x=1'>fit</a>"
        b'<a href="lone.json">no folder</a><a href="../up/a">no</a><a href="//h/a/b">no</a>'
    )
    assert [e.path for e in archive_browser.entries(file, PLACE)] == [
        "Mail/All mail.mbox",
        "Fit/a.json",
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>A page about a lake.</body></html>", bytes(range(256)) * 40,
     b"<div>" * 50_000, b"<!--" * 50_000, b'<a x="' * 50_000, b"<" * 100_000,
     b'<div class="extracted-file-name">' * 5_000, b"<!-- " + page(TREE)],
)  # fmt: skip
def test_a_page_that_says_nothing_claims_nothing(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(data)
    assert archive_browser.entries(file, PLACE) == []


def test_a_large_page_of_other_things_is_not_read_tag_by_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, links = tmp_path / "page", b'<a href="a/b.json">b</a>'
    monkeypatch.setattr(archive_browser, "_MOST_UNMARKED", 1_000)
    file.write_bytes(links * 10)
    assert len(archive_browser.entries(file, PLACE)) == 10
    file.write_bytes(links * 100)
    assert archive_browser.entries(file, PLACE) == []
    file.write_bytes(links * 100 + page(TREE))
    assert [e.path for e in archive_browser.entries(file, PLACE)] == PATHS


def test_tags_across_blocks_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "page"
    file.write_bytes(page(TREE))
    for size in (90, 128, 257):
        monkeypatch.setattr(archive_browser, "_BLOCK", size)
        assert [e.path for e in archive_browser.entries(file, PLACE)] == PATHS


@given(st.binary(max_size=2_000), st.integers(0, 1_500))
def test_any_bytes_are_survived(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed"
    whole = page(TREE)
    file.write_bytes(whole[:at] + data + whole[at:])
    assert all(
        "/" in entry.path and "\0" not in entry.path
        for entry in archive_browser.entries(file, PLACE)
    )


@pytest.mark.parametrize(
    ("path", "there"),
    [("Takeout/archive_browser.html", True), ("Takeout/Archiv_Übersicht.html", True),
     ("archive_browser.html", True), ("all.zip!/Takeout/x.HTM", True),
     ("Takeout/Chrome/x.html", False), ("Takeout/x.json", False), ("other/x.html", False)],
)  # fmt: skip
def test_a_page_lies_in_the_root(path: str, there: bool) -> None:
    assert archive_browser.has_its_place(path) is there
