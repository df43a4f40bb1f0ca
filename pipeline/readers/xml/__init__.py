"""Readers of XML files."""
