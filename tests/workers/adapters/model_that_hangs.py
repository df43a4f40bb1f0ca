"""In the place of `workers.adapters.model_child`: says that it is ready, and answers no request.

With `DATAPUNK_TEST_MODEL=ends` it ends itself over the first one instead.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import msgspec

from workers.adapters import model_child


def main() -> None:
    line = Connection(int(sys.argv[1]))
    line.recv_bytes()
    line.send_bytes(msgspec.msgpack.encode(model_child.Answer(shape=(0, 3), at_once=8)))
    line.recv_bytes()
    if os.environ.get("DATAPUNK_TEST_MODEL") == "ends":
        os._exit(9)
    with suppress(EOFError):
        while True:  # until nobody holds the other end
            line.recv_bytes()


if __name__ == "__main__":
    main()
