"""`embed`: give documents the vectors of a model that they lack."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.progress import Tier
from sql.vectors import Backlog, Where
from tasks.derived import embedding_backfill
from tasks.runtime.context import Runtime
from workers.cli import connect, console
from workers.cli.options import Json, User
from workers.settings import load

#: How often the progress moves, and says a line where there is no terminal.
_STEP_S, _LINE_S = 1.0, 30.0


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one model: documents done, left waiting, and given up."""

    model: str
    documents: int
    waiting: int
    given_up: int


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(embed)


def embed(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="static, full, or a model by name or path; again for more."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only some: type=…,source=…,lang=…, each as in search.")
    ] = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Embed what lacks a model's vectors; without --model, those of the configured tiers.

    You can stop it at any time: a second run continues, and embeds nothing twice.
    """
    only = _where(where)
    with connect.runtime(load()) as run:
        owner = connect.find_user(run.ledger, user)["user_id"]
        names = model or [str(tier) for tier in run.options.tiers]
        done = [_embed(run, owner, _spec(run, name), only) for name in names]
    if json:
        console.as_json([msgspec.to_builtins(each) for each in done])
        return
    for each in done:
        console.data(f"{each.model}: {each.documents:,} documents embedded{_rest(each)}")


def _rest(done: Embedded) -> str:
    waiting = f", {done.waiting:,} are taken by another process" if done.waiting else ""
    return waiting + (f", {done.given_up:,} given up" if done.given_up else "")


def _spec(run: Runtime, name: str) -> str:
    """Return the tier of a model's name, if it has one."""
    if name in set(Tier):
        return name
    return Tier.FULL if name == (run.models.identify(Tier.FULL) or ("",))[0] else name


def _embed(run: Runtime, owner: UUID, model: str, where: Where) -> Embedded:
    run.model_id(owner, model)  # a missing model is reported before anything is queued
    embedding_backfill.add_lacking(run, owner, model, where)
    backlog, done = Backlog(run.lake, owner), 0
    with _shown(backlog.left(model).waiting, model) as show:
        while embedded := embedding_backfill.turn(run, owner, model, seconds=_STEP_S):
            done += embedded
            show(done)
    left = backlog.left(model)
    return Embedded(model=model, documents=done, waiting=left.waiting, given_up=left.given_up)


def _where(text: str | None) -> Where:
    """Return `type=…,source=…,lang=…` as a value."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    pairs_given = {name.strip(): value.strip() for name, _, value in pairs}
    if not all(pairs_given.values()) or set(pairs_given) - set(Where.__struct_fields__):
        raise typer.BadParameter("say type=…, source=… or lang=…", param_hint="--where")
    return Where(**pairs_given)


@contextmanager
def _shown(total: int, model: str) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(total, model)
        return
    columns = (TextColumn(model), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(model, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines(total: int, model: str) -> Callable[[int], None]:
    last = time.monotonic()

    def show(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_S:
            last = time.monotonic()
            console.say(f"{model}: {done:,} of {total:,} documents")

    return show
