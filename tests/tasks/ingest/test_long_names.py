"""Names that an export chose and that are longer than an index of the database takes."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tasks.maintenance import reconcile
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, zipped

pytestmark = pytest.mark.services

ANA = "ana@example.org"
#: Of letters that no compression makes short: an entry of an index has 2,704 bytes at most.
_LETTERS = random.Random(7)
LONG = "".join(_LETTERS.choices(string.ascii_letters + string.digits, k=20_000))

ACTIVITY = [
    {
        "header": "Search",
        "title": "Searched for herons",
        "time": "2023-05-01T10:00:00.000Z",
        "products": ["Search"],
        LONG: "an odd one",
        LONG[:5_000]: "and another",
    }
]
MAIL = f"""From - Mon May  1 10:00:00 2023
Message-ID: <1@example.org>
From: bo@example.org
Subject: herons
Date: Mon, 1 May 2023 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

See the file.
--x
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="{LONG}.bin"

herons
--x--

"""
HEALTH = f"""<?xml version="1.0" encoding="UTF-8"?>
<HealthData locale="en">
 <Record type="{LONG}" sourceName="Watch" unit="{LONG}" startDate="2023-05-01 10:00:00 +0000"
  endDate="2023-05-01 10:00:00 +0000" creationDate="2023-05-01 10:00:00 +0000" value="3"/>
 <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min"
  startDate="2023-05-01 10:01:00 +0000" endDate="2023-05-01 10:01:00 +0000"
  creationDate="2023-05-01 10:01:00 +0000" value="60"/>
</HealthData>
"""
TABLE = f"when,{LONG}\n2023-05-01,one\n2023-05-02,two\n"
FILES = {
    "a field that no format knows": (
        "Takeout/My Activity/Search/MyActivity.json", json.dumps(ACTIVITY), 1,
    ),
    "an attachment": ("all.mbox", MAIL, 2),
    "a measured value": ("apple_health_export/export.xml", HEALTH, 2),
    "a column": ("table.csv", TABLE, 2),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_name_of_any_length_holds_nothing_up(
    run: Runtime, drop: Callable[[str, str, bytes], UUID], driver: Driver, database: Database,
    what: str,
) -> None:  # fmt: skip
    name, text, records = FILES[what]
    job_id = drop(ANA, "export.zip", zipped({name: text.encode()}))
    for _ in range(4):
        driver.drain()
        database.let_time_pass()
        reconcile.reconcile(run)
    job: dict[str, Any] = database.job(job_id)
    assert (job["status"], job["records_seen"]) == ("done", records), job["error_code"]
    failing = database.rows("SELECT step, error, place FROM imports.step_errors")
    assert failing == []
