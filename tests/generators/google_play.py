"""Google Play Store of Takeout, of any size: installs, library, purchases, orders, reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.google_support import WORDS, added, is_bad, iso, opened, split, write_array


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` items, a fifth in each file; returns how many outcomes each kind has."""
    random = Random(seed)
    place = folder / "Takeout" / "Google Play Store"
    share = records // 5
    made: tuple[tuple[str, str, Callable[..., dict[str, Any]]], ...] = (
        ("Installs", "install", _install),
        ("Library", "libraryDoc", _library),
        ("Purchase History", "purchaseHistory", _purchase),
        ("Order History", "orderHistory", _order),
        ("Reviews", "review", _review),
    )
    for name, key, make in made:
        with opened(place / f"{name}.json") as out:
            write_array(out, _items(share, key, make, random))
    kinds = ("install", "list_item", "purchase", "purchase", "review")
    return added(*(split(share, kind) for kind in kinds))


def _items(
    share: int, key: str, make: Callable[..., dict[str, Any]], random: Random
) -> Iterator[Any]:
    for number in range(share):
        word = random.choice(WORDS)
        title = {"title": f"{word} {number}"}
        item = {key: make({"documentType": "Android Apps", **title}, iso(number), number)}
        yield number if is_bad(number) else item


def _install(doc: dict[str, str], written: str, number: int) -> dict[str, Any]:
    device = {"model": "E1", "manufacturer": "Elm", "deviceDisplayName": "Elm E1"}
    return {"doc": doc, "firstInstallationTime": written, "deviceAttribute": device}


def _library(doc: dict[str, str], written: str, number: int) -> dict[str, Any]:
    return {"doc": doc, "acquisitionTime": written}


def _purchase(doc: dict[str, str], written: str, number: int) -> dict[str, Any]:
    return {"doc": doc, "invoicePrice": "3,99\u00a0€", "userCountry": "DE", "purchaseTime": written}


def _order(doc: dict[str, str], written: str, number: int) -> dict[str, Any]:
    line = {"doc": doc, "quantity": 1}
    order = {"orderId": f"GPA.{number}", "creationTime": written, "totalPrice": "3,99 €"}
    return {**order, "lineItem": [line]}


def _review(doc: dict[str, str], written: str, number: int) -> dict[str, Any]:
    said = {"starRating": 1 + number % 5, "comment": "Schön 🌳"}
    return {"document": doc, "creationTime": written, **said}
