"""What the watchers say of themselves, for `status` and `doctor`: what is not taken in, and why."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from schemas.folders import Folders
from workers.embedded.unprivileged import rooted

#: A watcher says at least so often that it lives, and is taken for gone after three times that.
EVERY_S = 20.0
_KINDS = "watcher-*.json"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was passed over; `name` is its path under the data folder."""

    name: str
    code: str
    reason: str
    tries: int
    since: datetime


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What one watcher last said of itself."""

    host: str
    pid: int
    at: datetime
    stopped: str | None = None
    """Why nothing at all is taken in, if so."""
    waiting: int = 0
    """Items that are looked at and have not settled, or whose turn has not come."""
    passed_over: list[Item] = []
    others: int = 0
    """Items that were passed over and are not named here."""

    @property
    def silent(self) -> bool:
        """Whether it has said nothing for so long that it hardly runs any more."""
        return (datetime.now(UTC) - self.at).total_seconds() > 3 * EVERY_S


def told(folders: Folders) -> list[Watching]:
    """What each watcher of this data folder says that still runs."""
    found = []
    with rooted():
        for path in sorted(folders.run.glob(_KINDS)):
            with suppress(OSError, msgspec.MsgspecError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Watching))
    return [state for state in found if not state.silent]


def lines(states: list[Watching]) -> list[str]:
    """What there is to know of staging, a line each: what stops a watcher, what was passed over."""
    said = []
    for state in states:
        if state.stopped:
            said.append(f"staging: {state.stopped}")
        said += [
            f"{item.name}: not taken in, tried {item.tries} times: {item.reason} ({item.code})"
            for item in state.passed_over
        ]
        if state.others:
            said.append(f"staging: {state.others} others were passed over")
    return said
