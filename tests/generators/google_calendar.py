"""Google Calendar of Takeout, of any size: two calendars in iCalendar."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

from tests.generators.google_support import (
    WORDS,
    a_month_later,
    added,
    grown,
    is_bad,
    is_changed,
    moment,
    opened,
    split,
)

_HEAD = """BEGIN:VCALENDAR\r
PRODID:-//Google Inc//Google Calendar 70.9054//EN\r
VERSION:2.0\r
X-WR-CALNAME:{name}\r
X-WR-TIMEZONE:Europe/Berlin\r
"""


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Writes `records` events; returns how many outcomes of each kind they are. `later`: as they
    are a month later, some at another hour and some new."""
    place = folder / "Takeout" / {"de": "Kalender"}.get(locale, "Calendar")
    halves = {name: grown(count, later=later) for name, count in calendars(records).items()}
    for name, count in halves.items():
        random = Random(f"{seed} {name}")
        with opened(place / f"{name}.ics") as out:
            out.write(_HEAD.format(name=name))
            for number in range(count):
                out.write(_event(number, name, random, again=is_changed(number, later=later)))
            out.write("END:VCALENDAR\r\n")
    return added(*(split(count, "event") for count in halves.values()))


def calendars(records: int) -> dict[str, int]:
    """How many events each calendar has."""
    return {"Familie": records // 2, "zoe@example.org": records - records // 2}


def _event(number: int, calendar: str, random: Random, *, again: bool) -> str:
    start = moment(number) + timedelta(hours=1 if again else 0)
    text = start.strftime("%Y%m%dT%H%M%SZ")
    if is_bad(number):  # nothing says which one it is
        return "BEGIN:VEVENT\r\nDTSTAMP:20261001T070000Z\r\nEND:VEVENT\r\n"
    lines = ["BEGIN:VEVENT", f"DTSTART:{text}"]
    if number % 30:  # one in thirty has no end
        end = start + timedelta(minutes=random.choice((15, 30, 60)))
        lines.append(f"DTEND:{end.strftime('%Y%m%dT%H%M%SZ')}")
    lines += [
        "DTSTAMP:20261001T070000Z",
        f"UID:{number}-{calendar}",
        "ATTENDEE;CN=Ana Beer;PARTSTAT=ACCEPTED:mailto:ana@example.org",
        f"DESCRIPTION:{' '.join(random.choices(WORDS, k=6))}\\,\r\n  folded",
        f"SUMMARY:{random.choice(WORDS)}",
        "END:VEVENT",
        "",
    ]
    return "\r\n".join(lines)


def after(records: int) -> dict[str, int]:
    """What becomes of the second export."""
    return added(*map(a_month_later, calendars(records).values()))
