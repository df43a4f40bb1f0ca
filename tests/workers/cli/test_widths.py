"""What the command prints on terminals of several widths, compared with stored snapshots.

`RENEW_SNAPSHOTS=1 pytest tests/workers/cli/test_widths.py` writes the snapshots anew; look
at their differences before you commit them.
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.workers.cli import shown
from workers.cli import columns, console, progress, receipts, set_lines, waiting
from workers.cli.verbs import quarantine, status

SNAPSHOTS = Path(__file__).parent / "snapshots"
RENEW = "RENEW_SNAPSHOTS"
WIDTHS = (60, 80, 120, 200)

#: Each verb's output of fixed data.
CASES: dict[str, Callable[[], None]] = {
    "status": lambda: status.show(shown.snapshot(), shown.NOW),
    "jobs": lambda: status.show_jobs(shown.jobs(), shown.NOW),
    "sets": lambda: set_lines.show_list(shown.sets()),
    "set": lambda: set_lines.show(shown.set_receipt()),
    "quarantine-codes": lambda: quarantine.show_list(shown.quarantined(), single=False),
    "quarantine-records": lambda: quarantine.show_list(shown.quarantined(), single=True),
    "receipt": lambda: receipts.show(shown.receipt()),
    "receipt-cancelled": lambda: receipts.show(shown.cancelled()),
    "waiting": lambda: _waiting(console.width()),
}
#: What a person copies out of each.
COPIED = {
    "status": (*(str(shown.job_id(n))[:8] for n in range(20)),
               f"datapunk retry {shown.job_id(3)}", "datapunk embed --model full",
               "datapunk sets takeout-20240102T030405Z --go-on", "datapunk doctor",
               "valkey fatal", "disk: 50.0 GB free"),
    "jobs": tuple(str(shown.job_id(n))[:8] for n in range(20)),
    "sets": tuple(line.name for line in shown.sets()),
    "set": ("takeout-20240102T030405Z", shown.PATH),
    "quarantine-codes": ("ragged_row", "place_out_of_range", "poison", "40", "41", "42"),
    "quarantine-records": ("ragged_row", "place_out_of_range", "poison", "40", "41", "42"),
    "receipt": (str(shown.job_id(1)), shown.NAMES[1], shown.receipt().archived_path or "",
                "datapunk sets takeout-20240102T030405Z"),
    "receipt-cancelled": (f"datapunk retry {shown.job_id(1)}",),
    "waiting": (),
}  # fmt: skip


def _waiting(width: int | None) -> None:
    """The two lines of `--wait` at moments of a job: they are redrawn in one place."""
    cut = shown.progress(all_cut=False)
    ending = shown.progress(bytes_read=4_000_000, bytes_ended=4_000_000)
    moments = [
        (shown.row(1, "extracting"), cut),
        (shown.row(2, "loading"), shown.progress()),
        (shown.row(0, "loading"), ending),
        (shown.row(4), None),
        (shown.row(3, "failed"), None),
    ]
    for row, now in moments:
        screen = Console(file=io.StringIO(), width=width or 80, color_system=None)
        screen.print(waiting._drawn(row, now, width))
        assert isinstance(screen.file, io.StringIO)
        print(screen.file.getvalue(), end="")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a case prints at a width: the answer, and what goes to standard error."""

    def printed(case: str, width: int | None) -> str:
        monkeypatch.setattr(console, "width", lambda _stream=None: width)
        CASES[case]()
        output = capsys.readouterr()
        return output.out + output.err

    return printed


def _compare(name: str, text: str) -> None:
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get(RENEW):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"renew it with {RENEW}=1 if that is right"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_output_fits_the_terminal(at: Callable[..., str], case: str, width: int) -> None:
    text = at(case, width)
    for line in text.splitlines():
        # What is wider is one thing to copy on a line of its own, which nothing may break.
        alone = min(len(columns._WORDS.findall(text)) for text in (line, line[10:])) <= 1 or any(
            each in line for each in (shown.PATH, shown.NAMES[1])
        )
        assert cell_len(line) <= width or alone, line
    for each in COPIED[case]:
        assert each in text, f"{each} is cut or broken"
    _compare(f"{case}-{width}", text)


@pytest.mark.parametrize("case", ["status", "jobs"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_job_is_one_line(at: Callable[..., str], case: str, width: int) -> None:
    heading, *lines = at(case, width).splitlines()
    assert heading.startswith("job ")
    assert [line[:8] for line in lines[:20]] == [str(shown.job_id(n))[:8] for n in range(20)]


@pytest.mark.parametrize("case", [case for case in CASES if case != "waiting"])
def test_piped_output_has_no_width(at: Callable[..., str], case: str) -> None:
    text = at(case, None)
    assert "…" not in text.replace("… and 3 more; see --json", "")
    for each in COPIED[case]:
        assert each in text
    if case in ("status", "jobs"):
        for name in (*shown.NAMES, *shown.USERS):
            assert name in text
    _compare(f"{case}-piped", text)


@pytest.mark.parametrize("height", [10, 24, 60])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_watched_screen_always_shows_the_services(width: int, height: int) -> None:
    lines = status.screen(shown.snapshot(), width, height, shown.NOW)
    text = "\n".join(lines)
    flat = " ".join(text.split())
    assert "not running: valkey fatal, worker-embed fatal" in flat
    assert "disk: 50.0 GB free" in flat
    assert len(lines) <= max(height, 20), "the lowest terminal that it is for has 20 lines"
    assert all(cell_len(line) <= width or "datapunk" in line for line in lines)
    for n in (0, 1, 2) if height >= 24 else ():
        assert str(shown.job_id(n))[:8] in text, "open jobs come first"
    if height == 24:
        _compare(f"watch-{width}", text + "\n")


# --- the parts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short.zip", 9, "short.zip"),
        ("takeout-001.zip", 9, "take….zip"),
        ("写真のバックアップ.zip", 11, "写真…プ.zip"),
        ("ab", 1, "…"),
        ("e\u0301" * 9, 5, "e\u0301e\u0301…e\u0301e\u0301"),
    ],
)
def test_the_middle_of_a_name_is_cut(text: str, width: int, expected: str) -> None:
    assert columns.cut(text, width) == expected


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_cut_name_fits_and_has_no_mark_without_its_letter(text: str, width: int) -> None:
    text = console.cell(text)
    found = columns.cut(text, width)
    assert cell_len(found) <= width
    head, ellipsis, tail = found.partition("…") if found != text else (found, "", "")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert not ellipsis or not tail or unicodedata.category(tail[0]) not in ("Mn", "Me")


@given(st.lists(st.sampled_from(["a", "some words", "datapunk retry 1a2b", "x" * 30, "写真" * 6])),
       st.integers(10, 60))  # fmt: skip
def test_wrapped_text_has_every_word_and_whole_commands(parts: list[str], width: int) -> None:
    text = columns.wrapped(parts, width, first="- ", hang="  ")
    assert text.removeprefix("- ").split() == " ".join(parts).split()
    assert text.count("datapunk retry 1a2b") == parts.count("datapunk retry 1a2b")
    for line in text.splitlines():
        assert cell_len(line) <= width or len(re.findall(r"datapunk retry 1a2b|\S+", line)) <= 2


def test_a_time_is_left_only_where_it_can_be_known() -> None:
    assert shown.progress().left_s == 150.0
    for unknown in ({"all_cut": False}, {"waits": True}, {"bytes_per_s": None},
                    {"bytes_per_s": 0.0}):  # fmt: skip
        assert shown.progress(**unknown).left_s is None
        assert "left" not in progress.words(shown.progress(**unknown))


def test_jobs_together_have_the_sums_of_each() -> None:
    one, cut = shown.progress(), shown.progress(all_cut=False, running_s=90.0)
    both = progress.together([one, one])
    assert (both.bytes_cut, both.bytes_read, both.records_per_s) == (8_000_000, 2_080_000, 2_469.0)
    assert both.left_s == one.left_s
    assert progress.together([one, cut]).left_s is None
    assert progress.together([one, cut]).running_s == 90.0


def test_durations() -> None:
    assert [console.span(s) for s in (0.4, 59.6, 62, 3_725, 90_061)] == [
        "0s", "1m 00s", "1m 02s", "1h 02m", "1d 01h",
    ]  # fmt: skip
