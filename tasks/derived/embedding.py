"""Embed texts: cut in pieces, the longest first, none embedded twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pipeline.enrich import text_pieces
from schemas.privacy import ReadUnder, Since
from sql.vectors import Pieces
from tasks.runtime.context import Options, Runtime


def embed_texts(
    run: Runtime,
    user_id: UUID,
    model: str,
    texts: Sequence[tuple[int, str]],
    of: ReadUnder | Since | None,
    sign_of_life: Callable[[], None] = lambda: None,
) -> Pieces | None:
    """Return vectors of numbered texts; None if there is nothing to embed.

    A text that this user had embedded before comes from the cache. New vectors go there batch by
    batch, in transactions of their own: a chunk of long mails takes minutes, and a lost worker
    loses one batch. A static model is quicker than the cache. After each batch `sign_of_life` is
    called. `of` says how the texts were read (`VectorStore.keep`); with None nothing is cached.
    """
    owners, pieces = _pieces(texts, run.options)
    if not pieces:
        return None
    embedder, model_id = run.embedder(model), run.model_id(user_id, model)
    strings, cached = [piece.text for piece in pieces], embedder.cached_by_text

    def keep(fresh: Mapping[bytes, NDArray[np.float32]]) -> None:
        if cached and of is not None:
            run.vectors.keep(user_id, model_id, fresh, of)
        sign_of_life()

    hashes = {text_pieces.text_hash(text) for text in strings} if cached else set()
    matrix = text_pieces.encode_missing(
        strings,
        run.vectors.cached(user_id, model_id, hashes) if cached else {},
        embedder,
        batch=run.options.embed_batch or embedder.at_once,
        keep=keep,
    )
    return Pieces(
        owners=owners,
        pieces=np.array(_numbered(owners), dtype="<i2"),
        starts=np.array([p.start for p in pieces], dtype="<i4"),
        ends=np.array([p.end for p in pieces], dtype="<i4"),
        matrix=np.ascontiguousarray(matrix, dtype="<f4"),
    )


def _pieces(
    texts: Sequence[tuple[int, str]], options: Options
) -> tuple[list[int], list[text_pieces.Piece]]:
    """Return every text cut to the model's size, and the number of the text of each piece."""
    owners: list[int] = []
    pieces: list[text_pieces.Piece] = []
    for n, text in texts:
        for piece in text_pieces.pieces(text, options.piece_chars, options.most_pieces):
            owners.append(n)
            pieces.append(piece)
    return owners, pieces


def _numbered(owners: list[int]) -> list[int]:
    """Return the number of each piece within its text: 0, 1, … for runs of one owner."""
    numbers = [0] * len(owners)
    for at, (before, now) in enumerate(pairwise(owners), start=1):
        numbers[at] = numbers[at - 1] + 1 if before == now else 0
    return numbers
