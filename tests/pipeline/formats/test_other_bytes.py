"""Each sample as another program, version or hand would write it is the same format, and the same
records: with a mark, blank lines before it, CRLF, its keys in another order, a field more, or its
first item damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from pipeline.contract import Rank
from pipeline.normalise import Found, ReadContext, understand
from pipeline.syntax.json_mended import mended
from schemas.records import Record, Rejection
from tasks.ingest import members
from tests.support import variants
from tests.support.formats import ONE_PASS, Sample, all_samples, carried, member_of, read
from tests.support.leaves import JSON, TABLES, syntax_of

pytestmark = pytest.mark.sweep

_FORMATS_OF_TEXT = frozenset({"mail.eml", "joplin.items", "notion.pages"})
_TEXTS = [
    sample
    for sample in all_samples()
    if syntax_of(sample.form) not in ("whole_file", "sqlite_table")
    or sample.form.name in _FORMATS_OF_TEXT
]
each_text = pytest.mark.parametrize("sample", _TEXTS, ids=str)

_BY_PLACE = "columns in any language are told by their places"
_TWO_CELLS = "in any language a video's row has an id, a time and no more"
_ON_A_LINE = "written on a line each, the values are lines"
_NO_NUMBER = "a row without a number is recorded as all that it says"
#: Where other bytes are another file: the format, a part of the sample's path, the variants, why.
_OTHER_FILES = (
    ("joplin.items", "1", "blank", "the first line is the title, be it blank"),
    ("joplin.items", "2", "blank", "the first line is the title, be it blank"),
    ("joplin.items", "3", "blank", "the first line is the title, be it blank"),
    ("joplin.items", "4", "blank", "the first line is the title, be it blank"),
    ("joplin.items", "6", "blank", "the first line is the title, be it blank"),
    ("mail.mbox", "Sent", "crlf", "a mail without a Message-ID is its bytes"),
    ("google.fit_daily", "Dagelijkse", "order first", _BY_PLACE),
    ("google.saved_list", "保存済み", "order first last", _BY_PLACE),
    ("google.health_series", "2024-10-27", "first last", _NO_NUMBER),
    ("google.health_series", "rate_zones", "first last", _NO_NUMBER),
    ("instagram.lists", "post_comments", "order", "labels in any language are told by their order"),
    ("lastfm.scrobbles", "bare", "order first last damage", "its first row shows: no header"),
    ("netflix.viewing_history", "", "order first", _BY_PLACE),
    ("netflix.viewing_history", "Excel", "damage", "the damaged day told the order of the others"),
    ("strava.activities", "", "order first", _BY_PLACE),
    ("youtube.comments", "Kommentare", "order first", _BY_PLACE),
    ("youtube.live_chats", "Livechats", "order first", _BY_PLACE),
    ("youtube.playlists", "YouTube und", "order first", _BY_PLACE),
    ("youtube.subscriptions", "", "order first", _BY_PLACE),
    ("youtube.playlist", "Recetas", "order first", _BY_PLACE),
    ("youtube.playlist", "Recetas", "last", _TWO_CELLS),
    ("youtube.playlist", "Schw", "order first", _BY_PLACE),
    ("youtube.playlist", "Schw", "last", _TWO_CELLS),
    ("youtube.playlist", "Schw", "damage", "the damaged row says which list it is"),
    ("youtube.playlist", "Uploads", "order first", _BY_PLACE),
    ("youtube.playlist", "Uploads", "last", _TWO_CELLS),
    ("owntracks.json", "download", "first", "the keys are names of people"),
    ("json.values", "pretty", "order first last", _ON_A_LINE),
)
#: Formats whose records are all that they say, so that one with a field more is another.
_ALL_THAT_IT_SAYS = frozenset({"discord.activity", "snapchat.account_history", "spotify.playlists"})
#: Formats whose entry without a time is all that it says, so that a field more changes its key.
_ALL_WITHOUT_A_TIME = frozenset(
    {
        "garmin.days",
        "garmin.sleep",
        "google.fit_daily",
        "google.keep",
        "google.maps_reviews",
        "slack.messages",
        "snapchat.memories",
    }
)
#: Samples whose items are texts, so that only what they lie in can have a field more.
_BARE = frozenset({"bookmarks.json", "likes.json", "ads_interests.json"})


def _differs(sample: Sample, variant: str) -> bool:
    """Whether the sample is another file in this variant, for a reason that is listed."""
    return any(
        sample.form.name == name and part in sample.path and variant in variants_of.split()
        for name, part, variants_of, _ in _OTHER_FILES
    )


def _outcomes(sample: Sample, data: bytes, work: Path) -> list[Found] | None:
    """What becomes of bytes in the place of a sample; None if they are another format's."""
    file = work / "member"
    file.write_bytes(data)
    found = members.prepare(member_of(sample.path, file), work / "text")
    if not isinstance(found, members.Readable) or found.form is not sample.form:
        return None
    return read(found.form, found.member)[1]


def _in_full(found: list[Found] | None) -> list[str] | None:
    if found is None:
        return None
    outcomes = (outcome for _, _, outcome in found)
    said = (
        f"Rejection {o.reason}"
        if isinstance(o, Rejection)
        else repr([getattr(o, name) for name in o.__struct_fields__])
        for o in outcomes
    )
    return [text.replace("\\r\\n", "\\n") for text in said]


@pytest.mark.parametrize(
    ("variant", "written"),
    [
        ("mark", variants.with_mark),
        ("blank", variants.with_blank_lines),
        ("blank", lambda data: variants.with_mark(variants.with_blank_lines(data))),
        ("crlf", variants.with_crlf),
    ],
    ids=["mark", "blank", "mark and blank", "crlf"],
)
@each_text
def test_what_stands_around_a_file_costs_nothing(
    sample: Sample, variant: str, written: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data = sample.file.read_bytes()
    was = _in_full(_outcomes(sample, data, tmp_path))
    now = _in_full(_outcomes(sample, written(data), tmp_path))
    assert (now == was) is not _differs(sample, variant)


def _records(sample: Sample, found: list[Found], *, more: bool = False) -> Counter[str]:
    """The records by what damage of others and another order do not change, and with `more` by
    what a field more does not; those of a catch-all are only counted."""
    form = sample.form
    counted = form.name in _ALL_THAT_IT_SAYS or form.rank is not Rank.PRODUCT
    texts: Counter[str] = Counter()
    for _, _, outcome in found:
        if isinstance(outcome, Rejection):
            continue
        fields = (
            ["identity", "time", "title", "content"]
            if isinstance(outcome, Record)
            else [name for name in outcome.__struct_fields__ if name != "metadata"]
        )
        if more and form.name in _ALL_WITHOUT_A_TIME and not (outcome.time and outcome.time.at):
            fields = [name for name in fields if name != "identity"]
        said = [] if counted else [getattr(outcome, name) for name in fields]
        texts[f"{type(outcome).__name__} {said}"] += 1
    return texts


@each_text
def test_order_and_more_fields_cost_no_record(sample: Sample, tmp_path: Path) -> None:
    data, syntax = sample.file.read_bytes(), syntax_of(sample.form)
    whole = _outcomes(sample, data, tmp_path)
    assert whole is not None
    tried = {"order": variants.reordered(syntax, data), **variants.with_unknown(syntax, data)}
    for variant, changed in tried.items():
        if changed is None:
            continue
        found = _outcomes(sample, changed, tmp_path)
        more = variant != "order"
        was = _records(sample, whole, more=more)
        kept = found is not None and _records(sample, found, more=more) >= was
        assert kept is not _differs(sample, variant), variant


class _Unknown:
    """Hears which fields of an item its format does not know."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def fields(self, unknown: AbstractSet[str]) -> None:
        self.names |= unknown

    def items(self, count: int) -> None:
        """How many there are does not matter here."""


@pytest.mark.parametrize(
    "sample", [s for s in _TEXTS if syntax_of(s.form) in JSON | TABLES], ids=str
)
def test_a_field_more_is_kept_or_told(sample: Sample, tmp_path: Path) -> None:
    data = variants.with_unknown(syntax_of(sample.form), sample.file.read_bytes()).get("last")
    if data is None or sample.file.name in _BARE:
        return
    file = tmp_path / "member"
    file.write_bytes(data)
    member, reader, heard = member_of(sample.path, file), sample.form.reader, _Unknown()
    with file.open("rb") as source:
        context = carried(reader.prepare(source, member))
        parts = list(reader.slices(source, context, ONE_PASS))
        reading = ReadContext(form=sample.form, member=member, context=context)
        found = [outcome for part in parts for outcome in understand(reading, source, part, heard)]
    assert variants.NAME in heard.names or variants.NAME in repr(found)


@each_text
def test_damage_of_the_first_item_costs_no_other(sample: Sample, tmp_path: Path) -> None:
    data, syntax = sample.file.read_bytes(), syntax_of(sample.form)
    whole = _outcomes(sample, data, tmp_path)
    assert whole is not None
    places = sorted({(offset, length) for offset, length, _ in whole if length})
    if len(places) < 2:
        return
    start, length = places[0]
    changed = variants.damaged(syntax, data, start, start + length)
    if changed is None:
        return
    others = [one for one in whole if one[0] != start]
    found = _outcomes(sample, changed, tmp_path)
    kept = found is not None and _records(sample, found) >= _records(sample, others)
    assert kept is not _differs(sample, "damage")


def test_every_exception_is_of_a_sample() -> None:
    for name, part, _, why in _OTHER_FILES:
        assert why
        assert any(s.form.name == name and part in s.path for s in _TEXTS)


@pytest.mark.parametrize(
    ("broken", "sound"),
    [
        (b'{"a" 1, "b": [1, {"x" 2}, {"y": 3}], "c": 2}', b'{ "b": [1, {}, {"y": 3}], "c": 2}'),
        (b'[{"a": 1}, {"b" 1,"c":[1,2', b'[{"a": 1}, {"c":[1,2'),
        (b'["x","y" "z",3', b'["x",3'),
        (b"x, y [1,,2] z", b"x, y [1,2] z"),
        (b'{"a": 1} {"b" 2}', b'{"a": 1} {}'),
    ],
)
def test_what_is_broken_in_itself_is_left_out(broken: bytes, sound: bytes) -> None:
    assert mended(broken) == sound


@pytest.mark.parametrize(
    "piece", [b"[", b"]", b'[{"a" 1},', b'{"a":', b'"', b",", b'[1,"\\', b"{]"]
)
def test_mending_ends_soon_on_whatever_it_is_given(piece: bytes) -> None:
    data = (piece * 64_000)[:64_000]
    assert len(mended(data)) <= len(data) + len(b",") * 32
