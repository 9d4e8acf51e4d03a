"""Pressing Pay, and the hold that says a payment is on its way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.house import House
from app.models import AuditEntry, Hold, HoldKind, Invoice, InvoiceState
from app.paying.actions import Paid, PayOutcome, Press, host_of, press_pay
from app.scope import CustomerScope, acting
from app.settings import Settings
from tests.support.links import FakePayDesk
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
HOST = "pay.quickbooks.example"

PressPay = Callable[..., PayOutcome]


@pytest.fixture
def provider() -> FakePayDesk:
    return FakePayDesk()


@pytest.fixture
def press(house: House, world: World, provider: FakePayDesk) -> PressPay:
    """Press Pay on Acme's invoice as somebody of Cobalt."""

    def run(shown: int = 125000, host: str = HOST, is_sure: bool = False, now: Any = NOW) -> PayOutcome:
        with acting(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)):
            seen = Press(shown, host, is_sure, world.cobalt.person.id)
            return press_pay(house, provider.desk(), world.acme_invoice.id, seen, now)

    return run


def holds(house: House) -> list[Hold]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(Hold).order_by(Hold.created_at, Hold.id)).scalars())


def test_it_looks_again_fetches_the_page_and_puts_the_invoice_on_hold(
    house: House, world: World, provider: FakePayDesk, press: PressPay
) -> None:
    """[E1 E2 E7 inv-F2 004-4 004-7]"""
    outcome = press()
    assert (outcome.what, outcome.url, outcome.host) == (Paid.GO, provider.url, HOST)
    assert provider.looked == provider.linked == [world.acme_invoice.id]
    [started] = holds(house)
    assert (started.kind, started.amount_minor) == (HoldKind.PAYING, 125000)
    assert started.ends_at == NOW + timedelta(minutes=house.limits.paying_minutes)
    with house.database.reading(EVERYTHING) as session:
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.action)).scalars().all()
        assert [entry.action for entry in entries] == ["pay_host.known", "payment.started"]
        assert entries[1].person_id == world.cobalt.person.id


def test_no_transaction_is_open_while_the_provider_is_asked(
    house: House, provider: FakePayDesk, press: PressPay
) -> None:
    """[inv-S6] On SQLite somebody else's write would wait for ours, and the provider may take seconds."""
    checked = []

    def look(_invoice_id: UUID) -> None:
        assert house.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        checked.append("looked")

    provider.on_look = look
    assert press().what == Paid.GO
    assert checked == ["looked"]


@pytest.mark.parametrize("state", [InvoiceState.PAID, InvoiceState.VOID, InvoiceState.WRITTEN_OFF, InvoiceState.GONE])
def test_what_was_settled_meanwhile_is_not_paid_again(
    house: House, world: World, provider: FakePayDesk, press: PressPay, state: InvoiceState
) -> None:
    """[E2]"""

    def settle(invoice_id: UUID) -> None:
        with house.database.transaction(EVERYTHING) as session:
            bill = session.get_one(Invoice, invoice_id)
            bill.state, bill.balance_minor, bill.due_minor = state, 0, 0

    provider.on_look = settle
    outcome = press()
    assert outcome.what == Paid.SETTLED
    assert outcome.row
    assert outcome.row.state == state
    assert provider.linked == []
    assert holds(house) == []


@pytest.mark.parametrize("shown", [124999, 0, -1])
def test_another_amount_than_the_one_shown_is_shown_first(
    house: House, provider: FakePayDesk, press: PressPay, shown: int
) -> None:
    """[E1 inv-L7]"""
    outcome = press(shown=shown)
    assert (outcome.what, outcome.host) == (Paid.CHANGED, HOST)
    assert provider.linked == []
    assert holds(house) == []


def test_a_payment_already_started_asks_whether_one_is_sure(house: House, press: PressPay) -> None:
    """[E7]"""
    assert press().what == Paid.GO
    assert press().what == Paid.IN_PROGRESS
    assert len(holds(house)) == 1
    assert press(is_sure=True).what == Paid.GO
    first, second = holds(house)
    assert (first.ended_at, first.end_reason) == (NOW, "Started again")
    assert second.ended_at is None
    assert press(now=NOW + timedelta(minutes=house.limits.paying_minutes)).what == Paid.GO  # it has run out


def test_another_host_than_the_one_named_is_named_first(house: House, provider: FakePayDesk, press: PressPay) -> None:
    """[inv-L7]"""
    provider.url = "https://evil.example/pay"
    outcome = press()
    assert (outcome.what, outcome.host, outcome.url) == (Paid.ELSEWHERE, "evil.example", "")
    assert holds(house) == []
    assert press(host="").what == Paid.ELSEWHERE
    assert press(host="evil.example").what == Paid.GO


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "//pay.quickbooks.example/x", "https://[", "ftp://a"])
def test_without_a_page_that_can_be_gone_to_there_is_none(
    house: House, provider: FakePayDesk, press: PressPay, url: str | None
) -> None:
    """[inv-L7]"""
    provider.url = url
    assert press().what == Paid.NO_PAGE
    assert holds(house) == []


def test_plain_http_is_for_laptops() -> None:
    """[inv-L7]"""
    assert host_of("http://127.0.0.1:9000/pay", is_secure=False) == "127.0.0.1:9000"
    assert host_of("http://pay.example/", is_secure=True) == ""
    assert host_of("https://Pay.Example:443/x", is_secure=True) == "pay.example:443"
    assert host_of("https://good.example@evil.example/x", is_secure=True) == "evil.example"
    assert not Settings(public_url="http://127.0.0.1:8000").is_secure


def test_somebody_elses_invoice_cannot_be_paid(house: House, world: World, provider: FakePayDesk) -> None:
    """[B7 inv-I1]"""
    with acting(CustomerScope(world.outsider.customer.id, world.outsider.person.id)):
        outcome = press_pay(house, provider.desk(), world.acme_invoice.id, Press(125000, HOST), NOW)
    assert (outcome.what, outcome.row) == (Paid.SETTLED, None)
    assert provider.linked == []
