"""Frozen values that every other package may use; this one imports none of them."""
