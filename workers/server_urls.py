"""URLs of the servers, and the folder of their sockets."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from schemas.folders import Folders

#: A path of a Unix socket has at most 107 bytes; this is the longest name in the folder (the
#: supervisor binds its socket under such a name first, with its process id).
SOCKET_PATH_MAX = 107
_LONGEST_SOCKET = "supervisor.sock.4194304"


def with_role(url: str, role: str) -> str:
    """Return the URL with libpq's `options` set to assume a role at the start of each session."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query["options"] = f"{query.get('options', '')} -c role={role}".strip()
    rest = urlunsplit(parts._replace(scheme="", netloc="", query=urlencode(query, quote_via=quote)))
    # By hand: urlunsplit drops the slashes where there is no host between them.
    return f"{parts.scheme}://{parts.netloc}{rest}"


def with_password(url: str, password: str | None) -> str:
    """Return the URL with this password, if it names a host and has no password of its own."""
    parts = urlsplit(url)
    if password is None or parts.password is not None or not parts.hostname:
        return url
    login, _, host = parts.netloc.rpartition("@")
    netloc = f"{login.removesuffix(':')}:{quote(password, safe='')}@{host}"
    return url.replace(f"//{parts.netloc}", f"//{netloc}", 1)


def socket_dir(data: Path) -> Path:
    """Return the folder of a lake's sockets: `run`, or a short one where its path is too long."""
    run = Folders(data).run
    if len(os.fsencode(run / _LONGEST_SOCKET)) <= SOCKET_PATH_MAX:
        return run
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return _runtime_dir() / f"datapunk-{os.getuid()}-{digest}"


def _runtime_dir() -> Path:
    """Return a folder with a short path for sockets.

    Root's own runtime folder is closed to the user that runs the servers, so root takes the
    common one.
    """
    own = os.environ.get("XDG_RUNTIME_DIR")
    if own and os.getuid() != 0 and os.access(own, os.W_OK):
        return Path(own)
    return Path(tempfile.gettempdir())
