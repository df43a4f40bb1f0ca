"""The rest of Takeout's menu: the samples of formats that no generator writes, and for what is not
parsed a table, a list, a text, a picture or a sound in the place of each data set."""

from __future__ import annotations

import csv
import io
import json
import re
import wave
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.generators.google_support import added, iso, opened
from workers.reference.takeout_coverage import ELSEWHERE, PRODUCTS, DataSet, Fate

_SAMPLES = Path(__file__).parents[1] / "formats"
#: Of these formats every sample that lies in `Takeout/`; of others one, and where it is put.
_TAKEOUTS = ("google.chat_user", "google.fit_sessions", "google.pay_passes", "google.play_devices",
             "google.play_subscriptions")  # fmt: skip
_OTHERS = {
    "tcx": ("activities/run.tcx", "Fit/Activities/2026-03-01T07_00_00.tcx"),
    "kml": ("maps/doc.kml", "My Maps/Herons.kml"),
}
_KINDS = {"Point": "location", "Metric": "metric", "Rejection": "rejected"}
#: What is ignored is told by these keys, or by its name alone.
_SETTINGS = {"createdTime": "2020-01-01T00:00:00Z", "deviceSettings": []}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes a tenth of `records` rows, items or files for each data set that is not parsed;
    returns how many outcomes of each kind they are."""
    takeout, share = folder / "Takeout", max(2, records // 10)
    found = [_samples(takeout, name, _in_takeout(name)) for name in _TAKEOUTS]
    found += [_samples(takeout, name, {one: at}) for name, (one, at) in _OTHERS.items()]
    for product in (*PRODUCTS, *ELSEWHERE):
        for one in product.data_sets:
            found.append(_stand_in(takeout / product.name, one, share))
    return added(*found)


def _in_takeout(name: str) -> dict[str, str]:
    folder = _SAMPLES / name / "input" / "Takeout"
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return {f"Takeout/{path}": path for path in paths}


def _samples(takeout: Path, name: str, places: dict[str, str]) -> dict[str, int]:
    """Copy samples of a format; what is expected of them is written down beside them."""
    for sample, place in places.items():
        data = (_SAMPLES / name / "input" / sample).read_bytes()
        _write(takeout / place, data)
    counts: Counter[str] = Counter()
    for line in (_SAMPLES / name / "expected.jsonl").read_text(encoding="utf-8").splitlines():
        outcome = json.loads(line)
        if outcome["from"][0] in places:
            counts[_KINDS.get(outcome["is"]) or outcome["record_type"]] += 1
    return counts


def _stand_in(folder: Path, one: DataSet, share: int) -> dict[str, int]:
    name = re.sub(r"\W+", " ", f"{one.name} {one.written}").strip()
    if one.fate is Fate.IGNORED:
        _write(folder.parent / one.example, _ignored(one.example))
        return {}
    if one.fate is Fate.PARSED or not one.formats:
        return {}
    write = _WRITERS[one.formats[0]]
    return write(folder, name, share)


def _ignored(path: str) -> bytes:
    return b"<html></html>" if path.endswith(".html") else json.dumps(_SETTINGS).encode()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _table(folder: Path, name: str, share: int) -> dict[str, int]:
    with opened(folder / f"{name}.csv") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("Number", "Said", "When"))
        rows.writerows((n, f"{folder.name}, {name}: Käse {n}", iso(n)) for n in range(share))
    return {"row": share}


def _list(folder: Path, name: str, share: int) -> dict[str, int]:
    items = [
        {"number": n, "said": f"{folder.name}, {name} {n}", "when": iso(n)} for n in range(share)
    ]
    _write(folder / f"{name}.json", json.dumps(items, ensure_ascii=False).encode())
    return {"row": share}


def _features(folder: Path, name: str, share: int) -> dict[str, int]:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [13 + n / 1000, 52.5]},
            "properties": {"name": f"{name} {n}"},
        }
        for n in range(share)
    ]
    made = {"type": "FeatureCollection", "features": features}
    _write(folder / f"{name}.json", json.dumps(made).encode())
    return {"place": share}


def _texts(folder: Path, name: str, share: int) -> dict[str, int]:
    _write(folder / f"{name}.txt", f"{folder.name}: {name}, Übung".encode())
    return {"document": 1}


def _picture(folder: Path, name: str, share: int) -> dict[str, int]:
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "JPEG")
    _write(folder / f"{name}.jpg", out.getvalue() + f"{folder.name} {name}".encode())
    return {"medium": 1}


def _sound(folder: Path, name: str, share: int) -> dict[str, int]:
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(1)
        made.setframerate(8_000)
        made.writeframes(f"{folder.name} {name}".encode().ljust(800, b"\x80"))
    _write(folder / f"{name}.wav", out.getvalue())
    return {"medium": 1}


_WRITERS: dict[str, Callable[[Path, str, int], dict[str, int]]] = {
    "csv.table": _table,
    "json.array": _list,
    "geojson": _features,
    "document.plain": _texts,
    "media.image": _picture,
    "media.audio_video": _sound,
}
