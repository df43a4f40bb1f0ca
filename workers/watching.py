"""The reports of the watchers, for `status` and `doctor`: what is not taken in, and why."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from schemas.folders import Folders
from workers.embedded.unprivileged import act_as_root

#: A watcher reports at least this often, and counts as ended after three times that.
EVERY_S = 20.0
_KINDS = "watcher-*.json"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item that was passed over; `name` is its path under the data folder."""

    name: str
    code: str
    reason: str
    tries: int
    since: datetime


class WatcherReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last report of one watcher."""

    host: str
    pid: int
    at: datetime
    stopped: str | None = None
    """Why nothing at all is taken in, if so."""
    waiting: int = 0
    """Items that have not yet stopped changing, or whose turn has not come."""
    passed_over: list[Item] = []
    others: int = 0
    """Items that were passed over and are not named here."""

    @property
    def silent(self) -> bool:
        """Whether it has not reported for so long that it has probably ended."""
        return (datetime.now(UTC) - self.at).total_seconds() > 3 * EVERY_S


def read_reports(folders: Folders) -> list[WatcherReport]:
    """Return the last report of each running watcher of this data folder."""
    found = []
    with act_as_root():
        for path in sorted(folders.run.glob(_KINDS)):
            with suppress(OSError, msgspec.MsgspecError):
                found.append(msgspec.json.decode(path.read_bytes(), type=WatcherReport))
    return [state for state in found if not state.silent]


def report_lines(states: list[WatcherReport]) -> list[str]:
    """Return the reports as lines: what stops a watcher, and what was passed over."""
    texts = []
    for state in states:
        if state.stopped:
            texts.append(f"staging: {state.stopped}")
        texts += [
            f"{item.name}: not taken in, tried {item.tries} times: {item.reason} ({item.code})"
            for item in state.passed_over
        ]
        if state.others:
            texts.append(f"staging: {state.others} others were passed over")
    return texts
