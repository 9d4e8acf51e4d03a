"""The people of a play: vendors who connect their books and answer at the desk, customers who pay and ask by mail."""

import random
import re
from collections.abc import Callable
from html import unescape
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from demo.stage import Stage
from demo.visitor import Lost, Visitor

PATIENCE = 600  # looks at the progress page, each after one wait


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


def ask_by_mail(stage: Stage, address: str, dice: random.Random, topic: Callable[[str], str]) -> str:
    """Ask about some line of the newest digest, without signing in, what ``topic`` says of its vendor; returns the
    vendor's name, "" if none was asked."""
    visitor = stage.visitor()
    link = _some_link(visitor, address, "ask", dice)
    if link is None:
        return ""
    page = visitor.open(link)
    vendor = re.search(r"<h1>Ask <bdi>([^<]+)</bdi>", page.text)
    if vendor is None:
        return ""
    name = unescape(vendor[1])
    visitor.open(f"{link}?quick={topic(name)}")
    visitor.submit("body", body="Please tell us more about this invoice.", said_by="Ana")
    return name


def rate_by_mail(stage: Stage, address: str, score: int) -> bool:
    """Press one of the five answers that the newest mail with the question leads to."""
    visitor = stage.visitor()
    for mail in visitor.mails(address):
        if link := re.search(r"https?://\S+/m/[\w-]+/\d+/rate\b", visitor.text_of(mail)):
            visitor.open(link.group())
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


def answer_next(stage: Stage, company: str) -> None:
    """The owner signs in and answers whoever waits longest. Raises Lost when nobody does."""
    visitor = stage.visitor()
    visitor.sign_in(owner_of(company))
    page = visitor.open("/desk")
    thread = re.search(r"/desk/threads/[0-9a-f-]{36}", page.text)
    if thread is None:
        raise Lost(f"nobody waits for {company}")
    visitor.open(thread.group())
    visitor.submit("body", body="For the delivery of last month; your order number is on the invoice.")
