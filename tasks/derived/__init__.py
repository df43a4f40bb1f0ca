"""Make what is derived from loaded rows: search, statistics, scores, vectors."""
