"""Readers of JSON: arrays, lines, trees, wrapped and pretty-printed values."""
