"""The configuration: environment over `.env` over `datapunk.toml`, read once and then frozen.

`make docs` makes `docs/configuration.md` from this file.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tempfile
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from pipeline.archives import encryption
from pipeline.enrich.text_pieces import EMBEDDED_TYPES, MOST_PIECES
from pipeline.values import time_zones
from schemas.errors import ConfigurationError
from schemas.records import DataType

PREFIX = "DATAPUNK_"
TOML = "datapunk.toml"
#: A path of a Unix socket has at most 107 bytes; this is the longest name that is put in a folder
#: (the supervisor binds its socket under such a name first, with its process id).
SOCKET_PATH_MAX = 107
_LONGEST_SOCKET = "supervisor.sock.4194304"

Role = Literal["admin", "owner", "ingest", "reader", "ledger"]


class ScannerMode(StrEnum):
    """Whether files are scanned for malware before they are opened."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


class Infected(StrEnum):
    """What becomes of what the scanner found; it reaches no parser in any case."""

    DISCARD = "discard"
    ENCRYPT = "encrypt"


class LogFormat(StrEnum):
    """How a log line is written; `auto` is console on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Tiers(StrEnum):
    """Which vectors documents get: a static model's, the full model's, or one after the other."""

    STATIC = "static"
    FULL = "full"
    BOTH = "both"


_MB = 1024 * 1024
_GB = 1024 * _MB


class Settings(BaseSettings):
    """Everything that can be configured. Secrets print as stars. Load it with `load()`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        toml_file=TOML,
        extra="ignore",  # .env also holds what the containers need; load() checks the TOML file
        frozen=True,
        validate_default=True,
    )

    data_dir: Path = Field(
        Path("data"),
        description="The folder of everything: staging, archive, database, logs. Made absolute.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL 15 or later with pgvector: postgresql://user:password@host/name. "
        "Unset: the embedded Postgres under the data folder.",
    )
    owner_url: SecretStr | None = Field(
        None, description="The database as the role that owns the schemas and migrates them."
    )
    ingest_url: SecretStr | None = Field(
        None, description="The database as the role that loads records."
    )
    reader_url: SecretStr | None = Field(
        None, description="The database as the role that reads one user's records."
    )
    ledger_url: SecretStr | None = Field(
        None, description="The database as the role that keeps jobs and chunks."
    )
    broker_url: SecretStr | None = Field(
        None,
        description="A Redis or Valkey, as redis://:password@host:6379/0. "
        "Unset: the embedded Valkey under the data folder.",
    )
    memory_mb: int | None = Field(
        None,
        ge=256,
        description="The memory that the embedded Postgres reckons with, in MB. "
        "Unset: the machine's, or the container's limit.",
    )
    system_user: str | None = Field(
        None,
        description="The system user that runs the embedded servers and the workers when we are "
        "root. Unset: datapunk-db, made when it is missing.",
    )
    actor: str | None = Field(
        None,
        max_length=200,
        description="Who stands in the audit trail for what this process does. "
        "Unset: the system user and the machine.",
    )
    db_pool_size: int = Field(
        2, ge=1, le=50, description="The most database connections of each worker process."
    )

    scanner: ScannerMode = Field(
        ScannerMode.AUTO,
        description="off: no scan. auto: scan where clamd answers, else mark the file not scanned. "
        "required: nothing goes on unscanned.",
    )
    clamd_socket: Path | None = Field(
        None,
        description="The Unix socket of clamd. Unset: the usual places are tried.",
    )
    clamd_host: str | None = Field(
        None, description="The host of a clamd on TCP; used where no socket is given."
    )
    clamd_port: int = Field(3310, ge=1, le=65535, description="The port of a clamd on TCP.")

    infected_key: str | None = Field(
        None,
        description="The public key (age1…, made by age-keygen) that malware is sealed to. The "
        "private one is not needed here and should lie elsewhere.",
    )
    infected: Infected = Field(
        Infected.DISCARD,
        description="discard: an infected member is not kept, and a dropped file that is infected "
        "stays closed in failed/. encrypt: both are kept in infected/, sealed to "
        "`DATAPUNK_INFECTED_KEY`, which must be set.",
    )
    privacy_policy: Path | None = Field(
        None,
        description="A TOML file that says what is done with personal data; it is read again when "
        "it changes. Unset: it is kept, and tagged.",
    )
    privacy_key_file: Path | None = Field(
        None,
        description="A file with the key of a policy that hashes: 32 letters or more, outside the "
        "data folder. With the key, values can be tried; without it, new tokens don't match old "
        "ones.",
    )

    privacy_models: Annotated[dict[str, str] | None, NoDecode] = Field(
        None,
        description="spaCy models that tell names of people, places and organisations, by the "
        "language of the texts, with commas between: `en=en_core_web_sm,de=/models/de`; `xx=…` for "
        "texts in any other language. Each is an installed package or a folder, and nothing is "
        "downloaded; it needs `datapunk-lake[presidio]`. Unset: such names are not looked for.",
    )

    zone: str | None = Field(
        None,
        description="The IANA name of the time zone (Europe/Berlin) in which clocks that name none "
        "are read, where their record has no place: chats of WhatsApp, calendars without a zone. "
        "Kept with each import; `datapunk add --zone` gives another. Unset: such clocks are UTC.",
    )

    embed_model: str | None = Field(
        None,
        description="A sentence-transformers model by name or path. "
        "Unset: all-MiniLM-L6-v2 from the installed wheel, with no download.",
    )
    embed_tiers: Tiers = Field(
        Tiers.BOTH,
        description="static: vectors of a model distilled from the full one, at thousands of "
        "texts a second. full: of the model itself. both: static ones as records load, and full "
        "ones behind the imports; the other way round on a GPU.",
    )
    embed_threads: int = Field(
        0, ge=0, description="Threads of one embedding process; 0 is one for each core."
    )
    embed_types: Annotated[frozenset[DataType], NoDecode] = Field(
        EMBEDDED_TYPES,
        description="The data types whose texts get vectors, with commas between; or `none`.",
    )
    embed_pieces: int = Field(
        MOST_PIECES,
        ge=1,
        le=32_767,
        description="The most vectors of one record. A long text has one for each 800 letters or "
        "so; what stands after the last gets none, and is stored all the same.",
    )

    near_duplicates: bool = Field(
        True,
        description="Whether texts and images that are nearly the same are found and linked, "
        "behind the load. Nothing is ever dropped for it.",
    )
    near_duplicate_similarity: float = Field(
        0.7,
        ge=0.5,
        le=1,
        description="How much of two texts is the same, from which on they are linked.",
    )

    chunk_records: int = Field(
        10_000, ge=1, le=1_000_000, description="About how many records make a chunk."
    )
    chunk_bytes: int = Field(
        8 * _MB, ge=1024, le=_GB, description="About how many bytes make a chunk."
    )
    lease_s: int = Field(60, ge=2, description="How long a leased chunk is a worker's own.")
    heartbeat_s: float = Field(
        15, gt=0, description="How often a worker renews its lease; at most half the lease."
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="Claims of one chunk before it is given up."
    )
    dispatch_window: int = Field(
        200, ge=1, description="The most chunks that wait in the broker at a time."
    )
    reconcile_every_s: float = Field(
        5, gt=0, description="How often lost and waiting chunks are looked for."
    )
    chunk_soft_limit_s: int = Field(
        240, ge=1, description="When a task over one chunk is asked to stop."
    )
    chunk_hard_limit_s: int = Field(
        300, ge=1, description="When a task over one chunk is killed; more than the soft limit."
    )
    upload_limit_s: int = Field(
        6 * 3600,
        ge=60,
        description="When a task over a whole upload, or an embedding task, is killed.",
    )
    worker_concurrency: int = Field(
        0, ge=0, le=256, description="Processes of the general worker; 0 is one for each core."
    )

    quarantine_alert_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="The share of a job's records in quarantine from which on it is an alert; "
        "1 is never.",
    )
    quarantine_alert_records: int = Field(
        1_000, ge=1, description="The number of a job's records in quarantine that is an alert."
    )

    quality_least_completeness: float = Field(
        0.9,
        ge=0,
        le=1,
        description="The share of a job's records that say all they should, under which it is an "
        "alert; 0 is never.",
    )
    quality_least_accuracy: float = Field(
        0.95, ge=0, le=1, description="The same of records whose values are plausible."
    )
    quality_least_consistency: float = Field(
        0.95, ge=0, le=1, description="The same of records that don't contradict themselves."
    )

    task_memory_mb: int = Field(
        2048,
        ge=0,
        description="The most memory of a process that reads records, in MB; 0 is no limit. "
        "One that embeds has none.",
    )

    settle_s: float = Field(
        5, ge=0, description="How long size and time of a new file stand still before it is taken."
    )
    rescan_s: float = Field(
        300, gt=0, description="How often staging is read whole, should an event have been lost."
    )
    watch_polling: bool = Field(
        False, description="Poll instead of listening; for network mounts, which send no events."
    )

    set_wait_s: float = Field(
        86_400,
        ge=0,
        description="How long what needs every part of an export waits after the last part that "
        "came, where it can't be known that all are there.",
    )

    max_upload_bytes: int = Field(100 * _GB, ge=1, description="The largest file that is taken in.")
    archive_max_bytes: int = Field(
        500 * _GB,
        ge=1,
        description="The most bytes that come out of one upload, archives within "
        "archives included.",
    )
    archive_max_ratio: float = Field(
        200, ge=1, description="The most bytes out for each byte in, past the first 100 MB out."
    )
    archive_max_members: int = Field(
        2_000_000, ge=1, description="The most members of one upload, nested ones included."
    )
    archive_max_depth: int = Field(
        3, ge=0, le=20, description="How deep archives may stand within archives."
    )
    archive_max_member_bytes: int = Field(
        500 * _GB,
        ge=1,
        description="The largest member; a larger one is set aside, the rest loads.",
    )
    archive_max_path_bytes: int = Field(
        4096, ge=16, description="The longest name of a member; one with a longer is set aside."
    )
    archive_max_seconds: int = Field(
        4 * 3600,
        ge=1,
        description="The most processor time that unpacking one upload may take, in seconds.",
    )

    flower_address: str = Field(
        "127.0.0.1",
        description="Where Flower listens. Its health and metrics pages ask for no password, "
        "so leave it on loopback, save in a container that publishes the port there.",
    )
    flower_port: int = Field(5555, ge=1, le=65535, description="The port of Flower.")
    flower_password_file: Path | None = Field(
        None,
        description="A file with user:password for Flower. "
        "Unset: run/flower.password under the data folder, made with a random password.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least weighty log line that is written."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="auto: console on a terminal, JSON elsewhere. json. console."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, that over `.env`, that over the TOML file."""
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            TomlConfigSettingsSource(settings_cls),
        )

    @field_validator(
        "data_dir", "clamd_socket", "flower_password_file", "privacy_policy", "privacy_key_file"
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (keeps symlinks)

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
        _require(
            all(model.strip() for _, _, model in pairs), "is language=model, with commas between"
        )
        return {language.strip(): model.strip() for language, _, model in pairs}

    @field_validator("privacy_models")
    @classmethod
    def _spoken(cls, models: dict[str, str] | None) -> dict[str, str] | None:
        """Folders made absolute, so that every process finds them."""
        named = {name: model for name, model in (models or {}).items() if model}
        _require(len(named) == len(models or {}), "is language=model, with commas between")
        for language in named:
            _require(
                language.isascii() and language.isalpha() and language.islower(),
                "names a language by its ISO 639 code, such as en",
            )
        return {language: _placed(model) for language, model in named.items()} or None

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
        return _checked(url, ("postgresql", "postgres"))

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        return _checked(url, ("redis", "rediss", "redis+socket", "unix"))

    @field_validator("infected_key")
    @classmethod
    def _public_key(cls, key: str | None) -> str | None:
        return None if key is None else encryption.recipient(key)

    @field_validator("infected")
    @classmethod
    def _sealable(cls, policy: Infected, info: ValidationInfo) -> Infected:
        given = info.data.get("infected_key") is not None
        _require(policy is not Infected.ENCRYPT or given, "encrypt needs infected_key to be set")
        return policy

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return None if name is None else time_zones.checked(name)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None

    @field_validator("privacy_key_file")
    @classmethod
    def _apart(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        data = info.data.get("data_dir")
        _require(
            path is None or data is None or not path.is_relative_to(data),
            "must lie outside the data folder: a key does not belong beside what it hides",
        )
        return path

    @field_validator("heartbeat_s")
    @classmethod
    def _beats(cls, seconds: float, info: ValidationInfo) -> float:
        _require(
            seconds <= info.data.get("lease_s", seconds * 2) / 2, "must be at most half lease_s"
        )
        return seconds

    @field_validator("chunk_hard_limit_s")
    @classmethod
    def _harder(cls, seconds: int, info: ValidationInfo) -> int:
        _require(seconds > info.data.get("chunk_soft_limit_s", 0), "must exceed chunk_soft_limit_s")
        return seconds

    @property
    def staging(self) -> Path:
        """Where users drop their exports, each in a folder of their own."""
        return self.data_dir / "staging"

    @property
    def processed(self) -> Path:
        """Originals of imports that ended well."""
        return self.data_dir / "processed"

    @property
    def failed(self) -> Path:
        """Originals that could not be taken in, each with an error file beside it."""
        return self.data_dir / "failed"

    @property
    def work(self) -> Path:
        """A folder for each job under way."""
        return self.data_dir / ".work"

    @property
    def blobs(self) -> Path:
        """Documents and attachments by their SHA-256."""
        return self.data_dir / "blobs"

    @property
    def run(self) -> Path:
        """Process ids, generated configurations, sockets where their paths are short enough."""
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        """One log file for each supervised process."""
        return self.data_dir / "logs"

    @property
    def postgres_dir(self) -> Path:
        """The embedded Postgres's own data folder."""
        return self.data_dir / "postgres"

    @property
    def valkey_dir(self) -> Path:
        """The embedded Valkey's own data folder."""
        return self.data_dir / "valkey"

    @property
    def flower_password_path(self) -> Path:
        """The file that holds user:password for Flower."""
        return self.flower_password_file or self.run / "flower.password"

    @property
    def embeds_postgres(self) -> bool:
        """Whether Postgres is ours to run."""
        return self.database_url is None

    @property
    def embeds_broker(self) -> bool:
        """Whether the broker is ours to run."""
        return self.broker_url is None

    @property
    def socket_record(self) -> Path:
        """The file that remembers which folder holds the sockets."""
        return self.run / "sockets"

    @property
    def socket_dir(self) -> Path:
        """The folder of our sockets: `run`, or a short one where `run` is too long a path."""
        if self.socket_record.is_file():
            return Path(self.socket_record.read_text().strip())
        if len(os.fsencode(self.run / _LONGEST_SOCKET)) <= SOCKET_PATH_MAX:
            return self.run
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return _runtime_dir() / f"datapunk-{os.getuid()}-{digest}"

    @property
    def server_socket_dir(self) -> Path:
        """The folder of the sockets that the embedded servers make (mode 0700)."""
        return self.socket_dir / "db"

    @property
    def broker_socket(self) -> Path:
        """The embedded Valkey's socket."""
        return self.server_socket_dir / "valkey.sock"

    def url(self, role: Role) -> str:
        """The database as one role: `admin` sets the server up, the others do the lake's work.

        Embedded: a login without password over our own socket. External: the role's own URL,
        else the common one, where a session takes the role on by `SET ROLE`.
        """
        if self.database_url is None:
            return (
                f"postgresql://datapunk_{role}@/datapunk?host={quote(str(self.server_socket_dir))}"
            )
        own: SecretStr | None = None if role == "admin" else getattr(self, f"{role}_url")
        if own is not None:
            return own.get_secret_value()
        common = self.database_url.get_secret_value()
        return common if role == "admin" else _with_role(common, f"datapunk_{role}")

    def broker(self) -> str:
        """The broker's URL for Celery."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value().replace("unix://", "redis+socket://", 1)
        return f"redis+socket://{quote(str(self.broker_socket))}"

    def environment(self) -> dict[str, str]:
        """What a child process needs to come to the same settings from any folder.

        Only what differs from the defaults, and no secret: those stay in the environment that a
        child inherits, or in the files that it reads itself.
        """
        return {f"{PREFIX}DATA_DIR": str(self.data_dir)}


def load(**given: Any) -> Settings:
    """The settings of this process. Raises `ConfigurationError` with one line on what is wrong."""
    try:
        _refuse_unknown(Path(TOML))
        return Settings(**given)
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_line, error.errors()))) from None
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None


def _line(error: Any) -> str:
    """One of pydantic's errors without the value, which may be a secret."""
    name = str(error["loc"][0]) if error["loc"] else "settings"
    return f"{PREFIX}{name.upper()}: {error['msg'].removeprefix('Value error, ')}"


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


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _placed(model: str) -> str:
    """The absolute path of a folder; the name of a package as it is."""
    return os.path.abspath(Path(model).expanduser()) if os.sep in model else model  # noqa: PTH100


def _checked(url: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """The URL, if its scheme is one of these; the message never shows what stood in it."""
    if url is not None:
        scheme = url.get_secret_value().partition("://")[0]
        _require(scheme in schemes, f"must be a URL that begins with {schemes[0]}://")
    return url


def _with_role(url: str, role: str) -> str:
    """The URL with libpq's `options` set to take on a role at the start of each session."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query["options"] = f"{query.get('options', '')} -c role={role}".strip()
    rest = urlunsplit(parts._replace(scheme="", netloc="", query=urlencode(query, quote_via=quote)))
    # By hand: urlunsplit drops the slashes where no host stands between them.
    return f"{parts.scheme}://{parts.netloc}{rest}"


def _runtime_dir() -> Path:
    """A folder with a short path for sockets. Root's own runtime folder is closed to the user
    that runs the servers, so root takes the common one."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    if own and os.getuid() != 0 and os.access(own, os.W_OK):
        return Path(own)
    return Path(tempfile.gettempdir())


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
    "flower_address": "Flower",
    "log_level": "Logs",
}

_HEAD = """# Configuration

`make docs` makes this page from `workers/settings.py`; a test holds both equal.

A setting comes from the environment, else from a file `.env`, else from a file `datapunk.toml`,
both in the folder where the command runs; else it is the default. In the TOML file a name has
no prefix and small letters: `settle_s = 10`. A wrong value ends a command with one line and
exit code 2.
"""


def reference() -> str:
    """The page `docs/configuration.md`."""
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
