"""The Celery app of this process, for `celery -A workers.app` and for Flower."""

from __future__ import annotations

from workers.settings import load
from workers.wiring import make_app

app = make_app(load())
