"""What a column of Google Health is called hangs on it and its file alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.google_health_series import to_outcomes
from schemas.files import Member
from schemas.records import Metric, RawRecord

OTHERS = st.dictionaries(
    st.sampled_from(["entropy", "seconds worn", "kilometers", "data source", "note"]),
    st.sampled_from(["", "1", "2.5", "words"]),
)


def named(family: str, row: dict[str, str]) -> set[str]:
    member = Member(
        path=f"Takeout/Fitbit/Physical Activity_GoogleData/{family}_2026-09-12.csv",
        ordinal=0,
        file=Path("x"),
        size=0,
        sha256="",
        media_type="text/csv",
    )
    found = to_outcomes(RawRecord({"timestamp": "2026-09-12T04:00:00Z", **row}, 0, 0), member)
    return {str(one.name) for one in found if isinstance(one, Metric)}


@pytest.mark.parametrize(
    ("family", "column", "name"),
    [
        ("heart_rate", "beats per minute", "google_health.heart_rate"),
        ("daily_respiratory_rate", "breaths per minute", "google_health.daily_respiratory_rate"),
        ("oxygen_saturation", "oxygen saturation percentage", "google_health.oxygen_saturation"),
        ("active_zone_minutes", "total minutes", "google_health.active_zone_minutes"),
        ("body_temperature", "temperature celsius", "google_health.body_temperature"),
        ("distance", "distance", "google_health.distance"),
        ("live_pace", "steps", "google_health.live_pace.steps"),
        ("cardio_load", "total", "google_health.cardio_load.total"),
        ("weight", "weight grams", "weight"),
        (
            "daily_oxygen_saturation",
            "average percentage",
            "google_health.daily_oxygen_saturation.average_percentage",
        ),
    ],
)
@given(others=OTHERS)
def test_other_columns_rename_no_metric(
    family: str, column: str, name: str, others: dict[str, str]
) -> None:
    assert name in named(family, {column: "7", **others})
    assert name in named(family, {**others, column: "7"})
