"""The list of threats, the tests that are tied to it, and the table that comes of both.

A test of a threat bears `@pytest.mark.threat("name")` and notes what it saw through the fixture
`seen`; one that runs for many things, and must not change the page with each new one, says it once,
in its mark: `threat("name", seen="…")`.
`python -m tests.threats [FILE…]` runs them and writes the table of `docs/explanation/security.md`.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "explanation" / "security.md"
_BEGIN, _END = "<!-- threats -->\n", "<!-- end of threats -->"


class Threat(NamedTuple):
    """A case and what is to come of it; `untested` says why no test shows it."""

    case: str
    expected: str
    untested: str = ""


THREATS = {
    "names": Threat(
        "`../x`, `/abs`, `C:\\x`, `..\\..\\x` in a zip or tar",
        "stored under a generated name, its own kept as text; nothing outside the work folder",
    ),
    "links": Threat(
        "tar symlink, hardlink, device, fifo, sparse file, setuid bit",
        "the member is set aside, the others load; no such thing is ever made",
    ),
    "bombs": Threat(
        "ratio bomb, 42.zip, giant gzip",
        "stopped while streaming, by the bytes that come out; disk and memory under the limit",
    ),
    "time": Threat(
        "an archive that takes for ever to unpack", "stopped at the limit of processor time"
    ),
    "overlap": Threat(
        "zip entries that share bytes, wholly or by quoting",
        "refused by the zip's directory, before anything is read",
    ),
    "nesting": Threat(
        "an archive that holds itself; archives nested too deep",
        "not opened again; what lies beside it loads",
    ),
    "counts": Threat(
        "millions of entries; a count that lies; over 65,535 entries without ZIP64",
        "limit in bounded memory; real entries count, never silently fewer",
    ),
    "collisions": Threat(
        "duplicate, case-colliding, NFC and NFD, reserved, 255-byte and control-character names",
        "all members load",
    ),
    "damaged": Threat(
        "encrypted, truncated or bad CRC",
        "set aside with a message; no half member is loaded",
    ),
    "accepted": Threat("data descriptors, ZIP64, a zip comment", "accepted"),
    "two_types": Threat(
        "a file that is two types, or whose name lies", "type by content; ambiguous is refused"
    ),
    "sets": Threat(
        "an export in parts `-001`, `-002`: any order, a part twice, one missing",
        "one set; twice is a duplicate; what is missing is shown",
    ),
    "litter": Threat("`._x.json`, `__MACOSX`, `.DS_Store`", "ignored and counted"),
    "giants": Threat(
        "one JSON string beyond the limit; 100,000 nested arrays",
        "limits while streaming, in bounded memory; quarantine",
    ),
    "nul": Threat(
        "`\\u0000` and lone surrogates", "replaced and flagged, the raw bytes kept in the original"
    ),
    "encodings": Threat(
        "invalid UTF-8, UTF-16, Latin-1, a byte order mark",
        "detected and decoded, the encoding recorded; what no charset explains is quarantined",
    ),
    "numbers": Threat(
        "1e400, NaN, 5,000-digit integers, duplicate keys",
        "Infinity and NaN become null, flagged; big numbers kept as text",
    ),
    "dates": Threat(
        "year 0, 99999, 30 February, 1e20, milliseconds for seconds",
        "out of range is no time: flagged, in the undated partition, or quarantined",
    ),
    "csv": Threat(
        "CSV: ragged, NUL, 200 kB field, unclosed quote, `=cmd()`",
        "an unclosed quote costs its own line; formulas are stored as they are",
    ),
    "mime": Threat(
        "MIME: 1,000 nested parts, unknown charset, bad date, 20,000 addresses",
        "quarantined or read as far as it goes; the worker lives",
    ),
    "mbox": Threat(
        "`From ` in a mail's body, mixed line ends, no final newline",
        "as many mails as an independent splitter counts",
    ),
    "moving": Threat(
        "a file still being written, grown after the claim, replaced; symlink, fifo, folder",
        "waits; regular files only; measured again after the claim",
    ),
    "twice": Threat(
        "the same archive twice at once, under two names, for two users",
        "one job, the other a duplicate; two users have a job each and learn nothing",
    ),
    "disk_full": Threat(
        "a full disk", "back to ready, no attempt counted, the partial file removed"
    ),
    "clock": Threat(
        "the database's clock set back or ahead by hours",
        "no wait outlasts its promise; nothing lost, nothing twice",
    ),
    "work_gone": Threat(
        "`.work`, or some of it, deleted in mid-job",
        "made again, or a named end that says what to do; other jobs go on",
    ),
    "supervisor": Threat(
        "SIGKILL of the supervisor",
        "the work goes on; `status` and `doctor` say so; `up` and `down` find what it left",
    ),
    "kill": Threat(
        "SIGKILL at any named point, of any process; the broker flushed; Postgres stopped at once",
        "the same rows as an undisturbed run",
    ),
    "poison": Threat(
        "a record that ends its worker: crash, memory, hang",
        "bounded attempts, cut out, quarantined; the rest loads and the worker lives",
    ),
    "zombie": Threat(
        "two workers with one chunk; one that wakes after its lease",
        "one commit; the other is fenced",
    ),
    "clamd": Threat(
        "clamd down, slow, cut off", "`required`: everything waits; `auto`: marked not scanned"
    ),
    "malware": Threat(
        "an infected member; one that can't be scanned",
        "never reaches a parser; kept apart sealed or not at all; not scanned says why",
    ),
    "network": Threat("a parser that calls home", "no network in the process that parses"),
    "sql": Threat(
        "SQL in names, keys, users, partition names", "parameters and allow-lists: only text"
    ),
    "isolation": Threat(
        "another user's rows: parents, partitions, views, functions, vectors, conflicts",
        "nothing seen, nothing changed, nothing learnt",
    ),
    "canaries": Threat(
        "content and passwords in logs, Flower, error columns, events, the broker",
        "planted canaries are found nowhere",
    ),
    "chance": Threat("bytes damaged by chance", "members, listings or a refusal; no crash"),
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-threats", action="store_true", help="write the table of the page")


class Recorder:
    """What the tests of each threat noted: {threat: {"file::function": notes}}.

    Tests may run in several processes: what they noted travels in their reports, and the process
    that gathers the reports compares the page with it when the last test has ended.
    """

    def __init__(self, *, whole: bool = True, write: bool = False, gathers: bool = True) -> None:
        self.whole, self.write, self.gathers = whole, write, gathers
        self.notes: dict[str, dict[str, list[str]]] = {}
        self.lines: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" and report.passed:
            for mark in item.iter_markers("threat"):
                report.user_properties.append(("threat", [mark.args[0], mark.kwargs.get("seen")]))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seen = [str(text) for key, text in report.user_properties if key == "seen"]
        test = report.nodeid.partition("[")[0].removeprefix("tests/")
        for key, value in report.user_properties:
            if key == "threat":
                threat, said = value
                notes = self.notes.setdefault(threat, {}).setdefault(test, [])
                notes += seen
                if said not in (None, *notes):
                    notes.append(said)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self.gathers:
            return
        passed = exitstatus == pytest.ExitCode.OK
        if self.write and passed:
            before, _, rest = PAGE.read_text().partition(_BEGIN)
            after = rest.partition(_END)[2]
            PAGE.write_text(before + _BEGIN + self.table() + _END + after)
        elif self.whole and not self.write:
            self.lines = self.amiss()
            if self.lines and passed:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.lines:
            terminalreporter.section(
                "docs/explanation/security.md: write it anew with `make threats`", red=True
            )
            for line in self.lines:
                terminalreporter.line(line)

    def amiss(self) -> list[str]:
        """Where the page does not show what was seen, of threats of which every test ran."""
        page, lines = rows_of_page(), []
        for name, tests in marked().items():
            noted = self.notes.get(name, {})
            if set(noted) != tests:
                continue
            lines += [f"{name}: {test} noted nothing" for test in noted if not noted[test]]
            shown = page.get(f"{THREATS[name].case} | {THREATS[name].expected}", "")
            if sorted(shown.split("; ")) != sorted(self.cell(name).split("; ")):
                lines.append(f"{name}: shown is {shown!r}, seen was {self.cell(name)!r}")
        return lines

    def table(self) -> str:
        """The table in Markdown; what not all tests of it were run for stays as it was."""
        old, tests = rows_of_page(), marked()
        lines = ["| case | expected | seen |", "|---|---|---|"]
        for name, threat in THREATS.items():
            row = f"{threat.case} | {threat.expected}"
            ran = set(self.notes.get(name, {})) == tests.get(name, set())
            lines.append(f"| {row} | {self.cell(name) if ran else old.get(row, '')} |")
        return "\n".join(lines) + "\n"

    def cell(self, name: str) -> str:
        """What was seen of one threat, in whatever order, the same things counted."""
        if THREATS[name].untested:
            return f"not tested: {THREATS[name].untested}"
        seen = Counter(note for notes in self.notes.get(name, {}).values() for note in notes)
        return "; ".join(f"{text} (×{n})" if n > 1 else text for text, n in sorted(seen.items()))


def pytest_configure(config: pytest.Config) -> None:
    whole = not config.option.keyword and not any("::" in each for each in config.args)
    gathers = not hasattr(config, "workerinput")  # pytest-xdist's mark of a process that only tests
    config.pluginmanager.register(
        Recorder(whole=whole, write=config.option.write_threats, gathers=gathers)
    )


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Notes what a test of a threat saw; the same on every machine."""

    def note(what: object) -> None:
        request.node.user_properties.append(("seen", str(what).replace("|", "\\|")))

    return note


def rows_of_page() -> dict[str, str]:
    """The table on the page: {case and expected: seen}."""
    shown = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in shown.splitlines()[2:]]
    return {f"{case.strip()} | {expected.strip()}": seen.strip() for case, expected, seen in rows}


def marked() -> dict[str, set[str]]:
    """The tests of each threat, read from their source: {threat: {"file::function"}}."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        here = path.relative_to(TESTS).as_posix()
        for test, name in _marks(ast.parse(path.read_text()), here):
            found.setdefault(name, set()).add(test)
    return found


def _marks(node: ast.AST, at: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            continue
        here = f"{at}::{child.name}"
        for mark in child.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.threat":
                yield here, ast.literal_eval(mark.args[0])
        yield from _marks(child, here)
