"""A canary in every leaf of every sample, one at a time: it is found in a record, or the leaf is in
a list of those that are left out, with the reason.

A leaf that is neither has been taken and dropped: a format must carry it, or say why it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from pipeline.contract import Format
from pipeline.registry import all_formats
from schemas.records import Outcome, Rejection
from tests.support.formats import Sample, all_samples, member_of, read, samples
from tests.support.leaves import OPAQUE, Leaf, leaves
from tests.support.left_out import LEFT_OUT, NOT_YET

pytestmark = pytest.mark.sweep

WORD = "zqzeppelinqz"
_LETTERS = re.compile(r"[A-Za-z]{3,}")
_DIGIT = re.compile(r"\d")
_OTHERS = {"true": ("false",), "false": ("true",), "null": ("4711", "true")}


class Planted:
    """A sample in which leaves are changed, and what then becomes of it."""

    def __init__(self, sample: Sample, file: Path) -> None:
        self._sample, self._file = sample, file
        self._whole = [_told(o) for o in self._outcomes(sample.file.read_bytes())]

    def _outcomes(self, data: bytes) -> list[Outcome]:
        self._file.write_bytes(data)
        return [f[2] for f in read(self._sample.form, member_of(self._sample.path, self._file))[1]]

    def lost(self) -> Iterator[str]:
        """The ways of the leaves that get nowhere."""
        for leaf in leaves(self._sample):
            if not self._is_kept(leaf):
                yield leaf.way

    def _is_kept(self, leaf: Leaf) -> bool:
        """Whether a word there is found in a record or its key, or another number changes one.

        What is set aside is kept with its bytes; of a number that says only that it was read.
        """
        named = rejected = False
        for word in _words(leaf.value):
            found = self._outcomes(leaf.put(word, False))
            records = [outcome for outcome in found if not isinstance(outcome, Rejection)]
            if any(WORD in _told(record) for record in records):
                return True
            named |= any(WORD in _keys(record) for record in records)
            rejected |= any(WORD in _told(o) for o in found if isinstance(o, Rejection))
        others = _OTHERS.get(leaf.value, ()) if leaf.bare else ()
        others = others or tuple(_another(leaf.value))
        if any(self._changes(leaf, other) for other in others):
            return True
        return named or (rejected and (not others or leaf.value == "null"))

    def _changes(self, leaf: Leaf, value: str) -> bool:
        return [_told(o) for o in self._outcomes(leaf.put(value, leaf.bare))] != self._whole


def _told(outcome: Outcome) -> str:
    """All that an outcome says, but for who it is: of that the lake keeps a digest."""
    if isinstance(outcome, Rejection):
        return repr((outcome.reason, outcome.raw))
    names = (n for n in outcome.__struct_fields__ if n not in ("identity", "related"))
    return repr([getattr(outcome, name) for name in names])


def _keys(outcome: Outcome) -> str:
    """Who it is, and whom it is related to."""
    if isinstance(outcome, Rejection):
        return ""
    return repr((outcome.identity, getattr(outcome, "related", ())))


def _words(value: str) -> Iterator[str]:
    """The word, and the value with the word for its longest one: an address stays an address."""
    yield WORD
    runs = list(_LETTERS.finditer(value))
    longest = max(runs, key=lambda run: len(run[0]), default=None)
    if longest is not None and longest[0] != value:
        yield value[: longest.start()] + WORD + value[longest.end() :]


def _another(value: str) -> Iterator[str]:
    """The value with another last digit, if it has one."""
    digits = list(_DIGIT.finditer(value))
    if digits:
        at = digits[-1].start()
        yield f"{value[:at]}{abs(int(value[at]) - 1)}{value[at + 1 :]}"


def _matches(way: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(way, pattern) for pattern in patterns)


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_every_leaf_gets_into_a_record_or_is_left_out_for_a_reason(
    form: Format, tmp_path: Path
) -> None:
    lost = {way for one in samples(form) for way in Planted(one, tmp_path / "member").lost()}
    listed = {*LEFT_OUT.get(form.name, {}), *NOT_YET.get(form.name, ())}
    assert {way for way in lost if not _matches(way, listed)} == set()
    idle = {one for one in listed if not any(_matches(way, (one,)) for way in lost)}
    assert idle == set(), "these are kept"


def test_lists_are_of_formats() -> None:
    names = {form.name for form in all_formats()}
    assert LEFT_OUT.keys() | NOT_YET.keys() <= names
    assert all(why for fields in LEFT_OUT.values() for why in fields.values())


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_a_sample_has_leaves_unless_no_word_can_be_planted(sample: Sample) -> None:
    opaque = sample.path.rpartition(".")[2].lower() in OPAQUE
    blank = not sample.file.read_bytes().strip(b"\xef\xbb\xbf \r\n[]{}")
    assert any(True for _ in leaves(sample)) is not (opaque or blank)
