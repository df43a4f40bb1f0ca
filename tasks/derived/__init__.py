"""Derive data from loaded rows: search, statistics, scores, vectors."""
