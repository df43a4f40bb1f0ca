"""Run the tests of threats, in the given files or in all, and write the table.

The module of the table is a plugin: pytest imports it, and nothing else may do so before.
"""

import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]

sys.exit(pytest.main(["-q", "-m", "threat", "--write-threats", *(sys.argv[1:] or [str(_TESTS)])]))
