"""What ticks: pull what is due, handle stored events, forget old ones. And what wsgi hands to the rest of the product:
look again before a digest, look at one invoice at a click, fetch the page where it is paid."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, or_, select

from app import clock
from app.db import database_now
from app.house import House
from app.later import later
from app.models import (
    Connection,
    ConnectionState,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    TaskKind,
    VendorTask,
)
from app.models.connection import IS_PULLED
from app.paying.actions import host_of
from app.scheduler import Job
from app.settings import Limits
from app.tasks.actions import Matter, raise_tasks
from app.trust.queries import bare, proofs_of
from app.trust.rules import belongs_to
from app.words import marked
from connectors import registry
from connectors.asking import WORKER, connection_of, fetch, with_access
from connectors.base import PayLink, ProviderError
from connectors.documents import forget_documents
from connectors.events import drain_events
from connectors.file_waiting import forget_files
from connectors.hooks import keep_hooks
from connectors.oauth import keep_grants
from connectors.rules import is_payable
from connectors.sync import Claimed, claim, claim_due, sync
from connectors.write_back import write_back

log = structlog.get_logger()

PULLS = 4  # at once in one process
PULLS_A_RUN = 20  # by one thread, then the scheduler looks whether the worker is to stop
LOOKS = 16  # threads of look_again
UNFINISHED = timedelta(days=1)  # a company not chosen by then never will be


def pull_due(house: House) -> int:
    """Pull every connection whose time has come; returns how many. A slow one holds up its own thread only."""
    first = claim_due(house, PULLS)
    if not first:
        return 0
    with ThreadPoolExecutor(len(first), thread_name_prefix="pull") as pool:
        return sum(pool.map(partial(_pull_and_go_on, house), first))


def _pull_and_go_on(house: House, claimed: Claimed) -> int:
    done, following = 0, [claimed]
    while following:
        sync(house, following[0])
        done += 1
        following = claim_due(house, 1) if done < PULLS_A_RUN else []
    return done


def forget_old(house: House) -> int:
    """Consents nobody finished, documents nobody asked for again, files nobody said yes to; how many rows went."""
    now = clock.now()
    unfinished = (Connection.state == ConnectionState.CHOOSING) & (Connection.created_at < now - UNFINISHED)
    with house.database.transaction(WORKER) as session:
        left = session.execute(delete(Connection).where(unfinished).execution_options(synchronize_session=False))
        gone = int(getattr(left, "rowcount", 0))
    return gone + forget_documents(house, now) + forget_files(house, now)


def look_at_payments(house: House) -> int:
    """Read again what somebody went to pay (FEATURES I1 E7): a provider's page leads nobody back to us, and its webhook
    may be lost. Once a minute while the payment may be on its way; the row's own hold says how long."""
    with house.database.reading(WORKER) as session:
        now = database_now(session)
        query = (
            select(Connection, Invoice.external_id)
            .join(Invoice, Invoice.connection_id == Connection.id)
            .join(Hold, Hold.invoice_id == Invoice.id)
            .where(Hold.kind == HoldKind.PAYING, Hold.ended_at.is_(None), Hold.ends_at > now)
            .where(Invoice.state == InvoiceState.OPEN, Connection.state == ConnectionState.ACTIVE)
            .limit(LOOKS * 10)
        )
        wanted: dict[UUID, tuple[Connection, set[str]]] = {}
        for connection, external_id in session.execute(query):
            wanted.setdefault(connection.id, (connection, set()))[1].add(external_id)

    def look(connection: Connection, names: set[str]) -> None:
        try:
            fetch(house, connection, {"invoice": names}, seconds=house.limits.http_seconds)
        except ProviderError as problem:
            log.info("no fresh look", connection=str(connection.id), problem=type(problem).__name__)

    if wanted:
        calls = [partial(look, *each) for each in wanted.values()]
        _side_by_side(LOOKS, house.limits.settled_check_seconds, calls)
    return 0  # looked at again at the next tick, not at once


def tell_of_old_books(house: House) -> int:
    """A task for the vendor, once, when its data is too old; gone when it is fresh again (FEATURES D9)."""
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        state = Connection.state.in_((ConnectionState.ACTIVE, ConnectionState.NEEDS_RECONNECT))
        pulled, sent = Connection.files_since.is_(None), Connection.files_since.is_not(None)
        is_late = or_(
            pulled & (Connection.as_of < now - timedelta(hours=house.limits.stale_warn_hours)),
            sent & (Connection.as_of < now - timedelta(days=house.limits.file_ask_days)),
        )
        query = select(Connection).where(state, Connection.vendor_id.is_not(None), is_late)
        late = list(session.execute(query).scalars())
        raise_tasks(session, [_lateness(each, house.limits) for each in late], now, is_final=True)
        waiting = select(VendorTask).where(VendorTask.kind == TaskKind.BOOKS, VendorTask.done_at.is_(None))
        names = {_incident(each) for each in late}
        for task in session.execute(waiting).scalars():
            task.done_at = None if task.subject_key in names else now
    return 0


def _lateness(connection: Connection, limits: Limits) -> Matter:
    name = connection.account_name or later(marked("a company"))
    words = later(marked("The books of %(name)s were last read more than a day ago."), name=name)
    warned = marked("Look at Connections. After %(hours)s hours their invoices are left out of reminders.")
    remedy = later(warned, hours=limits.stale_drop_hours)
    if connection.files_since:
        days = limits.file_ask_days
        words = later(marked("The last file of %(name)s came more than %(days)s days ago."), name=name, days=days)
        warned = marked("Import what is open now. After %(days)s days nobody is reminded of it.")
        remedy = later(warned, days=limits.file_drop_days)
    assert connection.vendor_id
    return Matter(connection.vendor_id, TaskKind.BOOKS, _incident(connection), words, remedy)


def _incident(connection: Connection) -> str:
    return f"books:{connection.id}:{connection.as_of:%Y%m%dT%H%M%S}"


JOBS: list[Job] = [
    Job("provider events", 2.0, drain_events),
    Job("pull", 5.0, pull_due),
    Job("webhooks of connections", 30.0, keep_hooks),
    Job("write back", 20.0, write_back),
    Job("idle grants", 3600.0, keep_grants),
    Job("started payments", 60.0, look_at_payments),
    Job("old books", 600.0, tell_of_old_books),
    Job("forget", 3600.0, forget_old),
]


# --- for the digest: the settled check of many ----------------------------------------------------------------------


def look_again(house: House, connection_ids: Sequence[UUID], budget_seconds: float) -> dict[UUID, datetime]:
    """Pull now what changed for those whose data is older than fresh_minutes, side by side, within the budget.

    Returns when each one's rows were last true. One that is missing has never been read; a slow one goes on in the
    background and shows its old instant.
    """
    wanted = list(dict.fromkeys(connection_ids))
    old = _older_than_fresh(house, wanted)
    if old:
        deadline = time.monotonic() + budget_seconds
        _side_by_side(LOOKS, budget_seconds, [partial(_look, house, one, deadline) for one in old])
    with house.database.reading(WORKER) as session:
        query = select(Connection.id, Connection.as_of).where(Connection.id.in_(wanted), Connection.as_of.is_not(None))
        return {row.id: row.as_of for row in session.execute(query) if row.as_of is not None}


def _older_than_fresh(house: House, connection_ids: Sequence[UUID]) -> list[UUID]:
    with house.database.reading(WORKER) as session:
        limit = database_now(session) - timedelta(minutes=house.limits.fresh_minutes)
        query = select(Connection.id).where(Connection.id.in_(connection_ids), IS_PULLED, Connection.as_of <= limit)
        return list(session.execute(query).scalars())


def _look(house: House, connection_id: UUID, deadline: float) -> None:
    """Pull it, or wait for whoever is pulling it just now."""
    claimed = claim(house, connection_id)
    if claimed is not None:
        sync(house, claimed, is_quick=True)
        return
    while time.monotonic() < deadline and _older_than_fresh(house, [connection_id]):
        time.sleep(0.1)


def _side_by_side(threads: int, seconds: float, calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Run the calls in threads of their own and wait no longer than that; whoever is late goes on alone."""
    pool = ThreadPoolExecutor(min(threads, len(calls)), thread_name_prefix="look")
    futures = [pool.submit(call) for call in calls]
    wait(futures, timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return futures


# --- for the pages: one invoice -------------------------------------------------------------------------------------


def look_at_invoice(house: House, invoice_id: UUID, budget_seconds: float) -> None:
    """Read one invoice again at its provider and write what it is: within the budget, never an error for the page."""
    found = connection_of(house, invoice_id)
    if found is None:
        return
    connection, external_id = found

    def look() -> None:
        try:
            fetch(house, connection, {"invoice": [external_id]}, seconds=budget_seconds)
        except ProviderError as problem:
            log.info("no fresh look", invoice=str(invoice_id), problem=type(problem).__name__)

    (done,) = _side_by_side(1, budget_seconds, [look])
    if done.done() and not done.cancelled() and (problem := done.exception()):
        log.error("look broke", invoice=str(invoice_id), exc_info=problem)


def pay_link(house: House, invoice_id: UUID) -> PayLink | None:
    """The provider's live page for this invoice, when it leads where this provider's pages are (INVARIANTS L7)."""
    found = connection_of(house, invoice_id)
    if found is None:
        return None
    connection, external_id = found
    try:
        link = _ask_for_link(house, connection, external_id)
    except ProviderError as problem:
        log.info("no pay page", invoice=str(invoice_id), problem=type(problem).__name__)
        return None
    if link is not None and not _is_payable(house, connection, link.url):
        log.error("pay page elsewhere", invoice=str(invoice_id), provider=connection.provider)
        return None
    return link


def _is_payable(house: House, connection: Connection, url: str) -> bool:
    """On a host of the provider, or of a domain the vendor has proven to be its own."""
    if is_payable(url, registry.pay_hosts(connection.provider)):
        return True
    host = bare(host_of(url, is_secure=True))
    if not host or connection.vendor_id is None:
        return False
    with house.database.reading(WORKER) as session:
        proven = [proof.domain for proof in proofs_of(session, connection.vendor_id) if proof.is_proven]
    return belongs_to(host, proven) and is_payable(url, [host])


def pay_host(house: House, invoice_id: UUID) -> str:
    """The host that invoice's pay page will have, without asking anybody; "" when there is none."""
    found = connection_of(house, invoice_id)
    if found is None:
        return ""
    if found[0].files_since:
        url = _link_in_file(house, *found)
        return bare(host_of(url, is_secure=True)) if _is_payable(house, found[0], url) else ""
    return next(iter(sorted(registry.pay_hosts(found[0].provider))), "")


def _ask_for_link(house: House, connection: Connection, external_id: str) -> PayLink | None:
    if connection.files_since:
        url = _link_in_file(house, connection, external_id)
        return PayLink(url) if url else None
    connector = registry.get(connection.provider)
    return with_access(house, connection, lambda ctx: connector.pay_link(ctx, external_id))


def _link_in_file(house: House, connection: Connection, external_id: str) -> str:
    query = select(Invoice.details).where(Invoice.connection_id == connection.id, Invoice.external_id == external_id)
    with house.database.reading(WORKER) as session:
        details = session.execute(query).scalar_one_or_none() or {}
    return str(details.get("pay_url", ""))
