"""How the work grows with its input: the time of each function at n and at 4n, on hostile inputs.

    python -m tests.growth          (or: make growth)

prints a table: for each function the input on which it grows fastest, the times at n and at 4n, and
their ratio. Linear work has a ratio of about 4, quadratic work one of 16. `--only WORD` takes the
functions with that word in their names, `--quick` the inputs and sizes that the tests take. All of
it takes an hour or two.

What is measured is found, not listed: every public function of `pipeline` that takes a text or
bytes and nothing else, every finder of personal data, every reader and every format. A function
that needs more than a text has an entry in `growth_cases.ADAPTED`, or a reason in
`growth_cases.EXCUSED`; a test fails for one that has neither.

Each core measures its share of the cases in a process of its own. What counts is processor time,
which the other process does not lengthen by much.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

#: The ratio of the times at 4n and at n from which on the work is not linear any more.
MOST = 7.2
FACTOR = 4
#: What takes less at the largest size is fast enough, however the milliseconds are spread.
FLOOR_S = 0.03
_TRIES = 5
#: A cache of at least this size holds values of content; smaller ones hold patterns and names.
_LARGE = 1_000
#: A second look at a larger input is taken only where it ends soon.
_LONGEST_S = 20.0


class Case(NamedTuple):
    """One function on one kind of input: `make` gives an input of about n, `run` takes it."""

    name: str
    input: str
    make: Callable[[int], Any]
    run: Callable[[Any], object]


class Effort(NamedTuple):
    """How far a measurement goes: from the size `least` to `most`, or until a run takes `stop_s`.

    Of the inputs of a function, and of the pieces and fields of the samples, one in `every` is
    tried, other ones of each; with `each_reader` every reader is measured, else one of each kind.
    Without `further` a ratio that is too large is not looked at beyond `most`.
    """

    least: int
    most: int
    stop_s: float
    every: int = 1
    each_reader: bool = True
    further: bool = True


QUICK = Effort(1 << 14, 1 << 16, 0.03, every=6, each_reader=False)
THOROUGH = Effort(1 << 14, 1 << 18, 0.1)


class Growth(NamedTuple):
    """The times at n and at FACTOR * n."""

    case: Case
    n: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / max(self.before, 1e-6)

    @property
    def linear(self) -> bool:
        return self.after < FLOOR_S or self.ratio < MOST


def measure(case: Case, effort: Effort = QUICK) -> Growth:
    """The growth at the largest sizes that the effort allows.

    A ratio that is too large is looked at again: as the best of several runs, which is what the
    machine's other work lengthens least, and then at the next size, since a function that takes
    another way from some size on has one step and no growth.
    """
    n, before = effort.least, _seconds(case, effort.least)
    while True:
        after = _seconds(case, FACTOR * n)
        if FACTOR * n >= effort.most or after >= effort.stop_s:
            break
        n, before = FACTOR * n, after
    if after >= FLOOR_S:
        before = min(before, _seconds(case, n), _seconds(case, n))
    found = _surely(Growth(case, n, before, after))
    while effort.further and not found.linear and n < effort.most:
        if found.after * FACTOR**2 > _LONGEST_S:
            break
        n *= FACTOR
        found = _surely(Growth(case, n, found.after, _seconds(case, FACTOR * n)))
    return found


def _surely(found: Growth) -> Growth:
    """The same, or if it is not linear the best of several runs."""
    tries = 1
    while not found.linear and tries < _TRIES and found.after < _LONGEST_S / _TRIES:
        tries += 1
        n, case = found.n, found.case
        after = min(found.after, _seconds(case, FACTOR * n))
        found = Growth(case, n, min(found.before, _seconds(case, n)), after)
    return found


def _seconds(case: Case, n: int) -> float:
    given = case.make(n)
    for one in _caches():
        one.cache_clear()
    gc.disable()
    try:
        began = time.thread_time()
        case.run(given)
        return time.thread_time() - began
    except Exception as error:
        error.add_note(f"{case.name} on {case.input}, n = {n:,}")
        raise
    finally:
        gc.enable()


@cache
def _caches() -> list[Any]:
    """Return the caches of `pipeline` that hold values of content: a second run would find them."""
    loaded = [module for name, module in sys.modules.items() if name.startswith("pipeline.")]
    found = {id(value): value for module in loaded for value in vars(module).values()}
    caches = [value for value in found.values() if hasattr(value, "cache_parameters")]
    return [one for one in caches if (one.cache_parameters()["maxsize"] or 0) >= _LARGE]


def worst(found: Iterable[Growth]) -> Iterator[Growth]:
    """Of each function the input with the highest ratio among those that take any time."""
    by_name: dict[str, Growth] = {}
    for one in found:
        known = by_name.setdefault(one.case.name, one)
        if _rank(one) > _rank(known):
            by_name[one.case.name] = one
    yield from by_name.values()


def _rank(one: Growth) -> tuple[bool, float, float]:
    slow = one.after >= FLOOR_S
    return slow, one.ratio if slow else 0.0, one.after


def measured(cases: Iterable[Case], effort: Effort) -> Iterator[Growth]:
    """The growth of each case, measured by one process for each core.

    A case holds functions that cannot be sent to another process, so each process is forked, makes
    all cases and measures its share, one in as many as there are cores.
    """
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    cores = len(os.sched_getaffinity(0))

    def share(first: int) -> None:
        try:
            for case in itertools.islice(cases, first, None, cores):
                found = measure(case, effort)
                results.put((case.name, case.input, found.n, found.before, found.after))
            results.put(first)
        except BaseException:
            results.put(traceback.format_exc())
            raise

    processes = [context.Process(target=share, args=(first,)) for first in range(cores)]
    for process in processes:
        process.start()
    try:
        yield from _received(results, cores)
    finally:
        for process in processes:
            process.terminate()


def _received(results: Any, running: int) -> Iterator[Growth]:
    """What the processes send until the last has ended; an error of one ends all."""
    while running:
        match results.get():
            case int():
                running -= 1
            case str() as error:
                raise RuntimeError(error)
            case (name, text, *times):
                yield Growth(Case(name, text, _nothing, _nothing), *times)


def _nothing(_: Any) -> None:
    """Stand in for the functions of a case that another process has measured."""


def main() -> int:
    """Print the table; 1 where something is not linear."""
    from tests.growth.cases import cases

    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--quick", action="store_true", help="as the tests do it")
    parser.add_argument("--all", action="store_true", help="a row for each input")
    asked = parser.parse_args()
    effort = QUICK if asked.quick else THOROUGH
    print("| function | worst input | n | ms at n | ms at 4n | ratio |\n|---|---|---|---|---|---|")
    found: list[Growth] = []
    for one in measured((case for case in cases(effort) if asked.only in case.name), effort):
        found.append(one)
        if asked.all or not one.linear:
            print(row(one), flush=True)
        if sys.stderr.isatty():
            print(f"\r{len(found):,} measured", end="", file=sys.stderr)
    if not asked.all:
        for one in sorted(worst(found), key=lambda one: -one.ratio):
            if one.after >= FLOOR_S:
                print(row(one))
    bad = sum(not one.linear for one in found)
    names = len({one.case.name for one in found})
    print(f"\n{len(found)} measured of {names} functions, {bad} not linear;", end=" ")
    print(f"what is not in the table takes less than {FLOOR_S * 1e3:.0f} ms at 4n")
    return int(bad > 0)


def row(one: Growth) -> str:
    """A row of the table."""
    ratio = f"{one.ratio:.1f}" if one.after >= FLOOR_S else "–"
    flag = "" if one.linear else " **not linear**"
    return (
        f"| {one.case.name} | {one.case.input} | {one.n:,} | {one.before * 1e3:.1f} "
        f"| {one.after * 1e3:.1f} | {ratio}{flag} |"
    )
