"""`show`, `day`, `where`, `count` and `compare`: answers to questions about a lake."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from schemas.errors import PermanentError
from schemas.progress import Event
from sql import answers
from sql.answers import Chosen, Comparison
from workers.cli import connect, console
from workers.cli.options import Json, Source, Type, User, keys, known_key
from workers.cli.zone import (
    From,
    To,
    between,
    day_in,
    day_of,
    is_day,
    minute_in,
    moment_of,
    note,
    of_user,
)
from workers.settings import load

#: How far `where` looks from a moment.
_WITHIN = timedelta(days=2)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WIDTH = 100


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    for verb in (show, day, where, count, compare):
        app.command()(verb)


def show(
    document: Annotated[int, typer.Argument(metavar="ID", help="An id, as search prints it.")],
    user: User = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print its bytes as they stand in the original.")
    ] = False,
    json: Json = False,
) -> None:
    """Show one document: its text, its people, its relations and where it came from."""
    if raw and sys.stdout.isatty():
        raise PermanentError("Bytes are not printed on a terminal; redirect them: --raw > FILE")
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        found = answers.document(lake.reader, owner, document)
        zone = of_user(lake.settings)
        lake.ledger.event(Event.REVEALED, user_id=owner, job_id=found["job"], document=document)
    if raw:
        _raw(found)
    elif json:
        console.as_json(found)
    else:
        _document(found, zone)


def _raw(found: Mapping[str, Any]) -> None:
    """Write the bytes of a document's original."""
    from tasks.operations.original_bytes import copy_item  # noqa: PLC0415 - reads every format

    with connect.runtime(load()) as run:
        job = connect.find_job(run.ledger, str(found["job"]))
        copy_item(run, job, found, found["record_key"].bytes, sys.stdout.buffer)


def day(
    date: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2024-03-05.")],
    user: User = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many lines at most.")] = 200,
    json: Json = False,
) -> None:
    """List everything of one day in order, with positions and measured values by the hour."""
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        zone = of_user(lake.settings)
        found = answers.day(lake.reader, owner, answers.span_of(day_of(date), zone), number + 1)
    if json:
        console.as_json(found[:number])
        return
    for row in found[:number]:
        console.data(f"{row['at'].astimezone(zone):%H:%M}  {_line(row)}")
    _close(found, number, note(zone), f"There is nothing of {date}.")


def where(
    when: Annotated[str, typer.Argument(help="A day, or a time such as '2024-03-05 14:30'.")],
    user: User = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many lines at most.")] = 200,
    json: Json = False,
) -> None:
    """Say where you were: on a day by the hour, or at a time by what is known around it."""
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        zone = of_user(lake.settings)
        if is_day(when):
            span = answers.span_of(day_of(when), zone)
            found = answers.positions(lake.reader, owner, span, number + 1)
        else:
            found = answers.nearest(lake.reader, owner, moment_of(when, zone), _WITHIN)
    if json:
        console.as_json(found[:number])
        return
    for row in found[:number]:
        console.data(f"{minute_in(row['at'], zone)}  {_place(row)}  {row['source']}")
    _close(found, number, note(zone), f"No position is known of {when}.")


def count(
    by: Annotated[
        str,
        typer.Option(callback=known_key, autocompletion=keys,
                     help="type, source, person, place, site, language, year, month, day, "
                     "weekday, hour, or a name of metadata: artist, album, channel …"),
    ] = "type",
    user: User = None,
    after: From = None,
    before: To = None,
    kind: Type = None,
    source: Source = None,
    number: Annotated[int, typer.Option("-n", min=1, help="How many lines at most.")] = 20,
    json: Json = False,
) -> None:  # fmt: skip
    """Count documents by artist, place, person, type, month and the like."""
    with connect.services(load()) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        zone = of_user(lake.settings)
        chosen = chosen_by(zone, after, before, kind, source)
        found = answers.count(lake.reader, owner, by, chosen, zone.key, number + 1)
    if by == "weekday":
        found = [{**row, "value": _weekday(row["value"])} for row in found]
    if json:
        console.as_json(found[:number])
        return
    rows = [
        [_named(row), row["records"], *(day_in(row[end], zone) for end in ("first", "last"))]
        for row in found[:number]
    ]
    if rows:
        console.table((by, "documents", "first", "last"), rows)
    _close(found, number, note(zone), "No document fits.")


def compare(
    first: Annotated[str, typer.Argument(metavar="JOB", help="An import, by its id.")],
    second: Annotated[str, typer.Argument(metavar="JOB", help="A later one.")],
    number: Annotated[int, typer.Option("-n", min=0, help="Documents of each to list.")] = 10,
    json: Json = False,
) -> None:
    """Compare two imports: what a later export has more, and what it has no longer."""
    with connect.services(load()) as lake:
        one, other = (connect.find_job(lake.ledger, job) for job in (first, second))
        if one["user_id"] != other["user_id"]:
            raise PermanentError("The two imports belong to different users.")
        found = answers.compare(lake.reader, one["user_id"], one["id"], other["id"], number)
        zone = of_user(lake.settings)
    if json:
        console.as_json(msgspec.to_builtins(found, enc_hook=str))
    else:
        _comparison(found, zone)


def chosen_by(
    zone: ZoneInfo, after: str | None, before: str | None, kind: str | None, source: str | None
) -> Chosen:
    """Return the choice that a verb's options name; days and times are in the user's zone."""
    begin, end = between(after, before, zone)
    return Chosen(after=begin, before=end, type=kind, source=source)


def _document(found: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Print a document for people."""
    console.data(found["title"] or f"(a {found['record_type']} without a title)")
    at = found["at"].astimezone(zone).isoformat(" ", "seconds") if found["at"] else ""
    lines = {
        "when": f"{at} {zone.key}" if at else "undated",
        "type": f"{found['record_type']} ({found['source']})",
        "language": found["language"] or "",
        "file": f"{found['file']} in {found['archive']}",
        "import": f"{str(found['job'])[:8]}, loaded {day_in(found['loaded_at'], zone)}",
        "earlier": f"{found['earlier_versions']} versions" if found["earlier_versions"] else "",
    }
    for name, text in lines.items():
        if text:
            console.data(f"  {name:9} {console.cell(text)}")
    for one in found["people"]:
        name = f" ({one['name']})" if one["name"] else ""
        console.data(f"  {one['role']:9} {console.cell(one['value'] + name)}")
    for one in found["related"]:
        arrow = "→" if one["outward"] else "←"
        console.data(f"  {one['relation']} {arrow} {one['id']} {console.cell(one['title'])}")
    for name, value in found["metadata"].items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        console.data(f"  {name:9} {console.cell(text)}")
    if found["content"]:
        console.data("")
        console.data(found["content"])


def _line(row: Mapping[str, Any]) -> str:
    """Return one line of a day."""
    if row["kind"] == "positions":
        return f"positions     {row['positions']}: {_place(row)}"
    if row["kind"] == "measurements":
        value = f"{row['total']:g}" if row["samples"] == 1 else _range(row)
        return f"measured      {row['name']}: {value} {row['unit']}".rstrip()
    title = row["title"] or " ".join((row["content"] or "").split())
    return f"{row['record_type']:12}  {title}"[:_WIDTH].rstrip() + f"  [{row['id']}]"


def _range(row: Mapping[str, Any]) -> str:
    return f"{row['least']:g} to {row['greatest']:g}, together {row['total']:g} ({row['samples']})"


def _place(row: Mapping[str, Any]) -> str:
    """Return degrees: of one position, or the bounds of several."""
    if "latitude" in row:
        known = f" (document {row['id']})" if row["id"] else ""
        return f"{row['latitude']:.5f}, {row['longitude']:.5f}{known}"
    ends = ((row["south"], row["north"]), (row["west"], row["east"]))
    return ", ".join(f"{a:.4f}" if round(b - a, 4) == 0 else f"{a:.4f} to {b:.4f}" for a, b in ends)


def _named(row: Mapping[str, Any]) -> str:
    name = row.get("name")
    return f"{row['value']} ({name})" if name and name != row["value"] else str(row["value"] or "–")


def _weekday(number: str | None) -> str | None:
    return None if number is None else _WEEKDAYS[int(number) - 1]


def _close(found: Sequence[object], number: int, note: str, nothing: str) -> None:
    """Say what a list does not: that it is cut, or empty, and what its times are in."""
    if len(found) > number:
        console.say(f"These are the first {number}; see more with -n.")
    if not found:
        console.say(nothing)
    elif note:
        console.say(note)


def _comparison(found: Comparison, zone: ZoneInfo) -> None:
    columns = ("kind", "only_first", "only_second", "both")
    if not found.kinds:
        console.say("Neither of the two imports has records.")
        return
    console.table(columns, [[row[name] for name in columns] for row in found.kinds])
    if found.changed:
        console.data(f"{found.changed} documents have a newer version by the second import")
    for which, rows in (("first", found.only_first), ("second", found.only_second)):
        if rows:
            console.data("")
            console.data(f"only in the {which}:")
        for row in rows:
            title = console.cell(row["title"])
            console.data(
                f"{row['id']:>8}  {day_in(row['at'], zone):10}  {row['record_type']}  {title}"
            )
    if found.only_first or found.only_second:
        console.say(note(zone))
