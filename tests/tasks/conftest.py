"""A job in small chunks, for the tests of the ledger and of the verbs on a job."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from schemas.files import SliceLimits
from schemas.progress import Stage
from tasks.runtime.context import Runtime
from tests.support.lake import Driver
from tests.support.ledger import ANA, ROWS, Drop


@pytest.fixture
def small(run: Runtime, make_run: Callable[..., Runtime]) -> Runtime:
    """The runtime with ten rows a chunk, and three attempts for each."""
    run.options = make_run(slices=SliceLimits(records=10), max_attempts=3).options
    return run


@pytest.fixture
def cut(small: Runtime, drop: Drop, driver: Driver) -> UUID:
    """A job whose upload is cut, and whose chunks wait."""
    job_id = drop(ANA, "rows.ndjson", ROWS)
    driver.step()
    assert all(message.stage is Stage.NORMALISE for message in driver.sent)
    return job_id
