"""What the table of Takeout's products says is so."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.contract import Format
from pipeline.recognition.known_files import KNOWN_FILES
from pipeline.registry import all_formats, format_named, recognise
from tests.generators.generate_export import export
from tests.support.formats import head_of
from workers.cli import app
from workers.reference.takeout_coverage import ELSEWHERE, PRODUCTS, DataSet, Fate, lines

#: Google Takeout's products, as its own list names them.
MENU = [
    "Access Log Activity",
    "Alerts",
    "Android Device Configuration Service",
    "Arts & Culture",
    "Assignments",
    "Calendar",
    "Chrome",
    "Classroom",
    "Contacts",
    "Crisis User Reports",
    "Data Shared for Research",
    "Discover",
    "Drive",
    "Fit",
    "Google Account",
    "Google Business Profile",
    "Google Cloud Search",
    "Google Chat",
    "Google Developers",
    "Google Feedback",
    "Google Fi",
    "Google Finance",
    "Google Help Communities",
    "Google Meet",
    "Google Pay",
    "Google Photos",
    "Google Play Books",
    "Google Play Games Services",
    "Google Play Movies & TV",
    "Google Play Store",
    "Google Podcasts",
    "Google Shopping",
    "Google Store",
    "Google Translator Toolkit",
    "Google Workspace Marketplace",
    "Groups",
    "Home App",
    "Keep",
    "Location History (Timeline)",
    "Mail",
    "Maps",
    "My Activity",
    "Maps (your places)",
    "My Maps",
    "Nest",
    "News",
    "Pinpoint",
    "Profile",
    "Purchases & Reservations",
    "Reminders",
    "Saved",
    "Search Contributions",
    "Search Notifications",
    "Street View Uploads",
    "Tasks",
    "YouTube and YouTube Music",
]


def data_sets() -> Iterator[tuple[str, DataSet]]:
    for product in (*PRODUCTS, *ELSEWHERE):
        yield from ((product.name, one) for one in product.data_sets)


def test_every_product_of_the_menu_has_its_fate() -> None:
    assert len(MENU) == 56
    assert [product.name for product in PRODUCTS] == MENU
    assert not {product.name for product in ELSEWHERE} & set(MENU)
    assert all(product.data_sets for product in (*PRODUCTS, *ELSEWHERE))


def test_every_format_that_is_named_exists_and_every_format_of_takeout_is_named() -> None:
    named = {name for _, one in data_sets() for name in one.formats}
    known = {form.name for form in all_formats()}
    assert named <= known
    own = {f.name for f in all_formats() if any("Takeout" in p for p in f.products)}
    assert own <= named


@pytest.mark.parametrize("fate", list(Fate))
def test_each_fate_says_what_it_has_to(fate: Fate) -> None:
    some = [one for _, one in data_sets() if one.fate is fate]
    assert some
    if fate in (Fate.PARSED, Fate.ROWS, Fate.FILES):
        assert all(one.formats for one in some)
    if fate in (Fate.ROWS, Fate.IGNORED, Fate.UNKNOWN):
        assert all(one.why for one in some)


def test_files_are_looked_for_where_they_are_known_to_lie() -> None:
    for product, one in data_sets():
        path = f"Takeout/{one.example}"
        if one.fate is Fate.IGNORED:
            paths = [p for known in KNOWN_FILES for p in known.paths]
            assert any(re.fullmatch(p, path, re.IGNORECASE) for p in paths), path
        elif one.example:
            assert all(format_named(name).may_lie_at(path) for name in one.formats), (product, path)


_OF_FITBIT = ("Fitbit", Fate.PARSED)


def test_a_generated_takeout_holds_all_that_is_parsed(tmp_path: Path) -> None:
    """And whatever is generated is what the table says."""
    made = export(tmp_path, "takeout", 100, 3)
    found: set[str] = set()
    with zipfile.ZipFile(made.files[0]) as archive:
        folders = {name.split("/")[1] for name in archive.namelist()}
        for name in archive.namelist():
            form = recognise(head_of(name, archive.read(name)))
            found |= {form.name} if isinstance(form, Format) else set()
    missing = {
        (product, one.name)
        for product, one in data_sets()
        if one.fate is Fate.PARSED and not found & set(one.formats)
    }
    # The same contacts as those of the vCard file.
    unwritten = {(p, one.name) for p, one in data_sets() if (p, one.fate) == _OF_FITBIT}
    assert missing == {("Contacts", "contacts")} | unwritten  # no generator writes Fitbit's yet
    without_files = {p.name for p in PRODUCTS} - folders - {"Location History (Timeline)"}
    assert without_files == {"Google Podcasts"}, "OPML, which nothing reads"


def test_the_command_prints_it() -> None:
    run = CliRunner().invoke(app, ["formats", "--takeout", "--json"])
    assert len(json.loads(run.stdout)) == len(list(lines()))
    run = CliRunner().invoke(app, ["formats", "tombstones", "--takeout"])
    header, line = run.stdout.splitlines()
    assert header.split()[:3] == ["product", "data", "set"]
    assert "Location History (Timeline)" in line
    assert "rows" in line
