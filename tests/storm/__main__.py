"""What `python -m tests.storm` runs."""

from tests.storm.storm import main

main()
