"""Options that many verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

User = Annotated[str | None, typer.Option(help="The user's name; needed if there are several.")]
Type = Annotated[str | None, typer.Option("--type", help="A record type or data type.")]
Source = Annotated[str | None, typer.Option(help="A format or service: google, mail.mbox …")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
