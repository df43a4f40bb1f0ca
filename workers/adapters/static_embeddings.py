"""The static tier: a table of one vector a token, distilled once from the full model.

A text's vector is the mean of its tokens' vectors, so that tens of thousands of texts a second are
embedded on one core, with neither torch nor a transformer in the process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.atomic_files import fsync_folder
from workers.adapters.sentence_transformers import (
    SentenceTransformerEmbedder,
    fingerprint,
    identity,
)

#: The version of the recipe; another number is another model. Measured in `benchmarks.embedding`.
_RECIPE = 2
_DIMENSION = 256
#: Common tokens weigh less: a / (a + p), with p by Zipf's law over the vocabulary, which the
#: tokenizers of BERT's kind hold in the order of frequency (Arora, Liang, Ma 2017). Of 1e-3, 1e-4
#: and 3e-5 the last ranked best, on the labelled set and against the full model.
_SIF = 3e-5
_TOKENS_AT_ONCE = 1024


class StaticEmbedder:
    """A static model in a folder, as `ensure_static_model` makes it."""

    at_once = 4096
    cached_by_text = False  # embedding again is quicker than a lookup

    def __init__(self, folder: Path, name: str) -> None:
        from model2vec import StaticModel  # noqa: PLC0415 - only for processes that embed

        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        self._model: Any = StaticModel.from_pretrained(folder)
        self._name = name
        self._revision = fingerprint(folder)

    @property
    def model(self) -> str:
        """`static:` and the name of the model that it was distilled from."""
        return self._name

    @property
    def revision(self) -> str:
        """A fingerprint of the files, 32 hex digits: tables of two machines may differ."""
        return self._revision

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self._model.dim)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of shape (len(texts), dimension) and length 1.

        Zeros for a text of no known token, which is nearest to nothing.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        vectors: NDArray[np.float32] = self._model.encode(
            list(texts), max_length=None, use_multiprocessing=False
        )
        return vectors.astype(np.float32, copy=False)


def static_name(model: str | None) -> str:
    """Return the name in `vectors.models` of a full model's static one."""
    return f"static:{identity(model)[0]}"


def find_static_model(models: Path, model: str | None) -> Path | None:
    """Return the folder of the static model, if it was made."""
    folder = _folder(models, model)
    return folder if folder.is_dir() else None


def ensure_static_model(models: Path, model: str | None, threads: int | None = None) -> Path:
    """Return the folder of the static model under `models`, made if it is missing.

    That takes 25 s of CPU for a vocabulary of 30,000. One process makes it, and others wait for it.
    """
    folder = _folder(models, model)
    if folder.is_dir():
        return folder
    models.mkdir(parents=True, exist_ok=True)
    with _alone(models / ".lock"):
        if not folder.is_dir():
            for left in models.glob(".*.part"):  # of a process that was killed over it
                shutil.rmtree(left, ignore_errors=True)
            _make(folder, SentenceTransformerEmbedder(model, device="cpu", threads=threads))
    return folder


def _folder(models: Path, model: str | None) -> Path:
    """Return the folder by its source: a changed model, or recipe, is another folder."""
    return models / f"static-{identity(model)[1]}-{_RECIPE}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Take a lock, which the kernel releases if the process dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, source: SentenceTransformerEmbedder) -> None:
    from model2vec import StaticModel  # noqa: PLC0415

    table = table_of(source)
    part = folder.with_name(f".{folder.name}.part")
    static = StaticModel(table, source.tokenizer, normalize=True, base_model_name=source.model)
    static.save_pretrained(part)
    for path in part.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    os.replace(part, folder)  # noqa: PTH105 - a folder as a whole, rebuilt if it is lost
    fsync_folder(folder.parent)


def table_of(source: SentenceTransformerEmbedder) -> NDArray[np.float16]:
    """Return a vector for each token, as the model sees it alone; shape (tokens, dimension)."""
    vocabulary = sorted(source.tokenizer.get_vocab().items(), key=itemgetter(1))
    real = np.array([not token.startswith("[unused") for token, _ in vocabulary])
    inner = np.array([token.startswith("##") for token, _ in vocabulary])
    ids = np.arange(len(vocabulary))
    parts = np.array_split(ids, max(1, len(ids) // _TOKENS_AT_ONCE))
    rows = np.concatenate([source.encode_tokens(part) for part in parts]).astype(np.float64)
    share = 1 / (np.cumsum(real) + 1)  # a token's rank is how many precede it
    share /= share[real].sum()
    weights: NDArray[np.float64] = _SIF / (_SIF + share)
    for kind in (real & inner, real & ~inner):
        if kind.any():
            rows[kind] -= _common(rows[kind], (share * weights)[kind])
    return (_principal(rows, real) * weights[:, None]).astype(np.float16)


def _common(rows: NDArray[np.float64], often: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected share of these tokens in any text.

    With it, all texts of a language that is split into pieces of words are similar, and no graph of
    neighbours leads through them.
    """
    common: NDArray[np.float64] = often @ rows / often.sum()
    return common


def _principal(rows: NDArray[np.float64], real: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the rows in the directions in which the real ones differ most."""
    values, vectors = np.linalg.eigh(rows[real].T @ rows[real])
    first = np.argsort(values)[::-1][:_DIMENSION]
    axes: NDArray[np.float64] = rows @ vectors[:, first]
    return axes
