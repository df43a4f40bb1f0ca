"""Google Calendar of Takeout, of any size: two calendars in iCalendar."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

from tests.generators.google_support import WORDS, added, is_bad, moment, opened, split

_HEAD = """BEGIN:VCALENDAR\r
PRODID:-//Google Inc//Google Calendar 70.9054//EN\r
VERSION:2.0\r
X-WR-CALNAME:{name}\r
X-WR-TIMEZONE:Europe/Berlin\r
"""


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` events; returns how many outcomes of each kind they are."""
    random = Random(seed)
    place = folder / "Takeout" / {"de": "Kalender"}.get(locale, "Calendar")
    halves = {"Familie": records // 2, "zoe@example.org": records - records // 2}
    for name, count in halves.items():
        with opened(place / f"{name}.ics") as out:
            out.write(_HEAD.format(name=name))
            for number in range(count):
                out.write(_event(number, name, random))
            out.write("END:VCALENDAR\r\n")
    return added(*(split(count, "event") for count in halves.values()))


def _event(number: int, calendar: str, random: Random) -> str:
    start = moment(number)
    text = start.strftime("%Y%m%dT%H%M%SZ") if not is_bad(number) else "20210230T000000Z"
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
