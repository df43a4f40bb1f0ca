"""`systemd`: print a unit that runs the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli import console
from workers.embedded import systemd
from workers.settings import Settings, load


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command("systemd")(unit)


def unit(
    user: Annotated[
        bool, typer.Option("--user", help="For systemctl --user: it runs as you, without root.")
    ] = False,
    service_user: Annotated[
        str | None,
        typer.Option(help="The user of a system's unit. Default: DATAPUNK_SYSTEM_USER, else you."),
    ] = None,
) -> None:
    """Print a systemd unit that starts the lake with the machine and stops it with it."""
    if user and service_user:
        raise typer.BadParameter("a unit of systemctl --user runs as you", param_hint="--user")
    settings = load()
    if user:
        text = systemd.user_unit(settings)
        file = systemd.USER_ENVIRONMENT_FILE.replace("%h", "~")
    else:
        owner = systemd.service_user(settings, service_user)
        text, file = systemd.system_unit(settings, owner), systemd.ENVIRONMENT_FILE
        _check_owner(settings, owner.pw_uid, owner.pw_name)
    if names := systemd.left_out():
        console.say(f"the unit does not hold {', '.join(names)}; write them into {file}")
    print(text, end="")


def _check_owner(settings: Settings, uid: int, name: str) -> None:
    """Print what gives the data folder to the unit's user, where it is another's."""
    folder = settings.data_dir
    if not folder.exists():
        console.say(f"make the data folder: install -d -m 700 -o {name} {folder}")
    elif folder.stat().st_uid != uid:
        console.say(f"give the data folder to {name}: datapunk down && chown -R {name} {folder}")
