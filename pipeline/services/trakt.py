"""What files of Trakt's export share: the film, show or episode of an entry.

Source: the documentation of Trakt's API (`/sync/history`, `/sync/ratings`, `/sync/watchlist`),
which the export repeats, and the tests of importers.
"""

from __future__ import annotations

from typing import Any

from pipeline.values.fields import non_empty, optional_text

KINDS = ("movie", "episode", "show", "season")


def thing(fields: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return the title of an entry's film, show or episode, and its details as metadata."""
    seen = {kind: found for kind in KINDS if isinstance(found := fields.get(kind), dict)}
    what = seen.get("movie") or seen.get("episode") or seen.get("show") or {}
    show, episode = seen.get("show", {}), seen.get("episode", {})
    metadata = {
        "kind": fields.get("type"),
        "show": _name(show),
        "episode": _name(episode),
        "season_number": episode.get("season") or seen.get("season", {}).get("number"),
        "episode_number": episode.get("number"),
        "year": what.get("year") or show.get("year"),
        "ids": what.get("ids"),
        "show_ids": show.get("ids"),
        "other_details": _others(seen),
    }
    return _name(what) or _name(show), metadata


def _name(thing: dict[str, Any]) -> str | None:
    return optional_text(thing, "title") or None


def _others(seen: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the other details of the film, the episode and the show."""
    known = {"title", "year", "ids", "season", "number"}
    return non_empty(
        {kind: non_empty({n: v for n, v in thing.items() if n not in known})
         for kind, thing in seen.items()}
    )  # fmt: skip
