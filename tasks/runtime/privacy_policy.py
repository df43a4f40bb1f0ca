"""The present privacy policy, for the steps that read records."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from pipeline.ports import Names
from pipeline.privacy.policy import KEY_CHARS, Policy, parse
from pipeline.privacy.redact import Redactor
from schemas.errors import ConfigurationError, TransientError
from schemas.privacy import BY_RULE, Kind


class PolicyFile:
    """A policy and its key, as their files are at each moment. No file: everything is kept.

    Records that are read after a change get the new policy, so no process needs a restart. `models`
    find names of people, places and organisations; None: names are not searched for.
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
        """Return the policy. Raises `ConfigurationError` with the fault in it, or in the key."""
        try:
            seen = _bytes_of(self._path), _bytes_of(self._key_path)
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}") from error
        # Compared by content: a file may change and keep its time and size.
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
        """Read the policy, and load the models. Raises `ConfigurationError` with the fault."""
        self.read()
        if self._models is not None:
            self._models.load()

    def redactor(self, user_id: UUID) -> Redactor:
        """Return the redactor for the records of a user.

        Nothing is read under an unreadable policy: raises `TransientError` until it is readable.
        """
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
