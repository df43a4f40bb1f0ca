"""A short storm; `make storm SEED=… DURATION=…` makes a longer one."""

from __future__ import annotations

import pytest

from tests import storm


@pytest.mark.threat("kill", seen="a storm: nothing lost, nothing twice")
@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(290)
def test_a_short_storm_loses_nothing() -> None:
    assert storm.run(seed=20_260, duration=30) == []
