"""The installed formats: find one by name, and recognise the one that reads a member."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import lru_cache

from pipeline import formats
from pipeline.contract import Format, Rank
from schemas.errors import ConfigurationError
from schemas.files import Head
from schemas.reasons import Reason


@lru_cache(maxsize=1)
def all_formats() -> tuple[Format, ...]:
    """Return every format in the folder, by rank and name.

    Raises `ConfigurationError` for two of one name.
    """
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(formats.__path__):
        if module.name.startswith("_"):
            continue
        form: Format = importlib.import_module(f"{formats.__name__}.{module.name}").FORMAT
        if form.name in found:
            raise ConfigurationError(f"Two formats are called {form.name}; rename one of them.")
        found[form.name] = form
    return tuple(sorted(found.values(), key=lambda f: (f.rank, f.name)))


def format_named(name: str) -> Format:
    """Return the format of that name; KeyError if there is none."""
    return {f.name: f for f in all_formats()}[name]


def weaker_than(form: Format) -> list[str]:
    """Return the names of formats that match a member only where this one does not."""
    return [f.name for f in all_formats() if f.rank > form.rank]


def named_like(path: str) -> list[str]:
    """Return the products' formats that a member's name hints at. Its bytes are not looked at."""
    products = (f for f in all_formats() if f.rank is Rank.PRODUCT and f.may_lie_at(path))
    return [f.name for f in products if f.is_hinted_at(path)]


def recognise(head: Head, among: Sequence[Format] | None = None) -> Format | tuple[Reason, str]:
    """Return the one format that matches the member, or the reason why there is none.

    The most specific rank with a match decides, and within it the highest score; two formats that
    are equally sure are a conflict, which is reported and not decided by chance.
    """
    claims = [(f, score) for f in (among or all_formats()) if (score := f.score(head))]
    if not claims:
        return Reason.NO_FORMAT, "kept in the original, not read"
    rank = min(f.rank for f, _ in claims)
    highest = max(score for f, score in claims if f.rank == rank)
    best = [f for f, score in claims if f.rank == rank and score == highest]
    if len(best) > 1:
        return Reason.CONFLICT, ", ".join(sorted(f.name for f in best))
    return best[0]
