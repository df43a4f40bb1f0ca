"""An Apple Health export of any size: `apple_health_export/export.xml`."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from random import Random

#: How many of a hundred elements are workouts, sleep, summaries and broken; the rest are metrics.
_PLAN = ("workout", *["sleep"] * 3, "summary", "broken")
_CYCLE = 100
_ZONE = timezone(timedelta(hours=1))
_FIRST_DAY = date(1905, 1, 1)  # good for 7 million records
_START = datetime(2015, 1, 1, tzinfo=_ZONE)
_DEVICE = "&lt;&lt;HKDevice: 0x280&gt;, name:Apple Watch, manufacturer:Apple Inc.&gt;"
_PROLOG = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 11 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Workout|ActivitySummary)*)>
]>
<HealthData locale="{locale}">
 <ExportDate value="2026-03-07 18:00:00 +0100"/>
 <Me HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>
"""
_COUNTED = {"workout": "workout", "sleep": "sleep", "summary": "summary", "broken": "rejected"}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` elements after `Me`; returns how many outcomes of each kind they are."""
    random = Random(seed)
    path = folder / "apple_health_export" / "export.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = {"profile": 1}
    with path.open("w", encoding="utf-8") as out:
        out.write(_PROLOG.format(locale=f"{locale}_{locale.upper()}"))
        for first in range(0, records, _CYCLE):
            block = range(first, min(first + _CYCLE, records))
            out.write("".join(_element(number, random) for number in block))
            for number in block:
                kind = _kind(number)
                counts[kind] = counts.get(kind, 0) + 1
        out.write("</HealthData>\n")
    return counts


def _kind(number: int) -> str:
    at = number % _CYCLE
    return _COUNTED[_PLAN[at]] if at < len(_PLAN) else "metric"


def _element(number: int, random: Random) -> str:
    """Each has a minute or, for summaries, a day of its own, so that no two are one."""
    start = _START + timedelta(seconds=30 * number)
    kind = _kind(number)
    stamp = start.isoformat(" ", "seconds")[:19]
    dates = f'startDate="{stamp} +0100" endDate="{stamp[:17]}59 +0100"'
    if kind == "workout":
        return (
            ' <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="0.5" '
            f'durationUnit="min" sourceName="Watch" {dates}>\n'
            '  <MetadataEntry key="HKIndoorWorkout" value="0"/>\n </Workout>\n'
        )
    if kind == "sleep":
        return (
            ' <Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="Watch" '
            f'{dates} value="HKCategoryValueSleepAnalysisAsleepDeep"/>\n'
        )
    if kind == "summary":
        day = _FIRST_DAY + timedelta(days=number // _CYCLE)
        return f' <ActivitySummary dateComponents="{day}" activeEnergyBurned="400"/>\n'
    unit = "count/min" if kind == "metric" else "count"
    value = random.randrange(50, 180) if kind == "metric" else "none"
    return (
        ' <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Ana’s Watch" '
        f'sourceVersion="9.1" device="{_DEVICE}" unit="{unit}" '
        f'creationDate="{stamp} +0100" {dates} value="{value}"/>\n'
    )
