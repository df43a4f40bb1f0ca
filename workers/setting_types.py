"""Choices of settings, and checks that several settings share."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

Role = Literal["admin", "owner", "ingest", "reader", "ledger"]


class ScannerMode(StrEnum):
    """Whether files are scanned for malware before they are opened."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


class Infected(StrEnum):
    """The treatment of malware that the scanner found; it reaches no parser in any case."""

    DISCARD = "discard"
    ENCRYPT = "encrypt"


class LogFormat(StrEnum):
    """How a log line is written; `auto` is console on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Tiers(StrEnum):
    """Which vectors documents get: a static model's, the full model's, or one after the other."""

    STATIC = "static"
    FULL = "full"
    BOTH = "both"


def require(holds: bool, message: str) -> None:
    """Raise `ValueError` unless the condition holds."""
    if not holds:
        raise ValueError(message)


def absolute_model(model: str) -> str:
    """Return the absolute path of a folder; the name of a package as it is."""
    return os.path.abspath(Path(model).expanduser()) if os.sep in model else model  # noqa: PTH100


def checked_url(url: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """Return the URL, if its scheme is one of these; the message never shows the URL."""
    if url is not None:
        scheme = url.get_secret_value().partition("://")[0]
        require(scheme in schemes, f"must be a URL that begins with {schemes[0]}://")
    return url
