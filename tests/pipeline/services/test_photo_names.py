"""Google Photos: every rule by which a sidecar belongs to a medium, and none too many."""

from __future__ import annotations

import unicodedata

import pytest

from pipeline.services.google.photo_sidecars import Match, Sidecars

LONG = "Ein sehr langer Name einer Aufnahme vom Seeufer am Abend"  # 56 characters
STEM = LONG[:47]


@pytest.mark.parametrize(
    ("medium", "sidecars", "expected"),
    [
        # 1: both vintages, and the older one first where both are there
        ("IMG_1.jpg", ["IMG_1.jpg.json"], ("IMG_1.jpg.json", "exact")),
        (
            "IMG_1.jpg",
            ["IMG_1.jpg.supplemental-metadata.json"],
            ("IMG_1.jpg.supplemental-metadata.json", "exact"),
        ),
        # 2: cut at 46 characters, anywhere
        (
            "PXL_20220405_090123740.PORTRAIT.jpg",
            ["PXL_20220405_090123740.PORTRAIT.jpg.supplement.json"],
            ("PXL_20220405_090123740.PORTRAIT.jpg.supplement.json", "rule"),
        ),
        (f"{LONG[:42]}.jpg", [f"{LONG[:42]}.jpg.json"], (f"{LONG[:42]}.jpg.json", "exact")),
        (f"{LONG[:44]}.jpg", [f"{LONG[:44]}.j.json"], (f"{LONG[:44]}.j.json", "rule")),
        (f"{LONG[:45]}.jpg", [f"{LONG[:45]}..json"], (f"{LONG[:45]}..json", "rule")),
        (f"{LONG[:41]}.jpg", [f"{LONG[:41]}.jpg..json"], (f"{LONG[:41]}.jpg..json", "rule")),
        # 3: the medium is cut at 47
        (f"{STEM}.jpg", [f"{LONG[:46]}.json"], (f"{LONG[:46]}.json", "rule")),
        # 4: numbers, in both ways
        ("IMG(1).JPG", ["IMG.JPG.json", "IMG.JPG(1).json"], ("IMG.JPG(1).json", "rule")),
        (
            "Scan(1).jpg",
            ["Scan.jpg.supplemental-metadata.json", "Scan.jpg.supplemental-metadata(1).json"],
            ("Scan.jpg.supplemental-metadata(1).json", "rule"),
        ),
        ("IMG(1).JPG", ["IMG(1).JPG.json"], ("IMG(1).JPG.json", "exact")),
        (f"{STEM}(2).jpg", [f"{LONG[:46]}(2).json"], (f"{LONG[:46]}(2).json", "rule")),
        ("IMG(2).JPG", ["IMG.JPG.json", "IMG.JPG(1).json"], None),
        # 5: edited copies, in every language, numbered, cut
        ("IMG_1-edited.jpg", ["IMG_1.jpg.json"], ("IMG_1.jpg.json", "edited")),
        ("IMG_1-bearbeitet.jpg", ["IMG_1.jpg.json"], ("IMG_1.jpg.json", "edited")),
        ("IMG_1-編集済み.jpg", ["IMG_1.jpg.json"], ("IMG_1.jpg.json", "edited")),
        ("IMG_1-ha editado.jpg", ["IMG_1.jpg.json"], ("IMG_1.jpg.json", "edited")),
        ("IMG-edited(1).jpg", ["IMG.jpg.json", "IMG.jpg(1).json"], ("IMG.jpg(1).json", "edited")),
        (f"{LONG[:43]}-edi.jpg", [f"{LONG[:43]}.jp.json"], (f"{LONG[:43]}.jp.json", "edited")),
        # 6: either half of a live photo
        ("IMG_2.MP4", ["IMG_2.HEIC.json"], ("IMG_2.HEIC.json", "live")),
        ("IMG_2.MP", ["IMG_2.HEIC.supplemental-metadata.json"],
         ("IMG_2.HEIC.supplemental-metadata.json", "live")),
        ("IMG_2(1).MOV", ["IMG_2.HEIC.json", "IMG_2.HEIC(1).json"], ("IMG_2.HEIC(1).json", "live")),
        ("IMG_2.MP4", ["IMG_2.HEIC.json", "IMG_2.JPG.json"], None),
        # names that zips of macOS write in NFD
        (unicodedata.normalize("NFD", "Ö.jpg"), ["Ö.jpg.json"], ("Ö.jpg.json", "exact")),
        # lengths are counted in UTF-16, in which an emoji is two
        (f"{24 * '🦊'}.jpg", [f"{23 * '🦊'}.json"], (f"{23 * '🦊'}.json", "rule")),
        (f"a{22 * '🦊'}b.jpg", [f"a{22 * '🦊'}b.json"], (f"a{22 * '🦊'}b.json", "rule")),
        # a title without a suffix, and the edited copy of such a picture
        ("Nest.png", ["Nest.supplemental-metadata.json"],
         ("Nest.supplemental-metadata.json", "stem")),
        ("Nest-edited.png", ["Nest.supplemental-metadata.json"],
         ("Nest.supplemental-metadata.json", "edited")),
        ("Nest(1).png", ["Nest.supplemental-metadata.json"], None),
        # nothing to be found
        ("IMG_3.jpg", ["IMG_4.jpg.json", "metadata.json"], None),
        ("IMG_3.jpg", [], None),
    ],
)  # fmt: skip
def test_names_alone(medium: str, sidecars: list[str], expected: tuple[str, str] | None) -> None:
    found = Sidecars(dict.fromkeys(sidecars)).of(medium)
    assert found == (Match(*expected) if expected else None)


def test_titles_tell_what_names_do_not() -> None:
    """7: `&` and `?` are written as `_`, and only the title still knows."""
    titles = {
        "Ben _ Ana_.jpg (x).json": "Ben & Ana?.jpg",
        "Ben _ Bo_.jpg (x).json": "Ben & Bo?.jpg",
    }
    assert Sidecars(titles).of("Ben _ Ana_.jpg") == Match("Ben _ Ana_.jpg (x).json", "title")
    twice = {
        "Ben _ Ana_.jpg (x).json": "Ben & Ana?.jpg",
        "Ben _ Ana_.jpg (y).json": "Ben & Ana?.jpg",
    }
    assert Sidecars(twice).of("Ben _ Ana_.jpg") is None
    assert Sidecars({"quite another.json": "IMG_9.jpg"}).of("IMG_9.jpg") is None


def test_a_beginning_is_enough_where_it_is_the_only_one() -> None:
    cut = f"{LONG[:44]}.json"
    assert Sidecars({cut: None}).of(f"{STEM}.jpg") == Match(cut, "prefix")
    assert Sidecars({cut: None, f"{LONG[:43]}.json": None}).of(f"{STEM}.jpg") is None
    assert Sidecars({"Ein.json": None}).of("Eine Aufnahme.jpg") is None
