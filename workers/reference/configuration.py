"""The page `docs/reference/configuration.md`: every setting with its default and meaning."""

from __future__ import annotations

from collections.abc import Iterator

from workers.setting_fields import PREFIX
from workers.settings import Settings

_SECTIONS = {
    "data_dir": "Places and servers",
    "scanner": "Malware scan",
    "privacy_policy": "Personal data",
    "zone": "Time",
    "embed_model": "Embedding",
    "near_duplicates": "Near duplicates",
    "chunk_records": "Work",
    "settle_s": "Watching",
    "max_upload_bytes": "Limits of an upload",
    "notify": "Messages",
    "flower_address": "Flower",
    "health_file": "Logs and health",
}

_HEAD = """# Configuration

`make docs` makes this page from `workers/setting_fields.py`. A test compares them.

A setting comes from the environment, else from a file `.env`, else from a file `datapunk.toml`,
both in the folder where the command runs; else it is the default. In the TOML file a name has
no prefix and small letters: `settle_s = 10`. A wrong value ends a command with one line and
exit code 2. [The data folder](data-folder.md) says which lake a command uses if
`DATAPUNK_DATA_DIR` is not set.

A URL or a password may lie in a file: add `_FILE` to the variable, in the environment.
`DATAPUNK_BROKER_PASSWORD_FILE=/run/secrets/broker_password` reads `DATAPUNK_BROKER_PASSWORD`
from there. Secrets of containers and of systemd are such files.
"""


def page() -> str:
    """Return the page `docs/reference/configuration.md`."""
    return "\n".join([_HEAD.rstrip("\n"), *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name in _SECTIONS:
            yield f"\n## {_SECTIONS[name]}\n\n| variable | default | meaning |\n|---|---|---|"
        yield f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |"


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    if isinstance(default, frozenset):
        return f"`{','.join(sorted(default))}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
