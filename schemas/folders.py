"""Where things lie under the data folder. Paths only; nothing here touches the disk."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec


class Folders(msgspec.Struct, frozen=True):
    """The layout of one data folder, shared by every process that works on it."""

    data: Path

    @property
    def staging(self) -> Path:
        """Where people drop archives: `staging/<user>/`."""
        return self.data / "staging"

    @property
    def processed(self) -> Path:
        """Originals of finished jobs: `processed/<user>/<date>/`."""
        return self.data / "processed"

    @property
    def failed(self) -> Path:
        """Originals of jobs that came to nothing: `failed/<user>/`, an error file beside each."""
        return self.data / "failed"

    @property
    def infected(self) -> Path:
        """Malware, sealed, by user: `infected/<user id>/<job>.<ordinal>.age`."""
        return self.data / "infected"

    @property
    def work(self) -> Path:
        """One folder a job while it runs. Beside staging, so that a claim is a rename."""
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
        """Models that were made here, by what they were made from."""
        return self.data / "models"

    def job(self, job_id: UUID) -> Path:
        """The work folder of one job."""
        return self.work / str(job_id)

    def original(self, job_id: UUID, name: str) -> Path:
        """The claimed file, under the name it was dropped with."""
        return self.job(job_id) / "original" / name

    def members(self, job_id: UUID) -> Path:
        """Members of the archive, under names that we chose."""
        return self.job(job_id) / "members"

    def chunks(self, job_id: UUID) -> Path:
        """Spools of the job's chunks."""
        return self.job(job_id) / "chunks"

    @property
    def all_blobs(self) -> Path:
        """Documents and attachments, a folder for each user."""
        return self.data / "blobs"

    def blobs(self, user_id: UUID) -> Path:
        """Documents and attachments of one user, by their SHA-256."""
        return self.all_blobs / str(user_id)
