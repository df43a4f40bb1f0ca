"""Derive entities, pieces of text and signatures from records."""
