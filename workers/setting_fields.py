"""The settings: a field for each, in the order of the configuration page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    SettingsConfigDict,
)

from pipeline.enrich.text_pieces import EMBEDDED_TYPES, MOST_PIECES
from schemas.records import DataType
from workers.setting_types import (
    Infected,
    LogFormat,
    ScannerMode,
    Tiers,
)

PREFIX = "DATAPUNK_"
TOML = "datapunk.toml"
#: The settings that are paths; a relative one begins at the folder of its file.
PATHS = frozenset(
    (
        "data_dir",
        "clamd_socket",
        "flower_password_file",
        "health_file",
        "privacy_policy",
        "privacy_key_file",
    )
)

_MB = 1024 * 1024
_GB = 1024 * _MB


class SettingFields(BaseSettings):
    """The settings with their defaults and bounds.

    `Settings` checks those that depend on another.
    """

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
        description="The folder of everything: staging, archive, database, logs. Made absolute. "
        "Unset: `data` in the current folder if that is a lake, else the lake that was started "
        "last, else `data`.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL 15 or later with pgvector: postgresql://user:password@host/name. "
        "Unset: the embedded Postgres under the data folder.",
    )
    database_password: SecretStr | None = Field(
        None, description="The password of `DATAPUNK_DATABASE_URL`, if the URL has none."
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
    broker_password: SecretStr | None = Field(
        None, description="The password of `DATAPUNK_BROKER_URL`, if the URL has none."
    )
    memory_mb: int | None = Field(
        None,
        ge=256,
        description="The memory that the embedded Postgres reckons with, in MB. "
        "Unset: the machine's, or the container's limit.",
    )
    system_user: str | None = Field(
        None,
        description="The system user that runs the embedded servers and the workers if you are "
        "root. Unset: datapunk-db, made when it is missing.",
    )
    actor: str | None = Field(
        None,
        max_length=200,
        description="The name in the audit trail for what this process does. "
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
        "Kept with each import; `datapunk add --zone` gives another. Unset: such clocks are UTC. "
        "It is also the zone of days and times that commands print and take; unset, that is the "
        "system's.",
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
        "ones after the imports; the other way round on a GPU.",
    )
    embed_threads: int = Field(
        0, ge=0, description="Threads of one embedding process; 0 is one for each core."
    )
    embed_idle_s: float = Field(
        120,
        ge=1,
        description="How long a worker keeps the full model in memory after the last text.",
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
        "so; the text after the last gets none, and is stored.",
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
    archive_max_depth: int = Field(3, ge=0, le=20, description="How deep archives may be nested.")
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

    notify: SecretStr | None = Field(
        None,
        description="Who gets a message when an import ends or waits for you: addresses of "
        "Apprise, with blanks between, such as `ntfys://ntfy.sh/topic`, `jsons://host/path` (a "
        "webhook) or `mailtos://user:password@host`. It needs `datapunk-lake[notify]`. Unset: "
        "nothing is sent.",
    )
    notify_names: bool = Field(
        False,
        description="Whether these messages name file and user. Without, they hold the short id of "
        "the job, its state and its numbers.",
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

    health_file: Path | None = Field(
        None,
        description="A file that a running worker, watcher or reconciler touches every few "
        "seconds, for the health check of a container: it is ill if the file is older than "
        "three minutes. Unset: no file.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least weighty log line that is written."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="auto: console on a terminal, JSON elsewhere. json. console."
    )
