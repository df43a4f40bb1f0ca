"""What a policy takes away is looked for in what should be codes, too, and in times of series."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.progress import Event
from sql.store import Lake
from tasks.operations import privacy_reapply, verify
from tasks.runtime.context import Runtime
from tests.support.lake import Database, counts, zipped
from tests.tasks.privacy import test_privacy
from tests.tasks.privacy.test_privacy import ANA, PLANTED, stands_in

pytestmark = pytest.mark.services

run, policy_file = test_privacy.run, test_privacy.policy_file
CARD = "4556737586899855"

MAIL = f"""From - Mon May  1 10:00:00 2023
Message-ID: <1@example.org>
From: bo@example.org
Subject: heron
Date: Mon, 1 May 2023 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

heron
--x
Content-Type: application/{CARD}
Content-Disposition: attachment; filename="a.bin"

heron
--x--

"""
OUTBOX = {
    "orderedItems": [
        {
            "id": "https://example.org/1/activity",
            "type": "Create",
            "actor": "https://example.org/ana",
            "published": "2023-05-01T10:00:00Z",
            "object": {
                "id": "https://example.org/1",
                "type": "Note",
                "published": "2023-05-01T10:00:00Z",
                "content": "<p>heron</p>",
                "contentMap": {CARD: "<p>heron</p>"},
            },
        }
    ]
}
HEALTH = """<?xml version="1.0" encoding="UTF-8"?>
<HealthData locale="en">
 <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min"
  startDate="2023-05-01 10:01:00 +0000" endDate="2023-05-01 10:01:00 +0000"
  creationDate="2023-05-01 10:01:00 +0000" value="60"/>
</HealthData>
"""
EXPORT = zipped(
    {
        "all.mbox": MAIL.encode(),
        "outbox.json": json.dumps(OUTBOX).encode(),
        "apple_health_export/export.xml": HEALTH.encode(),
    }
)


def failed(run: Runtime, reader: Lake, job: dict[str, Any]) -> set[str]:
    return {found.check for found in verify.verify(run, reader, job, deep=True) if not found.ok}


def test_a_code_that_says_too_much_is_none(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database,
    run: Runtime, reader: Lake,
) -> None:  # fmt: skip
    job = imported(ANA, "export.zip", EXPORT)
    assert (job["status"], counts(job)) == ("done", (4, 4, 0, 0))
    assert stands_in(database, *PLANTED, CARD) == []
    kinds = {row["content_type"] for row in database.documents(job["id"])}
    assert "application/octet-stream" in kinds
    assert failed(run, reader, job) == set()


def test_stored_codes_and_times_of_series_go_by_a_new_policy(
    imported: Callable[[str, str, bytes], dict[str, Any]], database: Database,
    run: Runtime, reader: Lake, policy_file: Any,
) -> None:  # fmt: skip
    strict = policy_file.read_text()
    policy_file.write_text("")
    job = imported(ANA, "export.zip", EXPORT)
    time = json.dumps({"time": {"text": f"paid by {CARD}", "flag": "time_unread"}})
    changed = database.rows(
        "UPDATE timeseries.metrics SET at = '0001-01-01 00:00:00+00', metadata = %s RETURNING 1",
        time,
    )
    assert len(changed) == 1
    assert {"timeseries.metrics_undated", "imports.files"} < set(stands_in(database, CARD))
    policy_file.write_text(strict)
    assert "policy" in failed(run, reader, job)
    redactor = run.options.privacy.redactor(job["user_id"])
    privacy_reapply.apply(run, job["user_id"], redactor)
    assert stands_in(database, *PLANTED, CARD) == []
    told = database.rows("SELECT detail FROM imports.events WHERE kind = %s", Event.PRIVACY_APPLIED)
    assert {"table": "metrics", "records": 1} in [row["detail"] for row in told]
    assert failed(run, reader, job) - {"records"} == set()
    flags = database.one("SELECT metadata->'time' FROM timeseries.metrics")
    assert flags == {"text": "", "flag": "time_unread"}
