"""The worlds themselves: who is in them, that they are the same each time, and that they start quickly."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from connectors.sandbox.clock import Clock
from connectors.sandbox.seed import build_world
from connectors.sandbox.world import Company, World

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def world(name: str, seed: int = 7) -> World:
    return build_world(name, Clock(NOW), seed)


def owing(company: Company, email: str) -> int:
    return sum(one.is_open and company.customers[one.customer_id].email == email for one in company.invoices.values())


def outline(built: World) -> list[tuple[object, ...]]:
    return [
        (company.name, company.external_id, one.id, one.number, one.total, one.balance, one.due_on, one.status)
        for company in built.companies
        for one in company.invoices.values()
    ]


def test_the_small_world_is_the_one_everybody_knows() -> None:
    built = world("small")
    acme, birch, cedar = first = built.companies[:3]
    assert [(one.name, one.provider) for one in first] == [
        ("Acme Supply", "quickbooks"),
        ("Birch & Sons", "xero"),
        ("Cedar Studio", "stripe"),
    ]
    assert [owing(one, "ap@cobalt.example") for one in first] == [5, 5, 5]
    assert [owing(one, "rechnung@dune.example") for one in first] == [2, 2, 0]
    assert all(any(person.email is None for person in one.customers.values()) for one in built.companies)
    assert (acme.timezone, birch.timezone, cedar.currency) == ("America/New_York", "Europe/Berlin", "USD")


def test_the_same_seed_makes_the_same_world() -> None:
    assert outline(world("demo")) == outline(world("demo"))
    assert outline(world("demo")) != outline(world("demo", seed=8))


def test_the_demo_world_is_rich() -> None:
    built = world("demo")
    playing = built.companies[:6]
    assert Counter(one.provider for one in playing) == {"quickbooks": 2, "xero": 2, "stripe": 2}
    assert len({one.owner for one in built.of_provider("xero")}) == 1
    assert all(80 <= len(one.invoices) <= 250 for one in playing)
    assert len([one for one in playing if owing(one, "ap@cobalt.example")]) >= 4
    assert {line.quantity for one in built.companies[0].invoices.values() for line in one.lines} != {1}
    assert any(one.unapplied for one in built.companies[0].payments.values())


def test_forty_suppliers_each_want_ten_from_cobalt() -> None:
    built = world("forty")
    assert len(built.companies) == len({one.name for one in built.companies}) == 40
    assert [owing(one, "ap@cobalt.example") for one in built.companies] == [10] * 40
    assert all(len(one.customers) > 3 for one in built.companies)
    assert set(Counter(one.provider for one in built.companies).values()) == {13, 14}


def test_eight_thousand_invoices_are_ready_soon() -> None:
    started = time.perf_counter()
    built = world("forty:200")
    assert sum(len(one.invoices) for one in built.companies) == 8000
    assert time.perf_counter() - started < 20, "the promise is 2 s on an idle machine; this only catches the absurd"


def test_a_world_may_come_from_a_file(tmp_path: Path) -> None:
    invoices = [
        {"total": "100.00", "issued": -30, "due": -1, "paid": "40.00"},
        {"total": "50.00", "due": 5, "void": True},
        {"total": "25.00", "due": 3, "credited": True},
    ]
    customer = {"name": "Cobalt Ltd", "email": "ap@cobalt.example", "invoices": invoices}
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"companies": [{"provider": "xero", "name": "Only One", "customers": [customer]}]}))
    [company] = world(str(file)).companies
    assert [(one.total, one.balance, one.status) for one in company.invoices.values()] == [
        (10000, 6000, "open"),
        (5000, 0, "void"),
        (2500, 0, "paid"),
    ]


def test_books_add_up() -> None:
    """In every company, what is paid and credited on invoices is what payments and credit notes gave."""
    for name in ("small", "demo", "forty"):
        for company in world(name).companies:
            paid = sum(part.amount for one in company.payments.values() if one.kind != "credit" for part in one.applied)
            credited = sum(part.amount for note in company.credit_notes.values() for part in note.applied)
            assert paid == sum(one.paid for one in company.invoices.values())
            assert credited == sum(one.credited for one in company.invoices.values())
            assert all(one.balance >= 0 for one in company.invoices.values())
            assert all(note.remaining >= 0 for note in company.credit_notes.values())
            assert all(one.updated_at <= NOW for one in company.invoices.values())
