"""The customer's inbox beside a hello on the same server, at two sizes of the tables; and every list's last page beside
its first (goals C1-C5)."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

import wsgi
from app import clock
from app.house import House
from app.links import digest_of, new_token
from app.models import CustomerMember, CustomerRole, Person, WebSession
from app.scope import Everything
from app.settings import Settings
from bench import lists
from bench.ground import Ground, Size
from bench.measure import counted, cpu_ratio, race, ratio
from bench.report import Found
from bench.stock import Stock, fill, key
from bench.web import RequestMeter, get_as, served, visits
from tests.support.house import signed_in
from tests.support.world import customer, invoice, vendor

_EVERYTHING = Everything("a bench looks at all of its own rows")
_VISITORS = 40
_SECRET = "a bench keeps no secret, it only signs its own cookies"


def run(ground: Ground, size: Size, repeats: int, _against: Sequence[str]) -> Found:
    found = Found("inbox")
    with filled(ground, size.small) as small, filled(ground, size.large) as large:
        _pages(found, small, large, size.seconds, repeats)
        lists.run(found, large.url, repeats)
    with ground.house() as house:
        one, many = page_statements(house, 1), page_statements(house, 25)
    found.goals |= {"C4": many, "C4-equal": many - one}
    return found


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with so many open invoices, how a server gets at it, and who is signed in."""

    url: str
    environment: dict[str, str]
    cookies: list[str]
    n: int


def stock_of(open_invoices: int) -> Stock:
    """Twenty-five open invoices a customer, of eight among twenty-five vendors: each vendor has many."""
    customers, closed, threads = open_invoices // 25, open_invoices // 5, open_invoices // 50
    return Stock(customers, vendors=25, open=open_invoices, closed=closed, threads=threads, now=clock.now())


@contextmanager
def filled(ground: Ground, n: int) -> Iterator[Filled]:
    with ground.scratch() as url:
        stock = stock_of(n)
        fill(ground.owner_url(url), stock)
        environment = {
            "DATABASE_URL": url,
            "SHEAF_INSTANCE": str(ground.folder / "instance"),
            "SECRET_KEY": _SECRET,
            "ENCRYPTION_KEYS": f"bench:{'A' * 43}",
            "SCHEDULER": "off",
        }
        yield Filled(url, environment, _visitors(url, environment, stock), n)


def _visitors(url: str, environment: dict[str, str], stock: Stock) -> list[str]:
    """Sign a person of every so-manieth customer in; returns their cookies."""
    settings = Settings(DATABASE_URL=url, SHEAF_INSTANCE=environment["SHEAF_INSTANCE"], SECRET_KEY=_SECRET)  # type: ignore[call-arg]
    house = House.open(settings)
    app, _ = wsgi.build(house)
    signer: Any = app.session_interface
    signer, cookies = signer.get_signing_serializer(app), []
    with house.database.transaction(_EVERYTHING) as session:
        for nth in range(_VISITORS):
            person = Person(address=f"reader{nth}@stock.example")
            session.add(person)
            session.flush()
            whose = key("customer", nth * stock.customers // _VISITORS)
            session.add(CustomerMember(customer_id=whose, person_id=person.id, role=CustomerRole.ADMIN))
            token, now = new_token(), clock.now()
            session.add(WebSession(token_hash=digest_of(token), person_id=person.id, created_at=now, seen_at=now))
            kept = {"_user_id": token, "_fresh": True, "csrf_token": secrets.token_hex(20)}  # as the first page left it
            cookies.append(f"sheaf={signer.dumps(kept)}")
    house.database.dispose()
    return cookies


def _pages(found: Found, small: Filled, large: Filled, seconds: float, repeats: int) -> None:
    hello, ours, wide = "hello", f"inbox of 25 among {small.n:,}", f"inbox of 25 among {large.n:,}"
    with (
        served("bench.floors.web:app") as floor,
        served("wsgi:app", **small.environment) as first,
        served("wsgi:app", **large.environment) as second,
    ):
        contenders = [
            visits(hello, floor, "/hello", seconds),
            visits(ours, first, "/inbox", seconds, get_as(small.cookies)),
            visits(wide, second, "/inbox", seconds, get_as(large.cookies)),
        ]
        for each in contenders:
            each.run()  # every worker has compiled its templates and statements by then
        results = race(contenders, repeats, RequestMeter(small.url, [floor, first, second]), "requests")
    found.add(results, hello)
    found.goals |= {
        "C1": 1 / cpu_ratio(results[ours], results[hello]),
        "C3-cpu": ratio(results[wide], results[ours], lambda take: take.cpu_us),
    }
    found.clocked("C2-p50", results[ours], results[hello], counted("p50"))
    found.clocked("C2-p99", results[ours], results[hello], counted("p99"))
    found.clocked("C3-p50", results[wide], results[ours], counted("p50"))


def page_statements(house: House, invoices: int) -> int:
    """Statements of the page with so many invoices, each of another vendor: all round trips but BEGIN, which tells
    PostgreSQL the scope as well, and COMMIT, once each for who is there and for the page."""
    app, _ = wsgi.build(house)
    with house.database.transaction(_EVERYTHING) as session:
        owing = customer(session, "Owing", address=f"owing{invoices}@stock.example")
        for nth in range(invoices):
            of = f"{invoices}-{nth}"
            by = vendor(session, f"Vendor {of}", address=f"owner@{of}.example", live_at=clock.now())
            invoice(session, by, owing, number=of)
    browser, said = signed_in(app, owing.person), list[str]()
    with heard(house.database.engine, said.append):
        page = browser.get("/inbox")
    assert page.text.count('data-label="Invoice"') == invoices, page.status
    return len(said)


@contextmanager
def heard(engine: Engine, say: Callable[[str], object]) -> Iterator[None]:
    """Every statement sent to the database inside the block."""

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement not in ("BEGIN", "BEGIN IMMEDIATE"):
            say(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)
