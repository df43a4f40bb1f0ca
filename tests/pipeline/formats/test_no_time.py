"""An entry whose time can't be read costs its time and nothing else, in every format.

Each leaf of each sample that tells a time takes other values in turn: a text that is no time, null,
an empty text, a number far from any time, and nothing at all. Every record stays a row; it has no
time, and says so where something stood there.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.contract import Format
from pipeline.normalise import ReadContext, outcomes_of
from pipeline.quality import key_of
from pipeline.registry import all_formats, format_named
from pipeline.syntax.xml_tree import Element
from pipeline.values import instants
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import Outcome, RawRecord, Record, Rejection
from tests.support.formats import ONE_PASS, Sample, member_of, read, read_items, samples

pytestmark = pytest.mark.sweep

WORDS, NEVER = "no time at all", "2026-02-30T10:00:00Z"
#: Seconds, milliseconds, microseconds or nanoseconds: beyond 2100 or before 1900 in each.
FAR = -(2**62)
_GONE = object()

#: Readers whose values can be null, or be left out; cells of tables and lines of text can not.
_NULLABLE = {"json_items", "json_whole", "json_tree", "ndjson", "ytd", "sqlite_table"}
_OPTIONAL = _NULLABLE - {"sqlite_table"}

#: What the test can't change a time in, and where that is tested.
ELSEWHERE = {
    "bluesky.repository": "a binary file, of the records of bluesky.record",
    "fit": "a binary file: tests/pipeline/services/test_tracks.py",
    "instagram.early_people": "what a time stands under is a person; its sample lacks one",
    "mail.msg": "a binary file: tests/pipeline/services/test_outlook.py",
    "media.audio_video": "a binary file: tests/pipeline/services/test_media_times.py",
    "media.image": "a binary file: tests/pipeline/services/test_media.py",
    "nmea": "positions alone",
}
#: Texts in which a time is more than a time, and why.
PART_OF_THE_GRAMMAR = {
    "document.plain": "what a text's front matter calls a date is its writer's own word",
    "mt940.payments": "a line has no separators: its first six digits are how it is cut",
    "owntracks.rec": "a bare number in JSON; the samples of owntracks.json are tried",
}
#: Formats whose records have no time.
UNDATED = {
    "claude.memories", "claude.projects", "contacts.vcard", "discord.channel", "facebook.profile",
    "google.chat_group", "google.chat_user", "google.contacts_csv", "google.pay_passes",
    "google.chrome_devices", "google.play_subscriptions", "google.profile", "google.saved_list",
    "notion.pages", "reddit.saved", "reddit.subscriptions", "reddit.votes", "slack.people",
    "x.account", "x.likes", "x.people", "x.saved_searches", "youtube.subscriptions", "json.array",
    "json.values", "json.wrapped", "spotify.library", "x.rows", "csv.table", "fit.courses",
    "mastodon.saved", "ndjson", "tcx.courses",
}  # fmt: skip


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of texts and numbers in an item."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _leaves(part, (*path, at))
    elif isinstance(value, Element):
        yield from _leaves(value.attributes, (*path, "attributes"))
        yield from _leaves(list(value.children), (*path, "children"))
        yield from _leaves(value.text, (*path, "text"))
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield path


def _step(value: Any, key: Any) -> Any:
    return getattr(value, key) if isinstance(value, Element) else value[key]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = _step(value, key)
    return value


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at that place, or with nothing there."""
    key, *rest = path
    if isinstance(value, Element):
        return msgspec.structs.replace(value, **{key: _with_part(getattr(value, key), rest, new)})
    changed = copy.copy(value)
    if new is _GONE and not rest:
        del changed[key]
    else:
        changed[key] = _with_part(value[key], rest, new)
    return changed


def _with_part(value: Any, rest: list[Any], new: Any) -> Any:
    return _with(value, tuple(rest), new) if rest else new


class Case:
    """An item of a sample, and what becomes of it."""

    def __init__(self, form: Format, member: Member, item: RawRecord) -> None:
        self.form, self.member, self.item = form, member, item
        self.base = list(outcomes_of(ReadContext(form=form, member=member), item))

    def of(self, path: tuple[Any, ...], new: Any) -> list[Outcome]:
        value = _with(self.item.value, path, new)
        changed = msgspec.structs.replace(self.item, value=value)
        return list(outcomes_of(ReadContext(form=self.form, member=self.member), changed))

    def times(self) -> Iterator[tuple[Any, ...]]:
        """The leaves on which the time of an outcome hangs, or which can make one refused."""
        for path in _leaves(self.item.value):
            if _is_time(self.base, self.of(path, WORDS), str(_at(self.item.value, path))):
                yield path


def _is_time(base: list[Outcome], got: list[Outcome], leaf: str) -> bool:
    if sum(map(_is_refused, got)) > sum(map(_is_refused, base)):
        return True
    verbatim = any(o.time and o.time.text == leaf for o in base if not isinstance(o, Rejection))
    return verbatim or sum(map(_says_so, got)) > sum(map(_says_so, base))


def _is_refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejection) and outcome.reason is Reason.BAD_TIME


def _says_so(outcome: Outcome) -> bool:
    """Whether it says of its time that it could not be read."""
    if isinstance(outcome, Rejection):
        return False
    flags = {outcome.time.flag} if outcome.time else set()
    flags |= set(outcome.metadata.get("flags", ()))
    return not flags.isdisjoint({instants.UNREAD, "out_of_range"})


def _rows(outcomes: list[Outcome]) -> list[str]:
    """The documents; a position or a measured value is nothing without its time."""
    return [one.record_type for one in outcomes if isinstance(one, Record)]


def _has(got: list[str], base: list[str]) -> bool:
    """Whether all rows are there; a position without a time may be a place."""
    return not Counter(base) - Counter(got)


def _others(form: Format, leaf: Any, path: tuple[Any, ...]) -> Mapping[str, Any]:
    """What takes the place of a time, by what it is called in a message."""
    reader = form.reader.name.partition(":")[0]
    others = {
        "words": WORDS,
        "never": NEVER,
        "empty": "",
        "far": FAR if isinstance(leaf, int) else str(FAR),
    }
    if reader in _NULLABLE:
        others["null"] = None
    if reader in _OPTIONAL and isinstance(path[-1], str):
        others["gone"] = _GONE
    return others


def _cases(form: Format) -> Iterator[tuple[Case, tuple[Any, ...]]]:
    """Each leaf that tells a time, once for each shape of item it stands in."""
    done: set[Any] = set()
    for sample in samples(form) if form.name not in ELSEWHERE else ():
        member = member_of(sample.path, sample.file)
        for item in read_items(form, member):
            if not isinstance(item.value, dict | list | Element):
                continue
            case = Case(form, member, item)
            for path in case.times():
                shape = tuple("*" if isinstance(key, int) else key for key in path)
                if (here := (shape, *_rows(case.base))) not in done:
                    done.add(here)
                    yield case, path


def _faults(case: Case, path: tuple[Any, ...]) -> Iterator[str]:
    for name, new in _others(case.form, _at(case.item.value, path), path).items():
        got = case.of(path, new)
        where = f"{'.'.join(map(str, path))}, {name}"
        if not _has(_rows(got), _rows(case.base)):
            why = [f"{o.reason}: {o.detail}" for o in got if isinstance(o, Rejection)]
            yield f"{where}: {why}"
        elif name in ("words", "never", "far"):
            yield from (f"{where}: unsaid" for _ in _unsaid(case.base, got))


def _unsaid(base: list[Outcome], got: list[Outcome]) -> Iterator[Record]:
    """Records that lost their moment and don't say so."""
    before = [one for one in base if isinstance(one, Record)]
    after = [one for one in got if isinstance(one, Record)]
    for was, now in zip(before, after, strict=False):
        lost = was.time and was.time.at and not (now.time and now.time.at)
        if lost and not _says_so(now):
            yield now


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_a_record_without_a_time_stays(form: Format) -> None:
    assert [fault for case, path in _cases(form) for fault in _faults(case, path)] == []


def _texts(form: Format) -> Iterator[tuple[Sample, slice, bytes]]:
    """The records whose items are texts, and whose time stands in them as it is written.

    Not in a first line: the date of an mbox's separator is what makes it one.
    """
    if form.name in PART_OF_THE_GRAMMAR:
        return
    for sample in samples(form):
        member = member_of(sample.path, sample.file)
        if all(isinstance(i.value, dict | list | Element) for i in read_items(form, member)):
            continue
        data = sample.file.read_bytes()
        for offset, length, outcome in read(form, member, ONE_PASS)[1]:
            place = slice(offset, offset + length)
            if isinstance(outcome, Record) and outcome.time and outcome.time.at:
                written = outcome.time.text.encode()
                separator = data[place].startswith(b"From ") and data[place].partition(b"\n")[0]
                if data[place].count(written) == 1 and written not in (separator or b""):
                    yield sample, place, written


def _whole(form: Format, path: str, file: Path) -> list[Outcome]:
    return [outcome for _, _, outcome in read(form, member_of(path, file), ONE_PASS)[1]]


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_a_record_in_a_text_without_a_time_stays(form: Format, tmp_path: Path) -> None:
    for sample, place, written in _texts(form):
        data = sample.file.read_bytes()
        base = _whole(form, sample.path, sample.file)
        for new in (WORDS, NEVER, "", str(FAR)):
            part = data[place].replace(written, new.encode())
            changed = tmp_path / "changed"
            changed.write_bytes(data[: place.start] + part + data[place.stop :])
            got = _whole(form, sample.path, changed)
            assert _rows(got) == _rows(base), (written, new)
            assert not new or not list(_unsaid(base, got)), (written, new)


@pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
def test_every_format_is_tried(form: Format) -> None:
    known = form.name in UNDATED or form.name in ELSEWHERE | PART_OF_THE_GRAMMAR
    tried = next(_cases(form), None) is not None or next(_texts(form), None) is not None
    assert tried != known, "a format's times are tried here, or it is named with a reason"


def test_messages_without_a_time_are_told_apart() -> None:
    """Where only its time says which one it is, what it says does so in its place."""
    slack = format_named("slack.messages")
    (sample, *_) = samples(slack)
    member = member_of(sample.path, sample.file)

    def key(**fields: Any) -> bytes:
        value = {"type": "message", "user": "U1", **fields}
        (found,) = outcomes_of(ReadContext(form=slack, member=member), RawRecord(value, 0, 1))
        assert isinstance(found, Record)
        return key_of(found)

    assert len({key(text="a"), key(text="b"), key(text="a", ts=None)}) == 3
    assert key(text="a", ts="1456427378.000002") == key(text="b", ts="1456427378.000002")
    assert key(text="a", ts="soon") == key(text="b", ts="soon"), "a later parser may read it"
