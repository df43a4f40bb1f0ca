"""Which lake a command finds: what is set, what is here, what was started last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import ConfigurationError
from schemas.folders import Folders
from tests.support.place import ROOT, clean_place
from workers import setting_places
from workers.cli import app
from workers.embedded import lakes, start_settings
from workers.embedded.programs import MARK, configuration
from workers.setting_places import Place, choose, remember
from workers.settings import Settings, load

SECRET = "kingfisher"


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    clean_place(monkeypatch, tmp_path / "here")


@pytest.fixture
def last(tmp_path: Path) -> Place:
    """A lake in another folder, that was started last."""
    place = Place(data=a_lake(tmp_path / "far" / "data"), settings=tmp_path / "far")
    remember(place)
    return place


def a_lake(folder: Path) -> Path:
    for made in (Folders(folder).staging, Folders(folder).work):
        made.mkdir(parents=True)
    return folder


def memory() -> Path:
    return Path(os.environ["XDG_STATE_HOME"]) / "datapunk" / "lake.json"


def test_a_lake_is_found_in_the_documented_order(
    last: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path.cwd()
    assert (load().data_dir, load().place.remembered) == (last.data, True)
    (here / "data").mkdir()
    assert load().data_dir == last.data, "a folder of that name is no lake"
    a_lake(here / "data")
    assert (load().data_dir, load().place.remembered) == (here / "data", False)
    (here / "datapunk.toml").write_text('data_dir = "t"\n')
    assert load().data_dir == here / "t"
    (here / ".env").write_text("DATAPUNK_DATA_DIR=e\n")
    assert load().data_dir == here / "e"
    monkeypatch.setenv("DATAPUNK_DATA_DIR", "v")
    assert (load().data_dir, load().place.remembered) == (here / "v", False)


def test_without_a_lake_it_is_the_folder_data() -> None:
    settings = load()
    assert settings.data_dir == Path.cwd() / "data"
    assert (settings.place.remembered, settings.place.hint) == (False, "")


def test_a_remembered_lake_has_the_settings_of_its_folder(
    last: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    last.settings.joinpath(".env").write_text(
        "DATAPUNK_SETTLE_S=7\nDATAPUNK_ZONE=Europe/Berlin\nDATAPUNK_PRIVACY_POLICY=p.toml\n"
        "DATAPUNK_DATA_DIR=elsewhere\nDATAPUNK_POSTGRES_PASSWORD=x\n"
    )
    last.settings.joinpath("datapunk.toml").write_text("settle_s = 1\nlease_s = 70\n")
    Path(".env").write_text("DATAPUNK_MAX_ATTEMPTS=8\n")
    monkeypatch.setenv("DATAPUNK_ZONE", "Asia/Tokyo")
    found = load()
    assert (found.settle_s, found.lease_s, found.max_attempts) == (7, 70, 8)
    assert found.zone == "Asia/Tokyo"
    assert found.privacy_policy == last.settings / "p.toml"
    assert found.data_dir == last.data
    assert f"directory={last.settings}\n" in configuration(found)
    last.settings.joinpath("datapunk.toml").write_text("setle_s = 1\n")
    with pytest.raises(ConfigurationError, match="did you mean settle_s"):
        load()


def test_settings_that_are_made_directly_remember_nothing(last: Place) -> None:
    assert Settings(_env_file=None).data_dir == Path.cwd() / "data"
    assert load(data_dir="d").data_dir == Path.cwd() / "d"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"\xff\x00", b"[1]", b"7", b'{"data_dir": "/x"}', b"[" * 100_000,
     b'{"data_dir": "x", "settings_dir": "/"}', b'{"data_dir": "/\\u0000", "settings_dir": "/"}',
     b'{"data_dir": {}, "settings_dir": 1}'],
)  # fmt: skip
def test_a_damaged_memory_is_passed_over_with_a_hint(garbage: bytes) -> None:
    memory().parent.mkdir(exist_ok=True)
    memory().write_bytes(garbage)
    found = choose(Path.cwd())
    assert (found.data, found.remembered) == (Path.cwd() / "data", False)
    assert "is damaged" in found.hint


def test_a_memory_that_can_not_be_read_is_passed_over_with_a_hint() -> None:
    memory().mkdir(parents=True)
    try:
        assert "can't be read" in choose(Path.cwd()).hint
        remember(Place(data=Path("/x"), settings=Path("/")))  # no error
    finally:
        memory().rmdir()


def test_a_lake_that_went_away_is_named(last: Place) -> None:
    last.data.rename(last.data.with_name("moved"))
    for words in (["status"], ["doctor"], ["down"]):
        text = CliRunner().invoke(app, words).output.replace("\n", " ")
        assert words == ["down"] or f"not in {last.data} any more" in text
    assert load().data_dir == Path.cwd() / "data"


def test_what_is_remembered_is_whole_and_of_this_user(
    last: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = memory().read_bytes()
    assert [path.name for path in memory().parent.iterdir()] == ["lake.json"]
    monkeypatch.setattr(os, "getuid", lambda: memory().stat().st_uid + 1)
    remember(Place(data=Path("/other"), settings=Path("/")))
    assert memory().read_bytes() == before, "a folder of another user"


def test_a_name_that_is_no_text_is_remembered(tmp_path: Path) -> None:
    folder = a_lake(Path(os.fsdecode(os.fsencode(tmp_path) + b'/\xff \n"')))
    remember(Place(data=folder, settings=tmp_path))
    assert choose(Path.cwd()).data == folder


def test_the_state_home_is_that_of_the_specification(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "state" / "datapunk" / "lake.json"
    for value in ("", "relative/folder"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert setting_places._file() == expected


def test_no_test_gets_at_the_home_of_who_runs_it(_state_home: Path) -> None:
    script = "from workers import setting_places; print(setting_places._file())"
    shown = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert Path(shown.strip()).is_relative_to(_state_home)
    assert not _state_home.is_relative_to(Path.home())


def test_a_silent_server_is_told_with_the_folder_and_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = str(tmp_path / "runs")
    idle = [sys.executable, "-c", "import sys; print(); sys.stdout.flush(); sys.stdin.read()"]
    process = subprocess.Popen(
        idle, env={**os.environ, MARK: runs}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    with process.stdout, process.stdin:
        process.stdout.readline()
        assert Path(runs) in lakes.running()
        a_lake(Path(runs))
        remember(Place(data=Path(runs), settings=Path(runs)))
        monkeypatch.setenv("DATAPUNK_DATA_DIR", "data")
        result = CliRunner().invoke(app, ["status"])
        stopped = CliRunner().invoke(app, ["down"])
    process.wait(10)
    assert result.exit_code == 69
    (line,) = result.stderr.splitlines()
    here = Path.cwd() / "data"
    assert f"Postgres does not answer in {here}; to start that lake, run: datapunk up. " in line
    assert f"A lake runs in {runs}" in line
    assert line.endswith(f"to use it, set DATAPUNK_DATA_DIR={runs}")
    assert f"nothing was running in {here}. A lake runs in {runs}" in stopped.stderr


# --- settings at the start -------------------------------------------------------------------


def test_settings_that_differ_are_named_and_no_secret_is_written() -> None:
    url = f"postgresql://u:{SECRET}@h/d"
    then = load(database_url=url, settle_s=5, privacy_models="en=m")
    then.folders.run.mkdir(parents=True)
    assert start_settings.differing(then) == [], "nothing is known of an earlier version's"
    start_settings.record(then)
    file = then.folders.run / "settings.json"
    assert SECRET not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    same = load(database_url=url, settle_s=5.0, privacy_models="en=m")
    assert start_settings.differing(same) == []
    now = load(database_url=url + "2", settle_s=6, broker_url="redis://h", embed_types="none")
    assert start_settings.differing(now) == [
        "DATAPUNK_DATABASE_URL", "DATAPUNK_BROKER_URL", "DATAPUNK_PRIVACY_MODELS",
        "DATAPUNK_EMBED_TYPES", "DATAPUNK_SETTLE_S",
    ]  # fmt: skip
    start_settings.record(now)
    assert start_settings.differing(now) == []


def test_a_setting_of_another_version_is_no_change() -> None:
    settings = load()
    settings.folders.run.mkdir(parents=True)
    start_settings.record(settings)
    file = settings.folders.run / "settings.json"
    found = json.loads(file.read_text())
    found["settings"].pop("settle_s")
    found["settings"]["gone_since"] = 1
    file.write_text(json.dumps(found))
    assert start_settings.differing(settings) == []
    for damaged in ("", "[]", '{"salt": 1, "settings": {}}', "{}"):
        file.write_text(damaged)
        assert start_settings.differing(settings) == []
