"""Ten thousand questions, processes killed, the database away for a while: each is stored once and told once.

    python -m tests.faults.questions [--questions 10000] [--kills 20] [--away 20] [--database ...] [--json FILE]

By page, by link and by mail, several people of each customer at once, about the same invoices. Whoever does not read
"sent" sends the same again; the mail service brings a mail again until it is taken, and must never be told 3xx or 4xx.
``--away``: so many seconds nobody can reach the database, in the middle.
"""

import os
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import requests
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.conversations import actions as talk
from app.house import House
from app.links import digest_of, new_token
from app.models import InboundMail, Invoice, Message, Outgoing, OutgoingState, ThreadInvoice, WebSession
from app.scope import Everything
from app.settings import Settings
from tests.faults.ground import DATABASES, environment
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database, environment_of
from tests.support.inbound import BOUNDARY, HOST, PATH, Post, form, message, reply_to
from tests.support.links import sent_digest
from tests.support.postgres import shared_server
from tests.support.server import free_port
from tests.support.workers import Fleet
from tests.support.world import EVERYTHING, Owing, Selling, customer, invoice, vendor
from wsgi import build

_LOOK = Everything("the questions are counted")
VENDORS, CUSTOMERS = 5, 40
WAYS = ("link", "page", "mail")
WAITS = {
    "LIMIT_LEASE_SECONDS": "6", "SCHEDULER": "off", "MAIL_CHANNEL": "file", "INBOUND_HOST": HOST,
    "LOG_FILE": os.devnull,
    "LIMIT_QUESTIONS_PER_HOUR": "1000000", "LIMIT_MAILS_PER_THREAD_HOUR": "1000000",
    "LIMIT_USUAL_AT_LEAST": "1000000",  # so many questions in a minute are an anomaly, and would stop the mails
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One invoice somebody may ask about, and the ways to do so: ``reply_to`` answers an answer about it."""

    vendor_id: UUID
    customer_id: UUID
    invoice_id: UUID
    link: str
    page: str
    cookie: str
    reply_to: str
    sender: str


@dataclass(frozen=True)
class Question:
    number: int
    way: str
    line: Line

    @property
    def words(self) -> str:
        return f"Question number {self.number}, asked by {self.way}: which delivery was this for?"


@dataclass
class Asking:
    """What was sent, and what the askers read."""

    target: str
    post: Post
    answers: Counter[str] = field(default_factory=Counter)
    sent: list[Question] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, question: Question) -> None:
        """Presses Send until the page says "sent"."""
        for _ in range(300):
            with suppress(requests.RequestException):
                status = self._press(question)
                if status < 500:
                    break
            time.sleep(0.2)
        else:
            status = 0
        with self.lock:
            self.answers[f"{question.way}: {status}"] += 1
            if status == (200 if question.way == "mail" else 303):
                self.sent.append(question)
            else:
                self.refused.append(f"a question by {question.way} was answered {status}")

    def _press(self, question: Question) -> int:
        if question.way == "mail":
            return self._bring(question)
        path = question.line.link if question.way == "link" else question.line.page
        cookies = {"sheaf": question.line.cookie} if question.way == "page" else {}
        url = f"{self.target}{path}"
        data = {"body": question.words}
        if question.way == "page":
            page = requests.get(url, cookies=cookies, timeout=30)
            if page.status_code >= 500:
                return page.status_code
            data["csrf_token"] = page.text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
            cookies |= page.cookies.get_dict()
        return requests.post(url, data=data, cookies=cookies, timeout=30, allow_redirects=False).status_code

    def _bring(self, question: Question) -> int:
        """The mail service, with the same mail every time."""
        line = question.line
        mime = message(question.words, to=line.reply_to, sender=line.sender, message_id=f"q{question.number}")
        raw = form(mime, to=line.reply_to, sender=line.sender)
        headers = {**self.post.signed(raw), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = requests.post(f"{self.target}{PATH}", data=raw, headers=headers, timeout=30, allow_redirects=False)
        return answer.status_code


def stock(house: House, app: Flask, customers: int) -> list[Line]:
    """Every customer owes every vendor, has a digest with a line for each, and a person who is signed in."""
    lines = []
    with house.database.transaction(EVERYTHING) as session:
        since = clock.now() - timedelta(days=30)
        sellers = [
            vendor(session, f"Vendor {n}", address=f"owner{n}@vendor.example", live_at=since) for n in range(VENDORS)
        ]
        for number in range(customers):
            owing = customer(session, f"Customer {number}", address=f"ap{number}@customer.example")
            owed = [invoice(session, seller, owing) for seller in sellers]
            sent = sent_digest(session, owing.mailbox, owed)
            token, now = new_token(), clock.now()
            session.add(WebSession(token_hash=digest_of(token), person_id=owing.person.id, created_at=now, seen_at=now))
            cookie = _cookie(app, {"_user_id": token, "_fresh": True})
            lines += [
                Line(
                    each.vendor_id, owing.customer.id, each.id, sent.at(place, "ask"),
                    f"/inbox/invoices/{each.id}/ask", cookie,
                    _talked(session, house, each, owing, sellers[place - 1]), owing.mailbox.address,
                )
                for place, each in enumerate(owed, 1)
            ]  # fmt: skip
    return lines


def _talked(session: Session, house: House, about: Invoice, owing: Owing, seller: Selling) -> str:
    """A question about the invoice and its answer; the address to reply to that answer."""
    now = clock.now()
    thread = talk.ask_question(
        session, house=house, vendor_id=about.vendor_id, customer_id=owing.customer.id, mailbox_id=owing.mailbox.id,
        invoice_ids=[about.id], body="May I ask?", now=now, via="link",
    )  # fmt: skip
    said = talk.answer(session, house=house, thread=thread, person=seller.person, body="You may.", now=now)
    query = select(Outgoing).where(Outgoing.dedupe_key == f"answer:{said.id}")
    return reply_to(house, session.scalars(query).one())


def _cookie(app: Flask, content: dict[str, object]) -> str:
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    return str(signer.dumps(content))


def run(
    url: str, count: int, kills: int, away: float, seed: int, customers: int = CUSTOMERS
) -> tuple[dict[str, object], list[str]]:
    """The row of figures, and what was broken."""
    dice, began = random.Random(seed), time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="sheaf-faults-"))
        post = Post(FlaskClient(Flask("nobody")))
        given = {**WAITS, "SECRET_KEY": "a test needs no secret", "SENDGRID_INBOUND_PUBLIC_KEY": post.public_key}
        stack.enter_context(environment({**given, "SHEAF_INSTANCE": folder}))
        house = House.open(Settings(DATABASE_URL=url))  # type: ignore[call-arg]
        stack.callback(house.database.dispose)
        lines = stock(house, build(house)[0], customers)
        port = free_port()
        roles = [f"web-and-worker {port}"] if house.database.is_sqlite else [f"web {port}", "worker", "worker"]
        fleet = Fleet(roles, {**environment_of(house), **given}, Path(folder) / "log")
        stack.callback(fleet.stop)
        asking = Asking(f"http://127.0.0.1:{port}", post)
        questions = [Question(n, dice.choice(WAYS), dice.choice(lines)) for n in range(count)]
        _ask_all(asking, questions, fleet, kills, away, url, dice)
        _until_told(house)
        broken = [*asking.refused, *_judged(house, asking)]
        row = {
            "database": house.database.engine.dialect.name, "questions": count, "by link": asking.answers["link: 303"],
            "by page": asking.answers["page: 303"], "by mail": asking.answers["mail: 200"], "kills": fleet.killed,
            "away": away, "mails told": _told(house), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
    return row, broken


def _ask_all(
    asking: Asking, questions: list[Question], fleet: Fleet, kills: int, away: float, url: str, dice: random.Random
) -> None:
    progress = Progress("questions", len(questions))
    moments = sorted(dice.sample(range(len(questions)), min(kills, len(questions))))
    with ThreadPoolExecutor(8) as pool:
        for number, _ in enumerate(pool.map(asking.ask, questions)):
            progress.step()
            if moments and number >= moments[0]:
                moments.pop(0)
                fleet.kill(dice.randrange(len(fleet.running)))
            if number == len(questions) // 2 and away:
                with _without_database(url):
                    time.sleep(away)


@contextmanager
def _without_database(url: str) -> Iterator[None]:
    """Nobody gets in: PostgreSQL refuses and cuts off, SQLite is locked by somebody who does not let go."""
    if url.startswith("sqlite"):
        holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        return
    name, server = url.rpartition("/")[2].partition("?")[0], shared_server()
    server.execute("alter database {} allow_connections false", name)
    plain = server.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
    try:
        yield
    finally:
        server.execute("alter database {} allow_connections true", name)


def _until_told(house: House, patience: float = 600) -> None:
    """Until the workers have read every mail that came and carried every mail that is due."""
    unsent = select(func.count()).where(Outgoing.state.in_((OutgoingState.QUEUED, OutgoingState.CLAIMED)))
    unread = select(func.count()).where(InboundMail.handled_at.is_(None))
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        with house.database.reading(_LOOK) as session:
            if not session.execute(unread).scalar_one() and not session.execute(unsent).scalar_one():
                return
        time.sleep(0.5)


def _told(house: House) -> int:
    with house.database.reading(_LOOK) as session:
        asked = Outgoing.text.contains("Question number")
        query = select(func.count()).where(Outgoing.kind == "question", Outgoing.state == OutgoingState.ACCEPTED, asked)
        return int(session.execute(query).scalar_one())


def _judged(house: House, asking: Asking) -> Iterator[str]:
    """Each acknowledged question stored once, in its own pair's conversation about its invoice, and told once."""
    with house.database.reading(_LOOK) as session:
        said = list(session.scalars(select(Message)))
        covers = {(one.thread_id, one.invoice_id) for one in session.scalars(select(ThreadInvoice))}
        mails = Counter(
            key.split(":")[1] for key in session.scalars(select(Outgoing.dedupe_key)) if key.startswith("question:")
        )
    by_words: dict[str, list[Message]] = {}
    for each in said:
        by_words.setdefault(each.body, []).append(each)
    for question in asking.sent:
        found = by_words.pop(question.words, [])
        if len(found) != 1:
            yield f"Q1 question {question.number} by {question.way} was acknowledged and is stored {len(found)} times"
            continue
        (one,), line = found, question.line
        owners = (one.vendor_id, one.customer_id) == (line.vendor_id, line.customer_id)
        if not owners or (one.thread_id, line.invoice_id) not in covers:
            yield f"Q2 question {question.number} stands in the wrong conversation"
        if mails[str(one.id)] != 1:
            yield f"Q1 {mails[str(one.id)]} mails tell of question {question.number}"
    for words in ("May I ask?", "You may."):
        by_words.pop(words, None)
    yield from (f"stored and never acknowledged: {words[:40]}" for words in by_words)


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--questions", type=int, default=10_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--away", type=float, default=20.0)
    given = options.parse_args()
    rows, broken = [], []
    with harness():
        for kind in [given.database] if given.database else DATABASES:
            with database(kind) as url:
                row, found = run(url, given.questions, given.kills, given.away, given.seed)
            rows.append(row)
            broken += [f"{kind}: {words}" for words in found]
    return show(f"questions under fire, seed {given.seed}", rows, broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
