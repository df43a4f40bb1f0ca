"""The image's environment without what a lake has no use for: everything of the lake still runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.place import ROOT

#: Imports every module of the lake and embeds a text with the full model.
TRY = """
import importlib, importlib.util, json, pkgutil, tempfile
from pathlib import Path
import pipeline, schemas, sql, tasks, workers
for room in (pipeline, schemas, sql, tasks, workers):
    for found in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
from schemas.progress import Tier
from workers.adapters.embedding_models import ModelsHere
from workers.settings import load
with tempfile.TemporaryDirectory() as folder:
    (vector,) = ModelsHere(load(data_dir=Path(folder))).load(Tier.FULL).encode(["bread"])
print(json.dumps({
    "numbers": len(vector),
    "found": [n for n in ("torch", "pytest", "mypy", "pip", "ruff") if importlib.util.find_spec(n)],
}))
"""


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of this environment, of links to its files, after `.ci/slim`; its Python."""
    top = tmp_path_factory.mktemp("slim")
    venv.create(top, with_pip=False, symlinks=True)
    python = top / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = [str(python), "-c", where]
    place = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    packages = f"{sysconfig.get_path('purelib')}/."
    linked = subprocess.run(["cp", "-al", packages, place], check=False, capture_output=True)
    if linked.returncode:  # another file system
        subprocess.run(["cp", "-a", packages, place], check=True)
    slimmed = [str(python), str(ROOT / ".ci" / "slim")]
    done = subprocess.run(slimmed, capture_output=True, text=True, check=True)
    before, after = (int(word) for word in done.stderr.split() if word.isdigit())
    assert after < before * 0.85
    yield python
    shutil.rmtree(top)


@pytest.mark.slow
def test_everything_of_the_lake_runs_in_a_slim_environment(slim: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(slim), "-c", TRY], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"numbers": 384, "found": ["torch"]}
    assert Path(sysconfig.get_path("purelib"), "pytest").is_dir(), "the copy alone was slimmed"
    assert sys.executable != str(slim)
