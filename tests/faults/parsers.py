"""What reads the words of strangers, with what must hold whatever it reads. tests/faults/fuzz.py feeds them.

A parser is a name, good inputs to begin with, and a check that reads one input: it may refuse as its contract says;
anything else it raises is a finding.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from requests.structures import CaseInsensitiveDict

from app import clock
from app.address import canonical, rate_key, split
from app.inbox.forms import read_key, read_moment
from app.keys import CannotOpen, KeyRing, Place
from app.links import digest_of, own_path
from app.logs import clean_text
from app.money import Money, MoneyError, amounts_meant
from app.names import LIMIT, NameRefused, vendor_name
from app.outbox.rendering import inert
from connectors import registry
from connectors.answers import provider_time, retry_after
from connectors.base import Response
from connectors.fields import known_zone, parse_instant, parse_json, whole_seconds
from digest.channels.sendgrid import verdict
from digest.events import SIGNATURE, TIMESTAMP, _events, is_signed
from digest.inbound.mail import Unreadable, read_mail
from digest.replies import mail_of, reply_address
from tests.support.sinks import SendGridDouble, Taken

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOOK = "http://127.0.0.1:8000/webhooks/square"  # which covers its own address
ROW = UUID(int=7)


@dataclass(frozen=True)
class Parser:
    name: str
    seeds: Sequence[Any]  # all text, or all bytes
    check: Callable[[Any], object]


# --- addresses, names, money ----------------------------------------------------------------------------------------


def address(text: str) -> None:
    """One canonical form: idempotent, never two addresses made one by the letters of another alphabet (D1)."""
    found = canonical(text)
    if found is not None:
        assert canonical(found) == found, "not idempotent"
        assert found.count("@") >= 1
        assert len(found) <= 254
        assert rate_key(found).count("@") >= 1
        domain = found.rpartition("@")[2]
        assert domain.isascii()
        if not text.strip().isascii():
            assert not found.isascii() or "xn--" in domain, "a foreign letter became a plain one"
        assert all(c == c.lower() for c in found if c.isascii())
        if text.isascii():
            assert canonical(text.swapcase()) == found, "case matters"
    for each in split(text):
        assert canonical(each) == each


def name(text: str) -> None:
    try:
        found = vendor_name(text)
    except NameRefused:
        return
    assert 0 < len(found) <= LIMIT
    assert vendor_name(found) == found
    assert found.isprintable()


def words(text: str) -> None:
    """A vendor's word in a mail, and any words in a log."""
    shown = inert(text)
    assert len(shown) <= 200
    assert "\n" not in shown
    clean_text(text)


def money(text: str) -> None:
    """Exact or refused; what a person may have meant is a sum that a currency knows."""
    for currency in ("USD", "JPY", "KWD", "CLF"):
        try:
            found = Money.of(text, currency)
        except MoneyError:
            continue
        assert found.amount == Decimal(text)
        assert Money.of(found.amount, currency) == found
        assert abs(found.minor) < 10**19
    for meant in amounts_meant(text):
        assert 0 <= meant < 10**15


# --- tokens, links, times -------------------------------------------------------------------------------------------

_RING = KeyRing("k1:" + "A" * 43)
_SEALED = _RING.seal("the secret", place=Place.TOKENS, row=ROW, tenant=None)
_REPLY = reply_address(_RING, ROW, "in.sheaf.example")


def token(text: str) -> None:
    """Opened where it was sealed, or refused; and what a link leads to afterwards is a path of ours."""
    assert len(digest_of(text)) == 32
    try:
        assert _RING.open(text, place=Place.TOKENS, row=ROW, tenant=None) == "the secret"
    except CannotOpen:
        assert text != _SEALED
    if mail_of(_RING, text, "in.sheaf.example") is not None:
        assert text.strip().lower() == _REPLY
    target = own_path(text, "/fallback")
    parts = urlsplit(target)
    assert (parts.scheme, parts.netloc, target[:1]) == ("", "", "/")
    assert target[1:2] not in ("/", "\\")
    assert target.isprintable()


def header(text: str) -> None:
    """Waits, dates, places in a list, zones: what headers and query strings hold."""
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict({"Retry-After": text, "Date": text})
    answer = Response(429, headers, b"", None)
    assert (retry_after(answer) or 0.0) >= 0
    provider_time(answer)
    for named in ({"Retry-After": text}, {"X-RateLimit-Reset": text}):
        assert 0 < verdict(429, named, text.encode("utf-8", "replace")).retry_after.total_seconds() <= 3600
    verdict(400, {}, text.encode("utf-8", "replace"))
    for instant in (parse_instant(text), (read_moment(text) or (None,))[0]):
        assert instant is None or instant.tzinfo is not None
    read_key(text)
    whole_seconds(text)
    known_zone(text)


# --- webhooks -------------------------------------------------------------------------------------------------------

_SENDGRID = SendGridDouble()
_TAKEN = Taken(str(ROW), "ap@cobalt.example", "s", {}, {}, NOW.timestamp())
_EVENTS, _SIGNED = _SENDGRID.signed(
    [_SENDGRID.event(_TAKEN), _SENDGRID.event(_TAKEN, "bounce", type="blocked", reason="a\u00e9b", status="5.1.1")],
    at=NOW.timestamp(),
)
GAP = b"\n\n--8<--\n\n"  # between header and body in one input, so that both are broken


def sendgrid_signature(raw: bytes) -> None:
    """Signature, timestamp and body at once; only the very body at the very time is signed."""
    signature, timestamp, body = _three(raw)
    if is_signed(f"junk,{_SENDGRID.public_key}", body, signature, timestamp, NOW):
        assert (body, timestamp) == (_EVENTS, _SIGNED[TIMESTAMP])


def sendgrid_events(raw: bytes) -> None:
    for event in _events(raw, NOW):
        assert 1 <= len(event.kind) <= 20
        assert event.happened_at.tzinfo is not None
        assert isinstance(event.attempt_id, UUID)
        assert event.raw in raw


def _three(raw: bytes) -> tuple[str, str, bytes]:
    first, _, rest = raw.partition(GAP)
    second, _, body = rest.partition(GAP)
    return first.decode("latin-1"), second.decode("latin-1"), body


def _mac(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), body, hashlib.sha256)


def _by_stripe(body: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(clock.now().timestamp()))
    return {"stripe-signature": f"t={stamp},v1={_mac(stamp.encode() + b'.' + body, secret).hex()}"}


SIGNING: dict[str, Callable[[bytes, str], dict[str, str]]] = {  # as each provider signs a delivery
    "quickbooks": lambda body, secret: {"intuit-signature": base64.b64encode(_mac(body, secret)).decode()},
    "xero": lambda body, secret: {"x-xero-signature": base64.b64encode(_mac(body, secret)).decode()},
    "stripe": _by_stripe,
    "square": lambda body, secret: {
        "x-square-hmacsha256-signature": base64.b64encode(_mac(HOOK.encode() + body, secret)).decode()
    },
}


def webhook(provider: str, body: bytes) -> Parser:
    """A provider's delivery: the check of its signature, then what it points at."""
    connector = registry.get(provider)
    with clock.travel(NOW):
        good = SIGNING[provider](body, "secret")
    (named,) = good

    def check(raw: bytes) -> None:
        given, _, said = raw.partition(GAP)
        if connector.verify({named.upper(): given.decode("latin-1")}, said, "secret", NOW, HOOK):
            assert said == body
        try:
            found = connector.events({}, said)
        except ValueError:
            return
        for event in found:
            assert event.account_id
            assert len(event.external_id) <= 120

    return Parser(f"{provider}-webhook", [good[named].encode() + GAP + body], check)


_QUICKBOOKS = json.dumps([
    {"specversion": "1.0", "id": "88cd52aa-33b6-4351-9aa4-47572edbd068", "source": "intuit.x", "data": {},
     "type": "qbo.invoice.updated.v1", "time": "2026-11-23T08:59:59Z", "intuitentityid": "1234",
     "intuitaccountid": "310687"},
]).encode()  # fmt: skip
_XERO = json.dumps({
    "events": [{"resourceUrl": "https://api.xero.com/i/1", "resourceId": "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777",
                "tenantId": "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", "tenantType": "ORGANISATION",
                "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-11-23T08:59:59.5"}],
    "lastEventSequence": 1, "firstEventSequence": 1, "entropy": "S0m3r4ndomt3xt",
}).encode()  # fmt: skip
_STRIPE = json.dumps({
    "id": "evt_1Aa", "object": "event", "type": "invoice.updated", "account": "acct_1Aa", "created": 1795424399,
    "data": {"object": {"id": "in_1Aa", "object": "invoice", "amount_due": 1250, "customer": "cus_1Aa"}},
}).encode()  # fmt: skip
_SQUARE = json.dumps({
    "merchant_id": "031FEV2Q6VMPK", "type": "invoice.updated", "event_id": "0312a8c5-af0f-49f4-ba29-291ef08dcd7e",
    "created_at": "2026-11-22T18:23:11Z", "data": {"type": "invoice", "id": "inv:0-1Aa", "object": {"invoice": {}}},
}).encode()  # fmt: skip


# --- inbound mail ---------------------------------------------------------------------------------------------------

_PLAIN = (
    b"From: =?utf-8?q?J=C3=B6rg?= <ap@cobalt.example>\r\nTo: r-abc@in.sheaf.example\r\nSubject: Re: Your invoices\r\n"
    b"Message-ID: <1@cobalt.example>\r\nIn-Reply-To: <2@sheaf.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nWhich purchase order is this?\r\n\r\n"
    b"On Mon, 23 Nov 2026 Sheaf wrote:\r\n> pay\r\n-- \r\nJ\r\n"
)
_MIXED = (
    b'From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="one"\n'
    b"Auto-Submitted: auto-replied\n\n"
    b'--one\nContent-Type: multipart/alternative; boundary="two"\n\n--two\nContent-Type: text/plain\n'
    b"Content-Transfer-Encoding: quoted-printable\n\ncaf=E9=\n!\n--two\nContent-Type: text/html; charset=iso-8859-1\n\n"
    b'<div>caf\xe9<blockquote>old</blockquote></div>\n--two--\n--one\nContent-Type: application/pdf; name="a.pdf"\n'
    b"Content-Disposition: attachment; filename*=utf-8''r%C3%A9.pdf\nContent-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(b"%PDF-1.4 " * 20)
    + b"\n--one\nContent-Type: message/rfc822\n\nFrom: c@d.example\n\ninner\n--one--\n"
)


def inbound(raw: bytes) -> None:
    try:
        found = read_mail(raw)
    except Unreadable:
        return
    assert not any(c in "\r\n\x00" for value in found.headers.values() for c in value)
    assert len(found.said) <= len(found.text) + 1


def numbers(raw: bytes) -> None:
    """JSON as providers send it: exact numbers, and one way only to be refused."""
    try:
        found = parse_json(raw)
    except ValueError:
        return
    assert not isinstance(found, float)


PARSERS: dict[str, Parser] = {
    parser.name: parser
    for parser in (
        Parser("address", ["ap@cobalt.example", "A.P+x@Sub.Cobalt.Example", '"a b"@c.example',
                           "j\u00f6rg@m\u00fcnchen.example", "Ann <a@b.example>; b@c.example", "a@[127.0.0.1]"],
               address),
        Parser("name", ["Acme Supply Ltd", "M\u00fcller & S\u00f6hne GmbH", "\u682a\u5f0f\u4f1a\u793e", "Caf\u00e9 9"],
               name),
        Parser("words", ["See https://pay.example/1 or call 0800", "in /m/abcdefghijklmnopqrst for ap@cobalt.example"],
               words),
        Parser("money", ["1250.00", "-0.5", "80000", "1,234.50", "1.234,50 EUR", "USD 7", "0.001"], money),
        Parser("token", [_SEALED, _REPLY, "/inbox?page=2", "k1.AAAA", "/m/abc/1/pay"], token),
        Parser("header", ["120", "Mon, 23 Nov 2026 09:00:00 GMT", "2026-11-23T09:00:00.5+01:00", "Europe/Lisbon",
                          f"2026-11-23~{ROW}", f"2026-11-23T09:00:00+00:00~{ROW}",
                          '{"errors": [{"field": "to", "message": "no"}]}'], header),
        Parser("sendgrid-signature",
               [_SIGNED[SIGNATURE].encode() + GAP + _SIGNED[TIMESTAMP].encode() + GAP + _EVENTS], sendgrid_signature),
        Parser("sendgrid-events", [_EVENTS, b"[]", b'[{"event":"open","timestamp":1.5e9,"attempt":null}, 3]'],
               sendgrid_events),
        webhook("quickbooks", _QUICKBOOKS),
        webhook("xero", _XERO),
        webhook("stripe", _STRIPE),
        webhook("square", _SQUARE),
        Parser("inbound-mail", [_PLAIN, _MIXED], inbound),
        Parser("json", [_XERO, _STRIPE, b'{"a": 1.50, "b": [1e5, -0.0, "\\ud83d\\ude00"]}'], numbers),
    )
}  # fmt: skip
