"""Carry out what a user asks for: retry, reparse, rollback, verify."""
