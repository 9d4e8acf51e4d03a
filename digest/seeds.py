"""A sample to addresses of ours at the big mail services, to see where it lands: inbox, promotions or spam (D19).

It is the digest as everybody gets it, of a made-up supplier. Its links open nothing, and so it cannot name an address
for unsubscribing in its headers either.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.actions import person_of
from app.house import House
from app.ids import new_id
from app.models import Outgoing, Person
from app.outbox.actions import write_notice
from app.outbox.rendering import TOKEN_PLACE, Mail
from app.words import _, speaking
from digest.parts import Digest, Row, Section, Total
from digest.render import Reader, render

_ISSUED, _LATE = timedelta(days=44), timedelta(days=14)
_MINOR = 125_000
_DEAD = "a-sample-opens-nothing"


def send_samples(session: Session, house: House, to: Sequence[str], now: datetime) -> int:
    """One mail to each address, in the language its person reads; how many. A seed is a person without any rights."""
    run = new_id()
    for address in to:
        seed = person_of(session, address, "UTC")
        mail = sample(house, seed, now)
        write_notice(session, seed, f"sample:{run}:{seed.id}", mail, now)
    return len(to)


def samples_of(session: Session, to: Sequence[str]) -> list[Outgoing]:
    """The newest sample to each address."""
    found = []
    for address in to:
        query = select(Outgoing).join(Person, Person.id == Outgoing.person_id)
        query = query.where(Person.address == address, Outgoing.dedupe_key.startswith("sample:"))
        if newest := session.scalars(query.order_by(Outgoing.created_at.desc()).limit(1)).first():
            found.append(newest)
    return found


def sample(house: House, seed: Person, now: datetime) -> Mail:
    with speaking(seed.locale):
        name, rhythm = _("A supplier that is not real"), _("as a sample")
    settings = house.settings
    reader = Reader(
        address=seed.address, organisation="", locale=seed.locale, zone=seed.zone, rhythm=rhythm,
        amounts_in_subject=False, public_url=settings.public_url, postal_address=settings.postal_address,
    )  # fmt: skip
    mail = render(_made_up(name, now), reader, now)
    return Mail(mail.subject, mail.text.replace(TOKEN_PLACE, _DEAD), mail.html.replace(TOKEN_PLACE, _DEAD))


def _made_up(name: str, now: datetime) -> Digest:
    today = now.date()
    due_on, total = today - _LATE, Total("EUR", overdue=_MINOR)
    row = Row(
        line=1, vendor_name=name, number="SAMPLE-1", po_number="", issued_on=today - _ISSUED, due_on=due_on,
        words="", is_overdue=True, currency="EUR", amount_minor=_MINOR, can_pay=True,
    )  # fmt: skip
    section = Section(
        vendor_id=UUID(int=0), name=name, colour="", first_line=1, is_new=False, as_of=None, rows=(row,), hidden=None,
        later=None, credits=(), totals=(total,),
    )  # fmt: skip
    return Digest(
        sections=(section,), introductions=(), quiet=(), quiet_hidden=0, resting=None, worn_out=(), settled=(),
        settled_hidden=0, hidden=None, totals=(total,), overdue=1, soon=0, later=0, vendors=1, oldest_on=due_on,
        next_on=None, is_worth_sending=True, lines=(), reasons={},
    )  # fmt: skip
