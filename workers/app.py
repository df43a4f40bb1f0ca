"""The Celery app of this process, for `celery -A workers.app` and for Flower."""

from __future__ import annotations

from workers.bootstrap import make_app
from workers.settings import load

app = make_app(load())
