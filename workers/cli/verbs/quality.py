"""`quality`: how complete, plausible and consistent the records of a job are."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import typer

from sql.quality import Quality, Scored, Then, quality_of
from workers.cli import connect, console
from workers.cli.options import Job, Json
from workers.cli.zone import minute_in, note, of_user
from workers.settings import load

_MOST_SHOWN = 20


class JobQuality(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of a job; the files with the lowest scores come first."""

    job: UUID
    whole: Scored | None
    """None: the job is not scored yet."""
    files: list[Scored]
    history: list[Then]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(quality)


def quality(
    job: Job,
    json: Json = False,
) -> None:
    """Show the scores of a job and its files, what they count, and earlier scores."""
    with connect.services(load()) as lake:
        row = connect.find_job(lake.ledger, job)
        found = quality_of(lake.reader, row["user_id"], row["id"])
        zone = of_user(lake.settings)
    if json:
        whole, files, history = found.job, found.files, found.history
        console.as_json(JobQuality(job=row["id"], whole=whole, files=files, history=history))
    else:
        _show(found, zone)


def _show(found: Quality, zone: ZoneInfo) -> None:
    if found.job is None:
        console.say("The job is not scored yet; that is done when it ends.")
        return
    whole = found.job
    console.data(f"records   {whole.records} in the lake, {whole.quarantined} in quarantine")
    console.table(("score", ""), [(kind, score(whole, kind)) for kind in _KINDS])
    if whole.problems:
        console.data("")
        rows = [(name, n) for name, n in sorted(whole.problems.items(), key=lambda p: -p[1])]
        console.table(("problem", "records"), rows)
    poor = [each for each in found.files if each.problems]
    if poor:
        console.data("")
        shown = [
            (each.path, each.records, *(score(each, kind) for kind in _KINDS))
            for each in poor[:_MOST_SHOWN]
        ]
        console.table(("file", "records", *_KINDS), shown)
    if len(found.history) > 1:
        console.data("")
        past = [
            (minute_in(then.scored_at, zone), then.records,
             f"{then.completeness:.1%}", f"{then.accuracy:.1%}", f"{then.consistency:.1%}")
            for then in found.history
        ]  # fmt: skip
        console.table(("scored", "records", *_KINDS), past)
        console.say(note(zone))


_KINDS = ("completeness", "accuracy", "consistency")


def score(of: Scored, kind: str) -> str:
    """Return a share in percent; with a mark where it is too low."""
    return f"{getattr(of, kind):.1%}{' LOW' if kind in of.below else ''}"
