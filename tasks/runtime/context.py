"""The services that a worker's child needs; `workers.wiring` makes them once in each child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from pipeline.archives.streams import ArchiveLimits
from pipeline.enrich.text_pieces import MOST_PIECES, PIECE_CHARS, EmbedPolicy
from pipeline.ports import BlobStore, Embedder, Models, Scanner
from pipeline.privacy.redact import Redactor
from schemas.files import SliceLimits
from schemas.folders import Folders
from schemas.lease import Lease
from schemas.privacy import ReadUnder
from schemas.progress import Tier
from schemas.records import Blob
from sql.commit import ContentCommit, Entered
from sql.load import Partitions
from sql.store import Hold, Lake, Ledger
from sql.vector_store import VectorStore
from tasks.runtime.alerts import Thresholds
from tasks.runtime.privacy_policy import PolicyFile
from tasks.runtime.sibling_files import Memory


def _unbound() -> None:
    pass


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of tasks, as plain values.

    `bound` limits the resources of the process that calls it, before it reads untrusted data;
    `apart_limit_s` is the longest life of such a child. `near_duplicates` is how similar two texts
    must be to be linked, 0 to 1; None: nothing is compared.
    """

    worker: str = "worker"
    lease_s: float = 60.0
    heartbeat_s: float = 15.0
    max_attempts: int = 5
    max_splits: int = 200
    retry_delay_s: float = 1.0
    dispatch_window: int = 200
    scan_required: bool = False
    infected_key: str | None = None
    """The key that malware is encrypted to; None: malware is not stored."""
    zone: str | None = None
    """The IANA name of the zone in which imports without one of their own are read."""
    max_upload_bytes: int = 1 << 41
    set_wait_s: float = 86_400.0
    archive: ArchiveLimits = msgspec.field(default_factory=ArchiveLimits)
    slices: SliceLimits = SliceLimits()
    embed: EmbedPolicy = msgspec.field(default_factory=EmbedPolicy)
    embed_batch: int | None = None
    """Texts for one call of the model; None: the model's best number."""
    tiers: tuple[Tier, ...] = tuple(Tier)
    piece_chars: int = PIECE_CHARS
    most_pieces: int = MOST_PIECES
    index_from_vectors: int = 10_000
    vectors_at_once: int = 1_000
    near_duplicates: float | None = 0.7
    alert: Thresholds = Thresholds()
    apart_limit_s: float = 300.0
    privacy: PolicyFile = msgspec.field(default_factory=PolicyFile)
    bound: Callable[[], None] = _unbound
    receipt: Callable[[Ledger, UUID], str] | None = None
    """Makes the text of a job's receipt; None: no receipt is written beside an original."""


class _NoBlobs:
    def put(self, blob: Blob, source: Path) -> None:
        pass


class Broker(msgspec.Struct, frozen=True):
    """Questions to the broker besides messages.

    A mark in it is lost together with its messages when it loses its memory.
    """

    queue_lengths: Callable[[], dict[str, int]] = dict
    is_marked: Callable[[], bool] = lambda: True
    mark: Callable[[], None] = _unbound


class Runtime:
    """The services of one process, each opened when it is first needed.

    A model is loaded on first use, so only a process that embeds pays for it.
    """

    def __init__(
        self,
        *,
        options: Options,
        folders: Folders,
        ledger: Ledger,
        lake: Lake,
        scanner: Scanner,
        models: Models,
        make_blobs: Callable[[Path], BlobStore],
        broker: Broker,
    ) -> None:
        self.options = options
        self.folders = folders
        self.ledger = ledger
        self.lake = lake
        self.scanner = scanner
        self.partitions = Partitions(lake)
        self.vectors = VectorStore(lake)
        self.neighbours = Memory(lake)
        self.queue_lengths = broker.queue_lengths
        self.broker = broker
        self.models = models
        self._embedders: dict[str, Embedder] = {}
        self._make_blobs = make_blobs

    def without_blobs(self) -> Runtime:
        """Return the same services, except that documents and attachments are not stored."""
        other = copy(self)
        other._make_blobs = lambda _: _NoBlobs()
        return other

    def redactor(self, user_id: UUID) -> Redactor:
        """Return the redactor for what is read from now on.

        Every reading calls this once, at its start. Raises `TransientError` while the policy can't
        be used, or another host has a newer one.
        """
        redactor = self.options.privacy.redactor(user_id)
        self.lake.announce(user_id, redactor.under.policy)
        return redactor

    @contextmanager
    def entering(
        self, user_id: UUID, under: ReadUnder, *, hold: Hold = Hold.SHARED, moves: bool = False
    ) -> Iterator[Entered]:
        """Enter the lake, see `Lake.entering`.

        A policy file that changed meanwhile is noticed here.
        """
        self.redactor(user_id)
        with self.lake.entering(user_id, under, hold=hold, moves=moves) as entered:
            yield entered

    @contextmanager
    def commit_content(
        self, lease: Lease, under: ReadUnder, *, wait: bool = True
    ) -> Iterator[ContentCommit]:
        """Commit content, as `Lake.commit_content` does; notice a policy file that changed."""
        self.redactor(lease.ref.user_id)
        with self.lake.commit_content(lease, under, wait=wait) as commit:
            yield commit

    def embedder(self, model: str) -> Embedder:
        """Return the model of a tier, or of a name; loaded on first use and kept."""
        if model not in self._embedders:
            self._embedders[model] = self.models.load(model)
        return self._embedders[model]

    def blobs(self, user_id: UUID) -> BlobStore:
        """Return the content-addressed store of one user."""
        return self._make_blobs(self.folders.blobs(user_id))

    def model_id(self, user_id: UUID, model: str) -> int:
        """Return the lake's id of a model, which is loaded for it."""
        embedder = self.embedder(model)
        tier = model if model in set(Tier) else None
        return self.vectors.ensure_model(
            user_id, embedder.model, embedder.revision, embedder.dimension, tier=tier
        )

    def known_model(self, user_id: UUID, model: str) -> int | None:
        """Return the same without loading it; None if no vectors of it exist."""
        known = self.models.identify(model)
        return None if known is None else self.vectors.find_model(user_id, *known)


class _Holder:
    """The runtime of this process. A forked child makes its own."""

    make: Callable[[], Runtime] | None = None
    current: Runtime | None = None


def install(make: Callable[[], Runtime]) -> None:
    """Register how this process makes its runtime; it is made on first use."""
    _Holder.make = make
    _Holder.current = None


def forget() -> None:
    """Drop what a fork inherited: pools don't survive one."""
    _Holder.current = None


def runtime() -> Runtime:
    """Return the runtime of this process."""
    if _Holder.current is None:
        if _Holder.make is None:
            raise RuntimeError("no runtime was installed; start through workers.wiring")
        _Holder.current = _Holder.make()
    return _Holder.current


def as_ids(value: Any) -> UUID:
    """Return a job id out of a message. A forged one is no id, or no job."""
    return UUID(str(value))
