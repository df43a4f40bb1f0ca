"""What `python -m tests.fuzz` runs."""

from tests.fuzz.fuzz import main

main()
