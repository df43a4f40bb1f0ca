"""Mail by the thousand for tests: the patches of a local git repository as one mbox.

    python tests/support/make_mbox.py REPOSITORY OUT.mbox [--max-commits N] [--timeout SECONDS]
    python tests/support/make_mbox.py --synthetic N OUT.mbox

A merge and an empty commit give no patch, as `git format-patch` has it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Bodies that look like separators, after a blank line, as commit messages do.
TRAPS = (
    "From here on\nwe count from zero.",
    "From ana@example.org Mon Mar  2 10:15:00 2026\nSubject: a mail within a message\n\nHello.",
    "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n"
    "From: Bo <bo@example.org>\nDate: Tue, 3 Mar 2026 09:00:00 +0100\n"
    "Subject: [PATCH] a patch within a message\n\nText of it.\n---\n a.txt | 1 +",
    ">From the start\n>>From further back",
    "-- \n2.39.5",
)


def git(*arguments: str, cwd: Path, timeout: float = 60.0) -> str:
    """What git prints. Nobody's configuration is read."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=_environment(),
        timeout=timeout,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {**os.environ, **nowhere, "GIT_TERMINAL_PROMPT": "0"}


def write_mbox(
    repository: Path, target: Path, *, max_commits: int | None = None, timeout: float = 120.0
) -> int:
    """Write `git format-patch --root --stdout` of HEAD to `target`; return its size in bytes.

    With `max_commits` only that many of the newest. Raises `subprocess.TimeoutExpired`.
    """
    command = ["git", "format-patch", "--root", "--stdout"]
    if max_commits is not None:
        command.append(f"-{max_commits}")
    with target.open("wb") as out:
        subprocess.run(
            [*command, "HEAD"],
            cwd=repository,
            env=_environment(),
            timeout=timeout,
            check=True,
            stdout=out,
        )
    return target.stat().st_size


def make_repository(path: Path, commits: int) -> None:
    """A repository whose every commit adds a line; some messages hold traps for splitters."""
    path.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", cwd=path)
    stream = b"".join(_commits(commits))
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=path,
        env=_environment(),
        input=stream,
        timeout=120.0,
        check=True,
    )


def _commits(number: int) -> Iterator[bytes]:
    for n in range(number):
        message = f"Add line {n}\n\nBecause of {n}.\n"
        if n % 10 == 3:
            message += f"\n{TRAPS[n // 10 % len(TRAPS)]}\n"
        blob = f"line {n}\n".encode()
        text = message.encode()
        yield b"commit refs/heads/main\n"
        yield b"committer Ana <ana@example.org> %d +0100\n" % (1_700_000_000 + 60 * n)
        yield b"data %d\n%s\n" % (len(text), text)
        yield b"M 100644 inline file-%d.txt\ndata %d\n%s\n" % (n, len(blob), blob)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the patches of a repository as one mbox.")
    parser.add_argument("repository", type=Path, nargs="?")
    parser.add_argument("out", type=Path)
    parser.add_argument("--synthetic", type=int, metavar="N", help="of a made-up one of N commits")
    parser.add_argument("--max-commits", type=int)
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
    chosen = parser.parse_args()
    if (chosen.repository is None) == (chosen.synthetic is None):
        parser.error("name a repository, or --synthetic N")
    out = chosen.out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        repository = chosen.repository
        if repository is None:
            repository = Path(folder) / "repository"
            make_repository(repository, chosen.synthetic)
        size = write_mbox(repository, out, max_commits=chosen.max_commits, timeout=chosen.timeout)
    print(f"{out}: {size} bytes")


if __name__ == "__main__":
    main()
