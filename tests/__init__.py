"""The tests. A package, so that no other folder called `tests` on the path joins it."""
