"""Every threat on the list has a test, and the table on the page shows what the tests saw."""

from __future__ import annotations

from tests.threats import THREATS, Recorder, marked, rows_of_page


def test_every_threat_has_a_test_or_says_why_not() -> None:
    assert set(marked()) == {name for name, threat in THREATS.items() if not threat.untested}


def test_the_page_lists_every_threat_and_no_other() -> None:
    assert list(rows_of_page()) == [f"{t.case} | {t.expected}" for t in THREATS.values()]


def test_the_page_shows_what_was_seen(recorder: Recorder) -> None:
    """Where all tests of a threat ran: with clamd, in a whole run, all of them do."""
    if not recorder.whole:
        return
    page = rows_of_page()
    for name, tests in marked().items():
        noted = recorder.notes.get(name, {})
        if set(noted) == tests:
            assert all(noted.values()), f"a test of {name} noted nothing: {noted}"
            shown = page[f"{THREATS[name].case} | {THREATS[name].expected}"]
            assert sorted(shown.split("; ")) == sorted(recorder.cell(name).split("; ")), name
