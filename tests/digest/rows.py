"""What planning has written, read back; and rows changed between two steps."""

from typing import Any

from sqlalchemy import select

from app.house import House
from app.models import Digest, DigestLine, Mailbox, Outcome, Outgoing
from tests.support.world import EVERYTHING, World


def digests(house: House) -> list[Digest]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Digest).order_by(Digest.due_at, Digest.id)))


def mails(house: House) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Outgoing).order_by(Outgoing.created_at, Outgoing.id)))


def lines(house: House) -> list[DigestLine]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(DigestLine).order_by(DigestLine.digest_id, DigestLine.line)))


def mailbox(house: House, world: World) -> Mailbox:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Mailbox, world.cobalt.mailbox.id)


def outcome(house: House) -> tuple[Outcome, str]:
    """How the only window ended, and why."""
    (only,) = digests(house)
    return Outcome(only.outcome), only.reason


def change(house: House, row: Any, **facts: Any) -> None:
    """Set columns of a stored row, in a transaction of its own."""
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(type(row), row.id)
        for name, value in facts.items():
            setattr(kept, name, value)
