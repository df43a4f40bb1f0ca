"""Google Photos of Takeout: photos with sidecars under every kind of name, in years and albums."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

_START = 1_400_000_000
_ALBUM = 100
_BROKEN = 60
#: Albums are called as their owner calls them, in whichever language the account is.
_TITLE = "Urlaub"
_SUFFIX = ".supplemental-metadata"
_WORDS = {
    "en": ("Google Photos", "Photos from", "metadata.json"),
    "de": ("Google Fotos", "Fotos von", "Metadaten.json"),
}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """`records` photos, each with a sidecar; every hundredth opens an album of its own."""
    random = Random(seed)
    product, year, metadata = _WORDS[locale]
    root = folder / "Takeout" / product
    picture = _picture()
    albums = 0
    for number in range(records):
        place = root / (f"{year} 2014" if number % 2 else f"{_TITLE} {number // _ALBUM}")
        place.mkdir(parents=True, exist_ok=True)
        if number % _ALBUM == 0:
            albums += 1
            _write(place / metadata, _album(place.name))
        medium, sidecar, title = _names(number)
        (place / medium).write_bytes(picture + number.to_bytes(8, "big"))
        _write(place / sidecar, _sidecar(number, title, random))
    broken = len(range(0, records, _BROKEN))
    return {"medium": 2 * records - broken, "album": albums, "rejected": broken}


def parts(folder: Path, records: int, seed: int, count: int) -> list[dict[str, bytes]]:
    """The same as members of `count` parts: each file in one of them, whatever lay beside it."""
    generate(folder, records, seed)
    random = Random(seed)
    made: list[dict[str, bytes]] = [{} for _ in range(count)]
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        random.choice(made)[file.relative_to(folder).as_posix()] = file.read_bytes()
    return made


def _picture() -> bytes:
    """The smallest JPEG; what follows its end is not looked at, but makes it another file."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "JPEG")
    return out.getvalue()


def _names(number: int) -> tuple[str, str, str]:
    """Medium, sidecar and title, by one of four of Takeout's rules."""
    match number % 4:
        case 0:
            title = f"IMG_{number:06}.jpg"
            return title, f"{title}{_SUFFIX}.json", title
        case 1:
            title = f"IMG_{number:06}.jpg"
            return title, f"{title}.json", title
        case 2:
            title = f"IMG_{number:06}.jpg"
            return f"IMG_{number:06}(1).jpg", f"{title}{_SUFFIX}(1).json", title
        case _:
            title = f"{number:06} ein langer Name, den Takeout kürzen muss, so wie hier.jpg"
            return f"{title[:47]}.jpg", f"{title[:46]}.json", title


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _album(name: str) -> dict[str, Any]:
    date = {"timestamp": str(_START), "formatted": "-"}
    return {"title": name, "description": "", "access": "protected", "date": date}


def _sidecar(number: int, title: str, random: Random) -> dict[str, Any]:
    url = f"https://photos.google.com/photo/AF1Q{number}"
    return {
        "title": title,
        "description": "",
        "imageViews": str(random.randrange(9)),
        "photoTakenTime": {"timestamp": str(_START + number), "formatted": "-"},
        "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
        "url": number if number % _BROKEN == 0 else url,
    }
