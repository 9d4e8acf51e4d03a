"""Says the JSON lines of a file as a Singer tap would: feed_singer.py FILE"""

import json
import sys
from pathlib import Path

_PROPERTIES = {
    **dict.fromkeys(("external_id", "bill_to", "name", "number", "currency", "state", "address", "terms"), "string"),
    **dict.fromkeys(("version", "total_minor", "balance_minor"), "integer"),
    "can_pay_online": "boolean",
}


def main(file: str) -> None:
    properties: dict[str, dict[str, str]] = {name: {"type": kind} for name, kind in _PROPERTIES.items()}
    properties |= {name: {"type": "string", "format": "date"} for name in ("issued_on", "due_on")}
    schema = {"type": "object", "properties": properties}
    say = sys.stdout.write
    say(json.dumps({"type": "SCHEMA", "stream": "invoice", "schema": schema, "key_properties": ["external_id"]}) + "\n")
    with Path(file).open() as lines:
        for line in lines:
            say('{"type": "RECORD", "stream": "invoice", "record": ' + line.rstrip() + "}\n")


if __name__ == "__main__":
    main(sys.argv[1])
