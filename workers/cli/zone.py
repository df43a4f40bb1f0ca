"""Time zones of the command line: the option `--zone`, the user's own, and days and times in it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from babel.localtime import get_localzone

from pipeline.values import time_zones
from schemas.errors import ConfigurationError
from workers.settings import Settings


def _checked(name: str | None) -> str | None:
    try:
        return None if name is None else time_zones.checked(name)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


Zone = Annotated[
    str | None,
    typer.Option(
        "--zone",
        callback=_checked,
        help="Read clocks that name no zone in this one, such as Europe/Berlin.",
    ),
]


def of_user(settings: Settings) -> ZoneInfo:
    """Return the user's zone: `DATAPUNK_ZONE`, else that of the system, else UTC."""
    if settings.zone is not None:
        return ZoneInfo(settings.zone)
    found = get_localzone()
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


def day_of(text: str) -> date:
    """Return the day that a person wrote. Raises `typer.BadParameter` for anything else."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2024-03-05") from None


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """Return the moment that a person wrote, in their zone unless it names another.

    Raises `typer.BadParameter` for anything else.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; write it as 2024-03-05 or '2024-03-05 14:30'"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=zone)
