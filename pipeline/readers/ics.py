"""iCalendar (RFC 5545): the events, tasks and journal entries of one or several calendars."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import msgspec

from pipeline.readers import component_scan
from pipeline.readers.component_scan import Kinds, Mark
from pipeline.syntax import content_lines
from schemas.errors import BadValue
from schemas.files import Context, Member, Slice, SliceLimits
from schemas.records import RawRecord, Rejection

_ZONE = "VTIMEZONE"
_KINDS = Kinds(
    containers=frozenset({"VCALENDAR"}),
    passed_by=frozenset({_ZONE}),
    items=frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", _ZONE}),
)
_ZONES_ONLY = Kinds(_KINDS.containers, frozenset(), _KINDS.items)
#: A calendar's properties before its first component, and the lake's names for them.
_ABOUT = {"X-WR-CALNAME": "calendar", "NAME": "calendar", "X-WR-TIMEZONE": "time_zone"}
_HEADER_BYTES = 64 * 1024
_CALENDARS, _ZONES, _ZONE_BYTES = 1_000, 200, 16 * 1024


class Ics(msgspec.Struct, frozen=True):
    """Components as `content_lines.Component`, each with its calendar's facts around it.

    `around` holds `calendar` and `time_zone` if the calendar has them, and `zones`: its VTIMEZONE
    texts by TZID. An unclosed component is rejected, and so is one over `item_bytes`. A fold may be
    within a character, so bytes are read unchanged.
    """

    name: ClassVar[str] = "ics"
    version: ClassVar[int] = 2
    #: Lines are decoded after they are unfolded.
    wants_utf8: ClassVar[bool] = False

    item_bytes: int = component_scan.ITEM_BYTES

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """Return `calendars`, `zones` and `turns`.

        `calendars`: where each begins and its properties; `zones`: VTIMEZONE texts; `turns`: lines
        after which a range begins in a calendar (1), or in none (0). Zones may be defined after
        their first use, so the whole file is scanned.
        """
        whole = Slice(0, source.seek(0, 2))
        starts: list[int] = []
        turns: list[list[int]] = []
        for mark in component_scan.marks(source, whole):
            _note(mark, starts, turns)
        zones: dict[str, str] = {}
        for span in component_scan.spans(source, whole, _ZONES_ONLY):
            if span.name == _ZONE and span.sound and len(zones) < _ZONES:
                zones.update(_zone(component_scan.read(source, span, _ZONE_BYTES)))
        calendars = [[at, _about(source, at)] for at in starts]
        return {"calendars": calendars, "zones": zones, "turns": turns}

    def slices(self, source: BinaryIO, context: Context, limits: SliceLimits) -> Iterator[Slice]:
        """Yield ranges of whole components."""
        return component_scan.slices(source, 0, _KINDS, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """Yield one `Component` each."""
        calendars = context["calendars"]
        starts = [at for at, _ in calendars]
        contexts = [{**about, "zones": context["zones"]} for _, about in calendars]
        nowhere = {"zones": context["zones"]}
        turns = context["turns"]
        turn = bisect_right(turns, [part.start, 2]) - 1
        inside = turn >= 0 and bool(turns[turn][1])
        for span in component_scan.spans(source, part, _KINDS, inside=inside):
            at = bisect_right(starts, span.start) - 1
            around = contexts[at] if at >= 0 else nowhere
            data = component_scan.read(source, span, self.item_bytes)
            yield component_scan.item(data, span.start, around)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Return the number of components, line by line."""
        return component_scan.count(source, _KINDS)


def _note(mark: Mark, starts: list[int], turns: list[list[int]]) -> None:
    """Note where a calendar begins, and where one begins or ends, up to a limit."""
    if mark.name not in _KINDS.containers:
        return
    if mark.opens and len(starts) < _CALENDARS:
        starts.append(mark.start)
    was_inside = bool(turns) and turns[-1][1] == 1
    if mark.opens != was_inside and len(turns) < 2 * _CALENDARS:
        turns.append([mark.end, int(mark.opens)])


def _about(source: BinaryIO, at: int) -> dict[str, str]:
    """Return the properties between the calendar's BEGIN and its first component."""
    source.seek(at)
    head = Slice(at, at + len(source.read(_HEADER_BYTES)))
    found = component_scan.marks(source, head)
    begin = next(found)
    end = next((mark.start for mark in found), head.end)
    source.seek(begin.end)
    try:
        lines = content_lines.component(source.read(end - begin.end)).lines
    except BadValue:
        return {}
    values = {_ABOUT[line.name]: line.text.strip() for line in lines if line.name in _ABOUT}
    return {name: text for name, text in values.items() if text}


def _zone(data: bytes | Rejection) -> dict[str, str]:
    """Return the text of a VTIMEZONE under its TZID; empty for another component."""
    if isinstance(data, Rejection):
        return {}
    try:
        zone = content_lines.component(data)
    except BadValue:
        return {}
    name = zone.text("TZID")
    return {name: data.decode("utf-8", "replace")} if name else {}
