"""Near-duplicate texts and images: signatures that agree as far as the contents do.

A text is the set of all its runs of eight letters; MinHash stores the least of them under 128
orders, so that the share of equal positions estimates how much two such sets have in common. An
image is its light and dark at 16 x 16 positions (a difference hash), the same at any size. Parts of
a signature are *bands*: similar contents have one in common, and are found by it without a scan.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.services.media import DAMAGE, FORMATS
from pipeline.text.cleaning import unquoted

#: Letters of one shingle. Eight in a row are about a word and a half, also where words have no
#: spaces; with fewer, long texts of one language have too much in common.
_SHINGLE = 8
_HASHES = 128
_BANDS = 16
#: Letters of a text that are read, and shingles that are hashed at a time (so that they stay in the
#: processor's cache).
MOST_CHARS = 10_000
_BLOCK = 256
_LEAST_SHINGLES = 24

_RANDOM = np.random.default_rng(20_260_101)  # never to be changed: signatures are stored
_ODD = _RANDOM.integers(1 << 31, size=(_HASHES, 1), dtype=np.uint32) * 2 + 1
_MASK = _RANDOM.integers(1 << 32, size=(_HASHES, 1), dtype=np.uint32)
_STEP = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_BAND_SALT = _RANDOM.integers(1 << 63, size=_BANDS, dtype=np.uint64)

#: An image is compared by 16 by 16 positions; one of more pixels than `_MOST_PIXELS` is not
#: decoded.
_SIDE = 16
_MOST_PIXELS = 120_000_000

_SPACE = re.compile(r"\s+")


class Likeness(StrEnum):
    """What a signature was made of."""

    TEXT = "text"
    IMAGE = "image"


#: The least share of equal positions of two copies of an image: 20 of 256 positions differ.
LEAST_OF_IMAGES: Final = 0.92


class Signature(msgspec.Struct, frozen=True):
    """`value` has 256 bytes for a text, 32 for an image; `bands` has 16 signed 64-bit numbers."""

    kind: Likeness
    value: bytes
    bands: list[int]


def of_text(text: str) -> Signature | None:
    """Return the signature of a text's own words; None for a text too short to compare."""
    codes = np.frombuffer(_own(text).encode("utf-32-le", "replace"), dtype="<u4")
    if len(codes) < _SHINGLE + _LEAST_SHINGLES:
        return None
    least = np.full(_HASHES, np.iinfo(np.uint32).max, dtype=np.uint32)
    hashes = _shingles(codes)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK] ^ _MASK
        block *= _ODD
        np.minimum(least, block.min(axis=1), out=least)
    # The least of many are small: mixing their low bits separates them.
    places = ((least * np.uint32(0x9E3779B1)) >> np.uint32(16)).astype("<u2")
    return Signature(Likeness.TEXT, places.tobytes(), _bands(places[: 4 * _BANDS].view("<u8")))


def _own(text: str) -> str:
    """Return the text without quoted lines and signature, case and spaces.

    The whole text is used where nothing else is left.
    """
    text = text[:MOST_CHARS]
    own = unquoted(text)
    compared = own if len(own) > _SHINGLE + _LEAST_SHINGLES else text
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", compared)).strip().casefold()


def _shingles(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a hash of each run of letters, in order."""
    wide, n = codes.astype(np.uint64), len(codes) - _SHINGLE + 1
    rolled = np.zeros(n, dtype=np.uint64)
    for at in range(_SHINGLE):
        rolled = rolled * _STEP + wide[at : at + n]
    rolled = (rolled ^ (rolled >> np.uint64(29))) * _MIX
    return (rolled >> np.uint64(32)).astype(np.uint32)


def _bands(parts: NDArray[np.uint64]) -> list[int]:
    """Return the parts of a signature as keys; equal parts in other positions are other keys."""
    mixed = (parts ^ _BAND_SALT) * _MIX
    return [int(band) for band in (mixed ^ (mixed >> np.uint64(31))).view(np.int64)]


def of_image(path: Path) -> Signature | None:
    """Return the signature of the image in a file; None for a damaged or uniform one.

    It decodes untrusted data: call it where a crash is harmless.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("L", (16 * _SIDE, 16 * _SIDE))
            grey = ImageOps.exif_transpose(image).convert("L")
            small = grey.resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS)
    except DAMAGE:
        return None
    light = np.asarray(small, dtype=np.int16)
    steps = light[:, 1:] - light[:, :-1]
    if not steps.any():
        return None
    value = np.packbits(steps > 0)
    return Signature(Likeness.IMAGE, value.tobytes(), _bands(value.view("<u2").astype(np.uint64)))


def similarities(kind: Likeness, one: bytes, others: Sequence[bytes]) -> NDArray[np.float64]:
    """Return the share of positions in which a signature agrees with each other one; shape (n,)."""
    many = np.frombuffer(b"".join(others), dtype=np.uint8).reshape(len(others), len(one))
    mine = np.frombuffer(one, dtype=np.uint8)
    if kind is Likeness.TEXT:
        return np.asarray((many.view("<u2") == mine.view("<u2")).mean(axis=1), dtype=np.float64)
    differing = np.bitwise_count(many ^ mine).sum(axis=1)
    return np.asarray(1.0 - differing / (8.0 * len(one)), dtype=np.float64)
