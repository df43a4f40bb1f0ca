"""Rules for the Dockerfile and docker-compose.yml, as hadolint and dockle have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: The memory of a machine of each profile, in MB, and what stays for its own programs.
MACHINES_MB = {"small": 8 * 1024, "full": 32 * 1024}
RESERVED_MB = 1024
#: A tag that is one release: three numbers, or two and more behind a dash.
_EXACT = re.compile(r"(?:[\w.-]+/)*[\w.-]+:v?\d+\.\d+\.\d+(?:-[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|LOGIN|AUTH", re.IGNORECASE)
#: Programs that start a Python, or all of Celery, for each look.
_HEAVY = re.compile(r"python|celery|(?<![=\w])datapunk\b")
_UNITS = {"m": 1, "g": 1024}


def memory_mb(limit: str) -> int:
    """Return a limit such as 512m or 2g in MB."""
    return int(limit[:-1]) * _UNITS[limit[-1]]


def in_profile(services: dict[str, Any], profile: str) -> dict[str, Any]:
    """Return the services that run all the time in a profile."""
    return {
        name: service
        for name, service in services.items()
        if profile in service.get("profiles", [profile]) and service.get("restart") != "no"
    }


def compose_offences(compose: dict[str, Any]) -> list[str]:
    """Return what a compose file does against the rules, as `service: rule`."""
    services = compose["services"]
    found = [f"{name}: {rule}" for name, each in services.items() for rule in _service(each)]
    for profile, machine in MACHINES_MB.items():
        limits = [each.get("mem_limit", "0m") for each in in_profile(services, profile).values()]
        if sum(map(memory_mb, limits)) > machine - RESERVED_MB:
            found.append(f"{profile}: the limits exceed the memory")
    for name, secret in compose.get("secrets", {}).items():
        if set(secret) != {"file"}:
            found.append(f"{name}: the secret is no file")
    return found


def _service(service: dict[str, Any]) -> Iterator[str]:
    """Yield the rules that one service breaks."""
    if not _EXACT.fullmatch(service.get("image", "")):
        yield "no exact tag"
    if "mem_limit" not in service or "cpus" not in service:
        yield "no limit"
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        yield "no rotation of logs"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "new privileges"
    if service.get("privileged") or service.get("network_mode") == "host":
        yield "privileged"
    if service.get("restart") != "no" and "healthcheck" not in service:
        yield "no health check"
    if _HEAVY.search(str(service.get("healthcheck", {}).get("test", ""))):
        yield "a heavy health check"
    if "build" in service and str(service.get("user", "0")).split(":")[0] in ("0", "root"):
        yield "runs as root"
    if any(not str(port).startswith("127.0.0.1:") for port in service.get("ports", [])):
        yield "a port is open to others"
    yield from _environment(service.get("environment", {}))


def _environment(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if _SECRET.search(name) and not name.endswith("_FILE") and value:
            yield f"a secret in the environment: {name}"
        if re.search(r"://[^/@\s]*:[^/@\s]+@", str(value)):
            yield f"a password in a URL: {name}"


def dockerfile_offences(text: str) -> list[str]:
    """Return what a Dockerfile does against the rules."""
    steps = _steps(text)
    found = list(_bases(steps))
    found += [rule for verb, rest in steps if verb == "RUN" for rule in _run(rest)]
    last = max((n for n, (verb, _) in enumerate(steps) if verb == "FROM"), default=0)
    final = steps[last:]
    users = [rest for verb, rest in final if verb == "USER"]
    if not users or users[-1].split(":")[0] in ("root", "0"):
        found.append("the last user is root")
    if not any(verb == "HEALTHCHECK" for verb, _ in final):
        found.append("no health check")
    if any(verb == "ADD" for verb, _ in steps):
        found.append("ADD instead of COPY")
    for verb, rest in steps:
        if verb in ("ENV", "ARG") and any(_SECRET.search(w.split("=")[0]) for w in rest.split()):
            found.append(f"a secret in {verb}")
    if any(verb in ("CMD", "ENTRYPOINT") and not rest.startswith("[") for verb, rest in steps):
        found.append("a command for a shell")
    if sum(verb == "FROM" for verb, _ in steps) < 2:
        found.append("one stage")
    return found


def _steps(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, each with what is behind it on one line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines()
    ]


def _bases(steps: list[tuple[str, str]]) -> Iterator[str]:
    stages: set[str] = set()
    for verb, rest in steps:
        if verb == "FROM":
            words = rest.split()
            if words[0] not in stages and not _EXACT.fullmatch(words[0]):
                yield f"no exact tag: {words[0]}"
            stages.update(words[2:3])


def _run(command: str) -> Iterator[str]:
    if "apt-get install" in command:
        if "--no-install-recommends" not in command:
            yield "apt-get with recommended packages"
        if "rm -rf /var/lib/apt/lists" not in command:
            yield "the lists of apt-get stay"
    if re.search(r"pip install|install-locked", command) and "--no-cache-dir" not in command:
        yield "pip with a cache"
    if re.search(r"\bsudo\b|chmod (-R )?777", command):
        yield "sudo, or a file open to all"
    if re.search(r"(curl|wget)[^|]*\|\s*(ba)?sh", command):
        yield "a script of the network runs"
