"""Celery's shell around the pure stages: lease, work, commit."""
