"""A model in a process of its own: it answers as one here does, rests, and can be stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from schemas.errors import ConfigurationError, TransientError
from schemas.progress import Tier
from tasks.maintenance import reconcile
from tasks.runtime.context import Runtime
from tests.support.lake import Database, Driver, FakeEmbedder
from tests.support.place import ROOT
from tests.tasks.derived.test_tiers import ANA, have, mails, make_tiny
from workers.adapters import model_child
from workers.adapters.embedding_models import ModelsApart
from workers.adapters.model_child import ModelApart, ModelLost
from workers.adapters.sentence_transformers import SentenceTransformerEmbedder
from workers.settings import Settings

HANGS = "tests.workers.adapters.model_that_hangs"
NEVER = 1e6
#: A worker's main process, one of whose children has a text that its model never ends with.
SHUT_DOWN = """
import sys, threading
from celery import signals
from schemas.errors import TransientError
from workers import wiring
from workers.adapters import model_child
from workers.settings import load
model_child._MODULE = "tests.workers.adapters.model_that_hangs"
wiring.embed_apart(load())
model, said = model_child.ModelApart(sys.argv[1], threads=1, idle_s=1e6), []
def embed():
    try:
        model.encode(["a text"])
    except TransientError as error:
        said.append(error.code)
assert model.dimension == 3
thread = threading.Thread(target=embed)
thread.start()
signals.worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)
thread.join()
print(*said)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def apart(model: str, idle_s: float = NEVER) -> ModelApart:
    return ModelApart(model, threads=1, idle_s=idle_s)


def until(done: Callable[[], bool]) -> None:
    while not done():  # pytest's own time-out bounds it
        time.sleep(0.02)


def test_it_answers_as_a_model_here_does(tiny: str) -> None:
    here, there = SentenceTransformerEmbedder(tiny, device="cpu"), apart(tiny)
    facts = ("model", "revision", "dimension", "at_once", "cached_by_text")
    assert [getattr(here, n) for n in facts] == [getattr(there, n) for n in facts]
    texts = ["word1 word2", "word7", ""]
    assert np.allclose(here.encode(texts), there.encode(texts), atol=1e-6)
    assert there.encode([]).shape == (0, here.dimension)
    there._end()


def test_it_ends_when_it_is_idle_and_comes_back(tiny: str) -> None:
    model = apart(tiny, idle_s=0.05)
    before = model.encode(["word1"])
    until(lambda: model.pid is None)
    assert not model_children()
    assert np.allclose(model.encode(["word1"]), before)
    until(lambda: model.pid is None)


def model_children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [child for child in found if model_child.is_one(child)]


def test_a_model_that_is_not_here_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        apart(str(tmp_path / "none")).encode(["word1"])
    assert not model_children()


def test_one_that_ends_by_itself_is_told_from_one_that_was_stopped(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_child, "_MODULE", HANGS)
    monkeypatch.setenv("DATAPUNK_TEST_MODEL", "ends")
    model = apart(tiny)
    with pytest.raises(ModelLost):
        model.encode(["word1"])
    assert model.pid is None
    monkeypatch.setenv("DATAPUNK_TEST_MODEL", "hangs")
    model = apart(tiny)
    assert model.dimension == 3  # it is there, and will answer no text
    stopper = threading.Thread(target=model_child.stop)
    stopper.start()
    with pytest.raises(TransientError):
        model.encode(["word1"])
    stopper.join()


def test_a_worker_that_shuts_down_waits_for_no_batch(tiny: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHUT_DOWN, tiny],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "DATAPUNK_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "worker_lost\n", done.stderr


def test_a_static_model_is_made_beside_and_not_waited_for(tiny: str, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, embed_model=tiny, embed_threads=1)
    models = ModelsApart(settings)
    assert models.ready(Tier.FULL)
    assert not models.ready(Tier.STATIC)
    (maker,) = model_children()
    assert not models.ready(Tier.STATIC)  # and no second one is begun
    assert model_children() == [maker]
    until(lambda: models.ready(Tier.STATIC))
    assert models.load(Tier.STATIC).encode(["word1"]).shape == (1, 256)


@pytest.mark.services
def test_what_is_embedded_as_everything_stops_is_embedded_after(
    run: Runtime,
    drop: Callable[[str, str, bytes], Any],
    driver: Driver,
    database: Database,
    tiny: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_child, "_MODULE", HANGS)
    model = apart(tiny)
    later = msgspec.structs.replace(run.options, retry_delay_s=3600.0)
    monkeypatch.setattr(run, "options", later)
    run._embedders["static"] = model
    job_id = drop(ANA, "1.zip", mails(*range(1, 7)))
    assert model.dimension == 3  # it is there, and will answer no text
    stopper = threading.Thread(target=stop_when_asked, args=(model,))
    stopper.start()
    driver.drain()
    stopper.join()
    (chunk,) = database.chunks(job_id, "records")
    assert (chunk["status"], chunk["stage"]) == ("ready", "embed")
    assert (chunk["attempt"], chunk["last_error_code"]) == (0, "worker_lost")

    database.rows("UPDATE imports.chunks SET not_before = now()")
    run._embedders["static"] = FakeEmbedder()
    reconcile.reconcile(run)
    driver.drain()
    assert database.job(job_id)["status"] == "done"
    assert have(database, "static") == 6


def stop_when_asked(model: ModelApart) -> None:
    """Stop the model once a text is on its way to it."""
    until(model._lock.locked)
    model_child.stop()
