"""`pytest --fast` leaves out what it says."""

from __future__ import annotations

import pytest

from tests.support.fast import LEFT_OUT, leaves_out


@pytest.mark.parametrize("mark", LEFT_OUT)
@pytest.mark.parametrize(
    "source",
    [
        "pytestmark = pytest.mark.{}\n",
        "import pytest\n\npytestmark = [pytest.mark.timeout(600), pytest.mark.{}]\n",
        'pytestmark = [\n    pytest.mark.skipif(WINDOWS, reason="no"),\n    pytest.mark.{},\n]\n',
    ],
)
def test_a_file_with_such_a_mark_is_left_out(source: str, mark: str) -> None:
    assert leaves_out(source.format(mark))


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.services\ndef test_it() -> None: ...\n",
        "pytestmark = pytest.mark.threat('chance')\n\n@pytest.mark.slow\ndef test_it(): ...\n",
        "def test_it():\n    pytestmark = pytest.mark.slow\n",
    ],
)
def test_a_file_with_other_tests_too_is_read(source: str) -> None:
    assert not leaves_out(source)


def test_only_marked_tests_are_left_out_of_such_a_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = services: x\n  slow: x\n  clamav: x\n  sweep: x\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def servers(): ...

        def test_plain(): ...
        def test_with_servers(servers): ...

        @pytest.mark.slow
        def test_slow(): ...
        """
    )
    result = pytester.runpytest("-p", "tests.support.fast", "--fast")
    result.assert_outcomes(passed=1, deselected=2)
