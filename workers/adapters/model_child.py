"""A model in a process of its own, which can be ended during a batch and then frees its memory.

The process reads requests from an inherited socket, and ends when the other end is closed. It is
started with `exec`, since torch does not survive a fork.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from schemas.errors import ConfigurationError, DatapunkError, TransientError
from workers.adapters import sentence_transformers, static_embeddings

_MODULE = "workers.adapters.model_child"
#: The niceness of a process that makes a static model: what else there is to do comes first.
_LOW = 10


class ModelLost(DatapunkError):
    """The process of a model ended by itself, over the texts that it had."""


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    """The first request: the full model by its name, or the default one.

    With `make`, the folder under which its static model is made, it is the only request.
    """

    model: str | None
    threads: int | None
    make: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`numbers` are what was asked for: shape and bytes. With `error` there is none."""

    shape: tuple[int, int] = (0, 0)
    at_once: int = 0
    numbers: bytes = b""
    error: str | None = None


class ModelApart:
    """`pipeline.ports.Embedder` by a model in a child, which ends after `idle_s` without a text.

    A call raises `TransientError` if its child is killed, and `ModelLost` if it ends.
    """

    cached_by_text = True

    def __init__(self, model: str | None, *, threads: int | None, idle_s: float) -> None:
        self._start = _Start(model=model, threads=threads)
        self._idle_s = idle_s
        self._name, self._revision = sentence_transformers.identity(model)
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._facts: Answer | None = None
        self._idle: threading.Timer | None = None

    @property
    def model(self) -> str:
        """The model's name, or its path."""
        return self._name

    @property
    def revision(self) -> str:
        """A fingerprint of the model's files, 32 hex digits."""
        return self._revision

    @property
    def dimension(self) -> int:
        """The length of a vector; asked of the model once."""
        return self._known().shape[1]

    @property
    def at_once(self) -> int:
        """How many texts a call of `encode` takes best; asked of the model once."""
        return self._known().at_once

    @property
    def pid(self) -> int | None:
        """The process of the model; None while there is none."""
        child = self._child
        return None if child is None else child.process.pid

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of shape (len(texts), dimension), in the order of the texts."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        with self._busy() as child:
            answer = child.ask(list(texts))
        return np.frombuffer(answer.numbers, dtype="<f4").reshape(answer.shape).copy()

    def _known(self) -> Answer:
        if self._facts is None:
            with self._busy():
                pass
        assert self._facts is not None
        return self._facts

    @contextmanager
    def _busy(self) -> Iterator[_Child]:
        """Yield the child, started if there is none. End one that failed."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                if self._child is None:
                    self._child = _Child(self._start)
                    self._facts = self._child.answer()
                yield self._child
            except BaseException:  # a limit of time too: its answer would be taken for the next
                self._end()
                raise
            self._idle = threading.Timer(self._idle_s, self._rest)
            self._idle.daemon = True
            self._idle.start()

    def _rest(self) -> None:
        """End a child that had nothing to do, unless it has just now."""
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """The other end of a process, in the process that asks."""

    def __init__(self, start: _Start) -> None:
        here, there = socket.socketpair()
        with there:
            self.process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": _paths()},
            )
        self._line = Connection(here.detach())
        self._send(msgspec.msgpack.encode(start))

    def ask(self, texts: list[str]) -> Answer:
        """Return vectors of these texts."""
        self._send(msgspec.msgpack.encode(texts))
        return self.answer()

    def answer(self) -> Answer:
        """Return its next answer."""
        try:
            message = self._line.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        found = msgspec.msgpack.decode(message, type=Answer)
        if found.error is not None:
            raise ConfigurationError(found.error)
        return found

    def end(self) -> None:
        """End the process, whatever it does."""
        self._line.close()
        self.process.kill()
        self.process.wait()

    def _send(self, data: bytes) -> None:
        try:
            self._line.send_bytes(data)
        except OSError as error:
            raise self._lost() from error

    def _lost(self) -> DatapunkError:
        if self.process.wait() == -signal.SIGTERM:
            return TransientError("The model was stopped.", code="worker_lost")
        return ModelLost("The process of the model ended.")


class Maker:
    """Makes a static model in a process of low priority, one at a time."""

    def __init__(self, folder: Path, model: str | None, *, threads: int | None) -> None:
        self._start = _Start(model=model, threads=threads, make=str(folder))
        self._child: _Child | None = None

    def begin(self) -> None:
        """Begin, unless it is under way."""
        if not self.under_way():
            self._child = _Child(self._start)

    def under_way(self) -> bool:
        """Tell whether the process runs. Discard one that has ended."""
        if self._child is not None and self._child.process.poll() is not None:
            self._child.end()
            self._child = None
        return self._child is not None


def is_one(process: psutil.Process) -> bool:
    """Tell whether a process has a model, or makes one."""
    return _MODULE in process.cmdline()


def stop() -> None:
    """End every model below this process, whatever it works on, and what makes one."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if is_one(child):
                child.terminate()


def stop_for_good() -> None:
    """End them and those that start from now on, until this process ends. Return at once."""

    def go_on() -> None:
        while True:
            stop()
            time.sleep(0.2)

    threading.Thread(target=go_on, name="stop models", daemon=True).start()


def _paths() -> str:
    """Return the path by which a process finds this package from any folder."""
    own = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [own, os.environ.get("PYTHONPATH", "")]))


# --- in the child ----------------------------------------------------------------------------


def main() -> None:
    """Answer requests until the other end is closed."""
    for number in (signal.SIGINT, signal.SIGQUIT):  # what the worker does at these is its business
        signal.signal(number, signal.SIG_IGN)
    line, requests = Connection(int(sys.argv[1])), queue.SimpleQueue[bytes]()
    threading.Thread(target=_listen, args=(line, requests), daemon=True).start()
    start = msgspec.msgpack.decode(requests.get(), type=_Start)
    if start.make is not None:
        os.setpriority(os.PRIO_PROCESS, 0, max(_LOW, os.getpriority(os.PRIO_PROCESS, 0)))
        static_embeddings.ensure_static_model(Path(start.make), start.model, start.threads)
        return
    try:
        model = sentence_transformers.SentenceTransformerEmbedder(
            start.model, threads=start.threads
        )
    except ConfigurationError as error:
        line.send_bytes(msgspec.msgpack.encode(Answer(error=str(error))))
        return
    facts = Answer(shape=(0, model.dimension), at_once=model.at_once)
    line.send_bytes(msgspec.msgpack.encode(facts))
    while True:
        matrix = model.encode(msgspec.msgpack.decode(requests.get(), type=list[str]))
        numbers = matrix.astype("<f4").tobytes()
        answer = Answer(shape=(len(matrix), model.dimension), numbers=numbers)
        line.send_bytes(msgspec.msgpack.encode(answer))


def _listen(line: Connection, requests: queue.SimpleQueue[bytes]) -> None:
    """Pass requests on. When the process that sends them ends, end at once."""
    while True:
        try:
            requests.put(line.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


if __name__ == "__main__":
    main()
