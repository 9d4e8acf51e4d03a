"""A robot in front of a mailbox opens every link it finds, three times, also in a real browser (INVARIANTS L1)."""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from flask import Flask
from playwright.sync_api import Page
from sqlalchemy.orm import Session

from app.house import House
from app.models import LineKind, Message, Side, Thread, ThreadInvoice, Trust
from tests.support.links import Sent, digest_line, sent_digest, thread_link, with_wings
from tests.support.server import live_server
from tests.support.tables import checksums
from tests.support.world import EVERYTHING, NOW, World, invoice, vendor

pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.slow]

PAGES = [
    "", "/1", "/2", "/3", "/1/pay", "/2/pay", "/1/ask", "/2/ask", "/1/ask?quick=copy", "/vendor/1/ask", "/rhythm",
    "/unsubscribe", "/unsubscribe/one-click", "/report", "/99/pay", "/3/accept",
]  # fmt: skip


def test_a_robot_that_opens_every_link_three_times_changes_no_row(
    app: Flask, house: House, world: World, new_page: Callable[..., Page]
) -> None:
    """[B2 D13 E1 inv-L1 inv-L6] HEAD, GET, and a headless browser that runs our script."""
    provider = with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        sent, thread = _mail(session, world)
    before = checksums(house.database)
    with live_server(app) as base:
        links = [f"{base}/m/{sent.token}{page}" for page in PAGES] + [f"{base}/m/{thread}/thread"]
        seen = set(links)
        for link in links:
            seen |= links_on(base, requests.get(link, timeout=10))
        for link in sorted(seen):
            for _ in range(3):
                requests.head(link, timeout=10)
                requests.get(link, timeout=10)
        browser = new_page()
        for link in links:
            for _ in range(3):
                answer = browser.goto(link, wait_until="networkidle")
                assert answer
                assert sent.token not in browser.url or not answer.ok
    assert len(seen) > len(PAGES)
    assert provider.looked == provider.linked == []
    assert checksums(house.database) == before


def test_the_checksum_sees_a_changed_row(house: House, world: World) -> None:
    """So that the test above can fail."""
    before = checksums(house.database)
    with house.database.transaction(EVERYTHING) as session:
        session.merge(world.cobalt.mailbox).reminders_off_at = NOW
    assert checksums(house.database) != before


def links_on(base: str, answer: requests.Response) -> set[str]:
    """The links of a page that lead back to us."""
    found = {urljoin(answer.url, href.replace("&amp;", "&")) for href in re.findall(r'href="([^"#]+)', answer.text)}
    return {link for link in found if urlsplit(link).netloc == urlsplit(base).netloc}


def _mail(session: Session, world: World) -> tuple[Sent, str]:
    """A digest with a line of each kind, and the link of an answer."""
    sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
    newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
    invoice(session, newcomer, world.cobalt)
    digest_line(session, sent.digest, 3, newcomer.vendor, kind=LineKind.INTRODUCED, status="1 invoice")
    owners = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
    thread = Thread(**owners, subject="Invoice A-1", mailbox_id=world.cobalt.mailbox.id, created_at=NOW)
    session.add(thread)
    session.flush()
    session.add(ThreadInvoice(thread_id=thread.id, invoice_id=world.acme_invoice.id, **owners))
    session.add(Message(thread_id=thread.id, **owners, side=Side.VENDOR, via="page", body="Yes.", created_at=NOW))
    return sent, thread_link(session, thread, world.cobalt.mailbox)
