"""`privacy check | apply`: the policy of personal data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.privacy.policy import Policy, parse
from schemas.errors import ConfigurationError
from schemas.privacy import BY_RULE, Kind
from tasks.operations import privacy_reapply
from workers.adapters import presidio
from workers.cli import connect, console, receipts
from workers.cli.options import Json
from workers.settings import load

app: typer.Typer = typer.Typer(
    help="Check and apply the policy of personal data.", no_args_is_help=True
)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A policy; without it, the one that the settings name.")
    ] = None,
) -> None:
    """Show what a policy does, or what is wrong with it (exit code 2)."""
    settings = load()
    models = presidio.names(settings)
    if models is not None:
        models.load()
        for language, title in models.titles.items():
            console.say(f"names of people, places and organisations: {language} by {title}")
    kinds = frozenset(Kind) if models else BY_RULE
    path = file or settings.privacy_policy
    if path is None:
        console.say("No policy is set (DATAPUNK_PRIVACY_POLICY): all is kept and tagged.")
        return
    try:
        policy = parse(path.read_bytes(), kinds)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if policy.hashes and settings.privacy_key_file is None:
        console.say("The policy hashes: set DATAPUNK_PRIVACY_KEY_FILE before it is used.")
    _show(policy, kinds)


def _show(policy: Policy, kinds: frozenset[Kind]) -> None:
    rows = [
        (
            n,
            "all" if rule.kinds == kinds else ", ".join(sorted(rule.kinds)),
            rule.source,
            rule.field,
            rule.confidence,
            rule.action,
        )
        for n, rule in enumerate(policy.rules, 1)
    ]
    console.table(("rule", "kind", "source", "field", "from confidence", "action"), rows)
    console.say("What fits no rule is kept and tagged.")


@app.command()
def apply(
    dry: Annotated[bool, typer.Option("--dry-run", help="Say what would change.")] = False,
    user: Annotated[str | None, typer.Option(help="Only this user's lake.")] = None,
    json: Json = False,
) -> None:
    """Apply the policy again to every document that is stored, and every older version.

    Removed text can only be restored by another import of the original.
    """
    found: dict[str, privacy_reapply.Applied] = {}
    with connect.runtime(load()) as run:
        run.options.privacy.check()  # raises with the fault
        for owner in connect.find_users(run.ledger, user):
            redactor = run.options.privacy.redactor(owner["user_id"])
            found[owner["name"]] = privacy_reapply.apply(run, owner["user_id"], redactor, dry=dry)
    if json:
        console.as_json(found)
        return
    for name, applied in found.items():
        verb = "would change" if dry else "changed"
        files = f"; names or sidecars of {applied.files} files {verb}" if applied.files else ""
        what = f": {receipts.treatments(applied.done)}" if applied.done else ""
        console.data(
            f"{name}: {applied.documents} documents and {applied.versions} older versions looked "
            f"at, {applied.changed} {verb}{what}{files}"
        )
