"""The people of a play: vendors who connect their books and answer at the desk, customers who pay and ask by mail."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from demo.stage import Stage
from demo.visitor import Lost, Visitor

MISTAKE, COPY = "order", "copy"  # what a question is about: something that should be on the invoice, or nothing wrong
PATIENCE = 600  # looks at the progress page, each after one wait


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of some customer, waiting for an answer."""

    company: str
    number: str  # of the invoice; "" where it is about none
    topic: str


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def owner_of(company: str) -> str:
    """The address of the person who owns a played vendor."""
    return f"owner@{slug(company)}.example"


def open_for_business(stage: Stage, provider: str, company: str) -> Visitor:
    """A new vendor's first minutes, through the same pages as anybody's: returns the signed-in owner."""
    visitor = stage.visitor()
    visitor.sign_in(owner_of(company))
    connect(stage, visitor, provider, company)
    wait_for_first_sync(visitor)
    visitor.submit("live")
    approve(stage, company)
    return visitor


def approve(stage: Stage, company: str) -> None:
    """The operator has looked at who this is: from now on its customers see amounts at once."""
    operator = stage.operator()
    operator.open(f"/ops/vendors?q={quote(company)}")
    operator.follow(company)
    operator.submit("reason", act="approve", reason="Known to us: it plays in this demo")


def connect(stage: Stage, visitor: Visitor, provider: str, company: str) -> None:
    """From "connect your books" through the consent page and back."""
    visitor.open(f"/connect/{provider}")
    answer = visitor.submit(f"/connect/{provider}", follow=False)
    back = stage.sandbox.approve(answer.headers["Location"], company)
    parts = urlsplit(back)
    visitor.open(f"{parts.path}?{parts.query}")


def wait_for_first_sync(visitor: Visitor) -> None:
    """The live counter, until it says what was found."""
    if visitor.page is None:
        raise Lost("no page is open")
    progress = visitor.page.url
    for _ in range(PATIENCE):
        if any("live" in form.action or any(name == "live" for name, _, _ in form.buttons) for form in visitor.forms):
            return
        visitor.tick()
        visitor.open(progress)
    raise Lost(f"the first sync did not end on {progress}")


# --- customers, by their mail -----------------------------------------------------------------------------------------


def choose_daily(stage: Stage, address: str) -> None:
    """Somebody signs in with the mailbox's address and wants one mail a day, at 9:00 of its own zone."""
    visitor = stage.visitor()
    visitor.sign_in(address)
    visitor.open("/inbox/rhythm")
    visitor.submit("cadence", act="rhythm", cadence="daily", send_at="09:00")


def pay_by_mail(stage: Stage, address: str, dice: random.Random) -> str:
    """Press Pay on some line of the newest digest and pay there in full; says in words what came of it."""
    visitor = stage.visitor()
    link = _some_link(visitor, address, "pay", dice)
    if link is None:
        return "look|looks for something to pay, in vain"
    visitor.open(link)
    if not any("shown" in form.fields for form in visitor.forms):
        return "press|presses of Pay on what was settled already"
    answer = visitor.submit("shown", follow=False, sure="yes")
    if answer.status_code != HTTPStatus.SEE_OTHER:
        return "press|presses of Pay while the provider had no page"
    stage.sandbox.pay_online(answer.headers["Location"])
    return "invoice|invoices paid from the mail"


def ask_by_mail(stage: Stage, address: str, dice: random.Random, topic: Callable[[str], str]) -> list[Asked]:
    """Ask about some line of the newest digest, without signing in, what ``topic`` says of its vendor; nothing where
    there is no such line."""
    visitor = stage.visitor()
    link = _some_link(visitor, address, "ask", dice)
    if link is None:
        return []
    page = visitor.open(link)
    vendor = re.search(r"<h1>Ask <bdi>([^<]+)</bdi>", page.text)
    if vendor is None:
        return []
    number = re.search(r"About invoice <bdi>([^<]+)</bdi>", page.text)
    name = unescape(vendor[1])
    asked = Asked(name, unescape(number[1]) if number else "", topic(name))
    visitor.open(f"{link}?quick={asked.topic}")
    visitor.submit("body", body="Please tell us more about this invoice.", said_by="Ana")
    return [asked]


def rate_by_mail(stage: Stage, address: str, company: str, score: int) -> bool:
    """Press one of the five answers that the newest mail asking about that company leads to."""
    visitor = stage.visitor()
    for mail in visitor.mails(address):
        link = re.search(r"https?://\S+/m/[\w-]+/\d+/rate\b", visitor.text_of(mail))
        if link and company in unescape(visitor.open(link.group()).text):
            visitor.submit("score", score=str(score))
            return True
    return False


def _some_link(visitor: Visitor, address: str, verb: str, dice: random.Random) -> str | None:
    for mail in visitor.mails(address):
        links = re.findall(rf"https?://\S+/m/[\w-]+/\d+/{verb}\b", visitor.text_of(mail))
        if links:
            return str(dice.choice(links))
    return None


# --- vendors, at their desk -------------------------------------------------------------------------------------------


def answer(stage: Stage, company: str, questions: Sequence[Asked]) -> int:
    """The owner signs in, answers these questions and puts right what was wrong; returns how many conversations that
    were (two questions about one invoice are one)."""
    visitor = stage.visitor()
    visitor.sign_in(owner_of(company))
    answered = 0
    for asked in questions:
        page = visitor.open(f"/desk?q={quote(asked.number)}")
        thread = re.search(r"/desk/threads/[0-9a-f-]{36}", page.text)
        if thread is None:
            continue
        visitor.open(thread.group())
        if asked.topic == MISTAKE:
            visitor.submit("/close", body="Sorry: your order number stands on it now.", result="corrected")
        else:
            visitor.submit("body", body="Here it is; your order number is on the invoice.")
        answered += 1
    return answered
