"""`search` and `similar`: find documents by words, by meaning, by neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import typer

from pipeline.ports import Models
from schemas.progress import Tier
from sql import search as finder
from sql.search import Filters, Found, Model, Search
from workers.adapters.embedding_models import ModelsHere, tiers
from workers.cli import connect, console, paging
from workers.cli.near import Near, circle
from workers.cli.options import Json, Source, Type, User
from workers.cli.zone import From, To, between, day_in, note, of_user
from workers.settings import load


class Mode(StrEnum):
    """The ways in which `search` looks."""

    KEYWORD = "keyword"
    SEMANTIC = "semantic"
    HYBRID = "hybrid"


Sought = Annotated[
    str, typer.Argument(help="What to look for; \"a phrase\", or, -not. '': the latest first.")
]
Lang = Annotated[str | None, typer.Option(help="A language, as ISO 639-1: en, de …")]
Person = Annotated[str | None, typer.Option(help="With this person: an address, number, name.")]
ModelName = Annotated[
    str | None, typer.Option("--model", help="static, full, or a name; else the best there is.")
]
Count = Annotated[int, typer.Option("-n", min=1, max=200, help="Hits a page.")]
Page = Annotated[int, typer.Option(min=1, help="Which page.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(search)
    app.command()(similar)


def search(  # noqa: PLR0913 - one for each flag
    text: Sought,
    *,
    mode: Annotated[Mode, typer.Option(help="By words, by meaning, or both.")] = Mode.HYBRID,
    user: User = None,
    after: From = None,
    before: To = None,
    kind: Type = None,
    source: Source = None,
    near: Near = None,
    lang: Lang = None,
    person: Person = None,
    model: ModelName = None,
    number: Count = 10,
    page: Page = 1,
    json: Json = False,
) -> None:
    """Find documents by words, by meaning, or by both at once."""
    settings = load()
    begin, end = between(after, before, of_user(settings))
    place = circle(near)
    filters = Filters(
        after=begin, before=end, type=kind, source=source, near=place, lang=lang, person=person
    )
    with connect.services(settings) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        seeker = Search(lake.reader, owner)
        asked: dict[str, Any] = {"n": number, "skip": (page - 1) * number}
        # A text without a word has no meaning: only the filters choose, in the order of time.
        wordless = not text.strip()
        models = [] if wordless or mode is Mode.KEYWORD else _models(lake, owner, model)
        if not models:
            if mode is Mode.SEMANTIC and not wordless:
                console.say("No document has a vector of that model; searching by words.")
            found = seeker.by_words(text, filters, **asked)
        elif mode is Mode.SEMANTIC:
            found = seeker.by_meaning(text, models, filters, **asked)
        else:
            found = seeker.hybrid(text, models, filters, **asked)
    _print(found, of_user(settings), json=json)
    _place(found, number, page, json=json)


def similar(
    document: Annotated[int, typer.Argument(help="The id of a document, as search prints it.")],
    user: User = None,
    kind: Type = None,
    model: ModelName = None,
    number: Count = 10,
    page: Page = 1,
    json: Json = False,
) -> None:
    """Find documents whose meaning is like that of one document."""
    settings = load()
    with connect.services(settings) as lake:
        owner = connect.find_user(lake.ledger, user)["user_id"]
        models = _models(lake, owner, model)
        found = Found(hits=[])
        if models:
            found = Search(lake.reader, owner).similar(
                document, models, Filters(type=kind), n=number, skip=(page - 1) * number
            )
    _print(found, of_user(settings), json=json)
    _place(found, number, page, json=json)


def _place(found: Found, number: int, page: int, *, json: bool) -> None:
    """Say which part of all hits a page is."""
    if not json and (line := paging.line(len(found.hits), found.total, number, page)):
        console.say(line)


def _models(lake: connect.Services, user_id: Any, asked: str | None) -> list[Model]:
    """Return the models of the user's vectors, the best first; or the requested one.

    None is loaded before it encodes a query: a static model alone needs no torch.
    """
    here = ModelsHere(lake.settings)
    rows = {(row["name"], row["revision"]): row for row in finder.models(lake.reader, user_id)}
    wanted = [asked] if asked else [Tier.FULL, Tier.STATIC]
    found = []
    for model in wanted if rows else ():
        row = rows.get(here.identify(model) or ("", ""))
        if row is not None and (asked or row["tier"] in tiers(lake.settings)):
            found.append(_model(here, str(model), row))
    return found


def _model(here: Models, model: str, row: Mapping[str, Any]) -> Model:
    embedder = cache(lambda: here.load(model))
    return Model(
        id=row["id"],
        dimension=row["dimension"],
        encode=lambda text: embedder().encode([text])[0],
        waits_as=model,
    )


def by_meaning(lake: connect.Services, user_id: UUID, text: str) -> Found:
    """Return the three documents that are nearest to a text."""
    models = _models(lake, user_id, None)
    if not models:
        return Found(hits=[])
    return Search(lake.reader, user_id).by_meaning(text, models, Filters(), n=3)


def _print(found: Found, zone: ZoneInfo, *, json: bool) -> None:
    if json:
        console.as_json(msgspec.to_builtins(found, enc_hook=str))
    else:
        show(found, zone)


def show(found: Found, zone: ZoneInfo) -> None:
    """Print hits for people."""
    for line in found.corrected:
        console.say(f"no document says {line}")
    for hit in found.hits:
        when = day_in(hit.at, zone) or "undated"
        console.data(f"{hit.id:>8}  {when:<10}  {hit.record_type:<12} {hit.title or ''}".rstrip())
        if hit.snippet and hit.snippet.strip("*") != hit.title:
            console.data(f"          {' '.join(hit.snippet.split())}")
    if any(hit.at for hit in found.hits):
        console.say(note(zone))
    if found.total == 0:
        console.say("Nothing found.")
    if found.waiting:
        console.say(f"{found.waiting} documents are loaded and not yet findable; try again soon.")
