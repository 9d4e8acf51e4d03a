"""Vendors whose books are companies of the sandbox, first synced and live, owing customers reached."""

from datetime import timedelta

from sqlalchemy import select

from app import clock
from app.models import Connection, Mailbox
from app.scope import Everything
from connectors.jobs import pull_due
from tests.faults.ground import Ground
from tests.support.books import connected
from tests.support.world import EVERYTHING, Selling

FAR = timedelta(days=365)
_QUIET = Everything("the harness says when pulls are due")


def connect(place: Ground, *companies: str, is_synced: bool = True) -> list[Selling]:
    """These companies as live vendors. With ``is_synced`` their books are here, and no pull is due by itself."""
    made = [connected(place.house, place.books, company) for company in companies]
    if is_synced:
        while pull_due(place.house):
            pass
        with place.house.database.transaction(_QUIET) as session:
            for connection in session.scalars(select(Connection)):
                assert connection.first_synced_at, connection.last_error
                connection.next_pull_at = clock.now() + FAR
            for box in session.scalars(select(Mailbox)):
                box.next_digest_at = None
    return made


def box_of(place: Ground, address: str) -> Mailbox:
    with place.house.database.reading(EVERYTHING) as session:
        return session.scalars(select(Mailbox).where(Mailbox.address == address)).one()
