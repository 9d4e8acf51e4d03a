"""``flask inbound``: mail from a mail server's pipe, one message on standard input (docs/inbound.md)."""

import sys

import click
import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.house import House
from app.scope import Everything
from digest.inbound.intake import store
from digest.inbound.request import MESSAGE

log = structlog.get_logger()

_PIPE = Everything("mail that came in is nobody's until it is read")
# What a mail server reads in the exit status (sysexits.h): anything else would bounce a person's mail.
_TRY_AGAIN, _TOO_LARGE = 75, 65


def register(app: Flask, house: House) -> None:
    @app.cli.command("inbound")
    def inbound() -> None:
        """Store the message on standard input for the worker. Exit: 0 stored, 75 try again, 65 too large to take."""
        limit = house.limits.inbound_bytes
        raw = sys.stdin.buffer.read(limit + 1)
        if len(raw) > limit:
            click.echo(f"larger than {limit} bytes", err=True)
            raise SystemExit(_TOO_LARGE)
        try:
            with house.database.transaction(_PIPE) as session:
                store(session, house.keys, raw, {"Content-Type": MESSAGE}, clock.now())
        except (SQLAlchemyError, OSError) as problem:
            log.error("inbound mail not stored", error=type(problem).__name__)
            click.echo("cannot store it now", err=True)
            raise SystemExit(_TRY_AGAIN) from None
