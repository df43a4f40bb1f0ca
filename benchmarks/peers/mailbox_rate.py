"""The mailbox of the standard library: each mail parsed, its headers and texts decoded.

    python mailbox_rate.py FILE compat32|default

Prints one JSON object. Nothing of it has to be installed.
"""

from __future__ import annotations

import email
import email.policy
import json
import mailbox
import platform
import sys
import time
from email.message import Message
from typing import IO, Any


def main() -> None:
    """Read the whole mailbox, and say what processor time it took."""
    policy: Any = getattr(email.policy, sys.argv[2])

    def parsed(stream: IO[bytes]) -> Message:
        return email.message_from_bytes(stream.read(), policy=policy)

    began, count = time.process_time(), 0
    for mail in mailbox.mbox(sys.argv[1], factory=parsed, create=False):  # type: ignore[arg-type]
        for name in ("message-id", "from", "to", "subject", "date"):
            str(mail[name])
        for part in mail.walk():
            if part.get_content_maintype() == "text":
                data = part.get_payload(decode=True)
                assert isinstance(data, bytes)
                data.decode(part.get_content_charset("utf-8"), "replace")
        count += 1
    seconds = time.process_time() - began
    version = platform.python_version()
    print(json.dumps({"records": count, "cpu_seconds": seconds, "version": version}))


if __name__ == "__main__":
    main()
