from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from schemas.errors import ConfigurationError
from schemas.records import DataType
from tests.support.place import clean_place
from workers import secret_files, wiring
from workers.server_urls import SOCKET_PATH_MAX
from workers.setting_types import ScannerMode
from workers.settings import Settings, load

SECRET = "kingfisher"


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_place(monkeypatch, tmp_path)


def test_the_environment_wins_over_env_file_wins_over_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("datapunk.toml").write_text("max_attempts = 7\nsettle_s = 7\nlease_s = 70\n")
    Path(".env").write_text("DATAPUNK_MAX_ATTEMPTS=8\nDATAPUNK_SETTLE_S=8\n")
    monkeypatch.setenv("DATAPUNK_MAX_ATTEMPTS", "9")
    settings = load()
    assert (settings.max_attempts, settings.settle_s, settings.lease_s) == (9, 8, 70)


def test_defaults_are_the_documented_ones() -> None:
    settings = load()
    assert settings.data_dir == Path.cwd() / "data"
    assert (settings.lease_s, settings.dispatch_window, settings.max_attempts) == (60, 200, 5)
    assert settings.scanner is ScannerMode.AUTO
    assert settings.embed_types.isdisjoint({DataType.LOCATION, DataType.BROWSER})
    assert settings.embeds_postgres
    assert settings.embeds_broker


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("DATAPUNK_LEASE_S", "soon", "DATAPUNK_LEASE_S"),
        ("DATAPUNK_HEARTBEAT_S", "40", "at most half"),
        ("DATAPUNK_CHUNK_HARD_LIMIT_S", "240", "must exceed"),
        ("DATAPUNK_DATABASE_URL", f"mysql://u:{SECRET}@host/x", "begins with postgresql://"),
        ("DATAPUNK_BROKER_URL", f"amqp://u:{SECRET}@host", "begins with redis://"),
        ("DATAPUNK_SCANNER", "perhaps", "DATAPUNK_SCANNER"),
        ("DATAPUNK_EMBED_TYPES", "email,unicorns", "DATAPUNK_EMBED_TYPES"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, names: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_typing_error_in_the_toml_file_is_answered_with_the_right_name() -> None:
    Path("datapunk.toml").write_text("setle_s = 1\n")
    with pytest.raises(ConfigurationError, match="did you mean settle_s"):
        load()


def test_a_broken_toml_file_is_a_configuration_error() -> None:
    Path("datapunk.toml").write_text("settle_s = \n")
    with pytest.raises(ConfigurationError, match=r"datapunk\.toml"):
        load()


def test_secrets_do_not_print() -> None:
    settings = load(database_url=f"postgresql://u:{SECRET}@h/d", broker_url=f"redis://:{SECRET}@h")
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in settings.model_dump_json()


@pytest.mark.parametrize(("text", "types"), [("email, media", {"email", "media"}), ("none", set())])
def test_embed_types_are_names_with_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, types: set[str]
) -> None:
    monkeypatch.setenv("DATAPUNK_EMBED_TYPES", text)
    assert load().embed_types == types


def test_embedded_urls_log_in_as_the_role_over_our_socket() -> None:
    settings = load()
    parts = conninfo_to_dict(settings.url("ingest"))
    assert parts["user"] == "datapunk_ingest"
    assert parts["dbname"] == "datapunk"
    assert parts["host"] == str(settings.server_socket_dir)
    assert settings.broker() == f"redis+socket://{settings.broker_socket}"


def test_an_external_url_takes_on_the_role_and_keeps_its_own_options() -> None:
    settings = load(
        database_url="postgresql://u:p%40ss@h:6/d?sslmode=require&options=-c%20jit%3Doff",
        reader_url="postgresql://reader@h/d",
    )
    parts = conninfo_to_dict(settings.url("owner"))
    assert parts["options"] == "-c jit=off -c role=datapunk_owner"
    assert (parts["password"], parts["sslmode"], parts["port"]) == ("p@ss", "require", "6")
    assert settings.url("reader") == "postgresql://reader@h/d"
    assert "role" not in parse_qs(urlsplit(settings.url("admin")).query)["options"][0]


def test_sockets_move_to_a_short_folder_when_the_path_is_too_long() -> None:
    near, far = load(data_dir="/d"), load(data_dir="/" + "d" * 90)
    assert near.socket_dir == near.folders.run
    assert far.socket_dir != far.folders.run
    assert len(os.fsencode(far.server_socket_dir / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
    assert load(data_dir="/" + "e" * 90).socket_dir != far.socket_dir


def test_the_folder_of_the_sockets_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(data_dir="d" * 90)
    first = settings.socket_dir
    settings.folders.run.mkdir(parents=True)
    settings.socket_record.write_text(f"{first}\n")
    monkeypatch.setattr(tempfile, "tempdir", "/elsewhere")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
    assert settings.socket_dir == first


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


# --- secrets in files ---------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}/ü:@?#\n")
    return file


def test_a_password_of_a_file_goes_into_the_urls(
    monkeypatch: pytest.MonkeyPatch, secret: Path
) -> None:
    monkeypatch.setenv(
        "DATAPUNK_DATABASE_URL", "postgresql://lake@db.example:6000/x?sslmode=require"
    )
    monkeypatch.setenv("DATAPUNK_BROKER_URL", "rediss://broker.example:6380/0")
    monkeypatch.setenv("DATAPUNK_DATABASE_PASSWORD_FILE", str(secret))
    monkeypatch.setenv("DATAPUNK_BROKER_PASSWORD_FILE", str(secret))
    settings = load()
    for role in ("admin", "reader"):
        found = conninfo_to_dict(settings.url(role))
        assert (found["password"], found["user"]) == (f"{SECRET}/ü:@?#", "lake")
        assert (found["host"], found["port"], found["sslmode"]) == ("db.example", "6000", "require")
    client = wiring.broker_client(settings).connection_pool.connection_kwargs
    assert (client["password"], client["host"], client["port"]) == (
        f"{SECRET}/ü:@?#", "broker.example", 6380,
    )  # fmt: skip
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.environment())


def test_a_password_in_the_url_stays(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv("DATAPUNK_BROKER_URL", "redis://:own@h:1/0")
    monkeypatch.setenv("DATAPUNK_BROKER_PASSWORD_FILE", str(secret))
    assert load().broker() == "redis://:own@h:1/0"
    monkeypatch.setenv("DATAPUNK_BROKER_URL", "unix:///run/valkey.sock")
    assert load().broker() == "redis+socket:///run/valkey.sock"


def test_a_whole_url_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:kingfisher@h/d\n")
    monkeypatch.setenv("DATAPUNK_READER_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATAPUNK_DATABASE_URL", "postgresql://h/d")
    assert load().url("reader") == "postgresql://u:kingfisher@h/d"


def test_a_file_of_a_secret_is_named_when_it_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: Path
) -> None:
    name = "DATAPUNK_BROKER_PASSWORD_FILE"
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=rf"{name}: .*/missing can't be read: No such"):
        load()
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv(name, str(tmp_path / "empty"))
    with pytest.raises(ConfigurationError, match="is empty"):
        load()
    monkeypatch.setenv(name, str(secret))
    monkeypatch.setenv("DATAPUNK_BROKER_PASSWORD", "another")
    with pytest.raises(ConfigurationError, match="are both set") as caught:
        load()
    assert SECRET not in str(caught.value)


def test_only_secrets_have_files() -> None:
    assert "DATAPUNK_DATABASE_URL_FILE" in secret_files.names()
    assert "DATAPUNK_BROKER_PASSWORD_FILE" in secret_files.names()
    assert not {"DATAPUNK_ZONE_FILE", "DATAPUNK_DATA_DIR_FILE"} & set(secret_files.names())
