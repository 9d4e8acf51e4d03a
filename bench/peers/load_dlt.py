"""Merges the JSON lines of a file into PostgreSQL with dlt; runs in dlt's environment and knows nothing of Sheaf.

load_dlt.py FILE URL FOLDER STRATEGY
"""

import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "DLT_DATA_DIR": sys.argv[3]}

import dlt


def main(file: str, url: str, folder: str, strategy: str) -> None:
    def invoices() -> Iterator[list[Any]]:
        with Path(file).open() as lines:
            while page := [json.loads(line) for line in islice(lines, 1000)]:
                yield page

    days = {name: {"data_type": "date"} for name in ("issued_on", "due_on")}
    disposition = {"disposition": "merge", "strategy": strategy}
    resource = dlt.resource(
        invoices, name="invoice", primary_key="external_id", write_disposition=disposition, columns=days
    )
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(url), dataset_name="peer_dlt", pipelines_dir=folder
    )
    pipeline.run(resource(), loader_file_format="csv").raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
