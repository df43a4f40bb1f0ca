"""What the stages need from the world outside, as Protocols; `workers.wiring` wires them."""

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
    """What the scanner said; `detail` is a signature's name, or why nothing was scanned."""

    scan: Scan
    detail: str = ""

    def line(self) -> str:
        """Outcome and detail in one line, as the ledger keeps them."""
        return f"{self.scan}: {self.detail}" if self.detail else str(self.scan)


class Scanner(Protocol):
    """Looks for malware in a file on disk."""

    def scan(self, path: Path) -> Verdict:
        """Scan one file by descriptor. Raises `TransientError` if it must be scanned and the
        daemon is down."""

    def answers(self) -> bool:
        """Whether it can scan now."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def model(self) -> str:
        """The model's name, or its path."""

    @property
    def revision(self) -> str:
        """What tells two states of one model apart."""

    @property
    def dimension(self) -> int:
        """The length of a vector, read from the model."""

    @property
    def at_once(self) -> int:
        """How many texts a call of `encode` takes best."""

    @property
    def kept_by_text(self) -> bool:
        """Whether a vector costs more than to look it up by its text."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimension), in the order of the texts."""


class Models(Protocol):
    """The models of the tiers, by the tier's name, and others by their own."""

    def load(self, model: str) -> Embedder:
        """The model itself; slow, and made first where it is missing."""

    def identify(self, model: str) -> tuple[str, str] | None:
        """Its name and revision, not loaded; None for one that is yet to be made."""

    def ready(self, model: str) -> bool:
        """Whether it can be loaded at once. One that is yet to be made is begun, and not waited
        for."""

    def first_tier(self) -> Tier:
        """The tier whose vectors texts load with, if it is ready; the others follow."""


class Name(msgspec.Struct, frozen=True, gc=False):
    """A name in a text: its characters [start, end). `confidence` is from 0 to 1."""

    kind: Kind
    start: int
    end: int
    confidence: float


class Names(Protocol):
    """Language models that tell names of people, places and organisations."""

    @property
    def identity(self) -> str:
        """What tells two sets of models apart; it costs no loading of them."""

    def reads(self, language: str | None) -> str | None:
        """What the model for texts in a language (ISO 639-1) goes by; None if there is none."""

    def load(self) -> None:
        """Load every model now. Raises `ConfigurationError` if one can't be."""

    def find(self, texts: Sequence[str], model: str) -> list[list[Name]]:
        """The names in each text, apart from each other, by the model that `reads` named.

        A model is loaded on first use. Raises `TransientError` while it can't be.
        """


class BlobStore(Protocol):
    """Bytes by their SHA-256, for one user."""

    def put(self, blob: Blob, source: Path) -> None:
        """Keep `blob` (its `data`, else the file `source`): temporary file, fsync, rename.
        Keeping the same bytes twice is a no-op."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the same export, as the ledger lists it.

    `path` is its name inside its archive. `sha256` names its bytes: in the blob store they lie
    under it, once its own format has kept them. `format` is the format that reads it, or None;
    `context` is what that format's reader noted of it.
    """

    path: str
    size: int
    sha256: str
    media_type: str
    format: str | None
    context: Context = {}


class Neighbours(Protocol):
    """The other files of an export, in whichever part of it they came, for one user."""

    def folder(self, path: str) -> Sequence[Neighbour]:
        """The files in the folder that `path` lies in, itself among them, by path.

        Names that differ in their Unicode form alone are one folder. Files that could not be
        unpacked are left out. Raises `TransientError` if the ledger does not answer.
        """

    def known(self, path: str, make: Callable[[Sequence[Neighbour]], T]) -> T:
        """What `make` makes of the files of that folder; made once for a folder."""

    def bare(self) -> Sequence[Neighbour]:
        """Parts that are no archive but one media file: what it is called in the export, and
        where it lay, is in no name."""
