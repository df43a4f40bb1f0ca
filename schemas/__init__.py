"""Frozen values that every other room may use; this one imports none of them."""
