"""The models of the settings, behind `pipeline.ports.Models`: each is loaded on first use."""

from __future__ import annotations

import os
import time
from functools import cached_property

from pipeline.ports import Embedder, Models
from schemas.folders import Folders
from schemas.progress import Tier
from workers.adapters import model_child, sentence_transformers, static_embeddings
from workers.embedded import machine
from workers.setting_types import Tiers
from workers.settings import Settings

#: Seconds until a failed attempt to make a model is repeated.
_AGAIN_S = 60.0


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
        threads = _threads(self._settings)
        if model == Tier.STATIC:
            folder = static_embeddings.ensure_static_model(self._folder, self._full, threads)
            return static_embeddings.StaticEmbedder(
                folder, static_embeddings.static_name(self._full)
            )
        return sentence_transformers.SentenceTransformerEmbedder(self._name(model), threads=threads)

    def identify(self, model: str) -> tuple[str, str] | None:
        """Return its name and revision; None for a static model that does not exist yet."""
        if model != Tier.STATIC:
            return sentence_transformers.identity(self._name(model))
        folder = static_embeddings.find_static_model(self._folder, self._full)
        if folder is None:
            return None
        return static_embeddings.static_name(self._full), sentence_transformers.fingerprint(folder)

    def ready(self, model: str) -> bool:
        """Return True: `load` makes a missing static model."""
        del model
        return True

    def first_tier(self) -> Tier:
        """Return the static tier, or the full one where a GPU makes it cheap."""
        if self._settings.embed_tiers is not Tiers.BOTH:
            return Tier(self._settings.embed_tiers)
        return Tier.FULL if self._has_gpu else Tier.STATIC

    @cached_property
    def _has_gpu(self) -> bool:
        if not machine.has_nvidia():
            return False
        import torch  # noqa: PLC0415 - seconds, so only where there may be a GPU

        return bool(torch.cuda.is_available())

    def _name(self, model: str) -> str | None:
        return self._full if model == Tier.FULL else model


class ModelsApart(ModelsHere):
    """The models of a worker.

    A full model runs in a process that can be stopped, and that ends when it is idle. Another
    process, of low priority, makes a static one.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._maker = model_child.Maker(self._folder, self._full, threads=_threads(settings))
        self._again_at = 0.0

    def load(self, model: str) -> Embedder:
        """Return the model; a missing static one is made here unless a child process made it."""
        if model == Tier.STATIC:
            return super().load(model)
        settings = self._settings
        return model_child.ModelApart(
            self._name(model), threads=_threads(settings), idle_s=settings.embed_idle_s
        )

    def ready(self, model: str) -> bool:
        """Tell whether it exists. Start to make a missing static one."""
        if model != Tier.STATIC:
            return True
        if not self._maker.under_way() and self.identify(model) is not None:
            return True
        if time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + _AGAIN_S
            self._maker.begin()
        return False


def _threads(settings: Settings) -> int | None:
    return settings.embed_threads or os.cpu_count()
