"""dlt, by its quickest way: Arrow tables from orjson, written as CSV, loaded by COPY.

    python dlt_visits.py FILE ARRAY URL append|merge

`ARRAY` is the name of the array in the file. Prints one JSON object. It is run by the Python of
`.venv-peers`, which has nothing of this project, on the same server.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROWS = 50_000
#: Its own settings for speed: no telemetry, two processes that normalise, large files of CSV.
_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "2",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__FILE_MAX_ITEMS": "100000",
}


def main() -> None:
    """Load the file once, and say how long it took."""
    file, array, url, how = sys.argv[1:]
    os.environ.update(_SETTINGS)
    import dlt
    import orjson
    import pyarrow

    def items() -> Iterator[Any]:
        rows = orjson.loads(Path(file).read_bytes())[array]
        for at in range(0, len(rows), _ROWS):
            yield pyarrow.Table.from_pylist([_flat(row) for row in rows[at : at + _ROWS]])

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(credentials=url),
            dataset_name=f"peer_{how}",
        )
        began = time.monotonic()
        resource = dlt.resource(items, name="items", write_disposition=how, primary_key=_key(array))
        pipeline.run(resource, loader_file_format="csv")
        seconds = time.monotonic() - began
        with (
            pipeline.sql_client() as client,
            client.execute_query("SELECT count(*) FROM items") as cursor,
        ):
            (count,) = cursor.fetchone()
    print(json.dumps({"records": count, "seconds": seconds, "version": dlt.__version__}))


def _key(array: str) -> list[str]:
    return ["url", "time_usec"] if array == "Browser History" else ["timestamp"]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Lists as JSON: Arrow's nested columns have no CSV."""
    return {
        name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()
    }


if __name__ == "__main__":
    main()
