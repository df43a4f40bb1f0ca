"""The login of Flower, and links to its pages."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from schemas.errors import ConfigurationError
from workers.settings import Settings

#: Flower listens on this machine: it answers at once, or it is not up.
_ANSWERS_S = 0.5
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


def tasks_page(settings: Settings, job: str | None = None) -> str | None:
    """Return the link to the tasks of a job, by its short id, or to all; None if Flower is down."""
    host = _ANYWHERE.get(settings.flower_address, settings.flower_address)
    if not _answers(host, settings.flower_port):
        return None
    page = f"http://{f'[{host}]' if ':' in host else host}:{settings.flower_port}/tasks"
    # The page searches for `name:` and this text: a field's word, and one that any field may have.
    return page if job is None else f"{page}?name={quote(f'datapunk. {job}')}"


def _answers(host: str, port: int) -> bool:
    """Tell whether Flower answers there, and not another program."""
    try:
        with closing(HTTPConnection(host, port, timeout=_ANSWERS_S)) as connection:
            connection.request("GET", "/healthcheck")
            answer = connection.getresponse()
            return answer.status == 200 and answer.read(3) == b"OK"
    except (OSError, HTTPException):
        return False


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
