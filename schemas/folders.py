"""The layout of the data folder. Paths only; nothing here touches the disk."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec


class Folders(msgspec.Struct, frozen=True):
    """The layout of one data folder, shared by every process that works on it."""

    data: Path

    @property
    def staging(self) -> Path:
        """The folder for dropped archives: `staging/<user>/`."""
        return self.data / "staging"

    @property
    def processed(self) -> Path:
        """Originals of finished jobs: `processed/<user>/<date>/`."""
        return self.data / "processed"

    @property
    def failed(self) -> Path:
        """Originals of failed jobs: `failed/<user>/`, each with an error file."""
        return self.data / "failed"

    @property
    def infected(self) -> Path:
        """Malware, encrypted, by user: `infected/<user id>/<job>.<ordinal>.age`."""
        return self.data / "infected"

    @property
    def work(self) -> Path:
        """One folder a job while it runs; next to `staging`, so that a file moves by a rename."""
        return self.data / ".work"

    @property
    def run(self) -> Path:
        """Sockets, pids and generated configuration of local processes."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """Logs of local processes."""
        return self.data / "logs"

    @property
    def postgres(self) -> Path:
        """The embedded Postgres's own data folder."""
        return self.data / "postgres"

    @property
    def valkey(self) -> Path:
        """The embedded Valkey's own data folder."""
        return self.data / "valkey"

    @property
    def models(self) -> Path:
        """Models that were made on this machine, by their source."""
        return self.data / "models"

    def job(self, job_id: UUID) -> Path:
        """Return the work folder of one job."""
        return self.work / str(job_id)

    def original(self, job_id: UUID, name: str) -> Path:
        """Return the path of the dropped file in the work folder, under its own name."""
        return self.job(job_id) / "original" / name

    def members(self, job_id: UUID) -> Path:
        """Return the folder of the archive's members, which have generated names."""
        return self.job(job_id) / "members"

    def chunks(self, job_id: UUID) -> Path:
        """Return the folder of the spools of the job's chunks."""
        return self.job(job_id) / "chunks"

    @property
    def all_blobs(self) -> Path:
        """Documents and attachments, a folder for each user."""
        return self.data / "blobs"

    def blobs(self, user_id: UUID) -> Path:
        """Return the folder of one user's documents and attachments, by their SHA-256."""
        return self.all_blobs / str(user_id)
