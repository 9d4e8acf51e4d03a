"""npm's oidc-provider as the OAuth server of a whole connection: the product's own connect page, the server's consent
page, our callback, first pull, renewal, a stolen token, the end of the permission there and here.

The books are the sandbox's Xero, which lets in whom that server calls active; the server is as strict as in
tests/faults/oidc: a refresh token that is shown twice ends everything that was given for it.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from html import unescape
from subprocess import CalledProcessError
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import requests
from sqlalchemy import select, update

from app import clock
from app.models import Connection, Invoice
from app.money import Money
from connectors.oauth import unseal
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from connectors.sandbox.oauth import Access, Grant, Ledger
from connectors.sandbox.world import Provider
from tests.faults.ground import Ground, environment, ground
from tests.faults.showing import harness
from tests.faults.token_expiries import TokenServer, oidc_server
from tests.judges.rooms import NotHere
from tests.judges.table import Verdict
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, person

COMPANY = "Birch & Sons"
CLIENT = ("sheaf", "sheaf-at-oidc")
PATIENCE = 30  # seconds
TOKENS_LIFE = timedelta(hours=2)  # of an access token, and more
Step = tuple[str, list[str]]


def judge() -> list[Verdict]:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotHere("no Node on this machine")
    try:
        with harness(), staged() as play:
            steps = list(walk(play))
    except CalledProcessError as problem:
        raise NotHere(f"npm: {problem}") from None
    found = [f"{name}: {problem}" for name, problems in steps for problem in problems]
    return [Verdict("oidc", "oidc-provider", "violations" if found else "clean", f"{len(steps)} steps", found)]


class Asking(Ledger):
    """The sandbox's ledger, where whether an access token is good is the strict server's to say."""

    server: str
    grant_there: Grant

    def look(
        self, provider: Provider, value: str
    ) -> tuple[Access | None, Literal["good", "expired", "revoked", "unknown"]]:
        if not is_active(self.server, value):
            return None, "unknown"
        return Access(value, self.grant_there, None), "good"


def is_active(server: str, token: str) -> bool:
    said = requests.post(f"{server}/token/introspection", data={"token": token}, auth=CLIENT, timeout=PATIENCE)
    return said.json()["active"] is True


@dataclass
class Play:
    """The product, its owner's browser, the books, and the server that gives the permissions."""

    place: Ground
    books: SandboxControl
    server: TokenServer
    browser: Any
    seen: list[str] = field(default_factory=list)  # subjects of mails

    # --- what the owner does ---

    def consent(self, *, says: Literal["yes", "no"] = "yes") -> str:
        """From our button through the server's own pages; the address it sends the browser back to."""
        begun = self.browser.post("/connect/xero", data={"vendor": ""})
        visitor, where = requests.Session(), begun.headers["Location"]
        while True:
            answer = visitor.get(where, allow_redirects=False, timeout=PATIENCE)
            while answer.is_redirect:
                where = requests.compat.urljoin(where, answer.headers["Location"])
                if urlsplit(where).path == "/connect/xero/callback":
                    return where
                answer = visitor.get(where, allow_redirects=False, timeout=PATIENCE)
            where = self._decide(visitor, where, answer.text, says)

    @staticmethod
    def _decide(visitor: requests.Session, where: str, page: str, says: str) -> str:
        """Signs in, and says yes or no to what is asked; where that leads."""
        if says == "no":
            links = re.findall(r'href="([^"]*/abort)"', page)
            return str(requests.compat.urljoin(where, unescape(links[0])))
        action = re.findall(r'<form[^>]* action="([^"]+)"', page)[0]
        prompt = re.findall(r'name="prompt" value="(\w+)"', page)[0]
        given = {"prompt": prompt, "login": "acme", "password": "anything"}
        posted = requests.compat.urljoin(where, unescape(action))
        answer = visitor.post(posted, data=given, allow_redirects=False, timeout=PATIENCE)
        return str(requests.compat.urljoin(posted, answer.headers["Location"]))

    def come_back(self, address: str) -> Any:
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}")

    # --- what time and the server do ---

    def pull(self, after: timedelta = timedelta(minutes=1)) -> None:
        """The next one, and what follows from it."""
        clock.set_to(clock.now() + after)
        self.books.advance(after.total_seconds())
        with self.place.house.database.transaction(EVERYTHING) as session:
            due = update(Connection).where(Connection.next_pull_at.is_not(None)).values(next_pull_at=clock.now())
            session.execute(due)
        for _ in range(2):  # a mail about it is not written twice
            self.place.run_jobs()

    def there(self, path: str, **data: str) -> requests.Response:
        return requests.post(f"{self.server.url}{path}", data=data, auth=CLIENT, timeout=PATIENCE)

    # --- what is to be seen ---

    @property
    def row(self) -> Connection:
        with self.place.house.database.reading(EVERYTHING) as session:
            return session.scalars(select(Connection)).one()

    @property
    def tokens(self) -> Any:
        row = self.row
        return unseal(self.place.house, row.tokens, row.id, row.vendor_id)

    def new_mails(self) -> list[str]:
        mails = [mail.subject for mail in self.place.sink.taken]
        new, self.seen = mails[len(self.seen) :], mails
        return new

    def differences(self) -> Iterator[str]:
        """Between the open invoices of the books and ours, to the minor unit."""
        with self.place.house.database.reading(EVERYTHING) as session:
            query = select(Invoice.external_id, Invoice.currency, Invoice.balance_minor).filter_by(state="open")
            ours = {(each, currency, Money(minor, currency).amount) for each, currency, minor in session.execute(query)}
        rows = self.books.invoices(COMPANY, only_open=True)
        theirs = {(row["id"], row["currency"], Decimal(row["balance"])) for row in rows}
        yield from (f"they have {one}, we have not" for one in theirs - ours)
        yield from (f"we have {one}, they have not" for one in ours - theirs)

    def state(self, wanted: str, mails: int = 0) -> Iterator[str]:
        row, new = self.row, self.new_mails()
        if row.state != wanted:
            yield f"the connection is {row.state}: {row.last_error}"
        if len(new) != mails or any("reconnect" not in subject.lower() for subject in new):
            yield f"mails {new}, not {mails}"


def walk(play: Play) -> Iterator[Step]:
    """Step by step; what is wrong after each."""
    yield "saying no", list(refused(play))
    yield "a code without its verifier", list(stolen_code(play))
    yield "connecting", list(connected(play))
    first = play.row.id
    yield "a renewal", list(renewed(play))
    yield "a refresh token shown twice", list(shown_twice(play))
    yield "connecting again", [*connected(play), *_same(play, first)]
    play.there("/token/revocation", token=play.tokens.refresh_token)
    play.pull()
    yield "the end of the permission there", list(play.state("needs_reconnect", mails=1))
    yield "a code shown twice", [*code_twice(play), *_same(play, first)]
    yield "disconnecting here", list(disconnected(play))


def _same(play: Play, first: Any) -> list[str]:
    return [] if play.row.id == first else ["it is another connection"]


def refused(play: Play) -> Iterator[str]:
    page = play.come_back(play.consent(says="no"))
    if page.status_code != 200 or "You said no" not in page.get_data(as_text=True):
        yield f"the page answers {page.status_code}"


def stolen_code(play: Play) -> Iterator[str]:
    """Whoever reads the callback's address over somebody's shoulder has the code, and cannot use it."""
    address = play.consent()
    back, code = address.partition("?")[0], parse_qs(urlsplit(address).query)["code"][0]
    answer = play.there("/token", grant_type="authorization_code", code=code, redirect_uri=back)
    if answer.status_code != 400:
        yield f"the server answers {answer.status_code}: it was not asked for a verifier"


def connected(play: Play) -> Iterator[str]:
    page = play.come_back(play.consent())
    if not str(page.headers.get("Location", "")).endswith("/progress"):
        yield f"the callback answers {page.status_code}"
        return
    play.books.act(COMPANY, "part_pay", amount="1")
    play.pull()
    yield from play.state("active")
    yield from play.differences()
    if not (play.tokens.refresh_token and is_active(play.server.url, play.tokens.refresh_token)):
        yield "what is stored is no permission there"


def renewed(play: Play) -> Iterator[str]:
    before, (given, no) = play.tokens, play.server.count()
    play.books.act(COMPANY, "part_pay", amount="1")
    play.pull(TOKENS_LIFE)
    yield from play.state("active")
    yield from play.differences()
    if play.server.count() != (given + 1, no):
        yield f"the server gave and refused {play.server.count()}, after {(given, no)}"
    after = play.tokens
    if before.refresh_token == after.refresh_token or before.access_token == after.access_token:
        yield "the old tokens are still here"


def shown_twice(play: Play) -> Iterator[str]:
    """A thief shows the token we have used: the server ends the family, and we say so, once."""
    old = play.tokens.refresh_token
    play.pull(TOKENS_LIFE)
    answer = play.there("/token", grant_type="refresh_token", refresh_token=old)
    if answer.status_code != 400 or is_active(play.server.url, play.tokens.access_token):
        yield f"the server answers {answer.status_code} to a token that was used"
    yield from play.state("active")
    play.pull(TOKENS_LIFE)
    yield from play.state("needs_reconnect", mails=1)


def disconnected(play: Play) -> Iterator[str]:
    held, row = play.tokens, play.row
    play.browser.post(f"/desk/connections/{row.id}/disconnect")
    play.pull()
    yield from play.state("disconnected")
    if play.row.tokens is not None:
        yield "the tokens are still here"
    yield from (f"its {name} token lives there" for name, token in
                (("refresh", held.refresh_token), ("access", held.access_token))
                if is_active(play.server.url, token))  # fmt: skip


def code_twice(play: Play) -> Iterator[str]:
    """The second time it comes with the verifier of another dance: refused, and what the first one gave lives on."""
    first = play.consent()
    yield from _status(play.come_back(first), 303)
    used = parse_qs(urlsplit(first).query)["code"][0]
    second = play.consent()
    yield from _status(play.come_back(re.sub(r"code=[^&]+", f"code={used}", second)), 400)
    play.pull()
    yield from play.state("active")


def _status(answer: Any, wanted: int) -> Iterator[str]:
    if answer.status_code != wanted:
        yield f"the callback answers {answer.status_code}, not {wanted}"


@contextmanager
def staged() -> Iterator[Play]:
    """The product in this process, the sandbox beside it, and the server as a process of its own."""
    with ExitStack() as stack:
        server = stack.enter_context(oidc_server())
        sandbox = create_sandbox("small", now=NOW)
        books = stack.enter_context(SandboxControl(stack.enter_context(live_server(sandbox))))
        held = sandbox.extensions["sandbox"]
        held.ledger = Asking(held.world)
        held.ledger.server = server.url
        company = next(one for one in held.world.companies if one.name == COMPANY)
        scopes = "accounting.transactions accounting.contacts accounting.settings offline_access"
        held.ledger.grant_there = held.ledger.grant("xero", [company], scopes)
        at_server = {
            "XERO_AUTHORIZE_URL": f"{server.url}/auth",
            "XERO_REVOKE_URL": f"{server.url}/token/revocation",
            "XERO_SCOPES": "openid offline_access",
        }
        stack.enter_context(environment(books.settings() | dict(server.environment) | at_server))
        place = stack.enter_context(ground("sqlite"))
        with place.house.database.transaction(EVERYTHING) as session:
            owner = person(session, "ann@birch.example", name="Ann")
        yield Play(place, books, server, signed_in(place.app, owner))
