"""One question after a settlement: in one mail, answered with one press from its link."""

import re
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.links import digest_of
from app.mailboxes.queries import lines_of
from app.models import Digest, DigestLine, LineKind, Outgoing, Rating, Relation, StopSwitch, Trust, Vendor
from app.outbox.actions import open_token
from app.scorecard.actions import offer_ratings
from app.scorecard.asking import causes
from app.scorecard.rules import usual_answer
from digest.plan import plan_batch
from digest.recompose import recompose
from tests.support import story
from tests.support.house import signed_in
from tests.support.links import with_wings
from tests.support.story import HOUR
from tests.support.world import EVERYTHING, NOW, World

QUESTION = "How was it to deal with them?"


@pytest.fixture
def world(due_world: World, house: House, fixed_clock: datetime) -> World:
    """Cobalt's digest is due, and something was settled with both vendors."""
    with house.database.transaction(EVERYTHING) as session:
        for seller in (due_world.acme, due_world.birch):
            session.add(Relation(customer_id=due_world.cobalt.customer.id, vendor_id=seller.vendor.id, accepted_at=NOW))
            story.settlement(session, story.paid(session, seller, due_world.cobalt, due=9, late=0), NOW - HOUR)
            found = list(causes(session, seller.vendor.id, NOW, house.limits))
            offer_ratings(session, seller.vendor.id, found, NOW, house.limits)
    return due_world


def mail_of(house: House) -> Outgoing:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Outgoing)).scalar_one()


def ratings(house: House) -> list[Rating]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(Rating).order_by(Rating.created_at)).scalars())


def test_one_mail_asks_about_one_vendor(house: House, world: World) -> None:
    """[C16 004-22 001-10] Two could be asked about; one is, the other waits for the next mail. Asking is no line of
    what is owed."""
    plan_batch(house)
    mail = mail_of(house)
    assert mail.text.count(QUESTION) == mail.html.count(QUESTION) == 1
    asked, waiting = sorted(ratings(house), key=lambda one: one.digest_id is None)
    assert (asked.digest_id, asked.asked_at) == (mail.digest_id, NOW)
    assert waiting.digest_id is None
    with house.database.reading(EVERYTHING) as session:
        assert mail.digest_id
        shown = [line.kind for line in lines_of(session, mail.digest_id)]
        kinds = session.execute(select(DigestLine.kind)).scalars().all()
    assert (LineKind.RATING in shown, kinds.count(LineKind.RATING)) == (False, 1)


def test_a_digest_composed_anew_keeps_its_question(house: House, world: World) -> None:
    """[C16 inv-S3]"""
    plan_batch(house)
    with house.database.transaction(EVERYTHING) as session:
        digest_id = session.execute(select(Digest.id)).scalar_one()
        recompose(house, session, [digest_id])
    assert mail_of(house).text.count(QUESTION) == 1


@pytest.mark.parametrize("why", ["suspended", "stopped"])
def test_a_vendor_taken_out_is_not_asked_about(house: House, world: World, why: str) -> None:
    """[C16 L1]"""
    with house.database.transaction(EVERYTHING) as session:
        for seller in (world.acme, world.birch):
            if why == "suspended":
                session.get_one(Vendor, seller.vendor.id).trust = Trust.SUSPENDED
        if why == "stopped":
            session.add(StopSwitch(name=f"vendor:{world.acme.vendor.id}", reason="Looked at", by="us", since=NOW))
    plan_batch(house)
    with house.database.reading(EVERYTHING) as session:
        texts = session.execute(select(Outgoing.text)).scalars().all()
    assert not any("Something with Acme is settled" in text for text in texts)


@pytest.fixture
def path(house: House, world: World) -> str:
    """Where the mail's question leads."""
    plan_batch(house)
    mail = mail_of(house)
    token = open_token(mail.sealed_token, house.keys, mail.id, world.cobalt.mailbox.id)
    assert token
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Digest.token_hash)).scalar_one() == digest_of(token)
    number = re.search(r"/(\d+)/rate", mail.text)
    assert number
    return f"/m/{token}/{number[1]}/rate"


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    with_wings(app)
    return app.test_client()


def said(house: House) -> Rating:
    [found] = [one for one in ratings(house) if one.digest_id]
    return found


def test_one_press_answers_and_looking_does_not(house: House, path: str, browser: FlaskClient) -> None:
    """[C16 inv-L1 004-21] A robot may open it three times. The newer press counts; words come after a score only."""
    for _ in range(3):
        assert "Very good" in browser.get(path).text
    browser.post(path, data={"comment": "Too early"})
    assert (said(house).score, said(house).comment) == (None, "")
    assert browser.post(path, data={"score": "9"}).status_code == 303
    assert said(house).score is None
    for score in ("4", "5"):
        assert browser.post(path, data={"score": score}).status_code == 303
    browser.post(path, data={"comment": "  Quick   and kind "})
    found = said(house)
    assert (found.score, found.comment, found.answered_at) == (5, "Quick and kind", NOW)
    assert "You said: Very good." in browser.get(path).text


def test_a_link_rates_its_own_digests_question_only(house: House, path: str, browser: FlaskClient) -> None:
    """[C16 inv-L2] Not the lines above it, and the line that asks can be neither paid nor asked about."""
    base, number = path.rsplit("/", 2)[0], int(path.rsplit("/", 2)[1])
    assert browser.get(f"{base}/1/rate").status_code == 404
    assert browser.post(f"{base}/{number + 1}/rate", data={"score": "1"}).status_code == 404
    for verb in ("", "/pay", "/ask"):
        assert browser.get(f"{base}/{number}{verb}").status_code == 404
    assert browser.get(base).status_code == 200


def test_the_mail_says_how_soon_a_vendor_answers(house: House, world: World) -> None:
    """[C10 004-17] In its section, and only of whom it is known."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).usual_answer_minutes = 165
    plan_batch(house)
    mail = mail_of(house)
    assert mail.text.count("Usually answers in 3 h") == 1
    assert mail.html.count("Usually answers in 3\u00a0h") == 1


def test_customers_read_how_soon_a_vendor_answers(app: Flask, house: House, world: World) -> None:
    """[C10 004-17] In the inbox: at the invoice, where one asks, and beside the supplier; of Birch nothing is known."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).usual_answer_minutes = 30
    browser = signed_in(app, world.cobalt.person)
    for path in (f"/inbox/invoices/{world.acme_invoice.id}", f"/inbox/invoices/{world.acme_invoice.id}/ask"):
        assert "Usually answers within an hour" in browser.get(path).text
    assert "Usually answers" not in browser.get(f"/inbox/invoices/{world.birch_invoice.id}").text
    assert browser.get("/inbox/suppliers").text.count("Usually answers within an hour") == 1


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "Usually answers within an hour"),
        (61, "Usually answers in 2\u00a0h"),
        (180, "Usually answers in 3\u00a0h"),
        (1441, "Usually answers in 2\u00a0days"),
    ],
)
def test_a_badge_rather_promises_too_little(minutes: int, words: str) -> None:
    """[C10]"""
    assert usual_answer(minutes) == words
