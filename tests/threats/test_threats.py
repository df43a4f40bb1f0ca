"""Every threat on the list has a test, and the table on the page shows what the tests saw."""

from __future__ import annotations

import pytest

from tests.threats.threats import THREATS, Recorder, marked, rows_of_page


def test_every_threat_has_a_test_or_says_why_not() -> None:
    assert set(marked()) == {name for name, threat in THREATS.items() if not threat.untested}


def test_the_page_lists_every_threat_and_no_other() -> None:
    assert list(rows_of_page()) == [f"{t.case} | {t.expected}" for t in THREATS.values()]


def test_a_page_that_shows_something_else_is_told_of() -> None:
    """The comparison itself comes when the last test has ended, in `Recorder`."""
    name, tests = next(iter(marked().items()))
    recorder = Recorder()
    assert recorder.amiss() == [], "nothing ran"
    recorder.notes[name] = {test: ["something else"] for test in tests}
    (line,) = recorder.amiss()
    assert line.startswith(f"{name}: shown is ") and "something else" in line
    recorder.notes[name] = {test: [] for test in tests}
    assert len(recorder.amiss()) == len(tests) + 1


def test_what_is_seen_is_gathered_from_the_reports(pytester: pytest.Pytester) -> None:
    recorder = Recorder(whole=False)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.threat("names", seen="said")
        @pytest.mark.threat("links", seen="of links")
        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n, request):
            request.node.user_properties.append(("seen", "same"))

        @pytest.mark.threat("names")
        def test_fails():
            assert False
        """
    )
    pytester.inline_run("-W", "ignore", "-p", "no:cacheprovider", plugins=[recorder])
    test = "test_what_is_seen_is_gathered_from_the_reports.py::test_it"
    assert recorder.notes == {
        "names": {test: ["same", "said", "same"]},
        "links": {test: ["same", "of links", "same"]},
    }
    assert recorder.cell("names") == "said; same (×2)"
