"""Webhooks as they arrive: signed as the provider signs (checked here by hmac alone), batched, repeated, lost."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.connectors.sandbox.wire import Inbox, Wire, xero_signature

COMPANY = {"quickbooks": "Acme Supply", "xero": "Birch & Sons", "stripe": "Cedar Studio"}


@pytest.fixture
def listening(wire: Wire, inbox: Inbox) -> Wire:
    for company in COMPANY.values():
        wire.control.grant(company)
    wire.control.set_webhooks(inbox.url, batch_seconds=0.02, retry_seconds=[0.02, 0.02, 0.02])
    assert wire.control.wait_webhooks()
    return wire


def delivered(wire: Wire) -> list[dict[str, Any]]:
    assert wire.control.wait_webhooks()
    return [one for one in wire.control.webhooks()["deliveries"] if one["status"] == "delivered"]


def test_quickbooks_signs_the_raw_body_in_base64(listening: Wire, inbox: Inbox) -> None:
    paid = listening.control.act("Acme Supply", "pay")
    delivered(listening)
    [(headers, body)] = inbox.of("quickbooks")
    wanted = base64.b64encode(hmac.new(b"sandbox-qbo-verifier", body, hashlib.sha256).digest()).decode()
    events = json.loads(body)
    assert headers["intuit-signature"] == wanted
    assert {(one["type"], one["intuitentityid"]) for one in events} == {
        ("qbo.payment.created.v1", paid["payment_id"]),
        ("qbo.invoice.updated.v1", paid["invoice_id"]),
    }
    assert {one["intuitaccountid"] for one in events} == {paid["external_id"]}
    assert len({one["id"] for one in events}) == 2


def test_quickbooks_has_an_older_form(listening: Wire, inbox: Inbox) -> None:
    listening.control.set_webhooks(qbo_form="legacy")
    gone = listening.control.act("Acme Supply", "delete")
    delivered(listening)
    [notification] = json.loads(inbox.of("quickbooks")[0][1])["eventNotifications"]
    entity = notification["dataChangeEvent"]["entities"][-1]
    assert notification["realmId"] == gone["external_id"]
    assert (entity["name"], entity["id"], entity["operation"]) == ("Invoice", gone["invoice_id"], "Delete")


def test_one_quickbooks_body_may_mix_companies(make_wire: Any, inbox: Inbox) -> None:
    wire = make_wire("demo")
    for company in ("Acme Supply", "Drake Logistics"):
        wire.control.grant(company)
    wire.control.set_webhooks(inbox.url, batch_seconds=0.3)
    for company in ("Acme Supply", "Drake Logistics"):
        wire.control.act(company, "part_pay")
    delivered(wire)
    [(_, body)] = inbox.of("quickbooks")
    assert len({one["intuitaccountid"] for one in json.loads(body)}) == 2


def test_xero_asks_whether_we_intend_to_receive(listening: Wire, inbox: Inbox) -> None:
    handshakes = inbox.of("xero")
    signatures = [headers["x-xero-signature"] == xero_signature(body) for headers, body in handshakes]
    assert all(json.loads(body)["events"] == [] for _, body in handshakes)
    assert {True, False} == set(signatures)
    assert listening.control.webhooks()["xero_intent_to_receive"] == "ok"


def test_xero_sends_nothing_to_who_accepts_forgeries(wire: Wire, inbox: Inbox) -> None:
    inbox.reply = lambda path, body, headers: 200
    wire.control.grant("Birch & Sons")
    wire.control.set_webhooks(inbox.url)
    wire.control.act("Birch & Sons", "pay")
    wire.control.wait_webhooks()
    report = wire.control.webhooks()
    assert report["xero_intent_to_receive"] == "refused"
    assert [one["status"] for one in report["deliveries"]] == ["not sent"]


def test_xero_names_only_what_to_look_at(listening: Wire, inbox: Inbox) -> None:
    credited = listening.control.act("Birch & Sons", "credit")
    delivered(listening)
    body = json.loads(inbox.of("xero")[-1][1])
    note, invoice = body["events"]
    assert (note["eventCategory"], note["eventType"], note["resourceId"]) == (
        "CREDITNOTE",
        "CREATE",
        credited["credit_note_id"],
    )
    assert note["data"] == {"Type": "ACCRECCREDIT", "Status": "PAID"}
    assert invoice["resourceUrl"].endswith(f"/Invoices/{credited['invoice_id']}")
    assert (body["firstEventSequence"], body["lastEventSequence"]) == (1, 2)
    assert invoice["tenantId"] == credited["external_id"]


def test_stripe_signs_time_and_body_in_hex_and_names_the_account(listening: Wire, inbox: Inbox) -> None:
    paid = listening.control.act("Cedar Studio", "pay")
    delivered(listening)
    for headers, body in inbox.of("stripe"):
        parts = dict(part.split("=", 1) for part in headers["stripe-signature"].split(","))
        signed = f"{parts['t']}.".encode() + body
        assert parts["v1"] == hmac.new(b"whsec_sandbox", signed, hashlib.sha256).hexdigest()
        assert json.loads(body)["account"] == paid["external_id"]
    events = [json.loads(body) for _, body in inbox.of("stripe")]
    assert [one["type"] for one in events] == [
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    assert events[2]["data"]["object"]["id"] == paid["invoice_id"]
    assert events[2]["data"]["object"]["hosted_invoice_url"].startswith(listening.base)


def test_stripe_tells_the_platform_of_a_disconnection(listening: Wire, inbox: Inbox) -> None:
    listening.control.revoke("Cedar Studio")
    listening.control.act("Cedar Studio", "pay")
    delivered(listening)
    events = [json.loads(body) for _, body in inbox.of("stripe")]
    assert [one["type"] for one in events] == ["account.application.deauthorized"]
    assert events[0]["data"]["object"]["id"] == "ca_sandbox"


def test_only_connected_companies_are_heard(wire: Wire, inbox: Inbox) -> None:
    wire.control.set_webhooks(inbox.url)
    wire.control.act("Acme Supply", "pay")
    wire.control.wait_webhooks()
    assert inbox.of("quickbooks") == []
    assert wire.control.webhooks()["counts"] == {"not connected": 2}


@pytest.mark.parametrize("provider", sorted(COMPANY))
def test_paying_online_is_heard(listening: Wire, inbox: Inbox, provider: str) -> None:
    before = len(inbox.of(provider))
    listening.control.pay_online(listening.invoice(COMPANY[provider])["pay_url"])
    assert delivered(listening)
    assert len(inbox.of(provider)) > before


def test_it_repeats_until_it_is_answered(listening: Wire, inbox: Inbox) -> None:
    inbox.answers = [500, 503, 200]
    listening.control.act("Acme Supply", "pay")
    [one] = delivered(listening)
    assert [attempt["answer"] for attempt in one["attempts"]] == [500, 503, 200]
    assert len({body for _, body in inbox.of("quickbooks")}) == 1


def test_it_gives_up_in_the_end(listening: Wire, inbox: Inbox) -> None:
    inbox.reply = lambda path, body, headers: 500
    listening.control.act("Acme Supply", "pay")
    listening.control.wait_webhooks()
    [one] = listening.control.webhooks()["deliveries"]
    assert (one["status"], len(one["attempts"])) == ("given up", 4)


def test_a_dead_address_is_logged(listening: Wire) -> None:
    listening.control.set_webhooks("http://127.0.0.1:9", retry_seconds=[])
    listening.control.act("Acme Supply", "pay")
    listening.control.wait_webhooks()
    assert listening.control.webhooks()["deliveries"][-1]["attempts"][0]["answer"] == "ConnectionError"


def test_a_bad_day_of_webhooks_names_a_provider_not_a_company(listening: Wire) -> None:
    with pytest.raises(RuntimeError, match="name the provider only"):
        listening.control.fault("lost_webhooks", company="Acme Supply")


def test_bad_days_lose_double_and_shuffle(listening: Wire, inbox: Inbox) -> None:
    listening.control.set_webhooks(batch_seconds=0.2)
    listening.control.fault("lost_webhooks", "quickbooks")
    listening.control.fault("duplicate_webhooks", "xero")
    listening.control.fault("shuffle_webhooks", "stripe")
    shaken = len(inbox.of("xero"))
    for company in COMPANY.values():
        listening.control.act(company, "pay")
    delivered(listening)
    types = [json.loads(body)["type"] for _, body in inbox.of("stripe")]
    assert inbox.of("quickbooks") == []
    assert len(inbox.of("xero")) == shaken + 2
    assert len({body for _, body in inbox.of("xero")[shaken:]}) == 1
    assert len(types) == 4
    assert types != ["invoice_payment.paid", "invoice.updated", "invoice.paid", "invoice.payment_succeeded"]


def test_the_log_can_be_forgotten(listening: Wire) -> None:
    listening.control.act("Acme Supply", "pay")
    delivered(listening)
    listening.control.forget_webhooks()
    assert listening.control.webhooks()["deliveries"] == []
