"""The example of `docs/how-to/add-a-format.md`, put where the page says, keeps the contract."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline.formats
from pipeline.contract import Format
from pipeline.registry import all_formats, format_named
from tests.pipeline.formats import test_formats
from tests.support import formats
from tests.support.formats import Sample, samples

pytestmark = pytest.mark.sweep

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-format.md"
_FILE = re.compile(r"`([\w./-]+)`(?::| then holds:)\n\n```\w+\n(.*?)```", re.DOTALL)
_MODULE = "pipeline.formats.parkpass_visits"


def files_of(page: str) -> dict[str, str]:
    """The files that a page shows, by the path that it gives them."""
    return {found[1]: found[2] for found in _FILE.finditer(page)}


@pytest.fixture
def parkpass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Format]:
    """The page's format, found in the folder of formats as any other."""
    for path, text in files_of(PAGE.read_text(encoding="utf-8")).items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    more = [*pipeline.formats.__path__, str(tmp_path / "pipeline" / "formats")]
    monkeypatch.setattr(pipeline.formats, "__path__", more)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(formats, "FOLDER", tmp_path / "tests" / "formats")
    monkeypatch.setattr(test_formats, "FOLDER", tmp_path / "tests" / "formats")
    importlib.invalidate_caches()
    all_formats.cache_clear()
    yield format_named("parkpass.visits")
    all_formats.cache_clear()
    del sys.modules[_MODULE]
    delattr(pipeline.formats, "parkpass_visits")


def test_the_example_is_small() -> None:
    shown = files_of(PAGE.read_text(encoding="utf-8"))
    assert sorted(Path(path).suffix for path in shown) == [".json", ".jsonl", ".py"]
    code = [text for path, text in shown.items() if not path.endswith(".jsonl")]
    assert sum(len(text.splitlines()) for text in code) <= 60


def test_the_example_keeps_the_contract(parkpass: Format, tmp_path: Path) -> None:
    (sample,) = samples(parkpass)
    test_formats.test_has_an_invented_sample_and_what_becomes_of_it(parkpass)
    test_formats.test_this_format_alone_recognises_its_sample(sample)
    test_formats.test_output_is_what_was_reviewed(parkpass)
    test_formats.test_samples_hold_a_record_that_can_be_keyed(parkpass)
    test_formats.test_the_independent_count_agrees_on_sound_input(parkpass)
    _holds_for_any_bytes(sample, tmp_path)


def _holds_for_any_bytes(sample: Sample, folder: Path) -> None:
    test_formats.test_a_second_pass_gives_the_same(sample)
    for limits in test_formats.SLICINGS:
        test_formats.test_slicing_anyhow_gives_the_same(sample, limits)
    test_formats.test_every_truncation_yields_outcomes(sample, folder)
    test_formats.test_every_flipped_byte_yields_outcomes(sample, folder)


def test_the_example_says_what_the_page_says(parkpass: Format) -> None:
    visit, undated = formats.lines_of(parkpass)
    assert visit["time"]["at"] == "2024-05-01T07:30:00Z"
    assert visit["time"]["offset"] == 120
    assert (undated["time"]["at"], undated["time"]["flag"]) == (None, "time_unread")
