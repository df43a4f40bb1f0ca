"""Every text that is stored is in NFC, whatever form its export wrote it in."""

from __future__ import annotations

from pathlib import Path
from unicodedata import is_normalized, normalize

import orjson
import pytest

from pipeline.contract import Format
from pipeline.enrich.entities import mentions
from pipeline.normalise import normalise
from pipeline.registry import all_formats
from pipeline.storage import copy_text
from pipeline.text.cleaning import clean_json
from schemas.privacy import ReadUnder
from schemas.records import DataType, Metric, Point, Record
from tasks.ingest.record_spool import Batch
from tests.support.formats import member_of, read, samples

pytestmark = pytest.mark.sweep

each_format = pytest.mark.parametrize("form", all_formats(), ids=lambda form: form.name)


def stored(outcome: Record | Point | Metric) -> str:
    if isinstance(outcome, Record):
        return copy_text.document_line(outcome, "0", 0, clean_json)[0]
    if isinstance(outcome, Point):
        return copy_text.location_line(outcome, "0", 0, clean_json)
    return copy_text.metric_line(outcome, "0", 0, clean_json)


@each_format
def test_what_is_stored_of_the_samples_is_in_nfc(form: Format, tmp_path: Path) -> None:
    """Of the samples as they are, and of those that are texts as if written in NFD."""
    for sample in samples(form):
        check(form, sample.path, sample.file)
        try:
            said = sample.file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        apart = tmp_path / "apart"
        apart.write_bytes(normalize("NFD", said).encode())
        check(form, sample.path, apart)


def check(form: Format, path: str, file: Path) -> None:
    if file.stat().st_size:
        found = read(form, member_of(path, file))[1]
        for _, _, outcome in normalise(found):
            if isinstance(outcome, Record | Point | Metric):
                assert is_normalized("NFC", stored(outcome))


def decomposed() -> Record:
    """A record all of whose texts are in NFD; its metadata is at every depth."""
    name = normalize("NFD", "José Müller")
    return Record(
        data_type=DataType.STRUCTURED,
        source="a.test",
        record_type="message",
        identity=(name,),
        title=normalize("NFD", "Grüße"),
        content=normalize("NFD", "Tiếng Việt, 한국어, Ω"),
        metadata={
            "sender": {"name": name},
            "labels": [normalize("NFD", "Bücher")],
            normalize("NFD", "größe"): {normalize("NFD", "maß é"): [{"x": name}]},
        },
    )


def test_names_metadata_and_its_keys_too() -> None:
    record = decomposed()
    ((_, _, found),) = normalise([(0, 1, record)])
    assert isinstance(found, Record)
    assert found.identity == record.identity  # who it is hangs on what was written
    line = stored(found)
    assert is_normalized("NFC", line)
    assert not is_normalized("NFC", orjson.dumps(record.metadata).decode())
    assert [mention.name for mention in mentions(found)] == ["José Müller"]
    batch = Batch(ReadUnder("any"), keep_text=True)
    batch.add(0, 0, [(0, 1, found)])
    assert all(is_normalized("NFC", line) for line in (*batch.mentions, *batch.documents.lines))
    assert is_normalized("NFC", batch.documents.texts[0][1])


def test_two_spellings_of_a_field_are_both_kept() -> None:
    twice = {"é": 1, normalize("NFD", "é"): 2}
    assert sorted(orjson.loads(copy_text.json_field(twice, clean_json)).values()) == [1, 2]


def test_one_person_in_two_forms_is_one() -> None:
    keys = set()
    for form in ("NFC", "NFD"):
        record = Record(
            data_type=DataType.EMAIL,
            source="a.test",
            record_type="message",
            identity=("1",),
            metadata={"sender": {"name": normalize(form, "Zoë")}},
        )
        keys |= {mention.key for mention in mentions(record)}
    assert len(keys) == 1
