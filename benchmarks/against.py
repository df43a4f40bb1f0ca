"""`make bench-peers`: others on the same files, the same server and in the same run, as ratios.

The peers stand in `.venv-peers`, an environment of their own (`benchmarks/peers/requirements.txt`).
Loading is compared by the clock, reading by processor time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from benchmarks import generate, place, whole
from benchmarks.__main__ import end_to_end, inputs, say
from tests.generators import my_activity
from workers.cli import console
from workers.settings import Settings

_HERE = Path(__file__).parent
_PEERS = _HERE / "peers"
_ARRAYS = {"locations": "locations", "visits": "Browser History"}
_PLAIN = {"locations": "Records.json", "visits": "History.json"}


class Line(NamedTuple):
    """A peer and ours, in records a second: of the clock, or of the processor."""

    peer: str
    what: str
    rate: float
    unit: str
    own_rates: tuple[tuple[str, float], ...]

    def cells(self) -> list[object]:
        """Return the line of the table."""
        ratios = ", ".join(f"{name} {rate / self.rate:.2f}" for name, rate in self.own_rates)
        return [self.peer, self.what, f"{self.rate:,.0f} {self.unit}", ratios]


def ask(python: Path, script: str, *words: str) -> dict[str, Any]:
    """Return what a peer's script prints.

    Raises `SystemExit` with the end of its output if it fails.
    """
    command = [str(python), str(_PEERS / f"{script}.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def loading(settings: Settings, python: Path, count: int, rounds: int) -> Iterator[Line]:
    """dlt and ours, loading the same records into the same server, in turn."""
    for kind, array in _ARRAYS.items():
        say(f"{kind}: ours, with two workers")
        result = end_to_end(settings, kind, count, rounds)
        rates = (
            ("loaded", float(result["records_per_s"])),
            ("findable", float(result["findable_per_s"])),
        )
        inputs(kind, count, settings.data_dir / "in")
        path = settings.data_dir / "in" / _PLAIN[kind]
        for how in ("append", "merge"):
            say(f"{kind}: dlt, {how}")
            found = [_dlt(settings, python, path, array, how) for _ in range(rounds)]
            best = min(each["seconds"] for each in found)
            name = f"dlt {found[0]['version']}, Arrow, CSV by COPY, {how}"
            yield Line(name, kind, found[0]["records"] / best, "a second", rates)


def _dlt(settings: Settings, python: Path, path: Path, array: str, how: str) -> dict[str, Any]:
    with psycopg.connect(settings.url("admin"), autocommit=True) as connection:
        for schema in (f"peer_{how}", f"peer_{how}_staging"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
        connection.execute("CHECKPOINT")
    # dlt wants a host and a password in a URL; libpq takes the host of the query, and no password.
    url = settings.url("admin").replace("@/", ":none@localhost/")
    return ask(python, "dlt_visits", str(path), array, url, how)


def reading(python: Path, folder: Path, count: int) -> Iterator[Line]:
    """Parsers alone, and all our pure stages: reader, format, normalise, personal data, rows."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {
        "locations": generate.write_locations(folder / "Records.json", count),
        "visits": generate.write_visits(folder / "History.json", count),
        "activity": my_activity.write_json(folder / "MyActivity.json", range(count // 4), 1),
    }
    for kind, path in inputs.items():
        say(f"{kind}: google_takeout_parser, and our pure stages")
        found = ask(python, "takeout_parser", str(path), kind)
        name = f"google_takeout_parser {found['version']}"
        rate = found["records"] / found["cpu_seconds"]
        yield Line(name, kind, rate, "a CPU second", (("pure stages", _pure_stages_rate(path)),))
    mails = generate.write_mails(folder / "all.mbox", count // 20)
    own_rate = _pure_stages_rate(mails)
    for policy in ("compat32", "default"):
        say(f"mails: mailbox, {policy}")
        found = ask(Path(sys.executable), "mailbox_rate", str(mails), policy)
        name = f"mailbox of Python {found['version']}, {policy}"
        rate = found["records"] / found["cpu_seconds"]
        yield Line(name, "mails", rate, "a CPU second", (("pure stages", own_rate),))


def _pure_stages_rate(path: Path) -> float:
    return float(whole.alone(_rate, path)["rate"])


def _rate(path: Path) -> dict[str, Any]:
    found = whole.run(path, path.name)
    return {"rate": found.becomes.total() / found.cpu_seconds}


def main() -> int:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", type=Path, default=_HERE.parent / ".venv-peers/bin/python")
    parser.add_argument("--only", choices=["loading", "reading"])
    given = parser.parse_args()
    folder, lines = Path(tempfile.mkdtemp(prefix="datapunk-peers-")), list[Line]()
    folder.chmod(0o711)  # the servers' user passes where we are root
    try:
        if given.only != "reading":
            with place.servers(folder / "data") as settings:
                lines += loading(settings, given.python, given.records, given.rounds)
        if given.only != "loading":
            lines += reading(given.python, folder / "in", given.records)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    columns = ("peer", "records", "its rate", "ours ÷ its")
    console.table(columns, [line.cells() for line in lines])
    return 0


if __name__ == "__main__":
    sys.exit(main())
