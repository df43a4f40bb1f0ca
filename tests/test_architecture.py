"""The one rule of dependence: workers → tasks → pipeline | sql → schemas."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: What each package of this project may import of the others.
ALLOWED = {
    "schemas": frozenset[str](),
    "pipeline": frozenset({"schemas"}),
    "sql": frozenset({"schemas"}),
    "tasks": frozenset({"schemas", "pipeline", "sql"}),
    "workers": frozenset({"schemas", "pipeline", "sql", "tasks"}),
}
OURS = frozenset({*ALLOWED, "tests", "benchmarks", "celeryconfig"})
#: What the pure rooms meet through the Protocols of `pipeline.ports` alone.
WORLDLY = frozenset({"celery", "psycopg", "redis", "clamd", "sentence_transformers"})
PURE = frozenset({"schemas", "pipeline"})


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, wherever in it: line and dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level
            else:
                module = node.module or ""
                yield node.lineno, module
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def offences(root: Path) -> list[str]:
    """Imports against the rule, each as `file:line imports module`."""
    found = []
    for room in ALLOWED:
        for path in sorted((root / room).rglob("*.py")):
            here = path.relative_to(root)
            for line, module in imports(path):
                if _offends(room, here, module):
                    found.append(f"{here.as_posix()}:{line} imports {module}")
    return list(dict.fromkeys(found))


def _offends(room: str, here: Path, module: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    if not top:
        return True  # relative: it hides where the arrow points
    if room in PURE and top in WORLDLY:
        return True
    if top in OURS - {room} and top not in ALLOWED[room]:
        return True
    is_format = here.parent.as_posix() == "pipeline/formats"
    return is_format and module.startswith("pipeline.formats.")


def test_every_arrow_points_down() -> None:
    assert offences(ROOT) == []


def test_the_configuration_of_celery_imports_nothing_of_ours() -> None:
    tops = {module.split(".")[0] for _, module in imports(ROOT / "celeryconfig.py")}
    assert not tops & OURS


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("schemas/planted.py", "from pipeline.format import Format"),
        ("schemas/planted.py", "import psycopg"),
        ("pipeline/planted.py", "from sql.store import Lake"),
        ("pipeline/planted.py", "import celery.app"),
        ("pipeline/readers/planted.py", "from tasks import chunk"),
        ("pipeline/planted.py", "def late():\n    import sentence_transformers"),
        ("pipeline/planted.py", "import importlib\nx = importlib.import_module('redis')"),
        ("pipeline/formats/planted.py", "from pipeline.formats.csv_table import FORMAT"),
        ("pipeline/formats/planted.py", "from pipeline.formats import csv_table"),
        ("pipeline/formats/planted.py", "from . import csv_table"),
        ("sql/planted.py", "from pipeline import spool"),
        ("sql/planted.py", "import tasks"),
        ("tasks/planted.py", "from workers.settings import Settings"),
        ("workers/planted.py", "from tests.lake_support import Driver"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"from __future__ import annotations\nfrom schemas import records\n{line}\n")
    assert [o.split(":")[0] for o in offences(tmp_path)][:1] == [file]


def test_what_the_rule_allows_is_no_offence(tmp_path: Path) -> None:
    for room, below in ALLOWED.items():
        (tmp_path / room).mkdir()
        lines = [f"import {other}" for other in sorted(below)] + [f"import {room}.itself"]
        (tmp_path / room / "fine.py").write_text("\n".join(lines))
    assert offences(tmp_path) == []
