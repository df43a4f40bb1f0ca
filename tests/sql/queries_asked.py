"""Which queries the code asks for, found in its syntax trees, and with which parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import sql

ROOT = Path(sql.__file__).parent.parent
FILES = sorted(p.stem for p in (ROOT / "sql" / "queries").glob("*.sql"))
ROOMS = ("sql", "tasks", "workers", "benchmarks")

#: Methods that take the file and the name of a query, and what they fill in by themselves.
_ASKED_BY_NAME = {
    "run": {"job_id", "user_id", "chunk_id", "chunk"},
    "run_many": {"job_id", "user_id", "chunk_id", "chunk"},
    "rows": set[str](),
}
_Node = TypeVar("_Node", bound=ast.AST)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Asked(NamedTuple):
    """One place that asks for a query. `names` are regular expressions; `given` are the parameters
    that stand there, None where not all of them can be told from the place."""

    place: str
    file: str
    names: tuple[str, ...]
    given: frozenset[str] | None


class _Module:
    """One module: its tree, and for each node what it stands in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.above = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def nodes(self, kind: type[_Node]) -> Iterator[_Node]:
        """The nodes of one kind."""
        return (node for node in self.above if isinstance(node, kind))

    def functions_round(self, node: ast.AST) -> Iterator[_Function]:
        """The functions that a node stands in, the innermost first."""
        while node in self.above:
            node = self.above[node]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def bound(self) -> Iterator[tuple[str, str]]:
        """Each name that is bound to the queries of a file."""
        for node in self.tree.body:
            if not isinstance(node, ast.Assign):
                continue
            target, value = node.targets[0], node.value
            pairs = zip(_parts(target), _parts(value), strict=False)
            for name, call in pairs:
                if isinstance(name, ast.Name) and (file := _file_of(call)):
                    yield name.id, file

    def texts(self, node: ast.expr, depth: int = 4) -> tuple[str, ...]:
        """What a name of a query may be, as regular expressions; empty if it can't be told."""
        match node:
            case ast.Constant(value=str(text)):
                return (re.escape(text),)
            case ast.JoinedStr(values=values):
                return (
                    "".join(
                        re.escape(v.value) if isinstance(v, ast.Constant) else r"\w+"
                        for v in values
                    ),
                )
            case ast.IfExp(body=one, orelse=other):
                return self.texts(one, depth) + self.texts(other, depth)
            case ast.Name(id=name) if depth:
                return tuple(
                    t for value in self._values(node, name) for t in self.texts(value, depth - 1)
                )
            case ast.Attribute(attr="value"):
                return (r"\w+",)
        return ()

    def _values(self, at: ast.AST, name: str) -> Iterator[ast.expr]:
        """What a variable of a function may be: its arguments, assignments, and turns of loops."""
        for function in self.functions_round(at):
            found = [*self._arguments(function, name), *_assigned(function, name)]
            if found:
                yield from found
                return

    def _arguments(self, function: _Function, name: str) -> Iterator[ast.expr]:
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if name not in names:
            return
        at = names.index(name) - (names[0] == "self")
        for call in self.nodes(ast.Call):
            if _called(call) == function.name and len(call.args) > at:
                yield call.args[at]

    def keys(self, node: ast.expr | None) -> frozenset[str] | None:
        """The keys of a dictionary; None if they can't all be told."""
        if isinstance(node, ast.Name):
            found = [self.keys(value) for value in self._values(node, node.id)]
            grows = any(
                _name(s.value) == node.id
                for s in self.nodes(ast.Subscript)
                if isinstance(s.ctx, ast.Store)
            )
            return found[0] if len(found) == 1 and not grows else None
        if not isinstance(node, ast.Dict):
            return None
        known: set[str] = set()
        for key, value in zip(node.keys, node.values, strict=True):
            more = self.keys(value) if key is None else _text(key)
            if more is None:
                return None
            known |= more
        return frozenset(known)


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _text(node: ast.expr) -> frozenset[str] | None:
    return frozenset([node.value]) if isinstance(node, ast.Constant) else None


def _name(node: ast.expr) -> str:
    """The last part of a name; empty for anything else."""
    return getattr(node, "attr", None) or getattr(node, "id", "")


def _called(call: ast.Call) -> str:
    return _name(call.func)


def _file_of(node: ast.expr) -> str | None:
    """The file of a call of `queries`."""
    match node:
        case ast.Call(func=ast.Name(id="queries"), args=[ast.Constant(value=str(file))]):
            return file
    return None


def _assigned(function: _Function, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value):
                if target == name:
                    yield value
            case ast.For(target=ast.Name(id=target), iter=ast.Tuple(elts=values)):
                if target == name:
                    yield from values
            case ast.For(target=ast.Tuple(elts=[first, *_]), iter=ast.Tuple(elts=rows)):
                if _name(first) == name:
                    yield from (row.elts[0] for row in rows if isinstance(row, ast.Tuple))


@cache
def _modules() -> list[_Module]:
    paths = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return [_Module(path) for path in paths]


def words() -> set[str]:
    """Every text that stands by itself in the code: a query may be asked for by way of another
    module."""
    return {
        node.value
        for module in _modules()
        for node in module.nodes(ast.Constant)
        if isinstance(node.value, str)
    }


def asked() -> Iterator[Asked]:
    """Every place of the code that asks for a query."""
    modules = _modules()
    shared = {name: file for module in modules for name, file in module.bound() if name[0] != "_"}
    for module in modules:
        yield from _subscripts(module, {**shared, **dict(module.bound())})
        yield from _by_name(module)


def _subscripts(module: _Module, bound: dict[str, str]) -> Iterator[Asked]:
    """Queries that are taken out of the dictionary of a file."""
    for node in module.nodes(ast.Subscript):
        file = _file_of(node.value) or bound.get(_name(node.value))
        if file is None:
            continue
        call, given = module.above[node], None
        if isinstance(call, ast.Call) and _called(call) == "execute":
            given = module.keys(call.args[1]) if len(call.args) > 1 else frozenset[str]()
        yield Asked(_place(module, node), file, module.texts(node.slice), given)


def _by_name(module: _Module) -> Iterator[Asked]:
    """Queries that a method is asked for by the names of their file and their own."""
    for node in module.nodes(ast.Call):
        if _called(node) not in _ASKED_BY_NAME:
            continue
        for first, second in zip(node.args, node.args[1:], strict=False):
            if isinstance(first, ast.Constant) and first.value in FILES:
                keys = {k.arg for k in node.keywords}
                told = None not in keys and _called(node) != "run_many"
                own = _ASKED_BY_NAME[_called(node)]
                given = frozenset({k for k in keys if k} | own) if told else None
                yield Asked(_place(module, node), str(first.value), module.texts(second), given)
                break


def _place(module: _Module, node: ast.expr) -> str:
    return f"{module.path.relative_to(ROOT)}:{node.lineno}"
