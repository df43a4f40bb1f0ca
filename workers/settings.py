"""The configuration: environment over `.env` over `datapunk.toml`, read once and then frozen.

`make docs` makes `docs/reference/configuration.md` from this file.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

from schemas.errors import ConfigurationError
from schemas.folders import Folders
from workers import server_urls
from workers.plain_errors import clause
from workers.secret_files import SecretFiles
from workers.server_urls import with_password, with_role
from workers.setting_fields import PATHS, PREFIX, TOML, SettingFields
from workers.setting_places import Place, choose, settings_in
from workers.setting_types import (
    Infected,
    Role,
    absolute_model,
    checked_url,
    require,
)


class Settings(SettingFields):
    """Everything that can be configured. Secrets print as stars. Load it with `load()`."""

    _place: Place | None = PrivateAttr(None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Rank the sources: arguments, the environment, files of secrets, `.env`, the TOML file."""
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls),
            dotenv_settings,
            TomlConfigSettingsSource(settings_cls),
        )

    @field_validator(*PATHS)
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @field_validator("data_dir")
    @classmethod
    def _encodable(cls, path: Path) -> Path:
        """Return the path, which stands in URLs of the embedded servers."""
        with suppress(UnicodeEncodeError):
            str(path).encode()
            return path
        raise ValueError("must be a path in UTF-8")

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @field_validator("privacy_models", mode="before")
    @classmethod
    def _by_language(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        require(
            all(model.strip() for _, _, model in pairs), "is language=model, with commas between"
        )
        return {language.strip(): model.strip() for language, _, model in pairs}

    @field_validator("privacy_models")
    @classmethod
    def _absolute_models(cls, models: dict[str, str] | None) -> dict[str, str] | None:
        """Return folders as absolute paths, so that every process finds them."""
        named = {name: model for name, model in (models or {}).items() if model}
        require(len(named) == len(models or {}), "is language=model, with commas between")
        for language in named:
            require(
                language.isascii() and language.isalpha() and language.islower(),
                "names a language by its ISO 639 code, such as en",
            )
        return {language: absolute_model(model) for language, model in named.items()} or None

    @field_validator("embed_types", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = [name.strip() for name in value.split(",") if name.strip()]
        return [] if names == ["none"] else names

    @field_validator("database_url", "owner_url", "ingest_url", "reader_url", "ledger_url")
    @classmethod
    def _postgres(cls, url: SecretStr | None) -> SecretStr | None:
        return checked_url(url, ("postgresql", "postgres"))

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        return checked_url(url, ("redis", "rediss", "redis+socket", "unix"))

    @field_validator("infected_key")
    @classmethod
    def _public_key(cls, key: str | None) -> str | None:
        if key is None:
            return None
        from pipeline.archives import encryption  # noqa: PLC0415 - not where there is no key

        return encryption.recipient(key)

    @field_validator("infected")
    @classmethod
    def _sealable(cls, policy: Infected, info: ValidationInfo) -> Infected:
        given = info.data.get("infected_key") is not None
        require(policy is not Infected.ENCRYPT or given, "encrypt needs infected_key to be set")
        return policy

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is None:
            return None
        from pipeline.values import time_zones  # noqa: PLC0415 - not where no zone is set

        try:
            return time_zones.checked(name)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None

    @field_validator("privacy_key_file")
    @classmethod
    def _outside_data_dir(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        data = info.data.get("data_dir")
        require(
            path is None or data is None or not path.is_relative_to(data),
            "must lie outside the data folder: a key does not belong next to what it protects",
        )
        return path

    @field_validator("heartbeat_s")
    @classmethod
    def _beats(cls, seconds: float, info: ValidationInfo) -> float:
        require(
            seconds <= info.data.get("lease_s", seconds * 2) / 2, "must be at most half lease_s"
        )
        return seconds

    @field_validator("chunk_hard_limit_s")
    @classmethod
    def _harder(cls, seconds: int, info: ValidationInfo) -> int:
        require(seconds > info.data.get("chunk_soft_limit_s", 0), "must exceed chunk_soft_limit_s")
        return seconds

    @property
    def place(self) -> Place:
        """How the lake was found, and the folder of its settings."""
        return self._place or Place(data=self.data_dir, settings=Path.cwd())

    @property
    def folders(self) -> Folders:
        """The layout of the data folder."""
        return Folders(self.data_dir)

    @property
    def flower_password_path(self) -> Path:
        """The file that holds user:password for Flower."""
        return self.flower_password_file or self.folders.run / "flower.password"

    @property
    def embeds_postgres(self) -> bool:
        """Whether Postgres is the embedded one."""
        return self.database_url is None

    @property
    def embeds_broker(self) -> bool:
        """Whether the broker is the embedded one."""
        return self.broker_url is None

    @property
    def socket_record(self) -> Path:
        """The file with the path of the sockets' folder."""
        return self.folders.run / "sockets"

    @property
    def socket_dir(self) -> Path:
        """The folder of the sockets: `run`, or a short one where the path of `run` is too long."""
        if self.socket_record.is_file():
            return Path(self.socket_record.read_text().strip())
        return server_urls.socket_dir(self.data_dir)

    @property
    def server_socket_dir(self) -> Path:
        """The folder of the sockets that the embedded servers make (mode 0700)."""
        return self.socket_dir / "db"

    @property
    def broker_socket(self) -> Path:
        """The embedded Valkey's socket."""
        return self.server_socket_dir / "valkey.sock"

    def url(self, role: Role) -> str:
        """Return the database URL of one role: `admin` sets the server up, the others do the work.

        Embedded: a login without password over a private socket. External: the role's own URL, else
        the common one, where a session assumes the role by `SET ROLE`.
        """
        if self.database_url is None:
            return (
                f"postgresql://datapunk_{role}@/datapunk?host={quote(str(self.server_socket_dir))}"
            )
        own: SecretStr | None = None if role == "admin" else getattr(self, f"{role}_url")
        if own is not None:
            return own.get_secret_value()
        common = with_password(self.database_url.get_secret_value(), _shown(self.database_password))
        return common if role == "admin" else with_role(common, f"datapunk_{role}")

    def broker(self) -> str:
        """Return the broker's URL for Celery."""
        if self.broker_url is not None:
            url = with_password(self.broker_url.get_secret_value(), _shown(self.broker_password))
            return url.replace("unix://", "redis+socket://", 1)
        return f"redis+socket://{quote(str(self.broker_socket))}"

    def environment(self) -> dict[str, str]:
        """Return the environment in which a child process gets the same settings from any folder.

        It holds only what differs from the defaults, and no secret: a child inherits those in the
        environment, or reads them from the files itself.
        """
        return {f"{PREFIX}DATA_DIR": str(self.data_dir)}


def load(**given: Any) -> Settings:
    """Return the settings of this process.

    Where none names the data folder, the lake is the one of the current folder or the remembered
    one, whose own files then give what is set nowhere else. Raises `ConfigurationError` with one
    line on what is wrong.
    """
    try:
        _refuse_unknown(Path(TOML))
        settings = Settings(**given)
        return settings if "data_dir" in settings.model_fields_set else _placed(settings, given)
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_line, error.errors()))) from None
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None


def _placed(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return the settings with those of the place where the lake is."""
    place = choose(Path.cwd())
    if place.remembered:
        _refuse_unknown(place.settings / TOML)
        more = settings_in(place, Settings)
        unset = {name: more[name] for name in more.keys() - settings.model_fields_set}
        settings = Settings(**{**given, **unset, "data_dir": place.data})
    settings._place = place  # where it was found is no setting
    return settings


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _line(error: Any) -> str:
    """Return one of pydantic's errors without the value, which may be a secret."""
    name = str(error["loc"][0]) if error["loc"] else "settings"
    return f"{PREFIX}{name.upper()}: {clause(error)}"


def _refuse_unknown(path: Path) -> None:
    if not path.is_file():
        return
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    for name in table:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"{path}: there is no setting {name}{hint}")
