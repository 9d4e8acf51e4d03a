"""Who calls in the fuzzing of routes, what there is to be named, and the forms the pages themselves offer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, select

from app import clock
from app.access import Who
from app.db import Base
from app.house import House
from app.links import digest_of, new_token
from app.models import LoginToken, Person
from app.settings import Settings
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.access_matrix import Route, routes, whole
from tests.support.house import signed_in
from tests.support.links import sent_digest, thread_link
from tests.support.server import live_server
from tests.support.sinks import SendGridDouble
from tests.support.world import EVERYTHING, World, bill_to, invoice, person, small_world, thread

SECRET = "the webhooks' secret"


@dataclass
class Form:
    """One form of a page: where it goes, and every value its fields offer."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Ground:
    """A whole product with a small world in it. ``ids`` are by table, ``tokens`` open links."""

    app: Flask
    routes: list[Route]
    ids: dict[str, list[str]]
    tokens: list[str]
    people: dict[Who, Person]
    sendgrid: SendGridDouble
    browsers: dict[Who, FlaskClient] = field(default_factory=dict)
    forms: dict[Who, list[Form]] = field(default_factory=dict)

    def sign_in_again(self) -> None:
        """Somebody will have pressed Sign out."""
        self.browsers = {who: signed_in(self.app, somebody) for who, somebody in self.people.items()}
        self.browsers[Who.ANYBODY] = self.browsers[Who.LINK] = self.app.test_client()


@contextmanager
def ground(url: str, folder: Path) -> Iterator[Ground]:
    """The product on the database at ``url``, beside providers that answer; nothing leaves this machine."""
    sendgrid = SendGridDouble()
    with ExitStack() as stack:
        base = stack.enter_context(live_server(create_sandbox("small")))
        with SandboxControl(base) as control:
            environment = control.settings()
        secrets = {f"{name}_WEBHOOK_SECRET": SECRET for name in ("QUICKBOOKS", "XERO", "STRIPE")}
        keys = {f"SENDGRID_{hook}_PUBLIC_KEY": sendgrid.public_key for hook in ("EVENT", "INBOUND")}
        named = {"DATABASE_URL": url, "SHEAF_INSTANCE": str(folder), "SCHEDULER": "off", "METRICS_TOKEN": SECRET}
        stack.enter_context(patch.dict("os.environ", environment | secrets | keys | named))
        house = House.open(Settings())
        stack.callback(house.database.dispose)
        app = whole(house)
        app.extensions["txt_records"] = lambda _name: []
        app.config["WTF_CSRF_ENABLED"] = False  # a missing token would answer every POST before the view reads it
        found = _settled(app, house, sendgrid)
        found.sign_in_again()
        for who, browser in found.browsers.items():
            forms = _forms(found, who, browser)
            found.forms[who] = list({(form.action, *form.fields): form for form in forms}.values())
        yield found


def _settled(app: Flask, house: House, sendgrid: SendGridDouble) -> Ground:
    """The small world, with one of everything that a route may name."""
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        world = small_world(session)
        bill_to(session, world.acme, world.cobalt)
        asked = thread(session, world.acme, world.cobalt, invoice(session, world.acme, world.cobalt))
        lines = [world.acme_invoice, world.birch_invoice]
        until = now + timedelta(days=9)
        sent = sent_digest(session, world.cobalt.mailbox, lines, token_expires_at=until)
        link = thread_link(session, asked, world.cobalt.mailbox, expires_at=until)
        operator = person(session, "operator@sheaf.example")
        session.add(_waiting_sign_in(login := new_token()))
    tables = Base.metadata.tables.values()
    return Ground(
        app=app,
        routes=routes(app),
        ids={table.name: _ids(house, table) for table in tables if "id" in table.c},
        tokens=[sent.token, link, login],
        people=_people(world) | {Who.OPERATOR: operator},
        sendgrid=sendgrid,
    )


def _people(world: World) -> dict[Who, Person]:
    return {Who.VENDOR: world.acme.person, Who.CUSTOMER: world.cobalt.person, Who.PERSON: world.outsider.person}


def _waiting_sign_in(token: str) -> LoginToken:
    address, hashed = "ap@cobalt.example", digest_of(token)
    return LoginToken(
        address=address, rate_key=address, token_hash=hashed, code_hash=hashed, browser_hash=hashed,
        expires_at=clock.now() + timedelta(minutes=10),
    )  # fmt: skip


def _ids(house: House, table: Table) -> list[str]:
    with house.database.reading(EVERYTHING) as session:
        return [str(found) for found in session.execute(select(table.c.id).limit(20)).scalars()]


# --- the forms of the pages -----------------------------------------------------------------------------------------


def _forms(found: Ground, who: Who, browser: FlaskClient) -> Iterator[Form]:
    """Every form on the pages made for ``who``, with the ids there are."""
    for route in found.routes:
        if "GET" in route.methods and route.access and route.access.who is who:
            for path in _paths(found, route):
                page = browser.get(path)
                if page.status_code == 200 and page.mimetype == "text/html":
                    reader = _Forms(path)
                    reader.feed(page.text)
                    yield from reader.found


def _paths(found: Ground, route: Route) -> Iterator[str]:
    """The route's address with each thing of the right kind in its place."""
    if not route.arguments:
        yield route.rule
        return
    for number in range(3):
        path = route.rule
        for name in route.arguments:
            known = (
                found.ids.get(name.removesuffix("_id"), []) if name.endswith("_id") else _OTHER.get(name, found.tokens)
            )
            if not known:
                return
            value = known[number % len(known)]
            for kind in ("uuid:", "int:", ""):
                path = path.replace(f"<{kind}{name}>", value)
        yield path


_OTHER = {"number": ["1", "2"], "provider": ["quickbooks", "xero", "stripe"], "name": ["x"]}


class _Forms(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._path = path
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.found.append(Form(given.get("action") or self._path))
        elif tag in ("input", "button", "textarea", "select") and self.found:
            self._select = given.get("name", "")
            self._offer(given.get("value", "1" if tag == "input" else ""))
        elif tag == "option" and self.found:
            self._offer(given.get("value", ""))

    def _offer(self, value: str) -> None:
        if self._select:
            self.found[-1].fields.setdefault(self._select, []).append(value)
