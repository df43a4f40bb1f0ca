"""The docs say what the code does, wherever a page repeats it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from pipeline.registry import all_formats
from schemas import vocabulary
from schemas.progress import Event
from schemas.reasons import Category, Reason
from workers import secret_files
from workers.cli import app
from workers.cli.lazy import UnloadedVerb
from workers.reference import pages
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:^ {4,}|^\$ |`|\$\()datapunk ([a-z][^`#)\n]*)", re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_CODE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_CODE.sub("", text_of(page))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(text_of(page))
    }
    assert {p.resolve() for p in DOCS.rglob("*.md")} <= linked


@pytest.mark.parametrize("page", sorted({*pages.TABLES, *pages.WHOLE}))
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert text_of(REFERENCE / page) == pages.pages()[REFERENCE / page], "run: make docs"


def test_pages_that_fell_behind_are_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in pages.TABLES:
        (tmp_path / name).write_text(f"Before.\n{pages.BEGIN}stale\n{pages.END}\nAfter.\n")
    pages.main(tmp_path)
    assert set(capsys.readouterr().out.split()) == {*pages.TABLES, *pages.WHOLE}
    text = text_of(tmp_path / "vocabulary.md")
    assert text == f"Before.\n{pages.BEGIN}{vocabulary.table()}{pages.END}\nAfter.\n"
    pages.main(tmp_path)
    assert capsys.readouterr().out == ""


def test_a_page_without_a_place_for_its_table_is_named(tmp_path: Path) -> None:
    for name in pages.TABLES:
        (tmp_path / name).write_text("No place.\n")
    with pytest.raises(ValueError, match=r"command-line\.md has no place"):
        pages.main(tmp_path)


def test_the_formats_table_says_of_each_whether_strangers_files_were_tried() -> None:
    names, _, *rows = text_of(REFERENCE / "formats.md").split("<!-- table -->\n")[1].splitlines()
    at = [name.strip() for name in names.split("|")].index("tried with")
    told = {
        line.split("`")[1]: line.replace(r"\|", "").split("|")[at].strip()
        for line in rows
        if line.startswith("| `")
    }
    assert told.keys() == {form.name for form in all_formats()}
    for name, said in told.items():
        assert said == "no" or all(map(_PROJECT.fullmatch, said.split(", "))), name
    assert {"no"} < set(told.values())


_PROJECT = re.compile(r"[\w.-]+/[\w.-]+")


def test_every_reason_is_explained_once() -> None:
    page = text_of(REFERENCE / "errors.md").split("## Codes of chunks")[0]
    shown = Counter(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert shown == Counter({str(reason): 1 for reason in Reason})


def test_every_category_lists_its_reasons() -> None:
    page = text_of(REFERENCE / "errors.md")
    for category in (Category.SECURITY, Category.TRANSIENT, Category.DEFECT):
        shown = page.split(f"- *{category}*")[1].split("\n- ")[0]
        named = set(re.findall(r"`(\w+)`", shown))
        assert named == {str(reason) for reason in Reason if reason.category is category}


def test_every_event_is_explained_once() -> None:
    page = text_of(REFERENCE / "audit-trail.md")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    shown = Counter(re.findall(r"`(\w+)`", " ".join(rows)))
    assert shown == Counter({str(event): 1 for event in Event})


def test_every_setting_that_a_page_names_exists() -> None:
    names = {f"DATAPUNK_{name.upper()}" for name in Settings.model_fields} | {
        "DATAPUNK_REQUIRE_CLAMD",  # of the tests
        *secret_files.names(),
    }
    for page in PAGES:
        named = set(re.findall(r"\bDATAPUNK_[A-Z_]+\b", text_of(page)))
        assert named <= names, f"{page.name} names {sorted(named - names)}"


def commands_of(page: Path) -> list[list[str]]:
    """Every `datapunk …` that a page tells its reader to type, as words."""
    return [found.split() for found in _COMMAND.findall(text_of(page))]


@each_page
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    for words in commands_of(page):
        assert_exists(words)


def assert_exists(words: list[str]) -> None:
    """The verb, its sub-verb if it has any, and each option."""
    at = typer.main.get_command(app)
    rest = [word.rstrip(",.;:") for word in words]
    while isinstance(at, TyperGroup) and rest:
        assert rest[0] in at.commands, f"there is no datapunk {' '.join(words)}"
        at = at.commands[rest.pop(0)]
        at = at.load() if isinstance(at, UnloadedVerb) else at
    options = {name for parameter in at.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= options


def test_the_readme_shows_the_way_of_a_takeout() -> None:
    shown = {words[0] for words in commands_of(ROOT / "README.md")}
    assert {"up", "status", "receipt", "add", "doctor", "down"} <= shown


@pytest.mark.parametrize("words", ["nonsense", "status --nonsense", "db nonsense"])
def test_a_command_that_does_not_exist_is_found_out(words: str) -> None:
    with pytest.raises(AssertionError):
        assert_exists(words.split())


def cited() -> dict[str, set[str]]:
    """Each page below `docs/` that the code names, with its anchor, and the files that do."""
    named: dict[str, set[str]] = {}
    for path in _SOURCES:
        for link in _CITED.findall(text_of(path)):
            named.setdefault(link, set()).add(path.relative_to(ROOT).as_posix())
    return named


_CITED = re.compile(r"\bdocs/[\w/.-]+\.md(?:#[\w-]+)?")
_SECTION = re.compile(r"\breference,?[\s#:]+\d", re.IGNORECASE)
_SOURCES = sorted(
    path
    for room in ("benchmarks", "pipeline", "schemas", "sql", "tasks", "tests", "workers")
    for path in [*(ROOT / room).rglob("*.py"), *(ROOT / room).rglob("*.sql")]
    if not path.is_relative_to(ROOT / "sql" / "migrations")  # never edited
    and path != Path(__file__)
    and not path.is_relative_to(ROOT / "tests" / "data")
)


def test_every_page_that_the_code_cites_exists() -> None:
    links = cited()
    assert sum(link.startswith("docs/reference/exports/") for link in links) > 40
    for link, files in links.items():
        page, _, anchor = link.partition("#")
        assert (ROOT / page).is_file(), f"{sorted(files)} cite {link}"
        if anchor:
            assert anchor in anchors(ROOT / page), f"{sorted(files)} cite {link}"


def test_no_code_cites_a_section_of_a_list_that_is_not_here() -> None:
    assert [path.name for path in _SOURCES if _SECTION.search(text_of(path))] == []
