"""The waits of the tests themselves: slow work is waited for, a standstill is not."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest

from tests.support import progress
from tests.support.progress import Limits, Standstill


class Time:
    """A clock that goes on only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(done: Callable[[Time], bool], moves: Callable[[Time], object]) -> float:
    """How much time went by until it was done, at a look a second."""
    time = Time()
    progress.until(
        lambda: done(time),
        lambda: moves(time),
        limits=Limits(still_s=10, most_s=1000),
        every_s=1,
        clock=time,
        sleep=time.sleep,
    )
    return time.now


def test_slow_work_is_waited_for() -> None:
    assert wait(lambda time: time.now >= 900, lambda time: time.now // 9) == 900


def test_what_stands_still_is_given_up() -> None:
    with pytest.raises(Standstill, match="nothing has moved for 10 s: 5"):
        wait(lambda _: False, lambda time: min(time.now, 5))


def test_what_moves_without_an_end_is_given_up_too() -> None:
    numbers = itertools.count()
    with pytest.raises(Standstill, match="not done after 1000 s"):
        wait(lambda _: False, lambda _: next(numbers))


def test_what_is_done_is_not_asked_how_it_moves() -> None:
    assert wait(lambda _: True, lambda _: pytest.fail("it was asked")) == 0


def test_a_process_moves_while_it_computes_and_not_when_it_is_gone() -> None:
    before = progress.processor_time(os.getpid())
    assert before is not None
    while progress.processor_time(os.getpid()) == before:
        sum(range(10_000))
    assert progress.processor_time(2**22 + 1) is None
