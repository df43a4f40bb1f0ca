"""The login of Flower."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from schemas.errors import ConfigurationError
from workers.settings import Settings


def flower_login(settings: Settings) -> str:
    """Return `user:password` for Flower, made at random and readable by this user only.

    Raises `ConfigurationError` if the file does not hold such a line.
    """
    path = settings.flower_password_path
    if path == settings.folders.run / "flower.password":
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(f"datapunk:{secrets.token_urlsafe(18)}\n")
    line = path.read_text().strip() if path.is_file() else ""
    if not all(line.partition(":")):
        raise ConfigurationError(f"{path} must hold one line, user:password")
    return line
