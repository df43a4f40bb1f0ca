"""Which lake a command works on: the one of this folder, or the one that was started last.

The lake that `datapunk up` or `demo` started last is remembered for each user in
`$XDG_STATE_HOME/datapunk/lake.json` (`~/.local/state` where that is unset), with the folder that
its settings were read from.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from pydantic_settings import BaseSettings, DotEnvSettingsSource, TomlConfigSettingsSource

from pipeline.storage import atomic_files
from schemas.errors import TransientError
from schemas.folders import Folders
from workers.setting_fields import PATHS, TOML

_DATA = "data"
_NAMES = ("data_dir", "settings_dir")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The folder of a lake, and the folder of its settings (`.env`, `datapunk.toml`).

    `hint` says why a remembered lake is not used, if there is one.
    """

    data: Path
    settings: Path
    remembered: bool = False
    hint: str = ""


def is_lake(folder: Path) -> bool:
    """Return whether a folder is a lake: `up` has made its folders there."""
    folders = Folders(folder)
    # os.path: a folder that is closed to this user is no error, and no lake of theirs.
    return os.path.isdir(folders.staging) and os.path.isdir(folders.work)  # noqa: PTH112


def choose(here: Path) -> Place:
    """Return the lake of commands in `here` where no setting names one.

    It is `data` if that is a lake, else the remembered lake, else `data`.
    """
    own = Place(data=here / _DATA, settings=here)
    if is_lake(own.data):
        return own
    try:
        return _remembered() or own
    except ValueError as error:
        return msgspec.structs.replace(own, hint=str(error))


def last() -> Path | None:
    """Return the data folder of the lake that was started last, if it is known."""
    with suppress(ValueError):
        found = _remembered()
        return None if found is None else found.data
    return None


def remember(place: Place) -> None:
    """Remember a lake as the one that was started last.

    Nothing is written where the folder for it belongs to another user, as under `sudo` with the
    home of the person who called it, or where it can't be written.
    """
    file = _file()
    if file is None:
        return
    # ASCII with escapes, so that a name that is no UTF-8 comes back as it is.
    text = json.dumps(dict(zip(_NAMES, (str(place.data), str(place.settings)), strict=True)))
    with suppress(OSError, TransientError):
        if next(path for path in file.parents if path.exists()).stat().st_uid != os.getuid():
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_files.written(file) as stream:
            atomic_files.put(stream, f"{text}\n".encode("ascii"))


def settings_in(place: Place, cls: type[BaseSettings]) -> dict[str, Any]:
    """Return the settings in the files of a place; a path in them begins at its folder."""
    values: dict[str, Any] = {
        **TomlConfigSettingsSource(cls, place.settings / TOML)(),
        **DotEnvSettingsSource(cls, place.settings / ".env")(),
    }
    for name in PATHS & values.keys():
        values[name] = place.settings / Path(str(values[name])).expanduser()
    return {name: value for name, value in values.items() if name in cls.model_fields}


def _file() -> Path | None:
    """Return the file that names the remembered lake; None where there is no home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if Path(state).is_absolute():  # a relative one does not count, by the specification
        return Path(state) / "datapunk" / "lake.json"
    try:
        return Path.home() / ".local" / "state" / "datapunk" / "lake.json"
    except RuntimeError:
        return None


def _remembered() -> Place | None:
    """Return the remembered lake, None if there is none.

    Raises `ValueError` with the reason if it can't be used.
    """
    file = _file()
    try:
        found = None if file is None else json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(
            f"the lake that was started last is not known: {file} can't be read ({error.strerror})"
        ) from None
    except (ValueError, RecursionError):
        found = {}
    if found is None:
        return None
    paths = [found.get(name) for name in _NAMES] if isinstance(found, dict) else [None]
    if not all(isinstance(path, str) and path[:1] == "/" and "\0" not in path for path in paths):
        raise ValueError(f"the lake that was started last is not known: {file} is damaged")
    data, settings = (Path(str(path)) for path in paths)
    if not is_lake(data):
        raise ValueError(f"the lake that was started last is not in {data} any more")
    return Place(data=data, settings=settings, remembered=True)
