"""From a mail's token to what its holder may see: one digest's lines, or one thread (INVARIANTS L2).

A token is taken out of the browser's address bar as soon as a page is shown (INVARIANTS L6): the page names an address
in which ``here-`` and eight digits stand for it, app/static/sheaf.js puts that into the bar, and the signed session
cookie remembers which token it means, so that a reload works. Only GET knows these names; whatever acts carries the
token itself, so that no cookie ever speaks for a link.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from flask import abort, g, render_template, request, url_for
from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app import scope as scopes
from app.db import Database, database
from app.house import the_house
from app.links import digest_of
from app.models import Digest, DigestLine, HeldReply, LineKind, Mailbox, ThreadLink, Trust, Vendor
from app.money import Money, Totals
from app.receivables.queries import Row, find_row
from app.scope import Everything, LinkScope
from app.words import marked, speak

View = TypeVar("View", bound=Callable[..., Any])

_RESOLVE = Everything("a token has no scope before it is resolved")
_HERE = "here-"
_REMEMBERED = 6  # links opened in one browser that a reload still finds


# --- tokens ---------------------------------------------------------------------------------------------------------


def resolve(database: Database, token: str, now: datetime) -> tuple[LinkScope, Mailbox] | None:
    """The scope a token opens, and the mailbox it was sent to. None: unknown, expired and revoked look the same."""
    hashed = digest_of(token)
    with database.reading(_RESOLVE) as session:
        digest = session.execute(
            select(Digest, Mailbox)
            .join(Mailbox, Mailbox.id == Digest.mailbox_id)
            .where(Digest.token_hash == hashed, Digest.token_revoked_at.is_(None), Digest.token_expires_at > now)
        ).one_or_none()
        if digest is not None:
            return LinkScope(digest[0].customer_id, digest[1].id, digest_id=digest[0].id), digest[1]
        thread = session.execute(
            select(ThreadLink, Mailbox)
            .join(Mailbox, Mailbox.id == ThreadLink.mailbox_id)
            .where(ThreadLink.token_hash == hashed, ThreadLink.revoked_at.is_(None), ThreadLink.expires_at > now)
        ).one_or_none()
        if thread is not None:
            return LinkScope(thread[0].customer_id, thread[1].id, thread_id=thread[0].thread_id), thread[1]
        held = session.execute(  # a reply to a digest: whoever may choose its supplier may see that digest
            select(HeldReply, Mailbox)
            .join(Mailbox, Mailbox.id == HeldReply.mailbox_id)
            .join(Digest, Digest.id == HeldReply.digest_id)
            .where(HeldReply.token_hash == hashed, HeldReply.expires_at > now, Digest.token_revoked_at.is_(None))
        ).one_or_none()
        if held is not None:
            return LinkScope(held[0].customer_id, held[1].id, digest_id=held[0].digest_id), held[1]
    return None


def opened(view: View) -> View:
    """Let the view act in the scope of the token in its address, or say that the link no longer works.

    Whoever may be signed in besides: a link grants its own lines and nothing more.
    """

    @wraps(view)
    def wrapped(token: str, **args: Any) -> Any:
        token = _remembered(token) if token.startswith(_HERE) else token
        found = resolve(database(), token, clock.now()) if token else None
        if found is None:
            house = the_house()
            return render_template("links/expired.html", days=house.limits.link_days), 404
        g.scope, g.box = found
        g.token, g.zone = token, g.box.zone
        speak(g.box.locale)
        scopes.enter(g.scope)
        return view(**args)

    return wrapped  # type: ignore[return-value]


def _remembered(name: str) -> str:
    """The token behind a name of the address bar; nothing for one that this browser does not know."""
    if request.method not in ("GET", "HEAD"):
        return ""
    return str(cookie.get("links", {}).get(name.removeprefix(_HERE), ""))


def here() -> str:
    """This page's address without its token, to stand in the address bar; remembers what it means."""
    name = digest_of(g.token).hex()[:8]
    if name not in (known := dict(cookie.get("links", {}))):
        cookie["links"] = dict([*known.items(), (name, g.token)][-_REMEMBERED:])
    asked = {key: value for key, value in request.args.items() if key not in ("token", "_anchor", "_external")}
    return url_for(request.endpoint or "", **{**asked, **(request.view_args or {}), "token": f"{_HERE}{name}"})


# --- what a digest's link shows -------------------------------------------------------------------------------------


def line_of(session: Session, number: int) -> DigestLine | None:
    """One line of the scope's digest, of what it says is owed."""
    query = select(DigestLine).where(DigestLine.line == number, DigestLine.kind != LineKind.RATING)
    return session.execute(query).scalar_one_or_none()


def is_shut(line: DigestLine) -> bool:
    """The line only introduces a vendor: it can be accepted or reported, nothing else (INVARIANTS A1)."""
    return line.kind == LineKind.INTRODUCED


def live_row(session: Session, line: DigestLine, now: datetime) -> Row | None:
    """The line's invoice as it is now; None for a line that is none, or is no longer this customer's to see."""
    if line.invoice_id is None or is_shut(line):
        return None
    return find_row(session, line.invoice_id, now)


def invoice_line(session: Session, number: int) -> tuple[DigestLine, Row | None]:
    """The line of an invoice, or 404; no row when it is gone from this customer's books, and so nothing is owed."""
    found = line_of(session, number) or abort(404)
    if found.invoice_id is None or is_shut(found):
        abort(404)
    return found, live_row(session, found, clock.now())


def vendors_of(session: Session) -> list[tuple[UUID, str]]:
    """The vendors in the scope's digest, by the names it used."""
    query = select(DigestLine.vendor_id, DigestLine.vendor_name).distinct().order_by(DigestLine.vendor_name)
    return [(row[0], row[1]) for row in session.execute(query)]


def paused_vendors(session: Session, lines: Sequence[DigestLine]) -> set[UUID]:
    """Those of the lines' vendors that the operator has suspended."""
    query = select(Vendor.id).where(Vendor.id.in_({line.vendor_id for line in lines}))
    return set(session.execute(query.where(Vendor.trust == Trust.SUSPENDED)).scalars())


def vendor_name(session: Session, vendor_id: UUID) -> str:
    return session.execute(select(Vendor.name).where(Vendor.id == vendor_id)).scalar_one()


@dataclass
class Part:
    """Some lines of a digest under one heading, as they stand now, and what they add up to."""

    name: str
    lines: list[tuple[DigestLine, Row | None]] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)


_PARTS = {
    "due": marked("To pay"),
    "later": marked("Later"),
    "held": marked("Nothing to do: on hold"),
    "credit": marked("In your favour"),
    "introduced": marked("New suppliers"),
    "paused": marked("Paused by Sheaf"),
    "settled": marked("No longer open"),
}


def parts_of(
    lines: Sequence[DigestLine], rows: dict[UUID, Row], soon_until: date, paused: Collection[UUID] = ()
) -> list[Part]:
    """The lines of a digest by what they are now, in the order of the mail; parts without lines are left out.
    ``paused``: vendors the operator has suspended."""
    parts = {key: Part(name) for key, name in _PARTS.items()}
    for line in lines:
        row = rows.get(line.invoice_id) if line.invoice_id and not is_shut(line) else None
        part = parts["paused" if line.vendor_id in paused else _part(line, row, soon_until)]
        part.lines.append((line, row))
        if row and row.is_open:
            part.totals.add(Money(row.due_minor, row.currency))
        elif line.kind == LineKind.CREDIT and line.vendor_id not in paused:
            part.totals.add(line.amount)
    return [part for part in parts.values() if part.lines]


def _part(line: DigestLine, row: Row | None, soon_until: date) -> str:
    if line.kind in (LineKind.CREDIT, LineKind.INTRODUCED):
        return str(line.kind)
    if row is None or not row.is_open:
        return "settled"
    if row.is_resting:
        return "held"
    return "due" if row.due_on and row.due_on <= soon_until else "later"
