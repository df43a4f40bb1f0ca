"""Recognise the format of a member by its name and its first bytes."""
