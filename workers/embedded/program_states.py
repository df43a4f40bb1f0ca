"""The state of each supervised process, as the supervisor reports it."""

from __future__ import annotations

import xmlrpc.client
from http.client import HTTPException
from typing import Any

import msgspec
from supervisor.xmlrpc import SupervisorTransport

from schemas.errors import ServiceDown
from workers.embedded.programs import programs, socket_path
from workers.settings import Settings


class ProgramState(msgspec.Struct, frozen=True):
    """The state of one supervised process; `state` is one of supervisor's words in capitals."""

    name: str
    state: str
    pid: int | None
    uptime_s: int
    detail: str

    @property
    def running(self) -> bool:
        """Whether the process has stayed up long enough to count."""
        return self.state == "RUNNING"


class Connection:
    """supervisor's XML-RPC over its Unix socket."""

    def __init__(self, settings: Settings) -> None:
        self._path = socket_path(settings)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call one method of the namespace `supervisor`. Raises `ServiceDown`."""
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._path}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(server.supervisor, method)(*arguments)
        except (OSError, HTTPException) as error:
            raise ServiceDown("the supervisor does not run; start it with: datapunk up") from error
        except xmlrpc.client.Fault as fault:
            raise ServiceDown(f"the supervisor refused {method}: {fault.faultString}") from fault
        finally:
            transport.close()


def state(settings: Settings) -> list[ProgramState]:
    """Return the state of every supervised process, in the order of the start.

    Empty if nothing is up.
    """
    try:
        rows = Connection(settings).call("getAllProcessInfo")
    except ServiceDown:
        return []
    order = {program.name: n for n, program in enumerate(programs(settings))}
    rows.sort(key=lambda row: order.get(row["name"], len(order)))
    return [_state(row) for row in rows]


def _state(row: dict[str, Any]) -> ProgramState:
    running = row["pid"] != 0
    uptime = int(row["now"]) - int(row["start"]) if running else 0
    detail = row["spawnerr"] or row["description"]
    return ProgramState(row["name"], row["statename"], row["pid"] or None, uptime, detail)
