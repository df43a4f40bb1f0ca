"""A short storm; `make storm SEED=… DURATION=…` makes a longer one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import progress
from tests.support.place import ROOT

_COMMAND = (sys.executable, "-m", "tests.storm", "--seed", "20260", "--duration", "20")


@pytest.mark.threat("kill", seen="a storm: nothing lost, nothing twice")
@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(2 * progress.TIMEOUT_S)  # it has two ends to wait for
def test_a_short_storm_loses_nothing() -> None:
    # A process of its own: it may go into a mount namespace, to have a small disk there.
    with subprocess.Popen(
        _COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as storm:
        try:
            said, _ = storm.communicate()
        finally:
            storm.terminate()  # which ends what it started, and then itself
    print(said)
    assert storm.returncode == 0
    assert "nothing lost, nothing twice" in said
