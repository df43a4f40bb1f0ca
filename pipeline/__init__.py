"""Pure stages: bytes and values in, values out. Imports `schemas` and nothing above it."""
