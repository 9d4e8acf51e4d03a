"""The flows that are walked through step by step: what is there before, what is done, who does it again, what must be.

A flow's ``run`` is what the ended process was doing; ``again`` is what the outside does when it got no answer: the
provider sends its webhook again, the person presses again. Workers always run again (Ground.settle).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.models import Connection, Invoice, Mailbox, Outgoing, Person
from app.scope import Everything
from connectors import registry
from connectors.jobs import pull_due
from connectors.oauth import seal
from connectors.sandbox.plays import PLAYS
from connectors.sandbox.webhooks import quickbooks_body, signature
from digest.channels.base import accepted, unknown
from tests.faults import outcomes
from tests.faults.connected import box_of, connect
from tests.faults.ground import Ground
from tests.support.house import signed_in
from tests.support.inbound import message, reply_to
from tests.support.world import EVERYTHING, NOW

START = NOW + timedelta(minutes=10)
ACME, BIRCH = "Acme Supply", "Birch & Sons"
COBALT, DUNE = "ap@cobalt.example", "rechnung@dune.example"
WORDS = "Which delivery was this for?"
_WORLD = Everything("the harness arranges what a flow finds")


@dataclass
class Case:
    """What a flow finds: the token of Cobalt's digest, browsers, and whatever it notes for its own check."""

    token: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def link(self, *path: object) -> str:
        return "/".join(["/m", self.token, *map(str, path)])


Act = Callable[[Ground, Case], None]


def _nothing(place: Ground, case: Case) -> None:
    """There is nobody outside who would do it again."""


@dataclass(frozen=True)
class Flow:
    name: str
    run: Act
    check: Callable[[Ground, Case], Iterator[str]]
    arrange: Act = _nothing
    again: Act | None = None  # None: the same once more


def prepare(place: Ground) -> str:
    """Acme and Birch connected; Cobalt has had its digest, whose token is returned, and has asked Acme about it."""
    connect(place, ACME, BIRCH)
    with place.house.database.transaction(_WORLD) as session:
        for box in session.scalars(select(Mailbox)):
            box.weekday, box.zone = NOW.weekday(), "Etc/UTC"
            box.next_digest_at = NOW if box.address == COBALT else None
    place.settle(timedelta(0))
    (mail,) = place.sink.taken
    token = mail.headers["List-Unsubscribe"].partition("/m/")[2].partition("/")[0]
    line = outcomes.line_of(place, ACME)
    _said(place.browser().post(f"/m/{token}/{line}/ask", data={"body": "How do I pay this one?"}), 303)
    place.settle(timedelta(0))
    place.keep()
    return token


def arranged(place: Ground, flow: Flow, token: str) -> Case:
    """The kept world ten minutes later, with permissions of its own, and what this flow wants to find in it."""
    place.put_back(START)
    case = Case(token)
    with place.house.database.transaction(_WORLD) as session:
        for connection in session.scalars(select(Connection)):
            _renew_permission(place, connection)
    flow.arrange(place, case)
    return case


def _renew_permission(place: Ground, connection: Connection, *, is_old: bool = False) -> None:
    answer = place.books.grant(connection.account_name)
    tokens = registry.get(connection.provider).parse_token(answer, clock.now())
    if is_old:
        tokens = replace(tokens, expires_at=clock.now() - timedelta(minutes=5))
    connection.tokens = seal(place.house, tokens, connection.id, connection.vendor_id)


def _said(answer: Any, status: int) -> None:
    """The person saw that it worked."""
    if answer.status_code != status:
        raise RuntimeError(f"answered {answer.status_code} instead of {status}: {answer.text[:300]}")


def _browser_of(place: Ground, address: str) -> FlaskClient:
    with place.house.database.reading(EVERYTHING) as session:
        found = session.scalars(select(Person).where(Person.address == address)).one_or_none()
    if found is None:
        with place.house.database.transaction(_WORLD) as session:
            session.add(found := Person(address=address))
    return signed_in(place.app, found)


def _work(place: Ground, _case: Case) -> None:
    place.run_jobs()


# --- the digest -----------------------------------------------------------------------------------------------------


def _dune_is_due(place: Ground, _case: Case) -> None:
    with place.house.database.transaction(_WORLD) as session:
        session.merge(box_of(place, DUNE)).next_digest_at = START


def _somebody_signs_in(place: Ground, _case: Case) -> None:
    """A later mail, whose events prove that the mail service tells us what it took (S7)."""
    _said(place.browser().post("/sign-in", data={"address": "later@elsewhere.example"}), 303)


def _dune_is_in_doubt(place: Ground, case: Case) -> None:
    """Its digest was taken, but the answer got lost."""
    _dune_is_due(place, case)
    place.sink.behave = lambda mail: (True, unknown("cut"))
    place.run_jobs()
    place.sink.behave = lambda mail: (True, accepted())


def _report(kind: str) -> Act:
    def report(place: Ground, _case: Case) -> None:
        more = {"reason": "550 no such user", "type": "bounce"} if kind == "bounce" else {}
        mails = [mail for mail in place.sink.taken if mail.to == DUNE]
        if place.tell(mails, kind, **more) != 200:
            raise RuntimeError("the events were not acknowledged")
        place.run_jobs()

    return report


# --- questions and answers ------------------------------------------------------------------------------------------


def _ask_by_link(place: Ground, case: Case) -> None:
    _said(place.browser().post(case.link(1, "ask"), data={"body": WORDS, "said_by": "Ana"}), 303)


def _asked(place: Ground, case: Case) -> None:
    _ask_by_link(place, case)


def _cobalt_sits_there(place: Ground, case: Case) -> None:
    """Somebody of Cobalt has signed in before: the mailbox is proven."""
    _sign_in(place, COBALT)
    with place.house.database.reading(EVERYTHING) as session:
        query = select(Invoice).where(Invoice.mailbox_id == box_of(place, COBALT).id, Invoice.state == "open")
        case.notes["invoice"] = session.scalars(query.order_by(Invoice.number)).first()
    case.notes["browser"] = _browser_of(place, COBALT)
    place.sink.empty()


def _ask_on_page(place: Ground, case: Case) -> None:
    address = f"/inbox/invoices/{case.notes['invoice'].id}/ask"
    _said(case.notes["browser"].post(address, data={"body": WORDS}), 303)


def _acme_sits_there(place: Ground, case: Case) -> None:
    case.notes["browser"] = _browser_of(place, "owner@acme.example")
    case.notes["thread"], case.notes["invoice"] = outcomes.first_thread(place)


def _answer(place: Ground, case: Case) -> None:
    _said(case.notes["browser"].post(f"/desk/threads/{case.notes['thread']}/answer", data={"body": WORDS}), 303)


def _notice_lies_there(place: Ground, case: Case) -> None:
    """The notice of Cobalt's question, in Acme's mailbox, about to be answered by reply."""
    case.notes["thread"], _ = outcomes.first_thread(place)
    with place.house.database.reading(EVERYTHING) as session:
        notice = session.scalars(select(Outgoing).where(Outgoing.kind == "question")).one()
    case.notes["to"] = reply_to(place.house, notice)


def _reply(place: Ground, case: Case) -> None:
    """The very same mail however often the mail service brings it."""
    to, sender = case.notes["to"], "owner@acme.example"
    mime = message(WORDS, to=to, sender=sender, message_id="the-reply")
    _said(place.post.send(mime, to=to, sender=sender), 200)
    place.run_jobs()


def _hold(place: Ground, case: Case) -> None:
    data = {"day": (START + timedelta(days=5)).date().isoformat(), "note": "We look into it"}
    _said(case.notes["browser"].post(f"/desk/invoices/{case.notes['invoice']}/hold", data=data), 303)


# --- intake ---------------------------------------------------------------------------------------------------------


def _books_change(place: Ground, case: Case) -> None:
    """A cent is paid on an open invoice of Acme's, and QuickBooks has a webhook to deliver."""
    told = place.books.act(ACME, "part_pay", amount="0.01")
    event = {
        "realm": told["external_id"], "name": "Invoice", "id": told["invoice_id"], "operation": "Update",
        "at": f"{clock.now():%Y-%m-%dT%H:%M:%S.000Z}", "event_id": f"e-{told['payment_id']}",
    }  # fmt: skip
    case.notes["told"] = told
    case.notes["raw"] = str(quickbooks_body([event], "cloudevents")).replace("'", '"').encode()


def _webhook(place: Ground, case: Case) -> None:
    raw = case.notes["raw"]
    signed = signature("quickbooks", PLAYS["quickbooks"].webhook_secret, raw, 0)
    headers = {"Content-Type": "application/json", **signed}
    _said(place.browser().post("/webhooks/quickbooks", data=raw, headers=headers), 200)
    place.run_jobs()


def _cedar_connects(place: Ground, case: Case) -> None:
    connect(place, "Cedar Studio", is_synced=False)


def _permission_is_old(provider: str) -> Act:
    def arrange(place: Ground, case: Case) -> None:
        with place.house.database.transaction(_WORLD) as session:
            connection = session.scalars(select(Connection).where(Connection.provider == provider)).one()
            _renew_permission(place, connection, is_old=True)
            connection.next_pull_at = START
            case.notes["connection"] = connection.id

    return arrange


def _pull(place: Ground, _case: Case) -> None:
    pull_due(place.house)


# --- a person at a link ---------------------------------------------------------------------------------------------


def _unsubscribe(place: Ground, case: Case) -> None:
    _said(place.browser().post(case.link("unsubscribe"), data={"choice": "off"}), 303)


def _one_click(place: Ground, case: Case) -> None:
    _said(place.browser().post(case.link("unsubscribe", "one-click"), data={"List-Unsubscribe": "One-Click"}), 200)


def _pay_page_is_open(place: Ground, case: Case) -> None:
    page = place.browser().get(case.link(1, "pay")).text
    case.notes["form"] = dict(re.findall(r'name="(shown|host)" value="([^"]*)"', page))
    case.notes["invoice"] = outcomes.invoice_of_line(place, case.token, 1)


def _press_pay(place: Ground, case: Case) -> None:
    _said(place.browser().post(case.link(1, "pay"), data=case.notes["form"]), 303)


def _press_pay_again(place: Ground, case: Case) -> None:
    _said(place.browser().post(case.link(1, "pay"), data={**case.notes["form"], "sure": "yes"}), 303)


def _sign_in(place: Ground, address: str) -> FlaskClient:
    """Asks for a link, reads the mail, presses Continue."""
    browser = place.browser()
    _said(browser.post("/sign-in", data={"address": address}), 303)
    place.run_jobs()
    mail = [mail for mail in place.sink.taken if mail.to == address][-1]
    found = re.search(r"/sign-in/[\w-]{20,}", mail.body["text"])
    assert found, "a sign-in mail without a link"
    _said(browser.post(found.group(), data={"here": "yes"}), 303)
    return browser


def _log_in(place: Ground, case: Case) -> None:
    case.notes["browser"] = _sign_in(place, COBALT)


FLOWS = (
    Flow("digest", _work, outcomes.dune_got_one, _dune_is_due, _somebody_signs_in),
    Flow("delivery event", _report("delivered"), outcomes.dune_got_one, _dune_is_in_doubt),
    Flow("bounce event", _report("bounce"), outcomes.dune_is_silenced, _dune_is_in_doubt),
    Flow("question by link", _ask_by_link, outcomes.asked_once),
    Flow("question on page", _ask_on_page, outcomes.asked_once, _cobalt_sits_there),
    Flow("question's mail", _work, outcomes.asked_once, _asked, _nothing),
    Flow("answer", _answer, outcomes.answered_once, _acme_sits_there),
    Flow("inbound mail", _reply, outcomes.answered_once, _notice_lies_there),
    Flow("vendor hold", _hold, outcomes.one_hold, _acme_sits_there),
    Flow("provider webhook", _webhook, outcomes.books_agree, _books_change),
    Flow("first sync", _pull, outcomes.cedar_is_here, _cedar_connects, _nothing),
    Flow("token refresh, quickbooks", _pull, outcomes.still_connected, _permission_is_old("quickbooks"), _nothing),
    Flow("token refresh, xero", _pull, outcomes.still_connected, _permission_is_old("xero"), _nothing),
    Flow("unsubscribe", _unsubscribe, outcomes.cobalt_is_left_alone),
    Flow("one-click", _one_click, outcomes.cobalt_is_left_alone),
    Flow("login", _log_in, outcomes.signed_in_once),
    Flow("pay press", _press_pay, outcomes.one_hold, _pay_page_is_open, _press_pay_again),
)
