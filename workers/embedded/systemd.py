"""The unit of systemd that runs a lake: `datapunk up` at its start, `datapunk down` at its end."""

from __future__ import annotations

import grp
import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path

from schemas.errors import ConfigurationError
from workers.embedded import machine, programs
from workers.setting_fields import PREFIX, TOML
from workers.settings import Settings

#: Where the system's unit reads settings and secrets that it does not hold itself.
ENVIRONMENT_FILE = "/etc/datapunk/datapunk.env"
#: The same of a user's unit, below the user's home (%h).
USER_ENVIRONMENT_FILE = "%h/.config/datapunk/datapunk.env"

_HEAD = """\
# Made by `datapunk systemd`. {where}
[Unit]
Description=Datapunk Lake
{after}RequiresMountsFor={data}
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=forking
PIDFile={pid}
ExecStart={up}
ExecStop={down}
Restart=on-failure
RestartSec=10
# Postgres ends its recovery within the first; tasks get 30 s and Postgres 60 s within the second.
TimeoutStartSec=600
TimeoutStopSec=180
# A worker that the kernel ends for its memory is restarted alone.
OOMPolicy=continue
UMask=0077
WorkingDirectory={here}
Environment={environment}
EnvironmentFile=-{file}
"""

#: Filters of system calls: any user may have them.
_ANY_USER = """\

# Parsers take the network from themselves, in name spaces of their own.
NoNewPrivileges=yes
RestrictNamespaces=user net
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
"""

#: What changes the view of the file system needs the system's manager.
_SYSTEM = """\
CapabilityBoundingSet=
RestrictSUIDSGID=yes
ProtectSystem=strict
ReadWritePaths={data}
ProtectHome={home}
PrivateTmp={private_tmp}
PrivateDevices={private_devices}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
"""


def user_unit(settings: Settings) -> str:
    """Return the unit for `systemctl --user`: it runs as the user whose unit it is."""
    where = "Put it into ~/.config/systemd/user/datapunk.service."
    head = _head(settings, where, USER_ENVIRONMENT_FILE, after="")
    return f"{head}{_ANY_USER}{_install('default.target')}"


def system_unit(settings: Settings, user: pwd.struct_passwd) -> str:
    """Return the unit for the system's manager; it runs as `user`, who owns the data folder."""
    where = "Put it into /etc/systemd/system/datapunk.service."
    after = "Wants=network-online.target\nAfter=network-online.target\n"
    head = _head(settings, where, ENVIRONMENT_FILE, after=after)
    # Sockets lie in the common temporary folder where the data folder's path is too long for them.
    elsewhere = settings.socket_dir != settings.folders.run
    places = (settings.data_dir, Path(sys.executable), Path(sys.base_prefix), _here())
    at_home = any(_is_at_home(path) for path in places)
    hardened = _SYSTEM.format(
        data=_word(settings.data_dir) + (" /tmp" if elsewhere else ""),
        home="read-only" if at_home else "yes",
        private_tmp="no" if elsewhere else "yes",
        private_devices="no" if machine.has_nvidia() else "yes",
    )
    lines = f"User={user.pw_name}\nGroup={_group(user)}\n"
    return f"{head}{lines}{_ANY_USER}{hardened}{_install('multi-user.target')}"


def service_user(settings: Settings, name: str | None) -> pwd.struct_passwd:
    """Return the user that the system's unit runs as: the named one, else the present one.

    Raises `ConfigurationError` for root, and for a user that does not exist.
    """
    wanted = name or settings.system_user
    try:
        user = pwd.getpwnam(wanted) if wanted else pwd.getpwuid(os.getuid())
    except KeyError:
        raise ConfigurationError(
            f"there is no user {wanted or os.getuid()}; make one: useradd --system "
            f"--home-dir {settings.data_dir} --shell /usr/sbin/nologin {wanted or 'datapunk'}"
        ) from None
    if user.pw_uid == 0:
        raise ConfigurationError(
            "the unit runs no lake as root; name a service user: "
            "datapunk systemd --service-user NAME"
        )
    return user


def left_out() -> list[str]:
    """Return the names of this environment's settings that the unit does not hold."""
    return sorted(n for n in os.environ if n.startswith(PREFIX) and n != f"{PREFIX}DATA_DIR")


def _head(settings: Settings, where: str, file: str, *, after: str) -> str:
    data = _word(f"{PREFIX}DATA_DIR={settings.data_dir}")
    return _HEAD.format(
        where=where,
        after=after,
        data=_word(settings.data_dir),
        pid=_raw(programs.pid_file(settings)),
        up=_command("up"),
        down=_command("down"),
        here=_raw(_here()),
        environment=data,
        file=file,
    )


def _here() -> Path:
    """Return the present folder, where it holds settings; else the root."""
    named = any((Path.cwd() / name).is_file() for name in (".env", TOML))
    return Path.cwd() if named else Path("/")


def _is_at_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in ("/home", "/root", "/run/user"))


def _group(user: pwd.struct_passwd) -> str:
    with suppress(KeyError):
        return grp.getgrgid(user.pw_gid).gr_name
    return str(user.pw_gid)  # a group without a name


def _install(target: str) -> str:
    return f"\n[Install]\nWantedBy={target}\n"


def _command(verb: str) -> str:
    # A dollar sign begins a variable in commands alone.
    return " ".join(_word(word).replace("$", "$$") for word in programs.command_of(verb))


def _raw(path: Path) -> str:
    """Return a path for a line that takes everything behind the equals sign."""
    return _one_line(path).replace("%", "%%")


def _word(text: object) -> str:
    """Return one word of a list, in quotes where it needs them."""
    line = _one_line(text).replace("%", "%%")
    if not set(line) & set(" \t\"'\\;"):
        return line
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one_line(text: object) -> str:
    line = str(text)
    if not line.isprintable():
        raise ConfigurationError(
            "a path with a line break can't stand in a unit; rename the folder"
        )
    return line
