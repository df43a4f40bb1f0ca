"""Carry a dropped file through the stages of an import."""
