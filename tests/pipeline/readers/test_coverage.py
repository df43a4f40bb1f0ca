"""Every reader on damaged bytes: no byte is passed over, and import and `verify` agree.

Each byte of a member belongs to an item, to a rejection, or to filler that the reader's grammar
names (`tests.pipeline.readers.coverage`). Readers are those of all formats, as each sets them up:
a new one has to name its filler there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.contract import Reader
from sql.store import Lake
from tasks.operations import verify
from tasks.runtime.context import Runtime
from tests.fuzz import fuzz
from tests.pipeline.readers.coverage import FILLER, read_bytes, readers, stray
from tests.support.formats import member_of, samples
from tests.support.lake import zipped

_READERS = readers()
#: Tries for each reader.
_EXAMPLES = 60
#: Archives that are imported, each with a file for every reader.
_ARCHIVES = 3

each_reader = pytest.mark.parametrize(
    "reader", _READERS, ids=lambda reader: f"{_READERS[reader][0].name}-{reader.name}"[:80]
)
tried = settings(
    max_examples=_EXAMPLES,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def sound_of(reader: Reader) -> list[bytes]:
    """The samples of all formats with that reader."""
    files = [sample.file for form in _READERS[reader] for sample in samples(form)]
    return [file.read_bytes()[:20_000] for file in files]


@st.composite
def damaged(draw: st.DrawFn, sound: list[bytes]) -> bytes:
    """A broken sample, or two of them, one within the other or behind it."""
    data = draw(fuzz.broken(sound))
    if not draw(st.booleans()):
        return data
    other = draw(st.sampled_from(sound))
    at, begin, end = (int(draw(st.floats(0, 1)) * len(d)) for d in (data, other, other))
    return data[:at] + other[min(begin, end) : max(begin, end)] + data[at:]


def test_every_reader_names_its_filler() -> None:
    assert {type(reader) for reader in _READERS} == set(FILLER)


@each_reader
def test_no_byte_is_passed_over(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> None:
    form, file = _READERS[reader][0], tmp_path_factory.mktemp("coverage") / "member"
    path = samples(form)[0].path

    @tried
    @given(damaged(sound_of(reader)))
    def covered(data: bytes) -> None:
        file.write_bytes(data)
        read = read_bytes(reader, file, member_of(path, file))
        assert stray(read) == []
        # What verify counts is what was read, but where syntax is broken.
        assert read.count == len(read.items) or read.rejections

    covered()


def at_their_paths(count: int) -> st.SearchStrategy[dict[str, bytes]]:
    """Damaged files of some formats of every reader, each where such a file lies."""

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, bytes]:
        files = {}
        for nth, (reader, forms) in enumerate(_READERS.items()):
            for again in range(count):
                path = samples(draw(st.sampled_from(forms)))[0].path
                files[f"{nth}.{again}/{path}"] = draw(damaged(sound_of(reader)))
        return files

    return drawn()


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # of a long example
def test_import_and_verify_agree(
    imported: Callable[[str, str, bytes], dict[str, Any]], run: Runtime, reader: Lake
) -> None:
    """The receipt of an archive of damaged files of every reader is proven."""

    @settings(tried, max_examples=_ARCHIVES)
    @given(at_their_paths(1))
    def agreed(files: dict[str, bytes]) -> None:
        job = imported("ana@example.org", "damaged.zip", zipped(files))
        assert job["status"] == "done"
        found = verify.verify(run, reader, job)
        assert [finding for finding in found if not finding.ok] == []
        assert {"items", "records", "outcomes"} <= {finding.check for finding in found}

    agreed()
