"""What a person finds in Flower: whose task a row is, by the short id that the commands print."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import UUID

import pytest

from schemas.progress import Kind, Stage, route
from tasks.runtime import dispatch
from tests.support import progress
from tests.support.site import Site, site
from workers import wiring
from workers.embedded import flower
from workers.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(progress.TIMEOUT_S)]

NAME = "a-name-that-only-the-owner-knows"
ROWS = b"".join(b'{"id": %d, "name": "row"}\n' % n for n in range(20))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, UUID, UUID]]:
    """A site with Flower after two imports."""
    folder = tmp_path_factory.mktemp("site")
    with site(folder, flower_port=_free_port()) as made:
        made.processes["flower"] = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", "flower"], env=made._environment
        )
        progress.until(lambda: bool(flower.tasks_page(made.settings)), made.moves, every_s=0.5)
        for name in ("worker", "reconciler"):
            made.start(name)
        jobs = []
        for n in range(2):
            file = folder / f"{NAME}-{n}.ndjson"
            file.write_bytes(ROWS + b"\n" * n)
            jobs.append(made.submit(file))
        for job in jobs:
            made.wait(job, lambda row: row["completed_at"] is not None)
        yield made, jobs[0], jobs[1]


def _asked(place: Site, path: str) -> Any:
    login = base64.b64encode(place.settings.flower_password_path.read_bytes().strip()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:{place.settings.flower_port}{path}")
    request.add_header("Authorization", f"Basic {login}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def _searched(place: Site, words: str) -> list[dict[str, Any]]:
    """The rows that the page of tasks shows for what stands in its search."""
    asked = {
        "draw": 1, "start": 0, "length": 500, "search[value]": words,
        "order[0][column]": 0, "order[0][dir]": "asc", "columns[0][data]": "name",
    }  # fmt: skip
    return list(_asked(place, f"/tasks/datatable?{urlencode(asked)}")["data"])


def _all_there(place: Site, job: UUID) -> list[dict[str, Any]]:
    """The rows of a job's tasks that ended well, once Flower has heard of one for each stage.

    A message that the reconciler sends again finds nothing to do, and has a row of its own.
    """
    stages = [*route(Kind.UPLOAD), *route(Kind.RECORDS, embed=False), Stage.FINISH]
    wanted = {dispatch.task_name(stage) for stage in stages}
    rows: list[dict[str, Any]] = []

    def there() -> bool:
        found = _searched(place, str(job)[:8])
        rows[:] = [row for row in found if row["state"] == "SUCCESS"]
        return {row["name"] for row in rows} == wanted

    progress.until(there, lambda: [row["uuid"] for row in rows], every_s=0.5)
    return rows


def test_a_row_names_its_job_its_chunk_and_its_format(place: tuple[Site, UUID, UUID]) -> None:
    at, job, other = place
    for mine in (job, other):
        rows = _all_there(at, mine)
        for row in rows:
            assert row["kwargs"].startswith(f"{{'job': '{str(mine)[:8]}', 'chunk': "), row
        read = [row for row in rows if row["name"] in ("datapunk.normalise", "datapunk.load")]
        assert len({row["name"] for row in read}) == 2
        assert all("'format': 'ndjson'" in row["kwargs"] for row in read), read
        ids = {row["kwargs"].split("'chunk': ")[1].split(",")[0] for row in rows}
        assert len(ids) == 3, "the upload, a chunk of records and the end"


def test_the_whole_id_finds_the_same_rows(place: tuple[Site, UUID, UUID]) -> None:
    at, job, _ = place
    rows = _all_there(at, job)
    uuids = {row["uuid"] for row in rows}
    assert uuids <= {row["uuid"] for row in _searched(at, str(job))}
    assert uuids <= {row["uuid"] for row in _searched(at, f"kwargs:job={str(job)[:8]}")}


def test_no_name_of_a_file_is_there(place: tuple[Site, UUID, UUID]) -> None:
    at, job, other = place
    for each in (job, other):
        _all_there(at, each)
    assert str(job)[:8] in json.dumps(tasks := _asked(at, "/api/tasks?limit=1000"))
    assert NAME not in json.dumps(tasks)


def test_a_message_that_finds_nothing_to_do_is_revoked(
    place: tuple[Site, UUID, UUID],
) -> None:
    at, job, other = place
    wiring.make_app(at.settings)
    dispatch.send(10**9, job, Kind.RECORDS, Stage.SCREEN, embed=False)
    rows: list[dict[str, Any]] = []

    def ended() -> bool:
        rows[:] = [*_searched(at, str(job)[:8]), *_searched(at, str(other)[:8])]
        mine = [row["state"] for row in rows if f"'chunk': {10**9}" in row["kwargs"]]
        return mine == ["REVOKED"]

    progress.until(ended, lambda: [(row["uuid"], row["state"]) for row in rows], every_s=0.5)
    assert {row["state"] for row in rows} <= {"SUCCESS", "REVOKED"}, "none is started for ever"


@pytest.mark.parametrize("verb", ["status", "receipt"])
def test_the_link_leads_to_the_tasks_of_the_job(place: tuple[Site, UUID, UUID], verb: str) -> None:
    at, job, _ = place
    rows = _all_there(at, job)
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", verb, str(job)],
        env=at._environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stderr.splitlines() if "/tasks?" in line]
    link = urlsplit(line.split()[-1])
    assert (link.hostname, link.port) == ("127.0.0.1", at.settings.flower_port)
    # What the page makes of its link (static/js/flower.js): the field's name before its words.
    (words,) = parse_qs(link.query)["name"]
    found = _searched(at, f"name:{words}")
    assert {row["uuid"] for row in rows} <= {row["uuid"] for row in found}
    assert all(str(job)[:8] in row["kwargs"] for row in found), "and of no other job"


def test_the_page_still_reads_the_field_of_the_link() -> None:
    script = Path(flower_package()).with_name("static") / "js" / "flower.js"
    assert "['state', 'worker', 'name'].map(function (key)" in script.read_text()


def flower_package() -> str:
    import flower as package

    assert package.__file__ is not None
    return package.__file__


# --- no Flower ---------------------------------------------------------------------------------


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"something else")

    def log_message(self, *_: Any) -> None:
        pass


def test_there_is_no_link_to_what_is_not_flower(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, flower_port=_free_port())
    assert flower.tasks_page(settings) is None
    server = HTTPServer(("127.0.0.1", settings.flower_port), _Other)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        assert flower.tasks_page(settings, "a872f884") is None
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_is_shown_can_be_searched_by_field() -> None:
    job = UUID("a872f884-2c64-40ab-89cc-8ef3520f0bb8")
    shown = dispatch.shown_as(17, job, "mail.mbox")
    assert shown == (
        "{'job': 'a872f884', 'chunk': 17, 'format': 'mail.mbox', "
        "'job_id': 'a872f884-2c64-40ab-89cc-8ef3520f0bb8'}"
    )
    assert "format" not in dispatch.shown_as(1, job, None)
    assert quote(f"{dispatch.TASK_PREFIX} a872f884") == "datapunk.%20a872f884"
