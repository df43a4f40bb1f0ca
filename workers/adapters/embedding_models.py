"""The models of the settings, behind `pipeline.ports.Models`: each is loaded on first use."""

from __future__ import annotations

import os
from functools import cached_property

from pipeline.ports import Embedder, Models
from schemas.folders import Folders
from schemas.progress import Tier
from workers.adapters import sentence_transformers, static_embeddings
from workers.embedded import machine
from workers.setting_types import Tiers
from workers.settings import Settings

#: Most texts that the full model embeds on a CPU before a static model is made.
_FEW = 500


def tiers(settings: Settings) -> tuple[Tier, ...]:
    """Return the tiers whose vectors documents get."""
    return tuple(Tier) if settings.embed_tiers is Tiers.BOTH else (Tier(settings.embed_tiers),)


class ModelsHere(Models):
    """The models on this machine.

    A sentence-transformers model, and the static one made from it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._full = settings.embed_model
        self._folder = Folders(settings.data_dir).models

    def load(self, model: str) -> Embedder:
        """Return the model; a static one is made if it is missing."""
        threads = self._settings.embed_threads or os.cpu_count()
        if model == Tier.STATIC:
            folder = static_embeddings.distilled(self._folder, self._full, threads)
            return static_embeddings.StaticEmbedder(
                folder, static_embeddings.static_name(self._full)
            )
        return sentence_transformers.SentenceTransformerEmbedder(self._name(model), threads=threads)

    def identify(self, model: str) -> tuple[str, str] | None:
        """Return its name and revision; None for a static model that does not exist yet."""
        if model != Tier.STATIC:
            return sentence_transformers.identity(self._name(model))
        folder = static_embeddings.found(self._folder, self._full)
        if folder is None:
            return None
        return static_embeddings.static_name(self._full), sentence_transformers.fingerprint(folder)

    def first_tier(self, texts: int) -> Tier:
        """Return the static tier, or the full one where that is faster.

        It is where there is a GPU, and for a few texts while the static model does not exist yet.
        """
        if self._settings.embed_tiers is not Tiers.BOTH:
            return Tier(self._settings.embed_tiers)
        exists = static_embeddings.found(self._folder, self._full) is not None
        return Tier.FULL if self._has_gpu or (texts <= _FEW and not exists) else Tier.STATIC

    @cached_property
    def _has_gpu(self) -> bool:
        if not machine.has_nvidia():
            return False
        import torch  # noqa: PLC0415 - seconds, so only where there may be a GPU

        return bool(torch.cuda.is_available())

    def _name(self, model: str) -> str | None:
        return self._full if model == Tier.FULL else model
