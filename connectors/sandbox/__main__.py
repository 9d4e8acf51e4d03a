"""python -m connectors.sandbox: accounting systems on this laptop."""

import argparse
import logging
import sys
import time

from werkzeug.serving import make_server

from .app import create_sandbox
from .clock import parse_moment
from .plays import PLAYS


def main() -> int:
    asked = arguments().parse_args()
    logging.getLogger("werkzeug").setLevel(logging.INFO if asked.log else logging.WARNING)
    started, now = time.perf_counter(), parse_moment(asked.now) if asked.now else None
    app = create_sandbox(asked.world, asked.seed, now, asked.webhooks, asked.public)
    server = make_server(asked.host, asked.port, app, threaded=True)
    companies = app.extensions["sandbox"].world.companies
    say(
        f"Sandbox of {len(PLAYS)} accounting systems at http://{asked.host}:{server.server_port}/ "
        f"({len(companies)} companies, {sum(len(one.invoices) for one in companies)} invoices, "
        f"ready in {time.perf_counter() - started:.2f} s)"
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("stopped")
    return 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--world", default="small", help="small, demo, forty or a FILE.json")
    parser.add_argument("--webhooks", help="where webhooks go: base address of the product")
    parser.add_argument("--now", help="start the sandbox's clock at this ISO moment")
    parser.add_argument("--public", help="base of every link the sandbox gives out (default: as the caller wrote it)")
    parser.add_argument("--log", action="store_true", help="show every request")
    return parser


if __name__ == "__main__":
    sys.exit(main())
