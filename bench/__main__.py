"""How fast and how wide: each hot path beside its floor, in turn, in one run.

``python -m bench digest --db postgresql --size medium`` starts a durable PostgreSQL of its own; without --db it is
SQLite in a temporary folder; with a URL it needs the right to make databases and roles there. Exit status: 0 every
must-goal met, 1 one missed, 2 could not run.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import digest, inbox, ingest, resync, size, webhook
from bench.ground import SIZES, Ground, Size, opened
from bench.report import Found, document, lines, moved, read

# Each takes the ground, the size, the number of repeats and the peers to race against.
BENCHES: dict[str, Callable[[Ground, Size, int, Sequence[str]], Found]] = {
    "ingest": ingest.run,
    "resync": resync.run,
    "digest": digest.run,
    "inbox": inbox.run,
    "webhook": webhook.run,
    "size": size.run,
}
PEERS = ("dlt", "singer", "post_office")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _measure(options)
    except Exception:  # noqa: BLE001  whatever it was, nothing was shown
        traceback.print_exc()
        return 2


def _measure(options: argparse.Namespace) -> int:
    chosen = list(BENCHES) if options.bench == "all" else [options.bench]
    found = []
    with opened(options.db) as ground:
        for name in chosen:
            found.append(BENCHES[name](ground, SIZES[options.size], options.repeats, options.against))
            print("\n".join(lines(found[-1])), flush=True)
    params = {"benches": chosen, "size": options.size, "repeats": options.repeats, "against": options.against}
    written = document(found, params, options.db.split(":")[0] or "sqlite")
    if options.json:
        options.json.write_text(json.dumps(written, indent=1) + "\n")
    if options.baseline:
        print("\nmoved since the baseline:", *(moved(written, read(options.baseline)) or ["nothing"]), sep="\n  ")
    missed = [name for each in found for name in each.missed]
    print(f"\n{len(missed)} goals missed: {', '.join(missed)}" if missed else "\nevery must-goal met")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("bench", choices=[*BENCHES, "all"], nargs="?", default="all")
    made.add_argument("--db", default="", metavar="URL", help="'postgresql', a URL, or nothing for SQLite")
    made.add_argument("--size", choices=SIZES, default="small")
    made.add_argument("--repeats", type=int, default=5)
    made.add_argument("--against", type=_peers, default=[], metavar="dlt,singer,post_office", help="raced beside us")
    made.add_argument("--json", type=Path, metavar="FILE")
    made.add_argument("--baseline", type=Path, metavar="FILE", help="an earlier --json of the same size")
    return made


def _peers(said: str) -> list[str]:
    names = said.split(",")
    if unknown := set(names) - set(PEERS):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
