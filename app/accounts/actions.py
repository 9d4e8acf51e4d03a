"""Writes: asking for a sign-in, using its link or code once, sessions, and what signing in proves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.rules import ASKS_PER_BROWSER, ASKS_PER_CLIENT, CODE_TRIES, client_hash, code_hash
from app.address import rate_key
from app.house import House
from app.ids import new_id
from app.links import code_of, digest_of, new_token, same
from app.models import (
    AuditEntry,
    Customer,
    CustomerMember,
    CustomerRole,
    LoginToken,
    Mailbox,
    OutgoingKind,
    Person,
    WebSession,
)
from app.outbox.actions import write_mail
from app.outbox.rendering import CODE_PLACE, MAIL_FOLDER, TOKEN_PLACE, inert, mail_template
from app.words import locale

log = structlog.get_logger()


class AskedTooOften(Exception):
    """No further sign-in mail for now; ``again_at`` is when the next one may be asked for."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__("sign-in asked for too often")
        self.again_at = again_at


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that asks or signs in: its own random mark, what it calls itself, where it comes from."""

    mark: str
    device: str
    remote_address: str | None


def ask_for_sign_in(
    session: Session, house: House, *, address: str, browser: Browser, next_path: str, now: datetime
) -> LoginToken:
    """Mail a link and a code to ``address`` (canonical), known or not: what happens is the same. An older one dies.

    Raises AskedTooOften.
    """
    link = f"{house.settings.public_url}/sign-in/{TOKEN_PLACE}"
    facts = {"link": link, "device": browser.device}
    return _ask(session, house, "login", facts, address=address, browser=browser, next_path=next_path, now=now)


def ask_for_proof(
    session: Session, house: House, *, address: str, browser: Browser, by: Person, place: str, now: datetime
) -> LoginToken:
    """Mail a code to ``address`` (canonical) that shows whoever types it reads it: no link, for nobody signs in by it.
    ``place`` is the inbox that wants to take in what comes there. Raises AskedTooOften."""
    facts = {"by": inert(by.shown_name), "place": inert(place)}
    return _ask(session, house, "proof", facts, address=address, browser=browser, next_path="", now=now)


def _ask(
    session: Session,
    house: House,
    folder: str,
    facts: dict[str, str],
    *,
    address: str,
    browser: Browser,
    next_path: str,
    now: datetime,
) -> LoginToken:
    secret = house.settings.secret_key.get_secret_value()
    token, token_id = new_token(), new_id()
    asked = LoginToken(
        id=token_id,
        address=address,
        rate_key=rate_key(address),
        token_hash=digest_of(token),
        code_hash=code_hash(secret, token_id, code_of(token)),
        browser_hash=digest_of(browser.mark),
        client_hash=client_hash(secret, browser.remote_address),
        device=browser.device,
        next_path=next_path[:500],
        created_at=now,
        expires_at=now + timedelta(minutes=house.limits.login_minutes),
    )
    _check_rate(session, asked, house.limits.logins_per_hour, now)
    _let_older_die(session, address, now)
    session.add(asked)
    session.flush()
    mail = mail_template(MAIL_FOLDER / folder).render(
        **facts,
        code=CODE_PLACE,
        minutes=house.limits.login_minutes,
        postal_address=house.settings.postal_address,
    )
    write_mail(
        session,
        kind=OutgoingKind.LOGIN,
        dedupe_key=f"login:{token_id}",
        login=asked,
        token=token,
        keys=house.keys,
        due_at=now,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
    )
    return asked


def _check_rate(session: Session, asked: LoginToken, per_address: int, now: datetime) -> None:
    hour_ago = now - timedelta(hours=1)
    limits: list[tuple[Any, int]] = [
        (LoginToken.rate_key == asked.rate_key, per_address),
        (LoginToken.browser_hash == asked.browser_hash, ASKS_PER_BROWSER),
    ]
    if asked.client_hash is not None:
        limits.append((LoginToken.client_hash == asked.client_hash, ASKS_PER_CLIENT))
    for same_one, limit in limits:
        recent = select(func.count(), func.min(LoginToken.created_at)).where(same_one, LoginToken.created_at > hour_ago)
        count, oldest = session.execute(recent).one()
        if count >= limit:
            log.info("sign-in asked for too often")
            raise AskedTooOften(oldest + timedelta(hours=1))


def _let_older_die(session: Session, address: str, now: datetime) -> None:
    waiting = (LoginToken.address == address, LoginToken.used_at.is_(None), LoginToken.expires_at > now)
    session.execute(update(LoginToken).where(*waiting).values(expires_at=now))


def use_link(session: Session, token: str, now: datetime) -> LoginToken | None:
    """Spend the link: true for one caller ever, however many try at once (INVARIANTS L3)."""
    asked = session.scalar(select(LoginToken).where(LoginToken.token_hash == digest_of(token)))
    return asked if asked and _spend(session, asked.id, now) else None


def use_code(
    session: Session, secret: str, asked_id: UUID, browser_mark: str, code: str, now: datetime
) -> LoginToken | None:
    """Spend the code, in the browser that asked only. Each wrong one is counted; after CODE_TRIES none is right."""
    alive = (LoginToken.used_at.is_(None), LoginToken.expires_at > now, LoginToken.tries < CODE_TRIES)
    counted = session.execute(
        update(LoginToken)
        .where(LoginToken.id == asked_id, LoginToken.browser_hash == digest_of(browser_mark), *alive)
        .values(tries=LoginToken.tries + 1)
    )
    if cast("CursorResult[Any]", counted).rowcount != 1:
        return None
    asked = session.get_one(LoginToken, asked_id)
    if not same(asked.code_hash, code_hash(secret, asked_id, code)):
        return None
    return asked if _spend(session, asked_id, now) else None


def _spend(session: Session, asked_id: UUID, now: datetime) -> bool:
    spent = session.execute(
        update(LoginToken)
        .where(LoginToken.id == asked_id, LoginToken.used_at.is_(None), LoginToken.expires_at > now)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", spent).rowcount == 1


def sign_in(session: Session, asked: LoginToken, *, device: str, zone: str, now: datetime) -> tuple[Person, str] | None:
    """Begin a session for whoever reads ``asked.address``: the person (new if need be) and the session's token.

    None when that person has been disabled. Signing in proves the mailbox of that very address, and nothing else (D2).
    """
    person = person_of(session, asked.address, zone)
    if person.disabled_at is not None:
        log.warning("a disabled person tried to sign in", person=str(person.id))
        return None
    _prove_mailbox(session, person, now)
    asked.person_id = person.id
    token = new_token()
    session.add(
        WebSession(token_hash=digest_of(token), person_id=person.id, device=device, created_at=now, seen_at=now)
    )
    _record(session, "signed_in", person, now, device=device)
    return person, token


def person_of(session: Session, address: str, zone: str) -> Person:
    """Whoever has that address (canonical), made in ``zone`` when nobody does."""
    known = select(Person).where(Person.address == address)
    person = session.scalar(known)
    if person is None:
        try:
            with session.begin_nested():
                person = Person(address=address, zone=zone, locale=locale())
                session.add(person)
        except IntegrityError:  # a connector or another process was first
            person = session.scalars(known).one()
    return person


def _prove_mailbox(session: Session, person: Person, now: datetime) -> None:
    mailbox = session.scalar(select(Mailbox).where(Mailbox.address == person.address))
    if mailbox is None or mailbox.left_at is not None:  # out of the team: only an invitation leads in again
        return
    if mailbox.proven_at is None:
        mailbox.proven_at = now
        _record(session, "mailbox_proven", person, now, subject=mailbox.id, customer=mailbox.customer_id)
    # The first through the door manages it; locked, so that two first ones are not both.
    session.execute(select(Customer.id).where(Customer.id == mailbox.customer_id).with_for_update())
    members = session.scalars(select(CustomerMember).where(CustomerMember.customer_id == mailbox.customer_id)).all()
    if not any(member.person_id == person.id for member in members):
        role = CustomerRole.PAYER if members else CustomerRole.ADMIN
        session.add(CustomerMember(customer_id=mailbox.customer_id, person_id=person.id, role=role, created_at=now))
        _record(session, "customer_joined", person, now, customer=mailbox.customer_id, role=str(role))


def change_profile(session: Session, person_id: UUID, *, name: str, zone: str, locale: str) -> None:
    session.execute(update(Person).where(Person.id == person_id).values(name=name, zone=zone, locale=locale))


def stay(session: Session, token_hash: bytes, now: datetime) -> None:
    """The session is in use: its idle time begins anew."""
    session.execute(
        update(WebSession).where(WebSession.token_hash == token_hash, WebSession.ended_at.is_(None)).values(seen_at=now)
    )


def sign_out(session: Session, person: Person, token_hash: bytes, now: datetime) -> None:
    _end(session, now, WebSession.token_hash == token_hash, WebSession.person_id == person.id)
    _record(session, "signed_out", person, now)


def sign_out_everywhere(session: Session, person: Person, now: datetime) -> int:
    """End every session of ``person``, this one too; returns how many there were."""
    ended = _end(session, now, WebSession.person_id == person.id)
    _record(session, "signed_out_everywhere", person, now, sessions=ended)
    return ended


def _end(session: Session, now: datetime, *which: Any) -> int:
    ended = session.execute(update(WebSession).where(WebSession.ended_at.is_(None), *which).values(ended_at=now))
    return cast("CursorResult[Any]", ended).rowcount


def _record(
    session: Session,
    action: str,
    person: Person,
    now: datetime,
    *,
    subject: UUID | None = None,
    customer: UUID | None = None,
    **detail: Any,
) -> None:
    log.info(action, person=str(person.id))
    session.add(AuditEntry.by(person.id, action, now, customer_id=customer, subject_id=subject, detail=detail))
