"""The policy of personal data as it stands, for the steps that read records."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from pipeline.ports import Names
from pipeline.privacy.policy import KEY_CHARS, Policy, parse
from pipeline.privacy.redact import Redactor
from schemas.errors import ConfigurationError, TransientError
from schemas.privacy import BY_RULE, Kind


class PolicyFile:
    """A policy and its key, as their files say at each moment. No file: all is kept.

    What is read after a change is treated by it, so no process has to be started anew. `models`
    find names of people, places and organisations; None: nobody does.
    """

    def __init__(
        self, path: Path | None = None, key: Path | None = None, models: Names | None = None
    ) -> None:
        self._path, self._key_path, self._models = path, key, models
        self._kinds = frozenset(Kind) if models else BY_RULE
        self._seen: tuple[bytes | None, bytes | None] | None = None
        self._policy, self._key = Policy(), b""
        self._treatments: dict[UUID, Redactor] = {}

    def read(self) -> Policy:
        """The policy. Raises `ConfigurationError` with what is wrong with it, or with the key."""
        try:
            seen = _bytes_of(self._path), _bytes_of(self._key_path)
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}") from error
        # Not by time and size: a file may change and keep both.
        if seen != self._seen:
            data, key = seen
            self._policy = Policy() if data is None else parse(data, self._kinds)
            self._key = (key or b"").strip()
            if self._key_path and len(self._key) < KEY_CHARS:
                raise ConfigurationError(f"{self._key_path}: a key has {KEY_CHARS} letters or more")
            self._seen = seen
            self._treatments.clear()
        return self._policy

    def check(self) -> None:
        """Read the policy, and load the models. Raises `ConfigurationError` with what is wrong."""
        self.read()
        if self._models is not None:
            self._models.load()

    def redactor(self, user_id: UUID) -> Redactor:
        """What is done to the records of a user. Nothing is read under a policy that can't be
        understood: raises `TransientError` until it can."""
        try:
            policy = self.read()
            if user_id not in self._treatments:
                self._treatments[user_id] = Redactor(policy, self._key, user_id.bytes, self._models)
        except ConfigurationError as error:
            raise TransientError(
                "the privacy policy can't be used; see: datapunk privacy check"
            ) from error
        return self._treatments[user_id]


def _bytes_of(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
