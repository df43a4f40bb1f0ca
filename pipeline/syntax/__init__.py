"""Grammars below the formats: XML, JSON, SQLite pages, content lines."""
