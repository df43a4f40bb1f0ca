"""Parse the grammars below the formats: XML, JSON, SQLite pages, content lines."""
