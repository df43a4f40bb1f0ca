"""Every package that is installed with the lake may be used, changed and passed on with it."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

#: As SPDX writes them, as classifiers do, and as some packages do on their own.
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python"),
    *("ISC", "LLVM-exception", "MIT", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
    *("Apache Software License", "BSD License", "ISC License (ISCL)", "MIT License"),
    *("Python Software Foundation License", "Apache 2.0 License", "BSD", "Dual License"),
    "BSD-derived (http://www.repoze.org/LICENSE.txt)",
}

_LGPL = "used as a library that anybody may replace: its own files stay under its licence"
_MPL = "its own files stay under its licence, and none of them is changed"
_LGPL_CLASSIFIER = "GNU Library or Lesser General Public License (LGPL)"
#: What is under a weak copyleft, or does not say what it is under: the licence, and why it is here.
BY_NAME = {
    "certifi": ("Mozilla Public License 2.0 (MPL 2.0)", _MPL),
    "clamd": (_LGPL_CLASSIFIER, _LGPL),
    "hypothesis": ("MPL-2.0", f"for tests alone; {_MPL}"),
    "orjson": ("MPL-2.0", _MPL),
    "pathspec": ("Mozilla Public License 2.0 (MPL 2.0)", f"for development alone; {_MPL}"),
    "psycopg": ("LGPL-3.0-only", _LGPL),
    "psycopg-binary": ("LGPL-3.0-only", _LGPL),
    "psycopg-pool": ("LGPL-3.0-only", _LGPL),
    "pyrage": ("", "its metadata say nothing; its repository is under MIT"),
    "python-stdnum": ("GNU Lesser General Public License v2 or later (LGPLv2+)", _LGPL),
    "tqdm": ("MPL-2.0", _MPL),
}


def locked() -> dict[str, Requirement]:
    """What the lock file installs here."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split("--hash")[0].strip() for line in text.splitlines() if line[:1] != "#"]
    found = [Requirement(line) for line in lines if line]
    return {
        canonicalize_name(each.name): each
        for each in found
        if each.marker is None or each.marker.evaluate()
    }


def licences(name: str) -> set[str]:
    """What a package says that it is under: in an expression, else in classifiers, else freely."""
    said = metadata.metadata(name)
    if expression := said.get("License-Expression"):
        return set(re.split(r"\s+(?:AND|OR|WITH)\s+", re.sub(r"[()]", "", expression)))
    named = [
        c.split(" :: ")[-1] for c in said.get_all("Classifier") or () if "OSI Approved ::" in c
    ]
    text = (said.get("License") or "").strip().split("\n")[0]
    return set(named) or set(re.split(r" AND ", text))


def _closure(names: Iterator[str]) -> set[str]:
    """Those packages and all that they want, as installed here."""
    found: set[tuple[str, str]] = set()
    waiting = [
        (Requirement(name), extra) for name in names for extra in ("", *Requirement(name).extras)
    ]
    while waiting:
        wanted, extra = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in metadata.requires(name) or ():
            each = Requirement(line)
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                waiting += [(each, more) for more in ("", *each.extras)]
    return {name for name, _ in found}


@pytest.mark.parametrize("name", sorted(locked()))
def test_each_package_may_be_passed_on(name: str) -> None:
    said = licences(name)
    known, reason = BY_NAME.get(name, (None, ""))
    assert reason or known is None
    assert said <= PERMISSIVE | {known}, f"{name} is under {said}"


def test_no_exception_is_kept_longer_than_it_is_needed() -> None:
    here = locked()
    assert [name for name, (known, _) in BY_NAME.items() if known not in licences(name)] == []
    assert [name for name in BY_NAME if name not in here] == []


def test_all_that_is_installed_by_default_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert _closure(iter(project["dependencies"])) - set(locked()) == set()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements.gpu.lock"])
def test_each_package_is_held_to_its_hashes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
    assert len(lines) > 15
    for line in lines:
        requirement, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", requirement), requirement
        assert hashes and all(re.fullmatch(r"[0-9a-f]{64}", each) for each in hashes), requirement


def test_setup_and_image_install_with_hashes_alone() -> None:
    """Of the lock by the one script, and our own package without asking an index for anything."""
    for file in (".ci/setup", "workers/Dockerfile"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert ".ci/install-locked " in text
        assert not re.search(r"(-r|--requirement) requirements", text)
        ours = re.findall(r"install .*--no-deps.*", text)
        assert len(ours) == 1
        assert "--no-build-isolation" in ours[0]


_PIP = """#!/bin/sh
case "$*" in
*--report*) cat "$REPORT" ;;
-c*) exec "$PYTHON" "$@" ;;
*) echo "$@" >"$SEEN"
    while [ "$1" != --constraint ]; do shift; done
    cat "$2" >>"$SEEN" ;;
esac
"""


@pytest.mark.parametrize(
    ("version", "wants", "gpu"),
    [
        ("2.13.0+cpu", ["filelock"], False),
        ("2.13.0", ["filelock", 'nvidia-nvtx==13; platform_system == "Linux"'], True),
    ],
)
def test_the_build_of_torch_that_pip_finds_decides(
    tmp_path: Path, version: str, wants: list[str], gpu: bool
) -> None:
    metadata_of = {"metadata": {"version": version, "requires_dist": wants}}
    (tmp_path / "report").write_text(json.dumps({"install": [metadata_of]}))
    python = tmp_path / "python"
    python.write_text(_PIP)
    python.chmod(0o755)
    names = {"REPORT": "report", "SEEN": "seen"}
    environment = {name: str(tmp_path / file) for name, file in names.items()}
    subprocess.run(
        [ROOT / ".ci" / "install-locked", python, "--no-cache-dir"],
        check=True,
        env={**os.environ, **environment, "PYTHON": sys.executable},
    )
    command, constraint = (tmp_path / "seen").read_text().splitlines()
    assert "--require-hashes" in command
    assert "--no-cache-dir" in command
    assert ("requirements.gpu.lock" in command) == gpu
    assert constraint.split("  #")[0] == f"torch=={version}"


def test_the_locks_are_made_of_what_was_resolved() -> None:
    make = runpy.run_path(str(ROOT / ".ci" / "lock.py"))["locks"]
    resolved = """\
amqp==5.4.2 \\
    --hash=sha256:bb \\
    --hash=sha256:aa
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
h11==0.16.0 ; sys_platform != 'emscripten' \\
    --hash=sha256:dd
nvidia-nvtx==13.0.85 ; sys_platform == 'linux' \\
    --hash=sha256:ee
torch==2.13.0 \\
    --hash=sha256:ff
"""
    lock, gpu = ([line for line in text.splitlines() if line[:1] != "#"] for text in make(resolved))
    assert lock[:3] == ["amqp==5.4.2 \\", "    --hash=sha256:aa \\", "    --hash=sha256:bb"]
    assert [line.split(" ")[0] for line in lock if line[0] != " "] == [
        "amqp==5.4.2", "h11==0.16.0", "torch==2.13.0",
    ]  # fmt: skip
    assert sum("--hash" in line for line in lock[-3:]) == 2, "PyTorch's own build beside it"
    assert gpu[0] == "nvidia-nvtx==13.0.85 ; sys_platform == 'linux' \\"
    for broken in (resolved.replace("2.13.0", "2.14.0"), "six==1.17.0\n"):
        with pytest.raises(SystemExit):
            make(broken)
