"""What `python -m tests.growth` runs."""

import sys

from tests.growth.growth import main

sys.exit(main())
