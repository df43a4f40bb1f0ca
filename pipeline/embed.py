"""What is embedded, in which pieces, and never the same text twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.ports import Embedder
from schemas.records import DataType

#: Positions and raw visits are many and say little; they are found by place, time and word.
NOT_EMBEDDED = frozenset({DataType.LOCATION, DataType.BROWSER})

#: A MiniLM reads 256 word pieces, about four letters each.
PIECE_CHARS = 1_000

_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*\s+|\n{2,}")
_WORD_END = re.compile(r"\s+")


class EmbedPolicy(msgspec.Struct, frozen=True):
    """For each data type, whether its texts get vectors."""

    types: frozenset[DataType] = frozenset(DataType) - NOT_EMBEDDED

    def wants(self, data_type: DataType) -> bool:
        """Whether records of this type are embedded."""
        return data_type in self.types


class Piece(msgspec.Struct, frozen=True, gc=False):
    """The characters [start, end) of a text."""

    start: int
    end: int
    text: str


def text_of(title: str | None, content: str | None) -> str | None:
    """The text of a record that its vectors stand for; None if it has none."""
    text = "\n".join(part for part in (title, content) if part and part.strip())
    return text or None


def text_hash(text: str) -> bytes:
    """16 bytes over the text in NFC: the key under which its vector is kept."""
    plain = unicodedata.normalize("NFC", text)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def pieces(text: str, limit: int = PIECE_CHARS) -> Iterator[Piece]:
    """The text in pieces of at most `limit` characters, cut after sentences, else after words,
    else where the limit falls. Every character that is not white space is in one piece."""
    start = 0
    while start < len(text):
        end = _cut(text, start, limit)
        piece = text[start:end]
        stripped = piece.strip()
        if stripped:
            first = start + piece.index(stripped)
            yield Piece(first, first + len(stripped), stripped)
        start = end


def _cut(text: str, start: int, limit: int) -> int:
    """Where the piece that begins at `start` ends."""
    if len(text) - start <= limit:
        return len(text)
    for boundary in (_SENTENCE_END, _WORD_END):
        last = start
        for found in boundary.finditer(text, start, start + limit):
            last = found.end()
        if last > start:
            return last
    return start + limit


def encode_missing(
    texts: Sequence[str],
    cached: Mapping[bytes, NDArray[np.float32]],
    embedder: Embedder,
    *,
    batch: int,
) -> NDArray[np.float32]:
    """Vectors of shape (len(texts), dimension) in the order of the texts.

    `cached` maps text hashes to vectors. Each other text is encoded once, in batches of texts of
    like length, since a batch costs as much as its longest text.
    """
    hashes = [text_hash(text) for text in texts]
    known = dict(cached)
    missing = {h: t for h, t in zip(hashes, texts, strict=True) if h not in known}
    by_length = sorted(missing, key=lambda h: len(missing[h]))
    for first in range(0, len(by_length), batch):
        some = by_length[first : first + batch]
        vectors = embedder.encode([missing[h] for h in some])
        known.update(zip(some, vectors, strict=True))
    if not texts:
        return np.empty((0, embedder.dimension), dtype=np.float32)
    return np.stack([known[h] for h in hashes]).astype(np.float32, copy=False)
