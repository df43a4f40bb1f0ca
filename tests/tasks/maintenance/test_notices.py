"""Messages to a person arrive at real receivers: once, without a name of a file, or later."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from schemas.errors import ConfigurationError
from tasks.maintenance import notices, reconcile
from tasks.operations import job_control
from tasks.runtime.context import Runtime
from tests.support import progress
from tests.support.lake import Database, Driver, zipped
from workers.adapters.receivers import AppriseReceiver, receivers
from workers.cli import app
from workers.cli.verbs import notify
from workers.notifier import Notifier
from workers.settings import Settings

pytestmark = pytest.mark.services

ANA = "ana@example.org"
NAME = "a-name-that-only-the-owner-knows"
ROWS = b'{"id": 1, "name": "one"}\n{broken\n'

Imported = Callable[[str, str, bytes], dict[str, Any]]


class Web:
    """A web server that takes everything that is posted, or refuses it."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes, str]] = []
        self.answer = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                outer.posts.append((self.path, body, str(self.headers)))
                self.send_response(outer.answer)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.stop()


@pytest.fixture
def post() -> Iterator[tuple[int, list[bytes]]]:
    """An SMTP server: its port, and the mails that it took."""
    mails: list[bytes] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper().strip()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (got := self.rfile.readline()) != b".\r\n":
                        lines.append(got)
                    mails.append(b"".join(lines))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], mails
        server.shutdown()
        thread.join()


def _settings(place: Settings, *addresses: str, **changes: Any) -> Settings:
    return place.model_copy(update={"notify": SecretStr(" ".join(addresses)), **changes})


def _made(place: Settings, run: Runtime, *addresses: str, **changes: Any) -> Notifier:
    """A notifier whose receivers are known before the next import."""
    made = Notifier(_settings(place, *addresses, **changes), run)
    made.turn()
    return made


def _texts(web: Web) -> list[str]:
    return [json.loads(body)["message"] for _, body, _ in web.posts]


# --- real receivers ------------------------------------------------------------------------------


def test_a_webhook_gets_one_message_for_the_end_of_a_job(
    place: Settings, run: Runtime, imported: Imported, web: Web
) -> None:
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}/hook")
    assert web.posts == []
    job = imported(ANA, f"{NAME}.ndjson", ROWS)
    for _ in range(3):
        notifier.turn()
    ((path, body, headers),) = web.posts
    short = str(job["id"])[:8]
    assert path.rstrip("/") == "/hook"
    told = json.loads(body)
    assert told["title"] == f"Datapunk Lake: import {short} done"
    assert told["message"] == (
        f"{short}: done\n2 records: 1 loaded, 0 duplicate, 1 in quarantine\n"
        f"many records are in quarantine\nlook: datapunk receipt {short}"
    )
    assert NAME not in body.decode() + headers
    assert ANA not in body.decode() + headers


def test_ntfy_gets_it(place: Settings, run: Runtime, imported: Imported, web: Web) -> None:
    notifier = _made(place, run, f"ntfy://127.0.0.1:{web.port}/my-topic")
    job = imported(ANA, f"{NAME}.ndjson", ROWS)
    notifier.turn()
    ((path, body, headers),) = web.posts
    assert "my-topic" in path + body.decode()
    assert str(job["id"])[:8] in body.decode()
    assert NAME not in body.decode() + headers
    assert "http" not in headers.lower().replace("http/1.1", ""), "no picture from elsewhere"


def test_a_mail_gets_it(
    place: Settings, run: Runtime, imported: Imported, post: tuple[int, list[bytes]]
) -> None:
    port, mails = post
    address = f"mailto://127.0.0.1:{port}?from=lake@example.org&to=me@example.org&mode=insecure"
    notifier = _made(place, run, address)
    job = imported(ANA, f"{NAME}.ndjson", ROWS)
    notifier.turn()
    (mail,) = map(message_from_bytes, mails)
    assert str(job["id"])[:8] in str(mail["Subject"])
    parts = [part.get_payload(decode=True) or b"" for part in mail.walk()]
    assert any(b"1 loaded" in part for part in parts if isinstance(part, bytes))
    assert NAME.encode() not in mails[0]


def test_names_are_there_where_the_settings_want_them(
    place: Settings, run: Runtime, imported: Imported, web: Web
) -> None:
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}", notify_names=True)
    imported(ANA, f"{NAME}.ndjson", ROWS)
    notifier.turn()
    assert f"({NAME}.ndjson of {ANA})" in _texts(web)[0]


# --- which, and how often ------------------------------------------------------------------------


def test_many_jobs_are_one_message(
    place: Settings, run: Runtime, imported: Imported, web: Web
) -> None:
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    for n in range(3):
        imported(ANA, f"{n}.ndjson", ROWS + b"\n" * n)
    imported(ANA, "cut.zip", zipped({"a.ndjson": ROWS})[:-30])
    notifier.turn()
    ((_, body, _),) = web.posts
    assert json.loads(body)["title"] == "Datapunk Lake: 4 imports: 3 done, 1 rejected"
    assert len(re.findall("look: datapunk receipt", _texts(web)[0])) == 4
    assert len(re.findall("go on: datapunk retry", _texts(web)[0])) == 1


def test_what_ended_before_a_receiver_was_set_is_not_told(
    place: Settings, run: Runtime, imported: Imported, web: Web, database: Database
) -> None:
    imported(ANA, "a.ndjson", ROWS)
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    notifier.turn()
    assert web.posts == []
    _made(place, run)  # without a receiver in the settings, the one that was is forgotten
    assert database.one("SELECT count(*) FROM imports.receivers") == 0


def test_a_job_that_waits_for_a_person_is_told_once(
    place: Settings, run: Runtime, drop: Callable[[str, str, bytes], UUID], web: Web,
    database: Database,
) -> None:  # fmt: skip
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    job = drop(ANA, f"{NAME}.ndjson", ROWS)
    database.rows("UPDATE imports.chunks SET last_error_code = 'transient_OperationalError'")
    notifier.turn()
    assert web.posts == [], "the database comes back by itself"
    database.rows("UPDATE imports.chunks SET last_error_code = 'os_28'")
    for _ in range(2):
        notifier.turn()
    assert _texts(web) == [
        f"{str(job)[:8]}: waits for you\nos_28: No space left on device\n"
        f"look: datapunk status {str(job)[:8]}"
    ]


def test_a_job_that_ends_again_is_told_again(
    place: Settings, run: Runtime, drop: Callable[[str, str, bytes], UUID], driver: Driver,
    web: Web, database: Database,
) -> None:  # fmt: skip
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    job_id = drop(ANA, "rows.ndjson", ROWS)
    job_control.cancel(run, job_id, database.job(job_id)["user_id"])
    driver.drain()
    reconcile.reconcile(run)
    driver.drain()
    notifier.turn()
    job_control.retry(run, {**database.job(job_id), "user_name": ANA})
    driver.drain()
    notifier.turn()
    assert [text.splitlines()[0].split(": ")[1] for text in _texts(web)] == ["cancelled", "done"]


# --- receivers that fail -------------------------------------------------------------------------


def _dead_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_dead_receiver_stops_nothing_and_hides_no_other(
    place: Settings, run: Runtime, imported: Imported, web: Web, database: Database
) -> None:
    dead = f"json://user:secret@127.0.0.1:{_dead_port()}"
    notifier = _made(place, run, dead, f"json://127.0.0.1:{web.port}")
    assert imported(ANA, "a.ndjson", ROWS)["status"] == "done"
    notifier.turn()
    assert len(web.posts) == 1
    (error,) = database.rows("SELECT * FROM imports.step_errors")
    assert (error["step"], error["subject"]) == ("notified", "receiver 1 (json)")
    assert error["error"] == "NotDelivered"
    assert "secret" not in str(error)


def test_a_receiver_that_comes_back_gets_it_then(
    place: Settings, run: Runtime, imported: Imported, web: Web, database: Database
) -> None:
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    web.answer = 500
    imported(ANA, "a.ndjson", ROWS)
    notifier.turn()
    notifier.turn()
    assert len(web.posts) == 1, "it is not asked again at once"
    for waited in (20, 40):
        database.let_time_pass()
        notifier.turn()
        (error,) = database.rows("SELECT again_at - last_at AS wait FROM imports.step_errors")
        assert round(error["wait"].total_seconds()) == waited
    web.answer = 200
    database.let_time_pass()
    for _ in range(2):
        notifier.turn()
    assert len(web.posts) == 4
    assert database.rows("SELECT * FROM imports.step_errors") == []
    assert database.one("SELECT count(sent_at) FROM imports.notices") == 1


def test_after_a_day_it_is_given_up_and_that_is_shown(
    place: Settings, run: Runtime, imported: Imported, web: Web, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    address = f"json://127.0.0.1:{web.port}"
    notifier = _made(place, run, address)
    imported(ANA, "a.ndjson", ROWS)
    database.rows("UPDATE imports.receivers SET since = since - interval '3 days'")
    database.rows("UPDATE imports.jobs SET completed_at = completed_at - interval '25 hours'")
    notifier.turn()
    assert web.posts == []
    monkeypatch.setattr(notify, "load", lambda: _settings(place, address))
    result = CliRunner().invoke(app, ["notify", "--json"])
    assert [(r["sent"], r["given_up"]) for r in json.loads(result.stdout)] == [(0, 1)]


def test_the_time_of_a_message_is_in_the_zone_of_the_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = datetime(2024, 6, 1, 22, 30, tzinfo=UTC)
    fact = {"receiver": "receiver 1 (json)", "sent": 1, "given_up": 0, "last_at": at}
    notify._show([fact], ZoneInfo("Europe/Berlin"))
    assert "2024-06-02 00:30" in capsys.readouterr().out


def test_a_receiver_is_known_from_the_start(
    place: Settings, run: Runtime, web: Web, database: Database
) -> None:
    """What ends before the first turn is told to nobody, so the first turn comes at once."""
    settings = _settings(place, f"json://127.0.0.1:{web.port}", reconcile_every_s=3600)
    stop = threading.Event()
    Notifier(settings, run).start(stop)
    known = "SELECT count(*) FROM imports.receivers"
    progress.until(lambda: database.one(known) == 1, lambda: None, limits=progress.Limits(30))
    stop.set()


class _Killed(BaseException):
    """The end of the process."""


def test_a_kill_after_the_message_sends_it_twice_at_most(
    place: Settings, run: Runtime, imported: Imported, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = _made(place, run, f"json://127.0.0.1:{web.port}")
    imported(ANA, "a.ndjson", ROWS)
    send = AppriseReceiver.send

    def die(self: AppriseReceiver, title: str, body: str) -> None:
        send(self, title, body)
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(AppriseReceiver, "send", die)
        with pytest.raises(_Killed):
            notifier.turn()
    for _ in range(3):
        notifier.turn()
    assert len(web.posts) == 2


def test_of_two_reconcilers_one_sends(
    place: Settings, run: Runtime, imported: Imported, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"json://127.0.0.1:{web.port}"
    one, other = _made(place, run, address), _made(place, run, address)
    imported(ANA, "a.ndjson", ROWS)
    send = AppriseReceiver.send

    def meanwhile(self: AppriseReceiver, title: str, body: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(AppriseReceiver, "send", send)
            other.turn()
        send(self, title, body)

    monkeypatch.setattr(AppriseReceiver, "send", meanwhile)
    one.turn()
    assert len(web.posts) == 1


# --- settings and the command --------------------------------------------------------------------


def test_nothing_is_sent_and_nothing_is_noted_without_a_setting(
    place: Settings, run: Runtime, imported: Imported, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket, "create_connection", never)
    notifier = Notifier(place, run)
    imported(ANA, "a.ndjson", ROWS)
    notifier.turn()
    assert receivers(place) == []
    assert database.one("SELECT count(*) FROM imports.notices") == 0


@pytest.mark.parametrize("address", ["nonsense", "nosuchservice://x", "json://ok nonsense"])
def test_an_address_that_is_none_ends_the_command_without_quoting_it(
    place: Settings, address: str
) -> None:
    with pytest.raises(ConfigurationError, match="DATAPUNK_NOTIFY") as error:
        receivers(_settings(place, address))
    assert "nonsense" not in str(error.value)


def test_the_test_message_arrives_or_its_failure_is_the_exit_code(
    place: Settings, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = f"json://127.0.0.1:{web.port}", f"json://me:secret@127.0.0.1:{_dead_port()}"
    monkeypatch.setattr(notify, "load", lambda: _settings(place, good))
    result = CliRunner().invoke(app, ["notify", "--test"])
    assert (result.exit_code, result.stdout) == (0, "receiver 1 (json): delivered\n")
    assert json.loads(web.posts[0][1])["title"] == "Datapunk Lake: a test"
    monkeypatch.setattr(notify, "load", lambda: _settings(place, good, bad))
    result = CliRunner().invoke(app, ["notify", "--test", "--json"])
    assert result.exit_code == 1
    assert [fact["delivered"] for fact in json.loads(result.stdout)] == [True, False]
    assert "secret" not in result.output
    monkeypatch.setattr(notify, "load", lambda: place)
    assert CliRunner().invoke(app, ["notify", "--test"]).exit_code == 1


def test_a_message_of_one_and_of_many_has_no_line_of_content() -> None:
    row = {
        "job_id": UUID(int=1), "kind": "ended", "status": "failed", "code": "os_28",
        "records_seen": 0, "records_loaded": 0, "records_duplicate": 0, "records_quarantined": 0,
        "alerted": False, "source_name": NAME, "user_name": ANA,
    }  # fmt: skip
    title, body = notices.message([row])
    assert title == "Datapunk Lake: import 00000000 failed"
    assert body == (
        "00000000: failed\nlook: datapunk receipt 00000000\ngo on: datapunk retry 00000000"
    )
