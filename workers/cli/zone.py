"""Time zones of the command line: `--zone`, `--from`, `--to`, and times in the user's own zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import typer

from schemas.errors import ConfigurationError
from workers.settings import Settings, load


def _checked(name: str | None) -> str | None:
    from pipeline.values import time_zones  # noqa: PLC0415 - not for a verb that only asks

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


From: TypeAlias = Annotated[
    str | None, typer.Option("--from", help="Not before this day or time, in your zone.")
]
To: TypeAlias = Annotated[
    str | None, typer.Option("--to", help="Until this day, which counts, or before this time.")
]


def of_user(settings: Settings) -> ZoneInfo:
    """Return the user's zone: `DATAPUNK_ZONE`, else that of the system, else UTC.

    A zone of the system that has no IANA name counts as none, since the database knows names.
    """
    if settings.zone is not None:
        return ZoneInfo(settings.zone)
    from babel.localtime import get_localzone  # noqa: PLC0415 - not for a verb that only asks

    try:
        found = get_localzone()
    except LookupError:  # TZ holds a rule, or no zone at all
        found = None
    return found if isinstance(found, ZoneInfo) and found.key else ZoneInfo("UTC")


def local(at: datetime) -> datetime:
    """Return a moment in the user's zone, for a line that names it."""
    return at.astimezone(of_user(load()))


def day_in(at: datetime | None, zone: ZoneInfo) -> str:
    """Return the day of a moment in a zone; empty for none."""
    return f"{at.astimezone(zone):%Y-%m-%d}" if at else ""


def minute_in(at: datetime | None, zone: ZoneInfo) -> str:
    """Return the day and the time of day of a moment in a zone; empty for none."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def note(zone: ZoneInfo) -> str:
    """Return the line that names the zone of an output, once."""
    return f"times are in {zone.key}"


def is_day(text: str) -> bool:
    """Return whether a person wrote a day, and not a time."""
    return len(text.strip()) <= len("2024-03-05")


def between(
    after: str | None, before: str | None, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """Return the moments of `--from` and `--to`: the first is inclusive, the second exclusive."""
    begin = None if after is None else moment_of(after, zone)
    end = None if before is None else moment_of(before, zone)
    if before is not None and end is not None and is_day(before):
        end = datetime.combine(end.date() + timedelta(days=1), time(), zone)
    return begin, end


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
