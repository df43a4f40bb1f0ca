"""google_takeout_parser: reading alone, nothing stored.

    python takeout_parser.py FILE locations|visits|activity

Prints one JSON object; it is run by the Python of `.venv-peers`.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from pathlib import Path


def main() -> None:
    """Parse the file whole, and say what processor time it took."""
    from google_takeout_parser import parse_json

    read = {
        "locations": parse_json._parse_location_history,
        "visits": parse_json._parse_chrome_history,
        "activity": parse_json._parse_json_activity,
    }[sys.argv[2]]
    began = time.process_time()
    good = sum(not isinstance(each, Exception) for each in read(Path(sys.argv[1])))
    seconds = time.process_time() - began
    version = metadata.version("google_takeout_parser")
    print(json.dumps({"records": good, "cpu_seconds": seconds, "version": version}))


if __name__ == "__main__":
    main()
