"""Share what several formats of one service have in common."""
