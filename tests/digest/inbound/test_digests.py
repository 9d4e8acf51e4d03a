"""A reply to a digest goes to the one supplier it names, else its writer is asked; machines are answered by nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    Digest,
    DigestLine,
    HeldReply,
    InboundOutcome,
    Invoice,
    LineKind,
    MessageAttachment,
    Outgoing,
    OutgoingKind,
    Thread,
)
from app.outbox.actions import open_token
from digest.deliver import deliver_batch
from digest.inbound.naming import meant_by
from tests.digest.inbound.test_intake import answered, asked, count, mails, only_thread, outcomes, post, said
from tests.digest.mails import cobalts_digest, digest_mail
from tests.support.house import signed_in
from tests.support.inbound import Post, handle_all, message, reply_to
from tests.support.links import digest_line
from tests.support.sinks import MemoryChannel
from tests.support.tables import checksums
from tests.support.world import EVERYTHING, World, invoice

__all__ = ["answered", "asked", "post"]  # fixtures


@pytest.fixture
def both(house: House, world: World, post: Post) -> Outgoing:
    """Cobalt's digest with a line of Acme's and one of Birch's."""
    with house.database.transaction(EVERYTHING) as session:
        owed = [world.acme_invoice, world.birch_invoice]
        mail = digest_mail(session, house, world.cobalt.mailbox, invoices=owed)
        for line in session.execute(select(DigestLine).where(DigestLine.digest_id == mail.digest_id)).scalars():
            line.vendor_name = "Acme" if line.vendor_id == world.acme.vendor.id else "Birch"
            line.number = {"A-1": "INV-1001", "B-1": "INV-2002"}[line.number]
        return mail


def send(post: Post, house: House, mail: Outgoing, words: str, **more: Any) -> None:
    reply = reply_to(house, mail)
    assert post.send(message(words, to=reply, **more), to=reply).status_code == 200
    handle_all(house)


def which(house: House) -> str:
    """The path of the page in the newest mail that asks which supplier is meant."""
    mail = mails(house, OutgoingKind.NOTICE)[-1]
    return f"/m/{open_token(mail.sealed_token, house.keys, mail.id, mail.mailbox_id)}/which"


# --- which supplier -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "vendor", "is_about_invoice"),
    [
        ("Which order is inv-1001 for?", "acme", True),
        ("Dear Birch, we paid.", "birch", False),
        ("INV-2002 from Birch is wrong", "birch", True),
    ],
)
def test_a_reply_that_names_one_supplier_goes_there(
    both: Outgoing, house: House, world: World, post: Post, words: str, vendor: str, is_about_invoice: bool
) -> None:
    """[F7 F1 inv-Q1] By invoice number or name; the vendor's people are told, nobody else."""
    send(post, house, both, words)
    assert outcomes(house)[0][0] == InboundOutcome.FILED
    selling = getattr(world, vendor)
    assert only_thread(house).vendor_id == selling.vendor.id
    assert [mail.person_id for mail in mails(house, OutgoingKind.QUESTION)] == [selling.person.id]
    assert mails(house, OutgoingKind.NOTICE) == []
    assert ("Invoice" in only_thread(house).subject) == is_about_invoice


@pytest.mark.parametrize("words", ["We paid all of it.", "Acme and Birch: we paid", "unsubscribe", "STOP", "1250.00?"])
def test_a_reply_that_names_none_or_several_asks_its_writer(
    both: Outgoing, house: House, world: World, post: Post, words: str
) -> None:
    """[F7 D13 inv-D3] One mail, to the stored mailbox; nothing is guessed, nothing broadcast."""
    send(post, house, both, words, sender="carla@elsewhere.example")
    assert outcomes(house)[0][0] == InboundOutcome.HELD
    assert count(house, Thread) == 0
    (mail,) = mails(house, OutgoingKind.NOTICE)
    assert mail.address == world.cobalt.mailbox.address


def test_the_choice_makes_one_question(both: Outgoing, house: House, world: World, post: Post) -> None:
    """[F7 inv-L1 inv-Q1 inv-S9] Opening changes nothing; the first press sends words and files, a second nothing."""
    send(post, house, both, "We paid all of it.", files=[("receipt.pdf", "application/pdf", b"%PDF")])
    path, browser = which(house), post.client
    before = checksums(house.database)
    for _ in range(3):
        page = browser.get(path)
        assert page.status_code == 200
        browser.head(path)
    assert checksums(house.database) == before
    assert "We paid all of it." in page.text
    assert {"Acme", "Birch"} <= set(re.findall(r"<bdi>(\w+)</bdi></label>", page.text))
    assert "unsubscribe" in page.text
    assert browser.post(path, data={"vendor": str(world.outsider.customer.id)}).status_code == 422
    for _ in range(2):
        assert browser.post(path, data={"vendor": str(world.birch.vendor.id)}).status_code == 303
    assert only_thread(house).vendor_id == world.birch.vendor.id
    assert [each.body for each in said(house)] == ["We paid all of it."]
    assert count(house, MessageAttachment) == 1
    assert len(mails(house, OutgoingKind.QUESTION)) == 1
    assert "Sent." in browser.get(path).text


def test_the_mail_that_asks_can_leave(both: Outgoing, house: House, post: Post) -> None:
    """[inv-S9] Recipient, content and link are one mailbox's; it bears no reply address."""
    send(post, house, both, "We paid all of it.")
    channel = MemoryChannel()
    while deliver_batch(house, channel):
        pass
    asking = [mail for mail in channel.taken if "Which supplier" in mail.subject]
    assert [mail.reply_to for mail in asking] == [""]
    assert "/which" in asking[0].text
    channel.close()


def test_the_link_of_a_choice_expires(both: Outgoing, house: House, post: Post, travel: Any) -> None:
    """[inv-L2]"""
    send(post, house, both, "We paid all of it.")
    path = which(house)
    travel(clock.now() + timedelta(days=house.limits.link_days, minutes=1))
    assert post.client.get(path).status_code == 404


def test_one_digest_asks_only_so_often(both: Outgoing, house: House, post: Post) -> None:
    """[F7 inv-N5] The same words wait once; a fourth reply that names nobody is for the operator."""
    for words in ("One.", "One.", "Two.", "Three.", "Four."):
        send(post, house, both, words)
    assert count(house, HeldReply) == 3
    assert [outcome for outcome, _ in outcomes(house)].count(InboundOutcome.AUTOMATIC) == 1
    assert outcomes(house)[-1][0] == InboundOutcome.QUARANTINED


def test_with_one_supplier_there_is_nothing_to_ask(house: House, world: World, post: Post) -> None:
    """[F7] A digest of one vendor's lines only."""
    send(post, house, cobalts_digest(house, world), "We paid it.")
    assert only_thread(house).vendor_id == world.acme.vendor.id


def test_a_supplier_not_yet_accepted_is_not_asked(house: House, world: World, post: Post) -> None:
    """[inv-A1 F7] It introduced itself; until the mailbox says yes nothing goes to it."""
    with house.database.transaction(EVERYTHING) as session:
        mail = digest_mail(session, house, world.cobalt.mailbox)
        digest_line(session, session.get_one(Digest, mail.digest_id), 1, world.acme.vendor)
    send(post, house, mail, "Who is Acme?")
    assert outcomes(house)[0][0] == InboundOutcome.HELD
    page = post.client.get(which(house)).text
    assert "no supplier who can be asked" in page


def test_a_number_is_named_as_a_word_of_its_own(house: House, world: World) -> None:
    """[F7] Not as the beginning of a sum, of a longer number, or of a count."""
    with house.database.transaction(EVERYTHING) as session:
        other = invoice(session, world.birch, world.cobalt, number="1250")
        lines = [
            _line(world.acme_invoice, "Acme", "1043"), _line(other, "Birch", "1250"), _line(other, "Birch", "7"),
        ]  # fmt: skip
    assert meant_by("is 1043 paid?", lines) is not None
    for words in ("we owe 1043.50", "10431", "x-1043-y", "7 of them", ""):
        assert meant_by(words, lines) is None, words


def _line(owed: Invoice, vendor_name: str, number: str) -> DigestLine:
    return DigestLine(
        vendor_id=owed.vendor_id, vendor_name=vendor_name, number=number, invoice_id=owed.id, kind=LineKind.DUE
    )


# --- machines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sign",
    [
        {"headers": {"Auto-Submitted": "auto-replied"}},
        {"headers": {"Precedence": "bulk"}},
        {"headers": {"X-Auto-Response-Suppress": "All"}},
        {"headers": {"X-Autoreply": "yes"}},
        {"headers": {"List-Id": "<all.cobalt.example>"}},
        {"subject": "Automatic reply: Acme answered"},
        {"subject": "Abwesenheitsnotiz: Acme answered"},
        {"subject": "=?utf-8?q?R=C3=A9ponse_automatique?= : Acme"},
        {"subject": "自动回复: Acme"},
        {"sender": "MAILER-DAEMON@cobalt.example"},
        {"message_id": "x"},
    ],
)
def test_a_machines_reply_is_filed_and_answered_by_nothing(
    answered: Outgoing, house: House, post: Post, sign: dict[str, Any]
) -> None:
    """[inv-N5 inv-Q3 F7] Both sides may read it; nobody is told, nobody's turn changes, nothing is counted."""
    before = only_thread(house).state
    if sign == {"message_id": "x"}:  # our own mail, come back
        sign = {"headers": {"Message-ID": f"<{answered.id}@sheaf.example>"}}
    send(post, house, answered, "I am away until Monday.", **sign)
    assert outcomes(house)[-1][0] == InboundOutcome.AUTOMATIC
    assert only_thread(house).state == before
    assert [each.is_automatic for each in said(house)[2:]] in ([], [True])
    assert len(mails(house, OutgoingKind.QUESTION)) == 1


def test_a_bounce_is_set_aside(answered: Outgoing, both: Outgoing, house: House, post: Post) -> None:
    """[inv-N5] A report of a mail server, an empty envelope sender: no message, no mail."""
    for mail in (answered, both):
        reply = reply_to(house, mail)
        report = b"Content-Type: multipart/report; boundary=b\r\nSubject: x\r\n\r\n--b\r\n\r\nNo such user\r\n--b--\r\n"
        post.send(report, to=reply)
        post.send(message("Not delivered", to=reply), to=reply, sender="")
    handle_all(house)
    assert [outcome for outcome, _ in outcomes(house)][1:] == [InboundOutcome.AUTOMATIC] * 4
    assert len(said(house)) == 2
    assert mails(house, OutgoingKind.NOTICE) == []


def test_a_report_to_no_address_of_ours_is_set_aside_too(house: House, post: Post, world: World) -> None:
    """[inv-N5] Bounces of what SMTP carried come to the sender's address: filed, not for the operator to look at."""
    report = b"Content-Type: multipart/report; boundary=b\r\nSubject: x\r\n\r\n--b\r\n\r\nNo such user\r\n--b--\r\n"
    post.send(report, to="digest@sheaf.example")
    handle_all(house)
    assert outcomes(house)[0][0] == InboundOutcome.AUTOMATIC


def _responders_face_each_other(house: House, post: Post, travel: Any, marks: dict[str, Any]) -> int:
    """A day in which both sides' machines answer every mail at once; how many mails the two caused."""
    at_start = len(mails(house, OutgoingKind.QUESTION)) + len(mails(house, OutgoingKind.ANSWER))
    seen: set[Any] = set()
    for _hour in range(24):
        for mail in [*mails(house, OutgoingKind.QUESTION), *mails(house, OutgoingKind.ANSWER)]:
            if mail.id in seen:
                continue
            seen.add(mail.id)
            words = "I am out of office." if mail.kind == OutgoingKind.QUESTION else "Thank you, we got your mail."
            send(post, house, mail, words, sender=mail.address, **marks)
        travel(clock.now() + timedelta(hours=1))
    return len(mails(house, OutgoingKind.QUESTION)) + len(mails(house, OutgoingKind.ANSWER)) - at_start


@pytest.mark.parametrize("marks", [{"headers": {"Auto-Submitted": "auto-replied"}}, {"subject": "Out of office: away"}])
def test_two_auto_responders_face_each_other_for_a_day(
    asked: Outgoing, house: House, post: Post, travel: Any, marks: dict[str, Any]
) -> None:
    """[inv-N5] They cause no mail at all."""
    assert _responders_face_each_other(house, post, travel, marks) == 0


def test_two_auto_responders_that_hide_come_to_rest(asked: Outgoing, house: House, post: Post, travel: Any) -> None:
    """[inv-N5] Without any sign of a machine each is heard once, as a person would be; the same words again are not."""
    assert _responders_face_each_other(house, post, travel, {}) == 2


def test_a_flood_to_one_conversation_ends_in_quarantine(answered: Outgoing, house: House, post: Post) -> None:
    """[inv-N5 inv-N2] More in an hour than a person writes: kept, not passed on."""
    for number in range(house.limits.mails_per_thread_hour + 3):
        send(post, house, answered, f"Message {number}")
    assert [outcome for outcome, _ in outcomes(house)].count(InboundOutcome.QUARANTINED) == 3


# --- what people see ------------------------------------------------------------------------------------------------


def test_pages_show_files_and_who_is_not_verified(
    answered: Outgoing, house: House, world: World, post: Post, whole_app: Flask
) -> None:
    """[F1 F7 inv-Q2 inv-A3 inv-I1] On both sides; a file is handed over to be kept, never shown at our address."""
    send(
        post, house, answered, "See this.", sender="carla@elsewhere.example", name="Carla <b>",
        files=[("page.html", "text/html", b"<script>"), ("a b.txt", "text/html", b"<script>alert(1)</script>")],
    )  # fmt: skip
    thread = only_thread(house).id
    for who, room, stranger in (
        (world.acme.person, "desk", world.birch.person), (world.cobalt.person, "inbox", world.outsider.person),
    ):  # fmt: skip
        browser = signed_in(whole_app, who)
        page = browser.get(f"/{room}/threads/{thread}").text
        assert "carla@elsewhere.example</bdi>, not verified" in page
        assert "page.html" in page
        (path,) = re.findall(rf'href="(/{room}/threads/{thread}/files/[^"]+)"', page)
        file = browser.get(path)
        assert file.mimetype == "text/plain"
        assert file.headers["Content-Disposition"].startswith("attachment")
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in file.headers["Content-Security-Policy"]
        assert file.data == b"<script>alert(1)</script>"
        assert signed_in(whole_app, stranger).get(path).status_code == 404
