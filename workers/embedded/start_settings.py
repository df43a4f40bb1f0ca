"""The settings that the processes of a lake were started with, and which differ from them now."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from workers.setting_fields import PREFIX
from workers.settings import Settings


def record(settings: Settings) -> None:
    """Write down the settings at the start of the processes; of a secret, a slow salted hash."""
    salt = secrets.token_hex(16)
    path = _path(settings)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump({"salt": salt, "settings": _values(settings, salt)}, file)


def differing(settings: Settings) -> list[str]:
    """Return the names of the settings that differ from those at the start.

    Empty where these are not known: to another user, or of a lake that an earlier version started.
    """
    try:
        found = json.loads(_path(settings).read_bytes())
        then, now = found["settings"], _values(settings, found["salt"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    # A setting that only one of two versions has is no change of the user's.
    return [f"{PREFIX}{name.upper()}" for name in now if name in then and then[name] != now[name]]


def lines(names: Sequence[str]) -> Iterator[str]:
    """Yield what to print of settings that differ; nothing where none does."""
    if names:
        yield f"settings that differ from those at the start: {', '.join(names)}"
        yield "to apply them, run: datapunk down, then: datapunk up"


def _path(settings: Settings) -> Path:
    return settings.folders.run / "settings.json"


def _values(settings: Settings, salt: str) -> dict[str, Any]:
    return {name: _plain(getattr(settings, name), salt) for name in Settings.model_fields}


def _plain(value: object, salt: str) -> object:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value().encode("utf-8", "surrogateescape")
        return hashlib.scrypt(secret, salt=salt.encode("ascii"), n=2**14, r=8, p=1).hex()
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if value is None or isinstance(value, bool | int | float | dict):
        return value
    return str(value)
