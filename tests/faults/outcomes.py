"""What must have come of each flow in the end, however often it was broken off: yields what has not, in words."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock
from app.links import digest_of
from app.models import (
    AuditEntry,
    Connection,
    ConnectionState,
    Digest,
    DigestLine,
    Hold,
    Invoice,
    LoginToken,
    Mailbox,
    Message,
    Outgoing,
    Thread,
    ThreadInvoice,
    WebSession,
)
from app.money import Money
from app.scope import Everything
from tests.faults.ground import Ground
from tests.support.sinks import Taken

if TYPE_CHECKING:
    from tests.faults.flows import Case

_LOOK = Everything("the harness looks at what came of it")


def dune_got_one(place: Ground, _case: "Case") -> Iterator[str]:
    """One mail for the window, known as accepted, whose links work."""
    mails = _to(place, "rechnung@dune.example")
    if len(mails) != 1:
        yield f"{len(mails)} digests to Dune instead of one"
        return
    token = mails[0].headers["List-Unsubscribe"].partition("/m/")[2].partition("/")[0]
    for page in ("", "/1", "/unsubscribe"):
        if place.browser().get(f"/m/{token}{page}").status_code != 200:
            yield f"the mail's link {page or 'to the digest'} does not work"
    outcomes = _all(place, select(Digest.outcome).join(Mailbox).where(Mailbox.address == "rechnung@dune.example"))
    if outcomes != ["accepted"]:
        yield f"Dune's windows ended as {outcomes}"


def dune_is_silenced(place: Ground, _case: "Case") -> Iterator[str]:
    if _all(place, select(Mailbox.suppressed_at).where(Mailbox.address == "rechnung@dune.example")) == [None]:
        yield "the address bounced and is not suppressed"
    if (count := _count(place, AuditEntry, AuditEntry.action == "mailbox.suppressed")) != 1:
        yield f"{count} records of one suppression"


def asked_once(place: Ground, _case: "Case") -> Iterator[str]:
    """One message, in one conversation about that invoice, and its mail to everybody who answers for that vendor."""
    with place.house.database.reading(_LOOK) as session:
        said = session.scalars(select(Message).where(Message.body.startswith("Which delivery"))).all()
        told = session.scalars(select(Outgoing).where(Outgoing.kind == "question")).all()
    if len(said) != 1:
        yield f"the question is stored {len(said)} times"
        return
    mine = [row for row in told if row.dedupe_key.startswith(f"question:{said[0].id}:")]
    if len(mine) != 1 or mine[0].state != "accepted":
        yield f"its mails: {[str(row.state) for row in mine]}"
    if not [mail for mail in place.sink.taken if mine and mail.to == mine[0].address and "asks" in mail.subject]:
        yield "nobody at the vendor was told"
    if _count(place, ThreadInvoice, ThreadInvoice.thread_id == said[0].thread_id) < 1:
        yield "the conversation has lost its invoice"


def answered_once(place: Ground, case: "Case") -> Iterator[str]:
    if (count := _count(place, Message, Message.thread_id == case.notes["thread"], Message.side == "vendor")) != 1:
        yield f"the answer is stored {count} times"
    mails = [mail for mail in _to(place, "ap@cobalt.example") if "/thread" in mail.body["text"]]
    if len(mails) != 1:
        yield f"{len(mails)} mails with the answer"
    for mail in mails:
        token = mail.body["text"].partition("/m/")[2].partition("/")[0]
        if place.browser().get(f"/m/{token}/thread").status_code != 200:
            yield "the link in the answer does not work"


def one_hold(place: Ground, case: "Case") -> Iterator[str]:
    """A payment begun is over after its half hour, and a vendor's hold runs on: never two at once."""
    invoice_id = getattr(case.notes["invoice"], "id", case.notes["invoice"])
    with place.house.database.reading(_LOOK) as session:
        holds = session.scalars(select(Hold).where(Hold.invoice_id == invoice_id)).all()
    live = [hold for hold in holds if hold.ended_at is None]
    if len(live) != 1:
        yield f"{len(live)} holds are on the invoice instead of one"


def books_agree(place: Ground, case: "Case") -> Iterator[str]:
    """What we hold of that invoice is what the provider's books say."""
    told = case.notes["told"]
    truth = next(row for row in place.books.invoices(told["company"]) if row["id"] == told["invoice_id"])
    ours = _all(place, select(Invoice.balance_minor).where(Invoice.external_id == told["invoice_id"]))
    if ours != [Money.of(truth["balance"], truth["currency"]).minor]:
        yield f"the books say {truth['balance']}, we {ours}"


def cedar_is_here(place: Ground, _case: "Case") -> Iterator[str]:
    """All of its books, and the cursor that belongs to them."""
    with place.house.database.reading(_LOOK) as session:
        connection = session.scalars(select(Connection).where(Connection.account_name == "Cedar Studio")).one()
        rows = session.scalars(select(Invoice).where(Invoice.connection_id == connection.id)).all()
    if not connection.first_synced_at or not connection.cursor:
        yield "the first sync has not ended"
    ours = {row.external_id: row.balance_minor for row in rows if row.is_open}
    truth = place.books.invoices("Cedar Studio", only_open=True)
    if ours != {row["id"]: Money.of(row["balance"], row["currency"]).minor for row in truth}:
        yield f"we hold {len(ours)} open invoices, the books {len(truth)}"


def still_connected(place: Ground, case: "Case") -> Iterator[str]:
    """K4: the permission works, or says that it must be renewed; it never just stands there."""
    with place.house.database.reading(_LOOK) as session:
        connection = session.get_one(Connection, case.notes["connection"])
    if connection.state == ConnectionState.NEEDS_RECONNECT:
        if not connection.last_error or not _to(place, "owner@"):
            yield "the permission died and nobody was told"
    elif connection.as_of is None or connection.as_of < clock.now() - timedelta(hours=2):
        yield "no pull has succeeded since"


def cobalt_is_left_alone(place: Ground, _case: "Case") -> Iterator[str]:
    """Off, recorded once, and the next window says so instead of sending."""
    if (count := _count(place, AuditEntry, AuditEntry.action == "reminders.stopped")) != 1:
        yield f"{count} records of one unsubscribe"
    due = clock.now() + timedelta(days=7)
    with place.house.database.transaction(_LOOK) as session:
        session.scalars(select(Mailbox).where(Mailbox.address == "ap@cobalt.example")).one().next_digest_at = due
    clock.set_to(due)
    place.run_jobs()
    if [mail for mail in _to(place, "ap@cobalt.example") if "List-Unsubscribe" in mail.headers]:
        yield "S10 a digest after the unsubscribe"
    if "suppressed" not in _all(place, select(Digest.outcome).where(Digest.created_at == due)):
        yield "S2 the window after the unsubscribe has no outcome"


def signed_in_once(place: Ground, case: "Case") -> Iterator[str]:
    """L3: the person is in; no link has made two sessions; no sign-in mail went twice."""
    if "browser" not in case.notes or case.notes["browser"].get("/inbox").status_code != 200:
        yield "the person is not signed in"
    used = _count(place, LoginToken, LoginToken.used_at.is_not(None))
    sessions = _count(place, WebSession)
    if sessions != used:
        yield f"{used} links were used and {sessions} sessions begun"
    keys = [mail.attempt for mail in _to(place, "ap@cobalt.example")]
    if len(keys) != len(set(keys)) or len(keys) > 2:
        yield f"{len(keys)} sign-in mails"


# --- what flows ask for ---------------------------------------------------------------------------------------------


def first_thread(place: Ground) -> tuple[UUID, UUID]:
    """The conversation that is there from the beginning, and an invoice of it."""
    with place.house.database.reading(_LOOK) as session:
        query = select(Thread.id, ThreadInvoice.invoice_id).join(ThreadInvoice, ThreadInvoice.thread_id == Thread.id)
        found = session.execute(query.order_by(Thread.created_at)).first()
    assert found
    return found[0], found[1]


def line_of(place: Ground, vendor: str) -> int:
    """The number of a line of that vendor's."""
    return int(_all(place, select(func.min(DigestLine.line)).where(DigestLine.vendor_name == vendor))[0])


def invoice_of_line(place: Ground, token: str, line: int) -> Invoice:
    query = select(Invoice).join(DigestLine, DigestLine.invoice_id == Invoice.id)
    query = query.join(Digest, Digest.id == DigestLine.digest_id)
    with place.house.database.reading(_LOOK) as session:
        return session.scalars(query.where(Digest.token_hash == digest_of(token), DigestLine.line == line)).one()


def _to(place: Ground, address: str) -> list[Taken]:
    return [mail for mail in place.sink.taken if mail.to.startswith(address)]


def _all(place: Ground, query: Any) -> list[Any]:
    with place.house.database.reading(_LOOK) as session:
        return list(session.execute(query).scalars())


def _count(place: Ground, table: Any, *conditions: Any) -> int:
    with place.house.database.reading(_LOOK) as session:
        return int(session.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())
