"""iCalendar (RFC 5545): the events, tasks and journal entries of one calendar or of several."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from pipeline import content_lines
from pipeline.readers import component_scan
from pipeline.readers.component_scan import Kinds, Mark
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

    item_bytes: int = component_scan.ITEM_BYTES

    @property
    def name(self) -> str:
        """See `Reader`."""
        return "ics"

    @property
    def wants_utf8(self) -> bool:
        """Lines are decoded after they are unfolded."""
        return False

    @property
    def version(self) -> int:
        """See `Reader`."""
        return 1

    def prepare(self, source: BinaryIO, member: Member) -> Context:
        """`calendars`: where each begins and what it says of itself; `zones`: VTIMEZONE texts.

        Zones may be defined after their first use, so the whole file is passed over.
        """
        whole = Slice(0, source.seek(0, 2))
        starts: list[int] = []
        zones: dict[str, str] = {}
        marks = _noting(component_scan.marks(source, whole), starts)
        for span in component_scan.spans(marks, whole.end, _ZONES_ONLY):
            if span.name == _ZONE and span.sound and len(zones) < _ZONES:
                zones.update(_zone(component_scan.read(source, span, _ZONE_BYTES)))
        calendars = [[at, _about(source, at)] for at in starts]
        return {"calendars": calendars, "zones": zones}

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
        marks = component_scan.marks(source, part)
        for span in component_scan.spans(marks, part.end, _KINDS):
            at = bisect_right(starts, span.start) - 1
            around = arounds[at] if at >= 0 else nowhere
            data = component_scan.read(source, span, self.item_bytes)
            yield component_scan.item(data, span.start, around)

    def count(self, source: BinaryIO, context: Context) -> int:
        """Counted line by line."""
        return component_scan.count(source, _KINDS)


def _noting(marks: Iterator[Mark], starts: list[int]) -> Iterator[Mark]:
    """The marks as they come; where calendars begin is noted, up to a bound."""
    for mark in marks:
        if mark.opens and mark.name in _KINDS.containers and len(starts) < _CALENDARS:
            starts.append(mark.start)
        yield mark


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
