from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from schemas.errors import ConfigurationError
from tests.support.place import clean_place, free_port, open_folder, small_settings
from workers.cli import app
from workers.embedded import program_states, programs, systemd
from workers.settings import Settings

ANALYZE = shutil.which("systemd-analyze")
#: A user that every Linux has and that is not root.
DAEMON = pwd.getpwnam("daemon")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with open_folder() as folder:
        clean_place(monkeypatch, folder)
        yield small_settings(folder / "data")
        monkeypatch.chdir("/")


def keys(unit: str) -> dict[str, dict[str, list[str]]]:
    """The unit as a strict reader takes it: section, key, values."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in unit.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
            continue
        key, equals, value = line.partition("=")
        assert equals, line
        assert key.isalnum(), line
        section.setdefault(key, []).append(value)
    return found


def units(settings: Settings) -> dict[str, str]:
    return {
        "system": systemd.system_unit(settings, DAEMON),
        "user": systemd.user_unit(settings),
    }


def verified(kind: str, unit: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "datapunk.service"
    file.write_text(unit)
    command = [str(ANALYZE), "verify", "--man=no", *(["--user"] if kind == "user" else []), file]
    return subprocess.run(
        command, capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )  # fmt: skip


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("kind", ["system", "user"])
def test_systemd_understands_every_line(settings: Settings, kind: str, tmp_path: Path) -> None:
    unit = units(settings)[kind]
    done = verified(kind, unit, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    wrong = verified(
        kind, unit.replace("PrivateTmp", "PrivatTmp").replace("UMask", "UMaske"), tmp_path
    )
    assert "UMaske" in wrong.stderr


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_the_system_unit_is_well_confined(settings: Settings, tmp_path: Path) -> None:
    """systemd's own score goes from 0 to 10, and 4 begins what it calls medium exposure."""
    (tmp_path / "datapunk.service").write_text(units(settings)["system"])
    done = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", "--threshold=30", "--no-pager",
         str(tmp_path / "datapunk.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("kind", ["system", "user"])
def test_a_unit_starts_and_stops_the_lake(settings: Settings, kind: str) -> None:
    found = keys(units(settings)[kind])
    assert set(found) == {"Unit", "Service", "Install"}
    service = found["Service"]
    assert all(len(values) == 1 for values in service.values())
    assert shlex.split(service["ExecStart"][0]) == list(programs.command_of("up"))
    assert shlex.split(service["ExecStop"][0]) == list(programs.command_of("down"))
    assert service["Type"] == ["forking"]
    assert service["PIDFile"] == [str(programs.pid_file(settings))]
    assert service["Restart"] == ["on-failure"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert found["Unit"]["RequiresMountsFor"] == [str(settings.data_dir)]


def test_only_the_system_unit_changes_users_and_the_file_system(settings: Settings) -> None:
    system, user = (keys(units(settings)[kind])["Service"] for kind in ("system", "user"))
    assert system["User"] == ["daemon"]
    assert system["ReadWritePaths"] == [str(settings.data_dir)]
    assert {"ProtectSystem", "PrivateTmp", "CapabilityBoundingSet"} <= set(system)
    assert not {"User", "ProtectSystem", "PrivateTmp", "CapabilityBoundingSet"} & set(user)


def test_odd_paths_survive(tmp_path: Path) -> None:
    unit = systemd.user_unit(small_settings(tmp_path / '100% "my" $lake'))
    service = keys(unit)["Service"]
    assert '100%% \\"my\\" $lake"' in service["Environment"][0]
    assert service["PIDFile"] == [f'{tmp_path}/100%% "my" $lake/run/supervisor.pid']
    with pytest.raises(ConfigurationError, match="line break"):
        systemd.user_unit(small_settings(tmp_path / "a\nExecStart=b"))


def test_sockets_outside_the_data_folder_stay_reachable(tmp_path: Path) -> None:
    far = small_settings(tmp_path / ("long" * 25))
    service = keys(systemd.system_unit(far, DAEMON))["Service"]
    assert service["PrivateTmp"] == ["no"]
    assert service["ReadWritePaths"][0].endswith(" /tmp")


def test_no_secret_stands_in_a_unit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPUNK_DATABASE_URL", "postgresql://u:kingfisher@h/d")
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(settings.data_dir))
    result = CliRunner().invoke(app, ["systemd", "--user"])
    assert result.exit_code == 0
    assert "kingfisher" not in result.output
    assert "the unit does not hold DATAPUNK_DATABASE_URL;" in result.stderr
    assert "~/.config/datapunk/datapunk.env" in result.stderr


def test_root_and_strangers_run_no_unit(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="name a service user"):
        systemd.service_user(settings, "root")
    with pytest.raises(ConfigurationError, match=r"make one: useradd --system .* nobody-here"):
        systemd.service_user(settings, "nobody-here")
    assert systemd.service_user(settings, "daemon") == DAEMON


def test_the_next_steps_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPUNK_DATA_DIR", str(settings.data_dir))
    ask = ["systemd", "--service-user", "daemon"]
    assert "install -d -m 700 -o daemon" in CliRunner().invoke(app, ask).stderr
    settings.data_dir.mkdir()
    if os.getuid() != DAEMON.pw_uid:
        assert "chown -R daemon" in CliRunner().invoke(app, ask).stderr


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.skipif(os.getuid() != 0, reason="another user's unit is started by root alone")
def test_the_lines_of_a_unit_run_a_lake(settings: Settings) -> None:
    """What systemd would do: the user, the environment, the folder and the commands of the unit."""
    service = keys(systemd.system_unit(settings, DAEMON))["Service"]
    settings.data_dir.mkdir()
    os.chown(settings.data_dir, DAEMON.pw_uid, DAEMON.pw_gid)
    name, _, value = service["Environment"][0].partition("=")

    def run(line: str) -> None:
        done = subprocess.run(
            ["setpriv", "--no-new-privs", "--bounding-set=-all", *shlex.split(line)],
            user=service["User"][0], group=service["Group"][0], extra_groups=[], umask=0o077,
            cwd=service["WorkingDirectory"][0], capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", name: value, "DATAPUNK_MEMORY_MB": "512",
                 "DATAPUNK_FLOWER_PORT": str(free_port())},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    run(service["ExecStart"][0])
    try:
        main = psutil.Process(int(Path(service["PIDFile"][0]).read_text()))
        assert main.uids().real == DAEMON.pw_uid
        assert any("supervisord" in word for word in main.cmdline())
        assert all(state.running for state in program_states.state(settings))
    finally:
        run(service["ExecStop"][0])
    assert not main.is_running()
