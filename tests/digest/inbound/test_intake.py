"""Replies by mail: stored before they are acknowledged, filed where their address says, once, and never broadcast."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app import clock
from app.conversations import actions as talk
from app.house import House
from app.models import (
    AuditEntry,
    InboundMail,
    InboundOutcome,
    Message,
    MessageAttachment,
    Outgoing,
    OutgoingKind,
    Side,
    Thread,
    ThreadLink,
    ThreadState,
    VendorMember,
    VendorRole,
)
from digest.inbound import intake
from tests.support.inbound import HOST, Post, form, form_of, handle_all, message, reply_to
from tests.support.world import EVERYTHING, World, person, vendor_member


@pytest.fixture
def post(whole_app: Flask, house: House, fixed_clock: datetime) -> Post:
    """SendGrid, whose key we know beside an older one, posting to a house that takes replies."""
    made = Post(whole_app.test_client())
    house.settings.inbound_host = HOST
    house.settings.sendgrid_inbound_public_key = f"{Post(whole_app.test_client()).public_key}, {made.public_key}"
    return made


@pytest.fixture
def asked(post: Post, house: House, world: World) -> Outgoing:
    """Cobalt has asked Acme; the notice to Acme's owner."""
    with house.database.transaction(EVERYTHING) as session:
        talk.ask_question(
            session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
            mailbox_id=world.cobalt.mailbox.id, invoice_ids=[world.acme_invoice.id], body="Which order?",
            now=clock.now(), via="link",
        )  # fmt: skip
    return mails(house, OutgoingKind.QUESTION)[0]


@pytest.fixture
def answered(asked: Outgoing, house: House, world: World, post: Post) -> Outgoing:
    """Acme has answered by mail; the mail to Cobalt's mailbox."""
    reply = reply_to(house, asked)
    mime = message("Order 4711.", to=reply, sender="owner@acme.example", name="Olga")
    assert post.send(mime, to=reply, sender="owner@acme.example").status_code == 200
    handle_all(house)
    return mails(house, OutgoingKind.ANSWER)[0]


def mails(house: House, kind: OutgoingKind) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        query = select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.created_at, Outgoing.id)
        return list(session.execute(query).scalars())


def said(house: House) -> list[Message]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(Message).order_by(Message.created_at, Message.id)).scalars())


def inbox(house: House) -> list[InboundMail]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(InboundMail).order_by(InboundMail.received_at, InboundMail.id)).scalars())


def outcomes(house: House) -> list[tuple[InboundOutcome, str]]:
    return [(InboundOutcome(mail.outcome), mail.reason) for mail in inbox(house)]


def only_thread(house: House) -> Thread:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Thread)).scalar_one()


def count(house: House, table: Any) -> int:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


# --- a reply to a question, and to its answer -----------------------------------------------------------------------


def test_a_vendors_reply_to_the_notice_is_the_answer(answered: Outgoing, house: House, world: World) -> None:
    """[F7 F9 004-10 inv-Q1 inv-Q2] From a member's own address, proven by the mail's signature: named, by mail."""
    question, answer = said(house)
    assert (answer.side, answer.body, answer.via) == (Side.VENDOR, "Order 4711.", "mail")
    assert (answer.person_id, answer.is_unverified) == (world.acme.person.id, False)
    assert only_thread(house).state == ThreadState.WAITING_CUSTOMER
    assert answered.mailbox_id == world.cobalt.mailbox.id
    assert answered.thread_id == question.thread_id
    assert "Order 4711." in answered.text
    assert "replying to this mail" in answered.text


def test_the_customers_reply_goes_on_in_the_thread(answered: Outgoing, house: House, post: Post, world: World) -> None:
    """[F7 004-10 inv-Q1 inv-Q2] With what the mailbox is called only as claimed, and a notice to the vendor."""
    reply = reply_to(house, answered)
    post.send(message("And the date?", to=reply, name="Carla"), to=reply)
    handle_all(house)
    last = said(house)[-1]
    assert (last.side, last.body, last.via, last.person_id) == (
        Side.CUSTOMER, "And the date?", "mail", world.cobalt.person.id,
    )  # fmt: skip
    assert only_thread(house).state == ThreadState.WAITING_VENDOR
    assert len(mails(house, OutgoingKind.QUESTION)) == 2


@pytest.mark.parametrize(
    ("sender", "is_proven"), [("ap@cobalt.example", False), ("carla@elsewhere.example", True), ("", True)]
)
def test_whoever_cannot_be_verified_is_shown_as_such(
    answered: Outgoing, house: House, post: Post, sender: str, is_proven: bool
) -> None:
    """[inv-Q2 inv-D4 F7] A forged From, a colleague's own address, none: heard, never named as somebody we know."""
    reply = reply_to(house, answered)
    post.send(message("And the date?", to=reply, sender=sender, name="Carla"), to=reply, sender=sender or "x@y.example",
              is_proven=is_proven)  # fmt: skip
    handle_all(house)
    last = said(house)[-1]
    assert (last.person_id, last.is_unverified, last.sender_address) == (None, True, sender)
    notice = mails(house, OutgoingKind.QUESTION)[-1].text
    assert "not verified" in notice


def test_a_vendors_people_who_only_read_cannot_answer_by_mail(asked: Outgoing, house: House, post: Post) -> None:
    """[B5 F7] What the page refuses them the mail refuses too."""
    with house.database.transaction(EVERYTHING) as session:
        member = session.execute(select(VendorMember).where(VendorMember.person_id == asked.person_id)).scalar_one()
        member.role = VendorRole.READER
    reply = reply_to(house, asked)
    post.send(message(to=reply), to=reply)
    handle_all(house)
    assert outcomes(house)[0][0] == InboundOutcome.QUARANTINED
    assert len(said(house)) == 1


def test_a_colleague_at_the_vendor_is_known_by_address(asked: Outgoing, house: House, world: World, post: Post) -> None:
    """[F7] The notice was passed on to another member, who answers in their own name."""
    with house.database.transaction(EVERYTHING) as session:
        agent = person(session, "agent@acme.example", name="Arno")
        vendor_member(session, world.acme.vendor, agent)
    reply = reply_to(house, asked)
    post.send(message("It is 4711.", to=reply, sender=agent.address), to=reply, sender=agent.address)
    handle_all(house)
    assert said(house)[-1].person_id == agent.id
    assert "Arno" in mails(house, OutgoingKind.ANSWER)[0].text


def test_the_same_mail_is_filed_once_however_often_it_comes(
    asked: Outgoing, house: House, world: World, post: Post
) -> None:
    """[inv-N1 inv-N3 F7] The very same request is one row; in other bytes it is known by id, address and content."""
    reply = reply_to(house, asked)
    mime = message("Order 4711.", to=reply, sender="owner@acme.example")
    for spam_score in ("0.1", "0.1", "0.2"):
        answer = post.send(mime, to=reply, sender="owner@acme.example", spam_score=spam_score)
        assert answer.status_code == 200
    handle_all(house)
    assert sorted(outcome for outcome, _ in outcomes(house)) == [InboundOutcome.DUPLICATE, InboundOutcome.FILED]
    assert len(said(house)) == 2
    assert len(mails(house, OutgoingKind.ANSWER)) == 1


def test_a_reply_opens_a_closed_conversation_and_later_asks_anew(
    answered: Outgoing, house: House, world: World, post: Post, travel: Any
) -> None:
    """[F11 F7] Within 30 days it goes on; after them the words are a new question about the same invoice."""
    reply, thread = reply_to(house, answered), only_thread(house)
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Thread, thread.id)
        talk.close_thread(
            session, house=house, thread=kept, person=world.acme.person, result="answered", now=clock.now()
        )
    travel(clock.now() + timedelta(days=20))
    post.send(message("Once more, please.", to=reply), to=reply)
    handle_all(house)
    assert only_thread(house).state == ThreadState.WAITING_VENDOR
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Thread, thread.id)
        talk.close_thread(session, house=house, thread=kept, person=world.acme.person, result="paid", now=clock.now())
    travel(clock.now() + timedelta(days=35))
    post.send(message("It is not paid.", to=reply), to=reply)
    handle_all(house)
    assert count(house, Thread) == 2
    assert [outcome for outcome, _ in outcomes(house)] == [InboundOutcome.FILED] * 3


def test_more_than_a_supplier_can_answer_waits_its_turn(
    answered: Outgoing, house: House, world: World, post: Post, travel: Any
) -> None:
    """[inv-N2 inv-F1 F7] What a page would refuse for now a mail waits for, by itself; nothing is half written."""
    house.limits.questions_per_hour = 1
    reply = reply_to(house, answered)
    post.send(message("And the date?", to=reply), to=reply)
    handle_all(house)
    assert outcomes(house)[-1][0] == InboundOutcome.WAITING
    assert len(said(house)) == 2
    travel(clock.now() + timedelta(hours=1, minutes=1))
    handle_all(house)
    assert outcomes(house)[-1] == (InboundOutcome.FILED, "")
    assert said(house)[-1].body == "And the date?"


# --- reply addresses ------------------------------------------------------------------------------------------------


def test_a_reply_address_survives_folding_and_expires(
    answered: Outgoing, house: House, post: Post, travel: Any
) -> None:
    """[F7 inv-L2 inv-K2] Upper case is the same address; after 60 days it is none; nothing of it is stored in clear."""
    reply = reply_to(house, answered)
    local = reply.partition("@")[0]
    assert (len(local) <= 64, local) == (True, local.lower())
    post.send(message("One.", to=reply), to=reply.upper())
    handle_all(house)
    travel(clock.now() + timedelta(days=house.limits.reply_days, minutes=1))
    post.send(message("Two.", to=reply), to=reply)
    handle_all(house)
    assert [outcome for outcome, _ in outcomes(house)][1:] == [InboundOutcome.FILED, InboundOutcome.QUARANTINED]
    with house.database.reading(EVERYTHING) as session:
        for table in (InboundMail.__table__, Message.__table__, Outgoing.__table__):
            stored = repr([tuple(row) for row in session.execute(select(table))]).lower()
            assert local[2:] not in stored


@pytest.mark.parametrize("what", ["member", "link", "disabled"])
def test_what_ends_the_recipients_say_ends_the_address(
    asked: Outgoing, answered: Outgoing, house: House, world: World, post: Post, what: str
) -> None:
    """[inv-L2 F7] A member who left, a revoked link, an access that ended: kept for the operator, never filed."""
    with house.database.transaction(EVERYTHING) as session:
        if what == "member":
            session.delete(session.execute(
                select(VendorMember).where(VendorMember.person_id == world.acme.person.id)).scalar_one())  # fmt: skip
        elif what == "link":
            session.execute(select(ThreadLink)).scalar_one().revoked_at = clock.now()
        else:
            person(session, world.acme.person.address).disabled_at = clock.now()
    reply = reply_to(house, answered if what == "link" else asked)
    post.send(message("Still me.", to=reply), to=reply)
    handle_all(house)
    assert outcomes(house)[-1][0] == InboundOutcome.QUARANTINED
    assert len(said(house)) == 2


@pytest.mark.parametrize("to", [f"r-{'a' * 52}@{HOST}", f"help@{HOST}", "r-x@elsewhere.example", "", "x" * 5000])
def test_an_address_that_is_none_of_ours_is_kept_for_the_operator(
    asked: Outgoing, house: House, post: Post, to: str
) -> None:
    """[inv-N2 F7 L8] Acknowledged, kept, filed nowhere."""
    assert post.send(message(to="x@y.example"), to=to).status_code == 200
    handle_all(house)
    assert [outcome for outcome, _ in outcomes(house)] == [InboundOutcome.QUARANTINED]
    assert len(said(house)) == 1


def test_one_address_speaks_for_one_side_of_one_conversation(
    asked: Outgoing, answered: Outgoing, house: House, post: Post
) -> None:
    """[F7 inv-Q2] Addressed to two at once it goes to neither."""
    two = [reply_to(house, asked), reply_to(house, answered)]
    mime = message("Both?", to=", ".join(two))
    post.post(form_of({"email": mime, "envelope": f'{{"to": ["{two[0]}", "{two[1]}"], "from": "x@y.example"}}'}))
    handle_all(house)
    assert outcomes(house)[-1][0] == InboundOutcome.QUARANTINED
    assert len(said(house)) == 2


# --- files ----------------------------------------------------------------------------------------------------------


def test_files_are_kept_within_limits(answered: Outgoing, house: House, post: Post) -> None:
    """[F1 F7] Kinds that can run are named and left out; a name leads nowhere; the contents are those that came."""
    reply = reply_to(house, answered)
    house.limits.attachment_bytes = 1000
    files = [
        ("../../etc/receipt.pdf", "application/pdf", b"%PDF-1.7"),
        ("run.exe", "application/pdf", b"MZ"),
        ("page.svg", "image/svg+xml", b"<svg/>"),
        ("big.pdf", "application/pdf", b"x" * 2000),
    ]
    post.send(message("See the receipt.", to=reply, files=files), to=reply)
    handle_all(house)
    with house.database.reading(EVERYTHING) as session:
        (kept,) = session.execute(select(MessageAttachment)).scalars()
        assert (kept.name, kept.kind, kept.data) == ("receipt.pdf", "application/pdf", b"%PDF-1.7")
    body = said(house)[-1].body
    assert body.startswith("See the receipt.")
    assert all(name in body for name in ("run.exe", "page.svg", "big.pdf"))
    assert "With receipt" in mails(house, OutgoingKind.QUESTION)[-1].text


def test_words_that_do_not_fit_go_on_in_a_file(answered: Outgoing, house: House, post: Post) -> None:
    """[F7] Nothing a person wrote is lost."""
    reply, words = reply_to(house, answered), "All of it matters. " * 600
    post.send(message(words, to=reply), to=reply)
    handle_all(house)
    with house.database.reading(EVERYTHING) as session:
        (rest,) = session.execute(select(MessageAttachment)).scalars()
        assert rest.data.decode() == words.strip()
    assert len(said(house)[-1].body) <= 4000


# --- intake ---------------------------------------------------------------------------------------------------------


def test_it_is_stored_as_it_came_before_anything_is_decided(asked: Outgoing, house: House, post: Post) -> None:
    """[inv-N1 inv-K2] Raw, encrypted, with headers and time; the job comes later."""
    reply = reply_to(house, asked)
    mime = message("Grüße", to=reply)
    raw = form(mime + b"\xff\xfe not UTF-8", to=reply, sender="owner@acme.example")
    assert post.post(raw).status_code == 200
    (kept,) = inbox(house)
    assert (kept.outcome, kept.size, kept.headers["User-Agent"]) == (InboundOutcome.WAITING, len(raw), "Sendlib/1.0")
    with house.database.reading(EVERYTHING) as session:
        again = session.get_one(InboundMail, kept.id)
        assert intake.raw_of(house.keys, again) == raw
        assert mime[:40] not in again.sealed_raw
    assert len(said(house)) == 1


@pytest.mark.parametrize("what", ["unsigned", "wrong", "old", "changed", "no key"])
def test_what_is_not_signed_is_asked_for_again_and_rings(asked: Outgoing, house: House, post: Post, what: str) -> None:
    """[inv-N2 inv-N4] 503, never 3xx or 4xx; nothing stored; one line in the audit however often."""
    raw = form(message(to="x@y.example"), to="x@y.example", sender="a@b.example")
    at = clock.now() - timedelta(days=5)
    headers = post.signed(raw, at.timestamp() if what == "old" else None)
    if what == "unsigned":
        headers = {}
    if what == "wrong":
        headers = Post(post.client).signed(raw)
    if what == "no key":
        house.settings.sendgrid_inbound_public_key = ""
    for _ in range(3):
        body = raw + b"x" if what == "changed" else raw
        kind = "multipart/form-data; boundary=xYzZY"
        answer = post.client.post("/webhooks/sendgrid/inbound", data=body, headers={**headers, "Content-Type": kind})
        assert answer.status_code == 503
    assert inbox(house) == []
    with house.database.reading(EVERYTHING) as session:
        refused = select(AuditEntry).where(AuditEntry.action == "inbound.refused")
        assert len(session.execute(refused).scalars().all()) == 1


def test_without_a_database_it_is_asked_for_again(
    asked: Outgoing, house: House, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-N1 inv-N2 inv-F1]"""

    def away(*_: Any) -> bool:
        raise OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(intake, "store", away)
    assert post.send(message(to="x@y.example"), to="x@y.example").status_code == 503


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b" ", "multipart/form-data; boundary=xYzZY"),
        (b"\xff" * 100, "multipart/form-data; boundary=xYzZY"),
        (b"--xYzZY\r\nbroken", "multipart/form-data; boundary=xYzZY"),
        (b"--xYzZY--\r\n", "multipart/form-data"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"x", ""),
        (form_of({"subject": "no message"}), "multipart/form-data; boundary=xYzZY"),
        (form_of({"email": b"X" * 80_000}), "multipart/form-data; boundary=xYzZY"),
    ],
)
def test_what_cannot_be_read_is_kept_for_the_operator(
    asked: Outgoing, house: House, post: Post, raw: bytes, kind: str
) -> None:
    """[inv-N2 L8] Signed and senseless: 200, quarantine, a reason."""
    assert post.post(raw, kind).status_code == 200
    handle_all(house)
    ((outcome, reason),) = outcomes(house)
    assert outcome == InboundOutcome.QUARANTINED
    assert reason


def test_a_mail_taken_apart_by_the_service_reads_the_same(asked: Outgoing, house: House, post: Post) -> None:
    """[F7 F1] The parsed form: headers, text in its charset, files beside it."""
    reply = reply_to(house, asked)
    head = f"From: Olga <owner@acme.example>\nTo: {reply}\nSubject: Re: x\nMessage-ID: <1@m.example>\n"
    head += "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=gone\n"
    post.post(
        form_of({
            "headers": head, "text": "Grüße, Auftrag 4711".encode("latin-1"), "html": "<p>x</p>", "SPF": "pass",
            "charsets": '{"text":"iso-8859-1"}', "envelope": f'{{"to":["{reply}"],"from":"owner@acme.example"}}',
            "dkim": "none", "attachments": "1", "attachment1": b"%PDF",
            "attachment-info": '{"attachment1":{"filename":"order.pdf","type":"application/pdf"}}',
        })
    )  # fmt: skip
    handle_all(house)
    answer = said(house)[-1]
    assert (answer.body, answer.is_unverified) == ("Grüße, Auftrag 4711", False)
    assert count(house, MessageAttachment) == 1


def test_a_mail_that_breaks_the_reader_comes_to_rest(
    asked: Outgoing, house: House, post: Post, monkeypatch: pytest.MonkeyPatch, travel: Any
) -> None:
    """[inv-N2 inv-F1 L8] Whatever ends the process while reading it: tried a few times, then kept for the operator."""
    post.send(message(to=reply_to(house, asked)), to=reply_to(house, asked))

    def breaks(*_: Any) -> None:
        raise RuntimeError("our mistake")

    with monkeypatch.context() as broken:
        broken.setattr(intake, "read_request", breaks)
        for _ in range(house.limits.inbound_tries):
            with pytest.raises(RuntimeError):
                intake.handle_inbound(house)
            assert intake.handle_inbound(house) == 0
            travel(clock.now() + timedelta(seconds=house.limits.lease_seconds))
        assert intake.handle_inbound(house) == 1
    assert outcomes(house)[0][0] == InboundOutcome.QUARANTINED
