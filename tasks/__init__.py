"""Celery's shell round the pure stages: claim, work, commit."""
