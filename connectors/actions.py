"""What changes when a vendor connects, loses or ends a permission, chooses an address, or goes live."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.address import canonical
from app.bulk import Bulk
from app.house import House
from app.models import (
    AuditEntry,
    BillTo,
    Connection,
    ConnectionState,
    Person,
    Vendor,
    VendorMember,
    VendorRole,
)
from app.money import MoneyError, exponent
from app.outbox.actions import write_notice
from app.outbox.rendering import inert, mail_template
from app.receivables.direct import settle_reports
from app.receivables.matching import reach_customers, touch
from app.receivables.twins import look_again
from app.scope import widened
from app.settings import ROOT, Limits
from app.trust.actions import judge, name_given
from app.trust.payees import know_hosts
from app.words import _, speaking
from connectors import registry
from connectors.base import Account
from connectors.history import remember_ends
from connectors.queries import Pair
from connectors.rows import GONE_HASH, UNSEEN_VERSION
from connectors.rules import shown_name

log = structlog.get_logger()

MANAGING = (VendorRole.OWNER, VendorRole.ADMIN)
ANSWERS = ("stands", "other", "two")  # which of two differing invoices is right; or that they are two
_MAILS = ROOT / "connectors" / "templates" / "connectors" / "mail"


class NotConnected(Exception):
    """The company cannot be connected here; the message says why, for the person who tried."""


# --- connecting -----------------------------------------------------------------------------------------------------


def keep_choice(
    session: Session, *, person: Person, provider: str, accounts: Sequence[Account], now: datetime
) -> Connection:
    """Consent opened several companies: remember them until the person has chosen one."""
    choices = [
        {"id": one.external_id, "name": one.name, "currency": one.currency, "zone": one.zone, "country": one.country}
        for one in accounts
    ]
    connection = Connection(
        person_id=person.id, provider=provider, choices=choices, state=ConnectionState.CHOOSING, created_at=now
    )
    session.add(connection)
    session.flush()
    return connection


def connect_company(
    session: Session,
    *,
    person: Person,
    provider: str,
    account: Account,
    vendor_id: UUID | None,
    now: datetime,
    limits: Limits,
    pending: Connection | None = None,
) -> Connection:
    """The connection to ``account``, active and due for its first pull; its tokens are the caller's to store.

    Without ``vendor_id`` the company signs up: a vendor is made and the person owns it. The same account again is a
    reconnect and keeps its id. ``pending`` is the connection the choice was made from. Raises NotConnected.
    """
    _one_at_a_time(session, provider, account.external_id)
    known = _connections_to(session, provider, account.external_id)
    mine = _vendors_of(session, person)
    taken = [one for one in known if one.state != ConnectionState.DISCONNECTED and one.vendor_id != vendor_id]
    if vendor_id is None and (ours := next((one for one in taken if one.vendor_id in mine), None)):
        vendor_id = ours.vendor_id  # signing up with a company of ours again: a reconnect
    elif taken:
        raise NotConnected(_taken(account, any(one.vendor_id in mine for one in taken)))
    if vendor_id is not None and vendor_id not in mine:
        raise NotConnected(_("You can connect books only for a company whose owner or administrator you are."))
    vendor = session.get_one(Vendor, vendor_id) if vendor_id else _sign_up(session, person, account, provider, now)
    found = next((one for one in known if one.vendor_id == vendor.id), None)
    if found is not None and pending is not None:
        session.delete(pending)
    connection = found or pending or Connection(provider=provider, created_at=now)
    _activate(connection, vendor, person, account, now)
    session.add(connection)
    session.flush()
    _record(session, connection, "connection.reconnected" if found else "connection.made", now, person.id)
    know_hosts(session, vendor, registry.pay_hosts(provider), person.id, now, limits)
    judge(session, vendor, now, person.id)
    log.info("connected", connection=str(connection.id), provider=provider, again=found is not None)
    return connection


def _activate(connection: Connection, vendor: Vendor, person: Person, account: Account, now: datetime) -> None:
    connection.vendor_id, connection.person_id, connection.account_id = vendor.id, person.id, account.external_id
    connection.account_name = account.name[:200]
    connection.account_currency, connection.account_zone = _currency(account), account.zone[:64]
    connection.state, connection.choices = ConnectionState.ACTIVE, []
    connection.refresh_lease_until = connection.lease_owner = connection.lease_until = None
    spec = registry.get(connection.provider).spec
    is_file = spec.kind == "file"
    connection.next_pull_at, connection.failures = None if is_file else now, 0
    connection.files_since = connection.files_since or now if is_file else None
    connection.hook_due_at = now if spec.webhooks == "connection" else None
    connection.renewed_at = now
    connection.last_error, connection.last_error_at = "", None


def _one_at_a_time(session: Session, provider: str, account_id: str) -> None:
    """Two people connecting the same company at the same moment must see each other; SQLite has one writer anyhow."""
    if session.get_bind().dialect.name == "postgresql":
        digest = hashlib.blake2b(f"{provider}/{account_id}".encode(), digest_size=8).digest()
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(digest, "big", signed=True))))


def _connections_to(session: Session, provider: str, account_id: str) -> list[Connection]:
    query = select(Connection).where(Connection.provider == provider, Connection.account_id == account_id)
    return list(session.execute(query.order_by(Connection.created_at)).scalars())


def _vendors_of(session: Session, person: Person) -> set[UUID]:
    query = select(VendorMember.vendor_id).where(
        VendorMember.person_id == person.id, VendorMember.role.in_([str(role) for role in MANAGING])
    )
    return set(session.execute(query).scalars())


def _taken(account: Account, is_mine: bool) -> str:
    """Said to somebody the provider has just shown to be in charge of that company's books."""
    name = account.name or _("This company")
    if is_mine:
        return f"{name} is already connected to another company of yours. Disconnect it there first."
    return f"{name} is already connected to Sheaf by a colleague. Ask them to add you to the team."


def _sign_up(session: Session, person: Person, account: Account, provider: str, now: datetime) -> Vendor:
    """Connecting is the sign-up: what we need to know of a company, its books say."""
    vendor = Vendor(
        name=shown_name(account.name),
        legal_name=" ".join(account.name.split())[:120],
        country=account.country.upper() if len(account.country) == 2 and account.country.isalpha() else "",
        currency=_currency(account) or "USD",
        zone=account.zone if account.zone in available_timezones() else "UTC",
        created_at=now,
    )
    session.add(vendor)
    session.flush()
    session.add(VendorMember(vendor_id=vendor.id, person_id=person.id, role=VendorRole.OWNER, created_at=now))
    name_given(session, vendor, now)
    session.add(
        AuditEntry.by(
            person.id, "vendor.signed_up", now, vendor_id=vendor.id, subject_id=vendor.id, detail={"provider": provider}
        )
    )
    return vendor


def _currency(account: Account) -> str:
    try:
        exponent(account.currency)
    except MoneyError:
        return ""
    return account.currency.upper()


def note_refusal(session: Session, *, person: Person, provider: str, now: datetime) -> None:
    """Somebody said no on the consent page."""
    session.add(AuditEntry.by(person.id, "connection.refused", now, detail={"provider": provider}))


# --- losing and ending ----------------------------------------------------------------------------------------------


def lose_permission(
    session: Session, house: House, connection_id: UUID, why: str, now: datetime, *, sealed: str | None = None
) -> bool:
    """The grant is dead, only the vendor can mend it: says so on the page, in the audit, once by mail to each owner.

    ``sealed``: only while that pair is still the stored one. Returns whether this call was the one that noticed.
    """
    statement = update(Connection).where(Connection.id == connection_id, Connection.state == ConnectionState.ACTIVE)
    if sealed is not None:
        statement = statement.where(Connection.tokens == sealed)
    done = session.execute(
        statement.values(
            state=ConnectionState.NEEDS_RECONNECT,
            next_pull_at=None,
            hook_due_at=None,
            refresh_lease_until=None,
            last_error=f"{why} Please reconnect."[:300],
            last_error_at=now,
        )
        .returning(Connection.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if done is None:
        return False
    connection = session.get_one(Connection, connection_id, populate_existing=True)
    _record(session, connection, "connection.lost", now, None, reason=why[:200])
    _tell_owners(session, house, connection, "reconnect", now)
    log.warning("permission lost", connection=str(connection_id), provider=connection.provider)
    return True


def _tell_owners(session: Session, house: House, connection: Connection, what: str, now: datetime) -> None:
    owners = (
        select(Person)
        .join(VendorMember, VendorMember.person_id == Person.id)
        .where(VendorMember.vendor_id == connection.vendor_id, VendorMember.role == VendorRole.OWNER)
        .where(Person.disabled_at.is_(None))
    )
    facts = {
        "title": registry.get(connection.provider).spec.title,
        "account": inert(connection.account_name, 60),
        "link": f"{house.settings.public_url}/desk/connections",
        "postal_address": house.settings.postal_address,
    }
    for owner in session.execute(owners).scalars():
        with speaking(owner.locale):
            mail = mail_template(_MAILS / what).render(**facts)
        write_notice(session, owner, f"{what}:{connection.id}:{now:%Y%m%d%H%M%S%f}:{owner.id}", mail, now)


def end_from_outside(session: Session, house: House, connection: Connection, now: datetime) -> None:
    """The vendor has ended the permission at the provider: the same as ending it here, and its owners are told, for
    whoever did it there may not know what hangs on it."""
    disconnect(session, connection, person=None, now=now)
    _tell_owners(session, house, connection, "ended", now)


def disconnect(session: Session, connection: Connection, *, person: Person | None, now: datetime) -> None:
    """Destroy the tokens and take its lines out of every later digest (INVARIANTS K5). Connecting the same company
    again brings back what is open then. Without ``person`` it was the provider that said so."""
    connection.state, connection.tokens, connection.tokens_expire_at = ConnectionState.DISCONNECTED, None, None
    connection.next_pull_at = connection.lease_owner = connection.lease_until = None
    connection.hook = connection.hook_due_at = connection.hook_expires_at = None
    connection.refresh_lease_until = connection.first_synced_at = connection.reconciled_at = connection.as_of = None
    connection.cursor, connection.failures, connection.last_error, connection.last_error_at = {}, 0, "", None
    session.flush()
    with widened(session, "the books are only written by workers; this connection was found in scope"):
        _forget_books(Bulk(session), connection.id, now)
    by = person.id if person else None
    _record(session, connection, "connection.ended", now, by, **({} if person else {"by": "the provider"}))
    judge(session, session.get_one(Vendor, connection.vendor_id), now, by)
    log.info("disconnected", connection=str(connection.id), provider=connection.provider)


def _forget_books(bulk: Bulk, connection_id: UUID, now: datetime) -> None:
    """Nothing that came through this connection is owed any more, as far as we know. What stood for the same invoice in
    other books of the vendor, or had that stand for it, is found to be alone first."""
    look_again(
        bulk,
        "SELECT id FROM invoice WHERE connection_id = :c AND (state = 'open' OR same_as_id IS NOT NULL)",
        now,
        c=connection_id,
    )
    remember_ends(bulk, "invoice i WHERE i.connection_id = :c AND i.state = 'open'", now, c=connection_id)
    forgotten: dict[str, Any] = {"c": connection_id, "version": UNSEEN_VERSION, "hash": GONE_HASH}
    bulk.run(
        """UPDATE invoice SET state = 'gone', balance_minor = 0, due_minor = 0, version = :version,
            content_hash = :hash, updated_at = :now WHERE connection_id = :c AND state = 'open'""",
        now=now,
        **forgotten,
    )
    bulk.run(
        "DELETE FROM invoice_document WHERE invoice_id IN (SELECT id FROM invoice WHERE connection_id = :c)",
        c=connection_id,
    )
    bulk.run(
        """UPDATE credit SET remaining_minor = 0, version = :version, content_hash = :hash
        WHERE connection_id = :c AND remaining_minor <> 0""",
        **forgotten,
    )


# --- what the vendor decides ----------------------------------------------------------------------------------------


def go_live(session: Session, vendor: Vendor, *, person: Person, now: datetime) -> None:
    """From now on the vendor's invoices go into its customers' digests. Idempotent."""
    if vendor.live_at is None:
        vendor.live_at = now
        session.add(AuditEntry.by(person.id, "vendor.live", now, vendor_id=vendor.id, subject_id=vendor.id))
        log.info("vendor live", vendor=str(vendor.id))


def answer_reminders(
    session: Session, vendor: Vendor, connection: Connection, *, is_off: bool, person: Person, now: datetime
) -> None:
    """What the vendor says of its provider's own reminders (FEATURES A3)."""
    connection.reminders_off, connection.reminders_said_at = is_off, now
    _record(session, connection, "reminders.off" if is_off else "reminders.on", now, person.id)
    if is_off:
        settle_reports(session, vendor.id, now)


def choose_address(session: Session, bill_to: BillTo, written: str, *, person: Person, now: datetime) -> str | None:
    """Where this bill_to's mail goes from now on, whatever the books say; "" goes back to the books (FEATURES A5).

    Returns what is wrong with ``written``, for the person who typed it, or None.
    """
    address = canonical(written) if written.strip() else None
    if written.strip() and address is None:
        return _("This is not an e-mail address.")
    bill_to.chosen_address = address
    session.add(
        AuditEntry.by(person.id, "bill_to.address_chosen", now, vendor_id=bill_to.vendor_id, subject_id=bill_to.id)
    )
    session.flush()
    with widened(session, "whose mailbox an address is, is found over all vendors, and its customer made when new"):
        bulk = Bulk(session)
        touch(bulk, [bill_to.id])
        reach_customers(bulk, now)
    session.expire(bill_to)
    return None


def rule_twins(session: Session, pair: Pair, answer: str, *, person: Person, now: datetime) -> None:
    """The vendor's word about an invoice that two of its connections tell differently. It holds until the one that was
    not believed says something new. Whatever was promised or disputed goes along with the one that stands."""
    stands, other = pair.stands.id, pair.other.id
    with widened(session, "the books are only written by workers; both invoices were found in scope"):
        bulk = Bulk(session)
        if answer == "other":
            bulk.run("UPDATE invoice SET same_as_id = NULL WHERE id = :id", id=other)
            bulk.run(_TAKE_HOLDS, stands=stands, other=other, now=now)
            stands, other = other, stands
        same_as = other if answer == "two" else stands
        bulk.run(
            "UPDATE invoice SET same_as_id = :same, ruled_at = :now WHERE id = :id", same=same_as, now=now, id=other
        )
        look_again(bulk, "SELECT id FROM invoice WHERE id IN (:one, :two)", now, one=stands, two=other)
    entry = AuditEntry.by(person.id, "invoice.ruled", now, vendor_id=pair.stands.vendor_id, subject_id=pair.stands.id)
    entry.detail = {"answer": answer, "other": str(pair.other.id)}
    session.add(entry)


_TAKE_HOLDS = """UPDATE hold SET invoice_id = :other
    WHERE invoice_id = :stands AND ended_at IS NULL AND ends_at > :now AND kind <> 'unclear'"""


def pull_soon(connection: Connection, now: datetime) -> None:
    """The next tick pulls it, whatever it was waiting for."""
    if connection.state == ConnectionState.ACTIVE and not connection.files_since:
        connection.next_pull_at = now


def _record(
    session: Session, connection: Connection, action: str, now: datetime, person_id: UUID | None, **detail: str
) -> None:
    session.add(
        AuditEntry.by(
            person_id,
            action,
            now,
            otherwise="worker",
            vendor_id=connection.vendor_id,
            subject_id=connection.id,
            detail={"provider": connection.provider, **detail},
        )
    )
