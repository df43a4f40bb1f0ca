"""Decode and clean text, and tell its charset and language."""
