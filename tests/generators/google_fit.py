"""Google Fit of Takeout, of any size: merged and raw steps, sessions and daily sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.generators.google_support import (
    START,
    added,
    is_bad,
    iso,
    moment,
    opened,
    split,
    write_array,
)

_TYPE = "com.google.step_count.delta"
_STREAMS = {
    f"derived_{_TYPE}_com.google.and": f"derived:{_TYPE}:com.google.android.gms:merge_step_deltas",
    f"raw_{_TYPE}_Elm_watch": f"raw:{_TYPE}:Elm:watch:steps",
}
_FOLDERS = {
    "de": ("Google Fit", "Alle Daten", "Alle Sitzungen", "Tägliche Aktivitätswerte"),
    "en": ("Fit", "All Data", "All Sessions", "Daily activity metrics"),
}


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` steps in each of two streams, and a session and a day for each hundred."""
    product, data, sessions, daily = _FOLDERS.get(locale, _FOLDERS["en"])
    place = folder / "Takeout" / product
    for name, source in _STREAMS.items():
        with opened(place / data / f"{name}.json") as out:
            out.write(f'{{"Data Source": {json.dumps(source)}, "Data Points": ')
            write_array(out, _points(records, Random(seed)))
            out.write("}")
    few = records // 100
    for number in range(few):
        stem = iso(100 * number).replace(":", "_")
        with opened(place / sessions / f"{stem}_WALKING.json") as out:
            json.dump(_session(100 * number), out)
    with opened(place / daily / f"{daily}.csv") as out:
        out.write("Date,Move Minutes count,Distance (m),Step count\n")
        for number in range(few):
            out.write(f"{(START + timedelta(days=number)).date()},30,1812.5,{number}\n")
    steps = split(records, "metric")
    return added(steps, steps, {"workout": few, "summary": few})


def _points(records: int, random: Random) -> Iterator[dict[str, Any]]:
    for number in range(records):
        start = int(moment(number).timestamp()) * 10**9
        value = {} if is_bad(number) else {"intVal": random.randrange(200)}
        yield {
            "fitValue": [{"value": value}],
            "originDataSourceId": "raw:x",
            "endTimeNanos": start + 60 * 10**9,
            "dataTypeName": _TYPE,
            "startTimeNanos": str(start) if number % 2 else start,
        }


def _session(number: int) -> dict[str, Any]:
    times = {"startTime": iso(number), "endTime": iso(number + 25), "duration": "1500s"}
    steps = {"metricName": _TYPE, "intValue": 2400}
    return {"fitnessActivity": "walking", **times, "aggregate": [steps]}
