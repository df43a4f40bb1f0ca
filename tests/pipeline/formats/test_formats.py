"""The contract, held by every format in the folder. A new one is picked up by its constant."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.contract import Format
from pipeline.quality import key_of
from pipeline.registry import all_formats, recognise
from schemas.files import SliceLimits
from schemas.records import Metric, Point, RawRecord, Record, Rejection
from tests.support.formats import (
    FOLDER,
    ONE_PASS,
    Sample,
    all_samples,
    dump,
    head_of,
    lines_of,
    member_of,
    read,
    samples,
)
from tests.support.vocabulary import misspoken

pytestmark = pytest.mark.sweep

each_format = pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)
each_sample = pytest.mark.parametrize("sample", all_samples(), ids=str)

#: Folders of `tests/data` with files that another program or a person made.
REAL = ("gpx", "ics", "mail", "mbox", "vcf")

SLICINGS = [
    SliceLimits(records=1),
    SliceLimits(records=2),
    SliceLimits(records=3, size=64),
    SliceLimits(size=1),
    SliceLimits(size=200),
]


@each_format
def test_has_an_invented_sample_and_what_becomes_of_it(form: Format) -> None:
    assert samples(form), f"no file below tests/formats/{form.name}/input"
    assert (FOLDER / form.name / "expected.jsonl").is_file()


@each_sample
def test_this_format_alone_recognises_its_sample(sample: Sample) -> None:
    head = head_of(sample.path, sample.file.read_bytes())
    assert recognise(head) is sample.form


@each_format
def test_output_is_what_was_reviewed(form: Format) -> None:
    expected = (FOLDER / form.name / "expected.jsonl").read_bytes().splitlines()
    found = [json.loads(dump(line)) for line in lines_of(form)]
    assert found == [json.loads(line) for line in expected]


@each_format
def test_samples_hold_a_record_that_can_be_keyed(form: Format) -> None:
    outcomes = [
        found[2] for s in samples(form) for found in read(form, member_of(s.path, s.file))[1]
    ]
    keyed = [outcome for outcome in outcomes if not isinstance(outcome, Rejection)]
    assert keyed
    for outcome in keyed:
        assert len(key_of(outcome)) == 16
        assert outcome.source == form.name


@each_format
def test_records_speak_the_vocabulary(form: Format) -> None:
    """What each record type must say it says, and a shared name has the shared shape."""
    found = [f[2] for s in samples(form) for f in read(form, member_of(s.path, s.file))[1]]
    records = [outcome for outcome in found if isinstance(outcome, Record)]
    assert {r.record_type for r in records} == set(form.record_types)
    for record in records:
        assert misspoken(record) == []


@each_format
def test_known_fields_hold_all_that_the_sample_has(form: Format) -> None:
    for sample in samples(form):
        for item in _counted(sample)[0]:
            if form.fields is not None and isinstance(item, RawRecord):
                assert set(item.value) <= form.fields


@each_sample
def test_a_second_pass_gives_the_same(sample: Sample) -> None:
    member = member_of(sample.path, sample.file)
    assert read(sample.form, member) == read(sample.form, member)


@each_sample
@pytest.mark.parametrize("limits", SLICINGS, ids=lambda x: f"records={x.records},size={x.size}")
def test_slicing_anyhow_gives_the_same(sample: Sample, limits: SliceLimits) -> None:
    member = member_of(sample.path, sample.file)
    parts, found = read(sample.form, member, limits)
    assert found == read(sample.form, member)[1]
    assert all(a.start < a.end <= b.start for a, b in pairwise(parts))
    assert all(0 <= part.start < part.end <= member.size for part in parts)


@each_format
def test_the_independent_count_agrees_on_sound_input(form: Format) -> None:
    sound = 0
    for sample in samples(form):
        items, count = _counted(sample)
        assert count <= len(items)
        if not any(isinstance(item, Rejection) for item in items):
            sound += 1
            assert count == len(items)
    assert sound, "no sample of this format is sound"


def _counted(sample: Sample) -> tuple[list[RawRecord | Rejection], int]:
    member, reader = member_of(sample.path, sample.file), sample.form.reader
    with member.file.open("rb") as source:
        context = reader.prepare(source, member)
        parts = list(reader.slices(source, context, ONE_PASS))
        items = [item for part in parts for item in reader.items(source, part, context)]
        return items, reader.count(source, context)


def _positions(size: int) -> range:
    """Where a file is broken: every byte of a small one, about 50 places of a big one; `make fuzz`
    goes everywhere."""
    return range(0, size, max(1, size // 50))


@each_sample
def test_every_truncation_yields_outcomes(sample: Sample, tmp_path: Path) -> None:
    data = sample.file.read_bytes()
    _survives(sample, tmp_path, _positions(len(data)), lambda at: data[:at])


@each_sample
def test_every_flipped_byte_yields_outcomes(sample: Sample, tmp_path: Path) -> None:
    data = sample.file.read_bytes()

    def flipped(at: int) -> bytes:
        return data[:at] + bytes((data[at] ^ 0x5A,)) + data[at + 1 :]

    _survives(sample, tmp_path, _positions(len(data)), flipped)


def _survives(
    sample: Sample, tmp_path: Path, positions: range, broken: Callable[[int], bytes]
) -> None:
    file = tmp_path / "broken"
    for at in positions:
        data = broken(at)
        file.write_bytes(data)
        sample.form.score(head_of(sample.path, data))
        member = member_of(sample.path, file)
        _, found = read(sample.form, member)
        assert read(sample.form, member, SliceLimits(records=2, size=100))[1] == found
        for offset, length, outcome in found:
            assert isinstance(outcome, Record | Point | Metric | Rejection)
            assert 0 <= offset <= offset + length <= len(data)


def test_those_with_real_samples_are_the_ones_that_others_files_go_to() -> None:
    """Of `tests/data`: what programs and people wrote that know nothing of us."""
    folder = Path(__file__).parents[2] / "data"
    found = set()
    for path in (path for kind in REAL for path in (folder / kind).iterdir()):
        form = recognise(head_of(path.name, path.read_bytes()))
        found.add(form.name if isinstance(form, Format) else None)
    said = {form.name for form in all_formats() if form.sample == "invented and real"}
    assert found - {"document.plain", None} == said
