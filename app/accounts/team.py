"""Writes and reads of a team: the people of one vendor or one customer. The session's scope is that tenant's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.actions import person_of
from app.accounts.rules import Team
from app.house import House
from app.ids import new_id
from app.mailboxes.people import end_mail_of, welcome_back
from app.models import AuditEntry, CustomerMember, Person, VendorMember
from app.outbox.actions import write_notice
from app.outbox.rendering import MAIL_FOLDER, inert, mail_template
from app.scope import widened
from app.words import _, speaking

log = structlog.get_logger()

_INVITED = "member_invited"
_ROOM = {"vendor": "/desk", "customer": "/inbox"}
A_DAY = 10  # invitations; each is a mail to somebody who did not ask for one
LARGEST = 100  # members; more is a mistake or a mailing list


class TeamError(ValueError):
    """Cannot be done; the message is written for the person who tried."""


class NotAllowed(TeamError):
    """The role does not allow it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose team it is: a vendor's or a customer's, and what it is called."""

    team: Team
    id: UUID
    name: str

    @property
    def table(self) -> type[VendorMember] | type[CustomerMember]:
        return VendorMember if self.team.kind == "vendor" else CustomerMember

    @property
    def is_customer(self) -> bool:
        return self.team.kind == "customer"

    @property
    def owner(self) -> dict[str, Any]:
        return {f"{self.team.kind}_id": self.id}


def members_of(session: Session, place: Place) -> list[tuple[Any, Person]]:
    """(membership, person) of everybody in the team, the longest there first."""
    query = select(place.table, Person).join(Person, Person.id == place.table.person_id).filter_by(**place.owner)
    return [(row[0], row[1]) for row in session.execute(query.order_by(place.table.created_at, Person.address))]


def invite(
    session: Session, house: House, place: Place, *, by: Person, own: str, address: str, role: str, now: datetime
) -> None:
    """Make whoever reads ``address`` (canonical) a member, and tell them by mail. Raises TeamError."""
    _allow(place, own, None, role)
    members = members_of(session, place)
    if any(person.address == address for _member, person in members):
        raise TeamError(_("That person is in the team already."))
    if len(members) >= LARGEST:
        raise TeamError(_("A team has at most %(largest)s people.", largest=LARGEST))
    if _invited_lately(session, place, now) >= A_DAY:
        raise TeamError(_("At most %(a_day)s people can be added in a day. Go on tomorrow.", a_day=A_DAY))
    with widened(session, "whoever reads the address, known here or not: they are told by mail, their inviter nothing"):
        person = person_of(session, address, by.zone)
    if place.is_customer:
        welcome_back(session, place.id, address)
    session.add(place.table(person_id=person.id, role=role, created_at=now, **place.owner))
    with speaking(person.locale):
        what = _(place.team.roles[role])
        mail = mail_template(MAIL_FOLDER / "team").render(
            by=inert(by.shown_name),
            place=inert(place.name),
            what=what[:1].lower() + what[1:],
            link=f"{house.settings.public_url}/sign-in?next={_ROOM[place.team.kind]}",
            postal_address=house.settings.postal_address,
        )
    write_notice(session, person, f"team:{new_id()}", mail, now)
    _record(session, _INVITED, place, by, person.id, now, role=role)


def change_role(
    session: Session, place: Place, *, by: Person, own: str, person_id: UUID, role: str, now: datetime
) -> bool:
    """False when nobody of that id is in the team. Raises TeamError."""
    found = _member(session, place, person_id)
    if found is None:
        return False
    before = str(found.role)
    _allow(place, own, before, role)
    _keep_a_head(session, place, before, role)
    found.role = role
    _record(session, "role_changed", place, by, person_id, now, before=before, role=role)
    return True


def hand_over(session: Session, place: Place, *, by: Person, own: str, person_id: UUID, now: datetime) -> bool:
    """Somebody else may do everything from now on, and ``by`` what comes next below it. Raises TeamError."""
    mine, found = _member(session, place, by.id), _member(session, place, person_id)
    if mine is None or found is None:
        return False
    if own != place.team.head or person_id == by.id:
        raise NotAllowed(_("Only who may do everything can hand that over, and to somebody else."))
    before, below = str(found.role), list(place.team.roles)[1]
    found.role, mine.role = place.team.head, below
    _record(session, "role_changed", place, by, person_id, now, before=before, role=place.team.head)
    _record(session, "role_changed", place, by, by.id, now, before=own, role=below)
    return True


def remove(session: Session, place: Place, *, by: Person, own: str, person_id: UUID, now: datetime) -> bool:
    """End a membership, another's or one's own: from the next page on, and links in mails open nothing any more
    (FEATURES B4). Raises TeamError."""
    found = _member(session, place, person_id)
    if found is None:
        return False
    if person_id != by.id:
        _allow(place, own, str(found.role), None)
    _keep_a_head(session, place, str(found.role), None)
    session.delete(found)
    if place.is_customer:
        with widened(session, "the mail of somebody who is no longer in the team"):
            who = session.get_one(Person, person_id)
            end_mail_of(session, place.id, who, now=now)
    _record(session, "member_removed", place, by, person_id, now)
    return True


def _invited_lately(session: Session, place: Place, now: datetime) -> int:
    lately = select(func.count()).select_from(AuditEntry).filter_by(action=_INVITED, **place.owner)
    with widened(session, "a count of this team's own; what else is on record of it is not its to read"):
        return session.scalar(lately.where(AuditEntry.at > now - timedelta(days=1))) or 0


def _member(session: Session, place: Place, person_id: UUID) -> Any:
    return session.scalars(select(place.table).filter_by(person_id=person_id, **place.owner)).one_or_none()


def _allow(place: Place, own: str, before: str | None, after: str | None) -> None:
    if after is not None and after not in place.team.roles:
        raise TeamError(_("Choose a role from the list."))
    if not place.team.may_change(own, before, after):
        raise NotAllowed(_("Your role does not allow this."))


def _keep_a_head(session: Session, place: Place, before: str, after: str | None) -> None:
    """Somebody must be left who may do everything. The rows are locked, so that two do not go at once."""
    if before != place.team.head or after == place.team.head:
        return
    heads = select(place.table).filter_by(role=place.team.head, **place.owner).with_for_update()
    if len(session.scalars(heads).all()) < 2:
        raise TeamError(_("Somebody must stay %(head)s. Make somebody else %(head)s first.", head=place.team.head))


def _record(session: Session, action: str, place: Place, by: Person, about: UUID, now: datetime, **detail: str) -> None:
    log.info(action, person=str(by.id), about=str(about), **place.owner)
    session.add(AuditEntry.by(by.id, action, now, subject_id=about, detail=detail, **place.owner))
