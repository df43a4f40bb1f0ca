"""What `python -m tests.threats` runs."""

import sys

from tests.threats.threats import main

sys.exit(main(sys.argv[1:]))
