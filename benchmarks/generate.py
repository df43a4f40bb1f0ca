"""Invented exports of any size, streamed to disk: the same bytes for the same seed and count."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
from PIL import Image

_START = datetime(2019, 1, 1, tzinfo=UTC)
_WORDS = (
    *("garden", "heron", "river", "station", "lamp", "window", "bread", "morning", "letter"),
    *("bicycle", "concert", "winter", "paper", "market", "harbour", "kitchen", "mountain"),
    *("library", "evening", "train", "ticket", "doctor", "school", "holiday", "coffee"),
)


def sentence(random_: random.Random, words: int) -> str:
    """Return some words in a row."""
    return " ".join(random_.choice(_WORDS) for _ in range(words)).capitalize()


def locations(count: int, seed: int = 1) -> Iterator[bytes]:
    """Items of a Records.json, one point every ten minutes, as a phone writes them."""
    random_ = random.Random(seed)
    latitude, longitude = 520_000_000, 130_000_000
    for n in range(count):
        latitude += random_.randint(-2000, 2000)
        longitude += random_.randint(-2000, 2000)
        at = _START + timedelta(minutes=10 * n, milliseconds=n % 1000)
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
        yield orjson.dumps(
            {
                "latitudeE7": latitude,
                "longitudeE7": longitude,
                "accuracy": random_.randint(5, 60),
                "altitude": 34,
                "verticalAccuracy": 3,
                "activity": [
                    {
                        "activity": [
                            {"type": "STILL", "confidence": 90},
                            {"type": "WALKING", "confidence": 5},
                        ],
                        "timestamp": stamp,
                    }
                ],
                "source": "WIFI",
                "deviceTag": -1234567,
                "timestamp": stamp,
            }
        )


def visits(count: int, seed: int = 1) -> Iterator[bytes]:
    """Items of Chrome's history."""
    random_ = random.Random(seed)
    for n in range(count):
        page = random_.randint(1, max(2, count // 4))
        yield orjson.dumps(
            {
                "favicon_url": f"https://site{page % 500}.example/favicon.ico",
                "page_transition": "LINK",
                "title": sentence(random_, 6),
                "url": f"https://site{page % 500}.example/page/{page}?q={n}",
                "client_id": "AbCdEfGhIjKlMnOpQrStUv==",
                "time_usec": 1_546_300_800_000_000 + n * 97_000_000,
            }
        )


def write(path: Path, before: bytes, items: Iterator[bytes], after: bytes) -> Path:
    """Write a JSON document with the items in an array, one at a time."""
    with path.open("wb", buffering=1 << 20) as out:
        out.write(before)
        for n, item in enumerate(items):
            out.write(b",\n" if n else b"\n")
            out.write(item)
        out.write(after)
    return path


def write_locations(path: Path, count: int, seed: int = 1) -> Path:
    """Write a Records.json of `count` points; of every seed at the same moments."""
    return write(path, b'{"locations": [', locations(count, seed), b"\n]}\n")


def write_visits(path: Path, count: int) -> Path:
    """Write a History.json of `count` visits."""
    return write(path, b'{"Browser History": [', visits(count), b"\n]}\n")


def write_small_files(path: Path, count: int) -> Path:
    """Write a zip of `count` JSON files that hold an array of one object each."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for n in range(count):
            archive.writestr(f"export/{n:06}.json", orjson.dumps([{"number": n, "name": f"a{n}"}]))
    return path


def write_mails(path: Path, count: int, seed: int = 1) -> Path:
    """Write an mbox of `count` mails of 30 to 300 words.

    Each tenth is the one before it with a footer.
    """
    random_, words = random.Random(seed), [f"w{n:x}{n * 7919 % 997}" for n in range(5_000)]
    text = ""
    with path.open("w", encoding="utf-8") as out:
        for n in range(count):
            again = n % 10 == 9
            tail = " ".join(random_.choices(words, k=4))
            text = f"{text} {tail}" if again else _prose(random_, words)
            out.write(f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@bench.example>\n")
            out.write(f"From: a{n % 300}@bench.example\nSubject: {n}\n")
            out.write(f"Date: {_START + timedelta(hours=n):%d %b %Y %H:%M:%S} +0000\n\n{text}\n\n")
    return path


def _prose(random_: random.Random, words: list[str]) -> str:
    return " ".join(random_.choices(words, k=random_.randint(30, 300)))


#: One photograph in this number is a smaller copy of the one before it.
ONE_ALIKE_OF = 20
_INSIDE = "Takeout/Google Photos/Photos from 2024/IMG_{:05}.jpg"


def write_photos(path: Path, count: int, seed: int = 1) -> int:
    """Write a zip of small JPEGs, soft patches of light; return how many are copies."""
    random_ = np.random.default_rng(seed)
    picture, alike = Image.new("RGB", (1, 1)), 0
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(count):
            if n % ONE_ALIKE_OF == ONE_ALIKE_OF - 1:
                shown, alike = picture.resize((240, 180)), alike + 1
            else:
                patches = random_.integers(0, 256, size=(12, 16, 3), dtype=np.uint8)
                small = Image.fromarray(patches)
                shown = picture = small.resize((320, 240), Image.Resampling.BICUBIC)
            out = io.BytesIO()
            shown.save(out, "JPEG", quality=80)
            archive.writestr(_INSIDE.format(n), out.getvalue())
    return alike
