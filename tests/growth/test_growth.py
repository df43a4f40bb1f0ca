"""Work grows as its input does: every function that meets content, timed at n and at 4n.

What is asserted is the growth, by processor time and as the best of several runs: see `growth`.
"""

from __future__ import annotations

from zlib import crc32

import pytest

from tests.growth import cases, growth
from tests.growth.growth import Case

#: The suite takes one case in this number, and those that were worse once; `make growth` takes all.
_ONE_IN = 16


def _taken(case: Case) -> bool:
    name = (case.name, case.input)
    return name in cases.KNOWN or crc32("\0".join(name).encode()) % _ONE_IN == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_work_grows_as_its_input_does() -> None:
    seen: set[tuple[str, str]] = set()
    bad: list[str] = []
    for case in filter(_taken, cases.cases(growth.QUICK)):
        seen.add((case.name, case.input))
        if not (found := growth.measure(case)).linear:
            bad.append(growth.row(found))
    assert bad == []
    assert seen >= cases.KNOWN


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_work_grows_so_below_a_bound_too() -> None:
    measured = (growth.measure(case, effort) for case, effort in cases.bounded())
    assert [growth.row(found) for found in measured if not found.linear] == []


def test_every_function_that_meets_content_is_measured_or_excused() -> None:
    known = dict(cases.functions())
    excused = [name for names in cases.EXCUSED.values() for name in names]
    assert len(excused) == len(set(excused))
    taken = {*cases.ADAPTED, *excused}
    assert taken <= known.keys(), "entries of functions that are gone"
    free = {name for name in known if cases.automatic(known[name])}
    assert not free.intersection(excused), "measured by itself: needs no excuse"
    wanted = {name for name in known if cases.takes_content(known[name])}
    assert wanted <= taken | free, "no entry in cases.ADAPTED, no reason in EXCUSED"


def test_every_finder_reader_and_format_is_measured() -> None:
    names = {case.name for case in cases.cases(growth.QUICK)}
    assert {f"personal {finder}" for finder in cases.detectors._FINDERS} <= names
    read = {type(form.reader).__name__ for form in cases.all_formats()}
    assert {f"reader {name}" for name in read - {"SqliteTable"}} <= names
    binary = {"fit.activity", "media.audio_video", "media.image"}
    told = {form.name for form in cases.all_formats()}
    assert {f"format {name}" for name in told} <= names, told - names - binary


@pytest.mark.parametrize("power", [1, 2])
def test_a_square_is_told_from_a_line(power: int) -> None:
    def work(text: str) -> None:
        for _ in range(len(text) // 8 if power == 2 else 1):
            text.count("a")
        sum(range(50 * len(text)))

    case = Case("work", "a", cases.repeated("a", after=""), work)
    effort = growth.Effort(1 << 14, 1 << 16, 0.05, further=False)
    assert growth.measure(case, effort).linear == (power == 1)
