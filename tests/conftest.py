"""One embedded Postgres and one Valkey for the whole run, and a fresh database for each test.

The servers are started by `workers.embedded.local_servers`, as `datapunk up` does, in a folder that
goes with the run. Each test that asks for `place` gets a clone of one migrated database.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

import pipeline.formats
from pipeline.registry import all_formats
from schemas.folders import Folders
from schemas.progress import Tier
from sql import migrate
from sql.connection import open_pool
from sql.store import Lake, Ledger
from tasks.runtime import context, dispatch
from tasks.runtime.blob_store import FileBlobs
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeEmbedder, FakeModels, FakeScanner
from tests.support.poison import FOLDER
from workers import intake, limits, stores
from workers.embedded import local_servers, unprivileged
from workers.setting_types import ScannerMode
from workers.settings import Settings

pytest_plugins = ["tests.support.fast", "tests.threats.threats", "pytester"]

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

_TEMPLATE = "datapunk_template"
#: Variables that steer the tests themselves.
_OF_THE_TESTS = {"DATAPUNK_REQUIRE_CLAMD"}
_NUMBERS = itertools.count(1)

#: Nothing here outlives a crash of the machine. A killed server keeps what it wrote all the same.
_QUICK = "fsync = off\nfull_page_writes = off\nmax_wal_size = 512MB\nautovacuum = off\n"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_ours() -> Iterator[None]:
    """The settings of the user that runs the tests stay out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("DATAPUNK_") and n not in _OF_THE_TESTS]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for what the user's own would remember, also in processes that tests start."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _no_lake_is_remembered(_state_home: Path) -> Iterator[None]:
    """No test works on the lake that another has started."""
    yield
    (_state_home / "datapunk" / "lake.json").unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _stays_who_it_is() -> Iterator[None]:
    """Verbs that are processes give up root and the network; this process goes on with both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unprivileged, "lower", lambda *_, **__: None)
        patch.setattr(limits, "cut_network", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_disk_is_waited_for() -> Iterator[None]:
    """Nothing here outlives a crash of the machine: what is written stays in the page cache.

    An `os.sync` would write out what every other test has written, and each database that is made.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sync", lambda: None)
        patch.setattr(os, "fsync", lambda _: None)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test come first: the last to end should not be one that takes minutes."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def servers() -> Iterator[Settings]:
    """The embedded servers; they end with the run."""
    top = Path(tempfile.mkdtemp(prefix="datapunk-test-"))
    top.chmod(0o711)  # the servers' user passes where we are root
    settings = Settings(_env_file=None, data_dir=top / "data", memory_mb=1024)
    settings.data_dir.mkdir(0o711)
    (settings.data_dir / "postgresql.local.conf").write_text(_QUICK)
    try:
        with local_servers.servers(settings):
            yield settings
    finally:
        if settings.socket_dir != settings.folders.run:
            shutil.rmtree(settings.socket_dir, ignore_errors=True)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(servers: Settings) -> Callable[..., str]:
    """Makes a database, empty or cloned from `template`; returns its name."""

    def make(name: str = "", template: str = "template0") -> str:
        name = name or f"test_{next(_NUMBERS)}"
        with psycopg.connect(_url(servers, "admin", "postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    return make


@pytest.fixture(scope="session")
def template(servers: Settings, new_database: Callable[..., str]) -> str:
    """The name of a database with every migration applied."""
    name = new_database(_TEMPLATE)
    migrate.bootstrap(_url(servers, "admin", name), login=True)
    migrate.upgrade(_url(servers, "owner", name))
    return name


def _url(servers: Settings, role: str, database: str) -> str:
    return f"postgresql://datapunk_{role}@/{database}?host={servers.server_socket_dir}"


@pytest.fixture
def url(servers: Settings, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of the test's database for a role."""
    name = request.getfixturevalue("database_name")
    return lambda role: _url(servers, role, name)


@pytest.fixture
def database_name(
    servers: Settings, new_database: Callable[..., str], template: str
) -> Iterator[str]:
    """A clone of the migrated database, for one test."""
    name = new_database(template=template)
    migrate.bootstrap(_url(servers, "admin", name), login=True)  # a clone has no rights of its own
    yield name
    with psycopg.connect(_url(servers, "admin", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def static_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the static model is made once for all tests of the run: it takes 25 s of CPU."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "models"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def place(
    servers: Settings, url: Callable[[str], str], tmp_path: Path, static_models: Path
) -> Settings:
    """Settings for one test: its own database and data folder, the run's servers and model."""
    urls: dict[str, Any] = {
        f"{role}_url": SecretStr(url(role)) for role in ("owner", "ingest", "reader", "ledger")
    }
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=SecretStr(url("admin")),
        broker_url=SecretStr(f"unix://{servers.broker_socket}"),
        scanner=ScannerMode.OFF,
        **urls,
    )
    folders = Folders(settings.data_dir)
    for folder in (folders.staging, folders.processed, folders.failed, folders.work, folders.run):
        folder.mkdir(parents=True)
    folders.models.symlink_to(static_models)
    return settings


@pytest.fixture
def database(url: Callable[[str], str]) -> Iterator[Database]:
    """A look at everything in the test's database."""
    with Database(url("admin")).kept() as made:
        yield made


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def deep() -> FakeEmbedder:
    """The full tier's model."""
    return FakeEmbedder(Tier.FULL)


@pytest.fixture
def make_run(
    place: Settings, embedder: FakeEmbedder, deep: FakeEmbedder
) -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes on the test's lake; `options` are changes to `Options`."""
    pools = []

    def make(**options: Any) -> Runtime:
        ledger, lake = (open_pool(place.url(role)) for role in ("ledger", "ingest"))
        pools.extend((ledger, lake))
        return Runtime(
            options=context.Options(**{"retry_delay_s": 0.0, **options}),
            folders=Folders(place.data_dir),
            ledger=Ledger(ledger),
            lake=Lake(lake),
            scanner=FakeScanner(),
            models=FakeModels(embedder, deep),
            make_blobs=FileBlobs,
            broker=context.Broker(),
        )

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def run(make_run: Callable[..., Runtime]) -> Iterator[Runtime]:
    """The runtime of this process."""
    made = make_run()
    context.install(lambda: made)
    yield made
    context.forget()


@pytest.fixture
def reader(place: Settings) -> Iterator[Lake]:
    """The lake as the role that only reads."""
    lake = stores.reader(place)
    yield lake
    lake.pool.close()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, run: Runtime) -> Driver:
    """Broker and workers in this process."""
    made = Driver()
    monkeypatch.setattr(dispatch, "send", made.send)
    monkeypatch.setattr(dispatch, "send_turn", made.send_turn)
    monkeypatch.setattr(dispatch, "send_indexing", made.send_indexing)
    return made


@pytest.fixture
def drop(run: Runtime, driver: Driver) -> Callable[[str, str, bytes], UUID]:
    """Takes a file in for a user, as the watcher does; the job waits to be carried out."""

    def take_in(user: str, name: str, data: bytes) -> UUID:
        folder = run.folders.staging / user
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        return intake.take_in(
            run.ledger, run.folders, folder / name, user, move=True, options=run.options
        )

    return take_in


@pytest.fixture
def imported(
    drop: Callable[[str, str, bytes], UUID], driver: Driver, database: Database
) -> Callable[[str, str, bytes], dict[str, Any]]:
    """Takes a file in and drives its job to the end; the job as it stands then."""

    def do(user: str, name: str, data: bytes) -> dict[str, Any]:
        job_id = drop(user, name, data)
        driver.drain()
        return database.job(job_id)

    return do


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The format of `tests/support/planted/poison` is one of the formats."""
    monkeypatch.setattr(pipeline.formats, "__path__", [*pipeline.formats.__path__, FOLDER])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    all_formats.cache_clear()
    yield
    all_formats.cache_clear()
    sys.modules.pop("pipeline.formats.poison_rows", None)
