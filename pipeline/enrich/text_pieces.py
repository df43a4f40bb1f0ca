"""The text of a record that is embedded, cut into pieces, each of them once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from string import ascii_letters
from typing import TYPE_CHECKING

import msgspec

from pipeline.ports import Embedder
from schemas.records import DataType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Locations and visits are many, and hold few words.
EMBEDDED_TYPES = frozenset(DataType) - {DataType.LOCATION, DataType.BROWSER}

PIECE_CHARS = 800
"""Characters that fit the 256 word pieces of all-MiniLM-L6-v2, by `_fair_limit`.

Characters a word piece, counted: English 4.7, French 3.4, German 2.8, JSON 1.4, Russian 1.2,
Japanese 1.0, Korean 0.7.
"""

MOST_PIECES = 64
"""Pieces of one text, unless configured: some 50,000 letters of prose.

A model on a CPU encodes a few dozen pieces a second, and a mailbox of long patches would take days.
The text after them gets no vector; the whole text is stored.
"""


class EmbedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The data types whose records get vectors, where their format doesn't say otherwise."""

    types: frozenset[DataType] = EMBEDDED_TYPES

    def wants(self, data_type: DataType) -> bool:
        """Tell whether records of this type are embedded."""
        return data_type in self.types


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A part of a text: `text` is its characters `[start, end)`, with no space at either end."""

    start: int
    end: int
    text: str


_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


def text_of(title: str | None, content: str | None) -> str | None:
    """Return the text that stands for a record; None without a letter or a digit.

    The title comes first, a blank line after it, unless the content begins with it. The positions
    of `pieces` count in this text.
    """
    title, content = (title or "").strip(), (content or "").strip()
    text = content if content.startswith(title) else f"{title}\n\n{content}".strip()
    return text if _LETTER_OR_DIGIT.search(text) else None


def pieces(text: str, limit: int = PIECE_CHARS, most: int = MOST_PIECES) -> list[Piece]:
    """Return the text cut in order into pieces of at most `limit` characters, at most `most`.

    The cut is at the last sentence's end that leaves no small remainder, else between words, else
    anywhere. Every character but space is in one piece. Pieces with much that isn't ASCII letters
    are shorter: the model's vocabulary has words of English, but only single digits, signs and
    foreign letters.
    """
    if limit < 1:
        raise ValueError("a piece holds at least one character")
    return list(_cut(text, _fair_limit(text, limit), most))


_LETTERS_AND_SPACE = (ascii_letters + " ").encode()


def _fair_limit(text: str, limit: int) -> int:
    """Return `limit`, with an ASCII digit or sign as four characters, a foreign one as six."""
    if len(text) * 6 <= limit:
        return limit
    known = text.encode("ascii", "ignore")
    signs = len(known.translate(None, _LETTERS_AND_SPACE))
    weight = len(text) + 3 * signs + 5 * (len(text) - len(known))
    return max(1, limit * len(text) // weight)


_SPACE = re.compile(r"\s*")
#: A full stop and its like with a space after it, the full stops of Chinese and Japanese, a line.
_SENTENCE_END = re.compile(r"[.!?…؟।][\"'”’»)\]]*\s|[。！？][」』”]*|\n")
_WORD_END = re.compile(r"\s")


def _cut(text: str, limit: int, most: int) -> Iterator[Piece]:
    start, size = _after_space(text, 0), len(text.rstrip())
    for _ in range(most):
        if start >= size:
            return
        end = size if size - start <= limit else _bound(text, start, start + limit)
        piece = text[start:end].rstrip()
        yield Piece(start, start + len(piece), piece)
        start = _after_space(text, end)


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _bound(text: str, start: int, end: int) -> int:
    """Return where to cut `[start, end)`, which text follows.

    A space that is cut off may lie at `end`.
    """
    crumb = start + (end - start) // 4
    for kind in (_SENTENCE_END, _WORD_END):
        bounds = [found.end() for found in kind.finditer(text, crumb, end + 1)]
        while bounds:
            bound = bounds.pop()
            if bound <= end or text[end].isspace():
                return bound
    return end


def text_hash(text: str) -> bytes:
    """Return the cache's 16-byte key of a text: two normal forms of one text have the same."""
    same = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return blake2b(same, digest_size=16).digest()


def plan(
    texts: Sequence[str], hashes: Sequence[bytes], cached: Mapping[bytes, object]
) -> list[int]:
    """Return the positions of the texts to embed: each unknown text once, the longest first.

    Batches of similar length waste no time on padding, and the one that needs most memory is first.
    """
    first = {known: place for place, known in reversed(list(enumerate(hashes)))}
    missing = [place for known, place in first.items() if known not in cached]
    return sorted(missing, key=lambda place: (-len(texts[place]), place))


def encode_missing(
    texts: Sequence[str],
    cached: Mapping[bytes, Sequence[float] | NDArray[np.float32]],
    embedder: Embedder,
    batch: int = 64,
    keep: Callable[[Mapping[bytes, NDArray[np.float32]]], None] = lambda fresh: None,
) -> NDArray[np.float32]:
    """Return vectors of shape (len(texts), dimension), float32, in the order of the texts.

    `cached` holds vectors by `text_hash`; a text that is in it, or came before, is not embedded
    again. The embedder gets batches of `batch` texts, and `keep` the new vectors of each batch by
    hash, so that an interrupted stage continues after the last batch.
    """
    import numpy as np  # noqa: PLC0415 - not for the settings, which know the constants of this file

    hashes = [text_hash(text) for text in texts]
    wanted = plan(texts, hashes, cached)
    vectors: dict[bytes, Sequence[float] | NDArray[np.float32]] = dict(cached)
    for start in range(0, len(wanted), batch):
        places = wanted[start : start + batch]
        encoded = embedder.encode([texts[place] for place in places])
        fresh = dict(zip((hashes[place] for place in places), encoded, strict=True))
        keep(fresh)
        vectors.update(fresh)
    matrix = np.empty((len(texts), embedder.dimension), dtype=np.float32)
    for row, known in enumerate(hashes):
        matrix[row] = vectors[known]
    return matrix
