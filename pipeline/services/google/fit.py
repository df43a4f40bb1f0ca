"""What the files of Google Fit in Takeout share: the streams that count, and their metrics.

Fit writes each measurement several times: as the device gave it (`raw:`), and again in derived
streams, of which the merged ones (`...:merge_step_deltas`) are Fit's own totals. So only merged
streams of the types that have one use the vocabulary's names; every other stream of such a type
keeps the export's own type name, and a sum over `steps` counts a step once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from schemas.vocabulary import MetricName

#: The lake's name, its unit, and how many of that unit one of Fit's is.
KNOWN: Final = MappingProxyType(
    {
        "com.google.step_count.delta": (MetricName.STEPS, "count", 1.0),
        "com.google.distance.delta": (MetricName.DISTANCE, "m", 1.0),
        "com.google.calories.expended": (MetricName.ENERGY, "kcal", 1.0),
        "com.google.heart_rate.bpm": (MetricName.HEART_RATE, "bpm", 1.0),
        "com.google.weight": (MetricName.WEIGHT, "kg", 1.0),
        "com.google.height": (MetricName.HEIGHT, "m", 1.0),
        "com.google.speed": (MetricName.SPEED, "m/s", 1.0),
        "com.google.active_minutes": (MetricName.ACTIVE_TIME, "s", 60.0),
        "com.google.sleep.segment": (MetricName.SLEEP_STAGE, "", 1.0),
    }
)
#: Types without a known merged stream: every stream of theirs counts.
_UNMERGED = frozenset({"com.google.sleep.segment"})


def is_canonical(data_type: str, source: str) -> bool:
    """Return whether the stream `source` (`Data Source`) is the one that counts for its type."""
    if data_type not in KNOWN:
        return False
    stream = source.rpartition(":")[2]
    return data_type in _UNMERGED or stream.startswith("merge")
