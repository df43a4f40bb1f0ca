"""iCalendar (RFC 5545): the events, tasks and journal entries of one calendar or of several."""

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
#: What a calendar says of itself before its first component, and what we call it.
_ABOUT = {"X-WR-CALNAME": "calendar", "NAME": "calendar", "X-WR-TIMEZONE": "time_zone"}
_HEADER_BYTES = 64 * 1024
_CALENDARS, _ZONES, _ZONE_BYTES = 1_000, 200, 16 * 1024


class Ics(msgspec.Struct, frozen=True):
    """Reads components as `content_lines.Component`, each with its calendar's facts around it.

    `around` holds `calendar` and `time_zone` where the calendar has them, and `zones`: its
    VTIMEZONE texts by TZID. A component that nothing closes is rejected, and so is one over
    `item_bytes`. Folds may fall within a character, so bytes are read as they are.
    """

    name: ClassVar[str] = "ics"
    version: ClassVar[int] = 2
    #: Lines are decoded after they are unfolded.
    wants_utf8: ClassVar[bool] = False

    item_bytes: int = component_scan.ITEM_BYTES

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`calendars`: where each begins and what it says of itself; `zones`: VTIMEZONE texts;
        `turns`: behind which lines a range begins in a calendar (1), or in none (0).

        Zones may be defined after their first use, so the whole file is passed over.
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
        """Ranges of whole components."""
        return component_scan.slices(source, 0, _KINDS, limits)

    def items(
        self, source: BinaryIO, part: Slice, context: Context
    ) -> Iterator[RawRecord | Rejection]:
        """One `Component` each."""
        calendars = context["calendars"]
        starts = [at for at, _ in calendars]
        arounds = [{**about, "zones": context["zones"]} for _, about in calendars]
        nowhere = {"zones": context["zones"]}
        turns = context["turns"]
        turn = bisect_right(turns, [part.start, 2]) - 1
        inside = turn >= 0 and bool(turns[turn][1])
        for span in component_scan.spans(source, part, _KINDS, inside=inside):
            at = bisect_right(starts, span.start) - 1
            around = arounds[at] if at >= 0 else nowhere
            data = component_scan.read(source, span, self.item_bytes)
            yield component_scan.item(data, span.start, around)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted line by line."""
        return component_scan.count(source, _KINDS)


def _note(mark: Mark, starts: list[int], turns: list[list[int]]) -> None:
    """Note where a calendar begins, and where one begins or ends, up to a bound."""
    if mark.name not in _KINDS.containers:
        return
    if mark.opens and len(starts) < _CALENDARS:
        starts.append(mark.start)
    was_inside = bool(turns) and turns[-1][1] == 1
    if mark.opens != was_inside and len(turns) < 2 * _CALENDARS:
        turns.append([mark.end, int(mark.opens)])


def _about(source: BinaryIO, at: int) -> dict[str, str]:
    """What stands between the calendar's BEGIN and its first component."""
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
    said = {_ABOUT[line.name]: line.text.strip() for line in lines if line.name in _ABOUT}
    return {name: text for name, text in said.items() if text}


def _zone(data: bytes | Rejection) -> dict[str, str]:
    """The text of a VTIMEZONE under its TZID; nothing where it is none."""
    if isinstance(data, Rejection):
        return {}
    try:
        zone = content_lines.component(data)
    except BadValue:
        return {}
    name = zone.text("TZID")
    return {name: data.decode("utf-8", "replace")} if name else {}
