"""The rules of dependence: workers → tasks → pipeline | sql → schemas, and the order of rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What each package of this project may import of the others.
ALLOWED = {
    "schemas": frozenset[str](),
    "pipeline": frozenset({"schemas"}),
    "sql": frozenset({"schemas"}),
    "tasks": frozenset({"schemas", "pipeline", "sql"}),
    "workers": frozenset({"schemas", "pipeline", "sql", "tasks"}),
}
OURS = frozenset({*ALLOWED, "tests", "benchmarks", "celeryconfig"})
#: What the pure packages reach through the Protocols of `pipeline.ports` alone.
WORLDLY = frozenset({"celery", "psycopg", "redis", "clamd", "sentence_transformers"})
PURE = frozenset({"schemas", "pipeline"})

#: The rooms of a package from the lowest to the highest: a room imports itself and what stands on
#: lower lines. Rooms of one line do not import each other.
ORDER: dict[str, list[frozenset[str]]] = {
    "pipeline": [
        frozenset({"ports", "defects", "bisect", "storage"}),
        frozenset({"contract", "text"}),
        frozenset({"syntax"}),
        frozenset({"values"}),
        frozenset({"quality", "documents"}),
        frozenset({"normalise", "recognition"}),
        frozenset({"readers"}),
        frozenset({"archives"}),
        frozenset({"services/tracks"}),
        frozenset({"services"}),
        frozenset({"services/mail", "services/google"}),
        frozenset({"privacy", "enrich"}),
        frozenset({"render", "read"}),
        frozenset({"formats"}),
        frozenset({"registry"}),
    ],
    "tasks": [
        frozenset({"runtime"}),
        frozenset({"derived"}),
        frozenset({"ingest"}),
        frozenset({"maintenance"}),
        frozenset({"operations"}),
        frozenset({"celery_tasks"}),
    ],
}

#: The most lines of a module and of a function, and the most modules beside the rooms of a package.
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_MODULES = 500, 45, 12


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every module that a file imports, wherever in it: line and dotted name."""
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
    """Return the imports against the rules, each as `file:line imports module`."""
    found = []
    for package in ALLOWED:
        for path in sorted((root / package).rglob("*.py")):
            here = path.relative_to(root)
            for line, module in imports(path):
                if _offends(package, here, module):
                    found.append(f"{here.as_posix()}:{line} imports {module}")
    return list(dict.fromkeys(found))


def _offends(package: str, here: Path, module: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    if not top:
        return True  # relative: it hides where the arrow points
    if package in PURE and top in WORLDLY:
        return True
    if top in OURS - {package} and top not in ALLOWED[package]:
        return True
    if _points_up(package, here, module):
        return True
    is_format = here.parent.as_posix() == "pipeline/formats"
    return is_format and module.startswith("pipeline.formats.")


def _points_up(package: str, here: Path, module: str) -> bool:
    """Tell whether a file imports from a room that stands on its own room's line or above."""
    if package not in ORDER or not module.startswith(f"{package}."):
        return False
    own = _room(package, here.with_suffix("").as_posix())
    other = _room(package, module.replace(".", "/"))
    if own is None or other is None or own == other:
        return False
    return _line(package, other) >= _line(package, own)


def _room(package: str, path: str) -> str | None:
    """Return the longest name in the order that a path lies in; None for the package itself."""
    inner = path.removeprefix(f"{package}/")
    rooms = frozenset[str]().union(*ORDER[package])
    fitting = [room for room in rooms if f"{inner}/".startswith(f"{room}/")]
    return max(fitting, key=len, default=None)


def _line(package: str, room: str) -> int:
    return next(n for n, rooms in enumerate(ORDER[package]) if room in rooms)


def test_every_arrow_points_down() -> None:
    assert offences(ROOT) == []


def test_every_file_lies_in_a_room() -> None:
    for package, lines in ORDER.items():
        tops = {room.split("/")[0] for rooms in lines for room in rooms}
        there = {p.stem for p in (ROOT / package).glob("*") if p.suffix in {"", ".py"}}
        assert there - {"__init__", "__pycache__"} == tops


def test_no_import_runs_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for package in ALLOWED:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            graph[name.removesuffix(".__init__")] = {module for _, module in _at_import(path)}
    try:
        TopologicalSorter({n: graph.keys() & of for n, of in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def _at_import(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file imports when it is imported itself; functions import later."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
                yield node.lineno, name if is_module else node.module or ""


def test_a_room_has_at_most_25_files() -> None:
    for package in ALLOWED:
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            if folder.name != "formats":
                files = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
                assert len(files) <= 25, folder.relative_to(ROOT)


#: Folders of tests that mirror no room: each holds what crosses all of them, or what tests use.
_TESTS_BESIDE_ROOMS = frozenset(
    {
        "architecture", "crash", "fuzz", "growth", "storm", "support", "threats", "whole",
        "pipeline/generators", "tasks/privacy", "workers/intake",
    }
)  # fmt: skip


def misplaced_tests(root: Path) -> list[str]:
    """Return the test modules outside a folder that mirrors a room, and folders too full."""
    tests = root / "tests"
    modules = [path.relative_to(tests) for path in sorted(tests.rglob("test_*.py"))]
    found = [
        f"tests/{path}: no room is called so"
        for path in modules
        if (room := path.parent.as_posix()) not in _TESTS_BESIDE_ROOMS
        and (room == "." or not (root / room).is_dir())
    ]
    found += [f"tests/{p}: another has its name" for p in modules if _name_taken(p, modules)]
    for folder in sorted({path.parent for path in modules}):
        if len(list((tests / folder).glob("*.py"))) > 25:
            found.append(f"tests/{folder}: over 25 files")
    return found


def _name_taken(path: Path, modules: list[Path]) -> bool:
    return any(other != path and other.name == path.name for other in modules)


def test_tests_lie_as_rooms_do(tmp_path: Path) -> None:
    assert misplaced_tests(ROOT) == []
    (tmp_path / "pipeline/text").mkdir(parents=True)
    for name in ("pipeline/text/test_a", "crash/test_b", "test_c", "pipeline/voice/test_a"):
        path = tmp_path / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for n in range(25):
        (tmp_path / f"tests/crash/helper_{n}.py").touch()
    assert misplaced_tests(tmp_path) == [
        "tests/pipeline/voice/test_a.py: no room is called so",
        "tests/test_c.py: no room is called so",
        "tests/pipeline/text/test_a.py: another has its name",
        "tests/pipeline/voice/test_a.py: another has its name",
        "tests/crash: over 25 files",
    ]


def oversized(root: Path) -> list[str]:
    """Return the modules and functions that are too long, and packages with too many modules."""
    found = []
    for package in ALLOWED:
        for path in sorted((root / package).rglob("*.py")):
            text, here = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
            if (lines := len(text.splitlines())) > MOST_LINES:
                found.append(f"{here}: {lines} lines")
            found += [f"{here}:{line} {name}: {n} lines" for line, name, n in _long_functions(text)]
    for package in ORDER:
        modules = {path.name for path in (root / package).glob("*.py")} - {"__init__.py"}
        if len(modules) > MOST_MODULES:
            found.append(f"{package}: {len(modules)} modules")
    return found


def _long_functions(text: str) -> Iterator[tuple[int, str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield node.lineno, node.name, lines


def test_no_module_and_no_function_is_too_long() -> None:
    assert oversized(ROOT) == []


def test_the_configuration_of_celery_imports_nothing_of_ours() -> None:
    tops = {module.split(".")[0] for _, module in imports(ROOT / "celeryconfig.py")}
    assert not tops & OURS


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("schemas/planted.py", "from pipeline.contract import Format"),
        ("schemas/planted.py", "import psycopg"),
        ("pipeline/planted.py", "from sql.store import Lake"),
        ("pipeline/planted.py", "import celery.app"),
        ("pipeline/readers/planted.py", "from tasks.ingest import chunk"),
        ("pipeline/planted.py", "def late():\n    import sentence_transformers"),
        ("pipeline/planted.py", "import importlib\nx = importlib.import_module('redis')"),
        ("pipeline/formats/planted.py", "from pipeline.formats.csv_table import FORMAT"),
        ("pipeline/formats/planted.py", "from pipeline.formats import csv_table"),
        ("pipeline/formats/planted.py", "from . import csv_table"),
        ("pipeline/contract.py", "from pipeline.values import fields"),
        ("pipeline/text/planted.py", "from pipeline.syntax.xml_tree import Node"),
        ("pipeline/values/planted.py", "from pipeline import readers"),
        ("pipeline/readers/planted.py", "from pipeline.services import messaging"),
        ("pipeline/services/planted.py", "from pipeline.services.google import takeout"),
        ("pipeline/services/mail/planted.py", "from pipeline.services.google import takeout"),
        ("pipeline/privacy/planted.py", "from pipeline.enrich import entities"),
        ("pipeline/services/planted.py", "from pipeline.formats import csv_table"),
        ("tasks/runtime/planted.py", "from tasks.ingest import chunk"),
        ("tasks/derived/planted.py", "from tasks.operations.verify import verify"),
        ("tasks/ingest/planted.py", "from tasks import celery_tasks"),
        ("sql/planted.py", "from pipeline.storage import spool_file"),
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
    for package, below in ALLOWED.items():
        (tmp_path / package).mkdir()
        lines = [f"import {other}" for other in sorted(below)] + [f"import {package}.itself"]
        (tmp_path / package / "fine.py").write_text("\n".join(lines))
    for package, order in ORDER.items():
        below = []
        for line in order:
            for room in line:
                path = tmp_path / package / room / "fine.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(f"import {package}.{other}" for other in below))
            below += [room.replace("/", ".") for room in line]
    assert offences(tmp_path) == []


def _function(name: str, lines: int) -> str:
    return f"def {name}():\n" + "    pass\n" * (lines - 1)


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    for package in ORDER:
        (tmp_path / package).mkdir()
    (tmp_path / "pipeline/long.py").write_text("x = 1\n" * (MOST_LINES + 1))
    (tmp_path / "pipeline/full.py").write_text("x = 1\n" * MOST_LINES)
    most = MOST_LINES_OF_A_FUNCTION
    text = _function("long", most + 1) + _function("full", most)
    (tmp_path / "tasks/functions.py").write_text(text)
    assert oversized(tmp_path) == [
        f"pipeline/long.py: {MOST_LINES + 1} lines",
        f"tasks/functions.py:1 long: {most + 1} lines",
    ]
    for n in range(MOST_MODULES):
        (tmp_path / f"tasks/module_{n}.py").write_text("")
    assert oversized(tmp_path)[-1] == f"tasks: {MOST_MODULES + 1} modules"
