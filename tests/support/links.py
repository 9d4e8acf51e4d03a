"""Digests as they were sent, with the tokens of their mails; and a pay desk that stands at the border."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy.orm import Session

from app.links import digest_of, new_token
from app.models import (
    Credit,
    CreditKind,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    LineKind,
    Mailbox,
    Outcome,
    Payment,
    Thread,
    ThreadLink,
    Vendor,
)
from app.money import Money, exponent
from app.paying.actions import PayDesk
from digest import views
from tests.support.world import NOW, Owing, Selling


@dataclass
class FakePayDesk:
    """The provider: what is asked of it is noted, what happens there meanwhile is ``on_look``."""

    url: str | None = "https://pay.quickbooks.example/i/1"
    named: str = "pay.quickbooks.example"
    on_look: Callable[[UUID], None] = lambda _: None
    looked: list[UUID] = field(default_factory=list)
    linked: list[UUID] = field(default_factory=list)

    def desk(self) -> PayDesk:
        return PayDesk(look=self._look, link=self._link, host=lambda _: self.named)

    def _look(self, invoice_id: UUID, _seconds: float) -> None:
        self.looked.append(invoice_id)
        self.on_look(invoice_id)

    def _link(self, invoice_id: UUID) -> str | None:
        self.linked.append(invoice_id)
        return self.url


def with_wings(app: Flask) -> FakePayDesk:
    """Give the house's pages what wsgi would: the pages behind links, and a pay desk, which is returned."""
    provider = FakePayDesk()
    app.register_blueprint(views.blueprint)
    app.extensions["pay_desk"] = provider.desk()
    return provider


@dataclass(frozen=True)
class Sent:
    digest: Digest
    token: str

    def at(self, *path: object) -> str:
        """The address of a page behind this mail."""
        return "/".join(["/m", self.token, *map(str, path)])


def sent_digest(session: Session, to: Mailbox, invoices: Sequence[Invoice], **facts: Any) -> Sent:
    """A digest with one line for each invoice, numbered from 1, accepted now."""
    token = new_token()
    defaults = {
        "customer_id": to.customer_id,
        "mailbox_id": to.id,
        "window": f"w-{token[:8]}",
        "due_at": NOW,
        "created_at": NOW,
        "outcome": Outcome.ACCEPTED,
        "accepted_at": NOW,
        "token_hash": digest_of(token),
        "token_expires_at": NOW + timedelta(days=60),
        "shown_lines": len(invoices),
        "all_lines": len(invoices),
    }
    digest = Digest(**{**defaults, **facts})
    session.add(digest)
    session.flush()
    for number, invoice in enumerate(invoices, 1):
        digest_line(session, digest, number, session.get_one(Vendor, invoice.vendor_id), invoice)
    return Sent(digest, token)


def digest_line(
    session: Session, digest: Digest, line: int, vendor: Vendor, invoice: Invoice | None = None, **facts: Any
) -> DigestLine:
    """What the mail said on one line; without an invoice, of a vendor that only introduces itself."""
    said: dict[str, Any] = {"kind": LineKind.INTRODUCED, "currency": "USD", "amount_minor": 0, "total_minor": 0}
    if invoice is not None:
        said = {
            "kind": LineKind.DUE,
            "invoice_id": invoice.id,
            "number": invoice.number,
            "po_number": invoice.po_number,
            "issued_on": invoice.issued_on,
            "due_on": invoice.due_on,
            "currency": invoice.currency,
            "amount_minor": invoice.due_minor,
            "total_minor": invoice.total_minor,
        }
    owners = {"digest_id": digest.id, "customer_id": digest.customer_id, "vendor_id": vendor.id}
    made = DigestLine(**{**owners, "line": line, "vendor_name": vendor.name, **said, **facts})
    session.add(made)
    session.flush()
    return made


def thread_link(session: Session, thread: Thread, to: Mailbox, **facts: Any) -> str:
    """The token in the mail of an answer."""
    token = new_token()
    defaults = {
        "token_hash": digest_of(token),
        "thread_id": thread.id,
        "customer_id": thread.customer_id,
        "mailbox_id": to.id,
        "expires_at": NOW + timedelta(days=60),
    }
    session.add(ThreadLink(**{**defaults, **facts}))
    session.flush()
    return token


def credit(session: Session, by: Selling, to: Owing, amount: str, currency: str = "", **facts: Any) -> Credit:
    """An unused credit note."""
    code = currency or by.vendor.currency
    minor = Money.of(amount, code).minor
    defaults = {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "customer_id": to.customer.id,
        "mailbox_id": to.mailbox.id,
        "external_id": f"credit-{new_token()[:12]}",
        "version": 1,
        "content_hash": 0,
        "kind": CreditKind.CREDIT_NOTE,
        "number": "CN-1",
        "currency": code,
        "exponent": exponent(code),
        "total_minor": minor,
        "remaining_minor": minor,
    }
    made = Credit(**{**defaults, **facts})
    session.add(made)
    session.flush()
    return made


def hold(session: Session, invoice: Invoice, kind: HoldKind, **facts: Any) -> Hold:
    """A live hold for a day."""
    defaults = {
        "vendor_id": invoice.vendor_id,
        "customer_id": invoice.customer_id,
        "invoice_id": invoice.id,
        "kind": kind,
        "created_at": NOW,
        "ends_at": NOW + timedelta(days=1),
    }
    made = Hold(**{**defaults, **facts})
    session.add(made)
    session.flush()
    return made


def payment(session: Session, by: Selling, to: Owing, applied: dict[Invoice, str], **facts: Any) -> Payment:
    """Money that the vendor's books took for these invoices, a week ago, by card."""
    code = facts.pop("currency", by.vendor.currency)
    parts = [(invoice.external_id, Money.of(amount, code).minor) for invoice, amount in applied.items()]
    defaults = {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "customer_id": to.customer.id,
        "external_id": f"payment-{new_token()[:12]}",
        "version": 1,
        "content_hash": 0,
        "paid_on": NOW.date() - timedelta(days=7),
        "currency": code,
        "exponent": exponent(code),
        "amount_minor": sum(minor for _, minor in parts),
        "method": "Card",
        "applied": [list(part) for part in parts],
    }
    made = Payment(**{**defaults, **facts})
    session.add(made)
    session.flush()
    return made
