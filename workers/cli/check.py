"""A line of `doctor`, and the one that `status` shows too: whether files are scanned."""

from __future__ import annotations

from typing import Literal

import msgspec

from workers.adapters.clamd import make_clamd
from workers.setting_types import ScannerMode
from workers.settings import Settings

Level = Literal["ok", "warn", "fail"]


class Check(msgspec.Struct, frozen=True):
    """One line of the examination."""

    level: Level
    name: str
    detail: str
    advice: str = ""


def scanner(settings: Settings) -> Check:
    """Check whether files are scanned, for `doctor` and the last line of `status`."""
    if settings.scanner is ScannerMode.OFF:
        return Check("warn", "scanner", "switched off", "DATAPUNK_SCANNER=auto")
    try:
        return Check("ok", "scanner", make_clamd(settings).version())
    except Exception:  # whatever a strange daemon answers, it scans nothing
        must = settings.scanner is ScannerMode.REQUIRED
        advice = "start clamd, or name it in DATAPUNK_CLAMD_SOCKET"
        return Check("fail" if must else "warn", "scanner", "clamd does not answer", advice)
