"""Readers of tables: headers, preambles, cells, order."""
