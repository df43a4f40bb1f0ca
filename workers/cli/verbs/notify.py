"""`notify`: who gets messages about imports, and what was not delivered."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from schemas.errors import PermanentError
from tasks.maintenance.notices import NotDelivered
from workers.adapters.receivers import AppriseReceiver, receivers
from workers.cli import connect, console
from workers.cli.options import Json
from workers.cli.zone import minute_in, note, of_user
from workers.settings import load

_TITLE = "Datapunk Lake: a test"
_BODY = "Messages about your imports arrive here."


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(notify)


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send a test message to each now.")] = False,
    json: Json = False,
) -> None:
    """List who gets messages about imports, and what was not delivered; `--test` sends one."""
    settings = load()
    chosen = receivers(settings)
    if test:
        _test(chosen, json=json)
        return
    with connect.services(settings) as lake:
        states = {row["receiver"]: row for row in lake.ledger.rows("notices", "states")}
    found = [_facts(each, states.get(each.key, {})) for each in chosen]
    if json:
        console.as_json(found)
    elif not found:
        console.say("nobody gets messages; set DATAPUNK_NOTIFY: see docs/how-to/be-notified.md")
    else:
        _show(found, of_user(settings))


def _facts(receiver: AppriseReceiver, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "receiver": receiver.name,
        "sent": row.get("sent", 0),
        "given_up": row.get("given_up", 0),
        "last_at": row.get("last_at"),
    }


def _show(found: list[dict[str, Any]], zone: ZoneInfo) -> None:
    columns = ("receiver", "sent", "given_up", "last_at")
    times = [{**fact, "last_at": minute_in(fact["last_at"], zone)} for fact in found]
    console.table(columns, [[fact[name] for name in columns] for fact in times])
    console.say(note(zone))


def _test(chosen: list[AppriseReceiver], *, json: bool) -> None:
    if not chosen:
        raise PermanentError("There is no receiver; set DATAPUNK_NOTIFY.")
    found = [{"receiver": each.name, "delivered": _delivered(each)} for each in chosen]
    if json:
        console.as_json(found)
    else:
        for fact in found:
            outcome = "delivered" if fact["delivered"] else "not delivered; check its address"
            console.data(f"{fact['receiver']}: {outcome}")
    if not all(fact["delivered"] for fact in found):
        raise typer.Exit(console.FAILED)


def _delivered(receiver: AppriseReceiver) -> bool:
    try:
        receiver.send(_TITLE, _BODY)
    except NotDelivered:
        return False
    return True
