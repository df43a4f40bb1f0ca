"""`tests.fuzz` by atheris, which is led by the code that it reaches: one target, for a while.

    pip install -e '.[fuzz]'
    python -m tests.fuzz.with_atheris archive 60          (or: make fuzz ENGINE=atheris TARGET=…)

Ends with a crash file, whose bytes are to become a test, where something fails.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

# What is imported in here is watched: our readers, and the libraries in Python below them.
with atheris.instrument_imports(include=["pipeline", "zipfile", "tarfile", "email", "csv"]):
    from tests.fuzz import fuzz


def main(name: str, seconds: str) -> None:
    """Fuzz one target. It does not return: libFuzzer ends the process."""
    target, sound = fuzz.targets()[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(sound):
            Path(corpus, str(number)).write_bytes(data)
        options = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=30000", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", *options, corpus], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:3])
