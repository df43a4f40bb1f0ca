"""A chunk's address, and the right of one worker to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from schemas.progress import Stage


class ChunkRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where the records of a chunk are read, and the ids of their rows.

    A slice is the id of a file and a range of bytes in it. `zone` is the job's.
    """

    id: int
    job_id: UUID
    user_id: UUID
    format: str | None
    embed: bool
    slices: list[tuple[int, int, int]]
    zone: str | None


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to one stage of a chunk, until it expires or the token changes.

    Only a lease can commit the stage. `artefacts`, `tally` and `last_error_code` come from earlier
    stages and attempts. The rest are facts of the job.
    """

    ref: ChunkRef
    token: int
    attempt: int
    kind: str
    stage: Stage
    artefacts: dict[str, Any]
    tally: dict[str, dict[str, int]]
    last_error_code: str | None
    source_name: str
    expected_sha256: str | None
    sha256: str | None
    media_type: str | None
