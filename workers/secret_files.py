"""Secrets from files: `DATAPUNK_BROKER_PASSWORD_FILE` is a file with the broker's password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource, SettingsError

from workers.setting_fields import PREFIX, SettingFields

_SUFFIX = "_FILE"


def names() -> list[str]:
    """Return the variables that name a file with a secret."""
    return [
        f"{PREFIX}{name.upper()}{_SUFFIX}"
        for name, field in SettingFields.model_fields.items()
        if _is_secret(field)
    ]


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in get_args(field.annotation)


class SecretFiles(PydanticBaseSettingsSource):
    """Settings whose values lie in files that the environment names.

    Calling it raises `SettingsError`, which shows no content, for a file that can't be read and
    for a secret that is given twice.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one field, its name, and that it is no JSON."""
        variable = f"{PREFIX}{field_name.upper()}{_SUFFIX}"
        path = os.environ.get(variable) if _is_secret(field) else None
        return _content(variable, path) if path else None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return every setting that a file gives."""
        found = {n: self.get_field_value(f, n)[0] for n, f in SettingFields.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _content(variable: str, path: str) -> str:
    """Return the secret, without the line break behind it."""
    if os.environ.get(variable.removesuffix(_SUFFIX)):
        raise SettingsError(f"{variable} and {variable.removesuffix(_SUFFIX)} are both set")
    try:
        secret = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}: {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {path} is no text") from None
    if not secret:
        raise SettingsError(f"{variable}: {path} is empty")
    return secret
