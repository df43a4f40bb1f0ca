"""Decode and clean text, and detect its charset and language."""
