"""`add`: import files from the command line, or show what an import would do."""

from __future__ import annotations

import getpass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import PermanentError, Rejected
from tasks.runtime.context import Runtime
from workers import intake, packing, wiring
from workers.cli import connect, console, receipts, set_lines, waiting
from workers.cli.options import Json
from workers.cli.zone import Zone
from workers.settings import load

if TYPE_CHECKING:
    from workers.cli import dryrun


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(add)


def add(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Exports: files, or folders.")
    ],
    user: Annotated[str | None, typer.Option(help="Whose they are. Default: your login.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait, and print the receipts.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Quarantine: exit code 3.")] = False,
    zone: Zone = None,
    json: Json = False,
) -> None:
    """Import files and folders. They are copied; yours stay where they are."""
    owner = _checked(user)
    if dry_run:
        code = _dry(paths, json=json, strict=strict)
    else:
        code = _really(paths, owner, zone, wait=wait, json=json, strict=strict)
    if code:
        raise typer.Exit(code)


def _checked(user: str | None) -> str:
    try:
        return intake.check_user(user or getpass.getuser())
    except PermanentError as error:
        raise typer.BadParameter(str(error), param_hint="--user") from None
    except (KeyError, OSError, ImportError):  # a container's user often has no name
        raise typer.BadParameter("say whose the files are", param_hint="--user") from None


def _dry(paths: list[Path], *, json: bool, strict: bool) -> int:
    from workers.cli import dryrun  # noqa: PLC0415 - what reads records

    options = wiring.options(load())
    runs: list[dryrun.DryRun] = []
    refused: list[dict[str, Any]] = []
    for path in paths:
        try:
            with (
                TemporaryDirectory(prefix="datapunk-") as work,
                packing.as_file(path, Path(work), options.max_upload_bytes) as packed,
            ):
                runs.append(dryrun.dry_run(packed.path, options))
            _print_left_out(path, packed.left_out)
        except (Rejected, OSError) as error:
            refused.append(_refused(path, error))
    if json:
        console.as_json([*map(msgspec.to_builtins, runs), *refused])
    else:
        for run in runs:
            _show(run)
    if refused:
        return console.FAILED
    return console.QUARANTINED if strict and any(r.quarantined for r in runs) else console.OK


def _print_left_out(folder: Path, count: int) -> None:
    if count:
        console.say(f"{folder}: left out are links and special files: {count}")


def _refused(path: Path, error: Exception) -> dict[str, Any]:
    """Print why a file was not taken; return the same for `--json`."""
    code = str(error.reason) if isinstance(error, Rejected) else "not_readable"
    why = (error.strerror or "") if isinstance(error, OSError) else str(error)
    console.say(f"{path}: {why} ({code})")
    return {"file": str(path), "error": code, "message": why}


def _show(run: dryrun.DryRun) -> None:
    console.data(f"{run.file}: {console.size(run.size_bytes)}, {run.media_type}")
    columns = ("file", "what", "format or reason", "records", "duplicate", "quarantined")
    console.table(columns, [_row(file) for file in run.files])
    good = run.seen - run.duplicate - run.quarantined
    console.data(
        f"{run.seen} records = {good} good + {run.duplicate} duplicate within the file "
        f"+ {run.quarantined} for quarantine"
    )


def _row(file: dryrun.DryFile) -> tuple[object, ...]:
    bad = ", ".join(f"{n} {code}" for code, n in sorted(file.quarantined.items()))
    what = file.format or file.reason
    return file.path, file.disposition, what, file.seen, file.duplicate, bad or 0


def _really(
    paths: list[Path], user: str, zone: str | None, *, wait: bool, json: bool, strict: bool
) -> int:
    with connect.runtime(load()) as run:
        taken, refused = _take(run, paths, user, zone)
        found = set_lines.of_jobs(run.ledger, [entry["job"] for entry in taken])
        if not wait:
            _announce(taken, refused, json=json)
            _print_gaps(found)
            return console.FAILED if refused else console.OK
        _print_gaps(found)
        with connect.services(load()) as lake:
            ended = waiting.until_ended(lake, [entry["job"] for entry in taken])
    if json:
        console.as_json([*map(msgspec.to_builtins, ended), *refused])
    else:
        for receipt in ended:
            receipts.show(receipt)
    return console.FAILED if refused else waiting.exit_code(ended, strict=strict)


def _print_gaps(found: list[set_lines.SetLine]) -> None:
    """Print the parts that are missing of the imported sets, as far as their numbers show."""
    for line in found:
        for note in set_lines.notes(line):
            console.say(note)


def _take(
    run: Runtime, paths: list[Path], user: str, zone: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    taken, refused = [], []
    for path in paths:
        try:
            with packing.as_file(path, run.folders.work, run.options.max_upload_bytes) as packed:
                job = intake.take_in(
                    run.ledger, run.folders, packed.path, user,
                    move=False, options=run.options, zone=zone,
                )  # fmt: skip
            _print_left_out(path, packed.left_out)
            taken.append({"file": str(path), "job": str(job)})
        except (Rejected, OSError) as error:
            refused.append(_refused(path, error))
    return taken, refused


def _announce(taken: list[dict[str, Any]], refused: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        console.as_json([*taken, *refused])
        return
    for entry in taken:
        console.data(f"{entry['job']}  {entry['file']}")
    if taken:
        console.say("follow it with: datapunk status -w")
