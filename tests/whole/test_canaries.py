"""Invented secrets go through a whole site that fails in every way; then they are looked for."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import psutil
import psycopg
import pytest

from tests.support import progress
from tests.support.site import Site, site
from workers import wiring

pytestmark = [pytest.mark.services, pytest.mark.slow]

BODY = "the grey heron flew over KanarienVogel4711"
RARE = "KanarienVogel4711"  # of the body, should its words be cut apart
SECRET = "canary-password-0815"  # of the database, and in a row of a table
NAME = "name-canary-2342"

Seen = Callable[[object], None]

#: What a test may see of a name: where members and files are listed, and their owner's folders.
NAMED = {"files.path", "jobs.source_name", "jobs.archived_path"}

_FAILS = """
CREATE FUNCTION user_data.fails() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cannot store %', NEW.content USING DETAIL = NEW.metadata::text; END $$;
CREATE TRIGGER fails BEFORE INSERT ON user_data.documents FOR EACH ROW
WHEN (NEW.content LIKE '%fails to load%') EXECUTE FUNCTION user_data.fails();
"""


def mail(number: int, body: str, head: str = "") -> str:
    return (
        f"From {number}@xxx Mon May  1 10:00:00 2023\nMessage-ID: <{number}@mail.example>\n"
        f"Subject: {body}\n{head}\n{body}\n\n"
    )


def members() -> dict[str, str]:
    """Records that load, that are quarantined in every way, that kill, and that fail to load."""
    poison = ("defect", "segfault", "kill", "memory")
    return {
        f"Takeout/Mail/{NAME}.mbox": mail(1, BODY)
        + mail(2, BODY, "Date: " + BODY + "\nContent-Type: multipart/mixed\n")
        + f"From 3@xxx Mon May  1 10:00:00 2023\n\n{BODY}\n\n"
        + mail(4, f"{BODY} fails to load"),
        f"Takeout/My Activity/{NAME}/MyActivity.json": json.dumps(
            [
                {"header": "Search", "title": BODY, "products": [], "time": "2023-05-01T10:00:00Z"},
                {"header": BODY, "title": BODY, "products": [BODY], "time": BODY},
                {"header": BODY, "title": [BODY], "time": "2023-05-01T10:00:00Z"},
                {"header": BODY, "title": BODY, "time": {BODY: BODY}, BODY: BODY},
            ]
        ),
        f"Takeout/Location History/{NAME}/Records.json": json.dumps(
            {
                "locations": [
                    {"latitudeE7": 1, "longitudeE7": 1, "timestamp": "2023-05-01T10:00:00Z"},
                    {"latitudeE7": BODY, "longitudeE7": 1, "timestamp": BODY},
                ]
            }
        ),
        f"{NAME}.json": f'[{{"id": "{BODY}"}}, {{"{BODY}": 1e400}}, {{"{BODY}}}]',
        f"{NAME}.csv": f'site,password\nexample.org,{SECRET}\n{BODY}\n"{SECRET},open\n',
        f"{NAME}.poison": "".join(
            json.dumps({"id": n, "text": f"{BODY} {n}", "poison": kind}) + "\n"
            for n, kind in enumerate(("", *poison))
        ),
    }


class Heard:
    """Everything that was said to the broker, events of workers among it."""

    def __init__(self, place: Site) -> None:
        self._place, self._stop = place, threading.Event()
        self.text = ""
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with wiring.broker_client(self._place.settings) as client:
            # A broker may have nothing to say for a while; `stop` says something at the end.
            client.connection_pool.connection_kwargs["socket_timeout"] = None
            with client.monitor() as said:
                for command in said.listen():
                    self.text += command["command"] + "\n"
                    if self._stop.is_set():
                        return

    def stop(self) -> str:
        self._stop.set()
        with wiring.broker_client(self._place.settings) as client:
            client.ping()
        self._thread.join(10)
        return self.text


def flower(place: Site) -> subprocess.Popen[bytes]:
    with (place.settings.folders.logs / "flower.log").open("ab") as log:
        command = [sys.executable, "-m", "workers.cli", "flower"]
        started = subprocess.Popen(command, env=place._environment, stdout=log, stderr=log)
    place.processes["flower"] = started
    return started


def ask_flower(place: Site, port: int, path: str) -> str:
    login = base64.b64encode(place.settings.flower_password_path.read_bytes().strip()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", f"Basic {login}")
    said: list[str] = []

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
            said.append(str(answer.read().decode()))
        return bool(said)

    pid = place.processes["flower"].pid
    progress.until(answers, lambda: progress.processor_time(pid), every_s=0.5)
    return said[0]


def free_port() -> int:
    import socket

    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A site after an import that failed in many ways and was retried; and all that it said."""
    port = free_port()
    with site(
        tmp_path_factory.mktemp("site"),
        program="tests.support.poison",
        chunk_records=3,
        max_attempts=2,
        chunk_soft_limit_s=8,
        chunk_hard_limit_s=10,
        task_memory_mb=1024,
        settle_s=0.2,
        log_level="DEBUG",
        flower_port=port,
    ) as place:
        socket = place.settings.server_socket_dir
        place._environment["DATAPUNK_DATABASE_URL"] = (
            f"postgresql://datapunk_admin:{SECRET}@/datapunk?host={socket}"
        )
        with psycopg.connect(place.settings.url("admin"), autocommit=True) as connection:
            connection.execute(_FAILS.encode())
        heard = Heard(place)
        flower(place)
        for name in ("worker", "reconciler", "watcher"):
            place.start(name)
        yield place, said_of(place, heard, port)


def said_of(place: Site, heard: Heard, port: int) -> dict[str, str]:
    """Carry the import out, and gather what every place holds afterwards."""
    user = place.settings.folders.staging / "ana@example.org"
    user.mkdir()
    with zipfile.ZipFile(user / f"{NAME}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members().items():
            archive.writestr(name, text)
    (user / f"{NAME}-cut.zip").write_bytes((user / f"{NAME}.zip").read_bytes()[:-40])
    job = ended(place, "failed")
    place.kill_postgres()  # what libraries say of a lost connection has its address in it
    time.sleep(1)
    place.start_postgres()
    with psycopg.connect(place.settings.url("admin"), autocommit=True) as connection:
        connection.execute("DROP TRIGGER fails ON user_data.documents")
    told = subprocess.run(
        [sys.executable, "-m", "workers.cli", "retry", str(job)],
        env=place._environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    ended(place, "done")
    pages = ["/api/tasks?limit=100000", "/api/workers", "/tasks", "/metrics", "/"]
    return {
        "the broker": heard.stop() + stored(place),
        "Flower": "".join(ask_flower(place, port, page) for page in pages),
        "logs": "".join(
            p.read_text("utf-8", "replace") for p in place.settings.folders.logs.iterdir()
        ),
        "commands": told.stdout + told.stderr + arguments(place),
        "error files": "".join(
            p.read_text() for p in place.settings.folders.failed.rglob("*.error.txt")
        ),
    }


def ended(place: Site, status: str) -> Any:
    rows: list[Any] = []

    def there() -> bool:
        with suppress(psycopg.OperationalError):
            found = place.ask(
                f"SELECT jsonb_agg(id) FROM imports.jobs WHERE source_name = '{NAME}.zip' "
                f"AND status = '{status}' AND completed_at IS NOT NULL"
            )
            rows.extend(found or [])
        return bool(rows)

    progress.until(there, place.moves, every_s=0.2)
    return rows[0]


def stored(place: Site) -> str:
    """Every key of the broker with what it holds."""
    read = {
        b"none": "GET {}",  # it expired, or was taken, since it was listed
        b"string": "GET {}",
        b"list": "LRANGE {} 0 -1",
        b"hash": "HGETALL {}",
        b"set": "SMEMBERS {}",
        b"zset": "ZRANGE {} 0 -1",
    }
    with wiring.broker_client(place.settings) as client:
        keys = list(client.scan_iter(count=1000))
        held = [
            client.execute_command(*read[client.type(k)].format(k.decode()).split()) for k in keys
        ]
    return repr((keys, held))


def arguments(place: Site) -> str:
    """The command lines of our processes, which every user of the machine may read."""
    ours = [psutil.Process(os.getpid()), *psutil.Process(os.getpid()).children(recursive=True)]
    return "\n".join(" ".join(process.cmdline()) for process in ours)


def unpacked(text: str) -> str:
    """The text, and what its pieces in base64 hold: so messages carry their arguments."""
    runs = re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text)
    held = (base64.b64decode(run[: len(run) // 4 * 4]) for run in runs)
    return text + "".join(data.decode("utf-8", "replace") for data in held)


@pytest.mark.threat("canaries")
@pytest.mark.timeout(progress.TIMEOUT_S)
@pytest.mark.parametrize("where", ["the broker", "Flower", "logs", "commands", "error files"])
def test_no_canary_is_found(places: tuple[Site, dict[str, str]], where: str, seen: Seen) -> None:
    place, said = places
    text = unpacked(said[where])
    job = place.ask("SELECT id::text FROM imports.jobs WHERE status = 'done'")
    there = {"commands": job[:8], "error files": "truncated"}.get(where, job)
    assert there in text, "what should be there is found"
    for canary in (RARE, SECRET, *([NAME] if where != "error files" else [])):
        at = text.find(canary)
        assert at < 0, text[max(0, at - 300) : at + 300]
    seen(f"{where}: nothing")


@pytest.mark.threat("canaries")
@pytest.mark.timeout(progress.TIMEOUT_S)
def test_no_canary_is_in_a_column_of_the_ledger(
    places: tuple[Site, dict[str, str]], seen: Seen
) -> None:
    place, _ = places
    columns = place.ask(
        "SELECT jsonb_agg(jsonb_build_array(table_name, column_name)) "
        "FROM information_schema.columns WHERE table_schema = 'imports'"
    )
    held = set()
    for table, column in columns:
        for canary in (RARE, SECRET, NAME):
            hexed = canary.encode().hex()
            found = place.ask(
                f"SELECT count(*) FROM imports.{table} WHERE {column}::text LIKE '%{canary}%' "
                f"OR {column}::text LIKE '%{hexed}%'"
            )
            if found:
                held.add((f"{table}.{column}", canary))
    allowed = {("quarantine.raw", RARE), ("quarantine.raw", SECRET)}
    allowed |= {(column, NAME) for column in NAMED}
    # The name of a field that no format knows may be anything; only its user's session reads it.
    allowed |= {("drift.field", RARE)}
    assert not place.ask("SELECT has_table_privilege('datapunk_ledger', 'imports.drift', 'SELECT')")
    assert held == allowed, "and where they should be, they are"
    codes = place.ask("SELECT jsonb_agg(DISTINCT code) FROM imports.quarantine")
    failed = {
        "poison",
        "format_defect",
        "bad_number",
        "unexpected_shape",
        "not_a_mail",
        "unclosed_quote",
    }
    assert set(codes) >= failed
    loaded = place.ask(f"SELECT count(*) FROM user_data.documents WHERE content LIKE '%{BODY}%'")
    assert loaded >= 3
    seen("every column of the ledger, events among them: in quarantine.raw and drift.field alone")
