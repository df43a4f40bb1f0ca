"""The option `--zone`, checked before anything is done."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.values import time_zones
from schemas.errors import ConfigurationError


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
