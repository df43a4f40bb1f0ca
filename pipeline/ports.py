"""What the stages need from outside, as Protocols; `workers.wiring` connects them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from schemas.files import Context
from schemas.privacy import Kind
from schemas.progress import Tier
from schemas.records import Blob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


class Scan(StrEnum):
    """The three outcomes of a malware scan."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_SCANNED = "not_scanned"


class Verdict(msgspec.Struct, frozen=True):
    """The scanner's answer; `detail` is a signature's name, or why nothing was scanned."""

    scan: Scan
    detail: str = ""

    def line(self) -> str:
        """Return outcome and detail in one line, as the ledger stores them."""
        return f"{self.scan}: {self.detail}" if self.detail else str(self.scan)


class Scanner(Protocol):
    """Looks for malware in a file on disk."""

    def scan(self, path: Path) -> Verdict:
        """Scan one file by descriptor.

        Raises `TransientError` if it must be scanned and the daemon is down.
        """

    def answers(self) -> bool:
        """Tell whether it can scan now."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def model(self) -> str:
        """The model's name, or its path."""

    @property
    def revision(self) -> str:
        """An identifier that differs between two states of one model."""

    @property
    def dimension(self) -> int:
        """The length of a vector, read from the model."""

    @property
    def at_once(self) -> int:
        """The best number of texts for one call of `encode`."""

    @property
    def cached_by_text(self) -> bool:
        """Whether computing a vector costs more than to look it up by its text."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of shape (len(texts), dimension), in the order of the texts."""


class Models(Protocol):
    """The models of the tiers, by the tier's name, and others by their own."""

    def load(self, model: str) -> Embedder:
        """Return the model itself; slow, and made first where it is missing."""

    def identify(self, model: str) -> tuple[str, str] | None:
        """Return its name and revision without loading it; None for one that does not exist yet."""

    def ready(self, model: str) -> bool:
        """Tell whether it can be loaded at once. Start to make a missing one, without waiting."""

    def first_tier(self) -> Tier:
        """Return the tier whose vectors texts load with, if it is ready; the others follow."""


class Name(msgspec.Struct, frozen=True, gc=False):
    """A name in a text: its characters [start, end). `confidence` is from 0 to 1."""

    kind: Kind
    start: int
    end: int
    confidence: float


class Names(Protocol):
    """Language models that find names of people, places and organisations."""

    @property
    def identity(self) -> str:
        """An identifier that differs between two sets of models; it costs no loading of them."""

    def reads(self, language: str | None) -> str | None:
        """Return the name of the model for a language (ISO 639-1); None if there is none."""

    def load(self) -> None:
        """Load every model now. Raises `ConfigurationError` if one can't be loaded."""

    def find(self, texts: Sequence[str], model: str) -> list[list[Name]]:
        """Return the names in each text, without overlaps, by the model that `reads` named.

        A model is loaded on first use. Raises `TransientError` while it can't be loaded.
        """


class BlobStore(Protocol):
    """Bytes by their SHA-256, for one user."""

    def put(self, blob: Blob, source: Path) -> None:
        """Store `blob` (its `data`, else the file `source`): temporary file, fsync, rename.

        Storing the same bytes twice is a no-op.
        """


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the same export, as the ledger lists it.

    `path` is its name inside its archive. `sha256` names its bytes: the blob store holds them under
    it, once its own format has stored them. `format` is the format that reads it, or None;
    `context` is what that format's reader noted.
    """

    path: str
    size: int
    sha256: str
    media_type: str
    format: str | None
    context: Context = {}


class Neighbours(Protocol):
    """The other files of an export, in any part of it, for one user."""

    def folder(self, path: str) -> Sequence[Neighbour]:
        """Return the files in the folder of `path`, itself among them, by path.

        Names that differ in their Unicode form alone are one folder. Files that could not be
        unpacked are left out. Raises `TransientError` if the ledger does not answer.
        """

    def known(self, path: str, make: Callable[[Sequence[Neighbour]], T]) -> T:
        """Return what `make` makes of the files of that folder; computed once for a folder."""

    def bare(self) -> Sequence[Neighbour]:
        """Return the parts that are a single media file instead of an archive.

        No name shows what such a file is called in the export, or where it lay.
        """
