"""What Stripe's JSON means. Pure: FACTS.md section 3.

An invoice carries no time of its last change, so the version of a record is the time at which it was asked for."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from app.money import Money
from connectors.base import (
    REVOKED,
    BadRecord,
    BillToRecord,
    CreditRecord,
    Event,
    Gone,
    InvoiceRecord,
    Json,
    Kind,
    MustReconnect,
    PaymentRecord,
    SetbackRecord,
    Tokens,
)
from connectors.fields import ID_LENGTH, BadField, Fields, from_epoch, from_micros, is_po_label, known_zone, read
from connectors.said import Line, lines, shown

STATES = {"draft": "draft", "open": "open", "paid": "paid", "void": "void", "uncollectible": "written_off"}
_ENDED = {"paid": "paid_at", "void": "voided_at", "written_off": "marked_uncollectible_at"}
# Stripe's own table of decimals [R], not ISO's: MGA has two by ISO and none here, ISK none by ISO and two here.
ZERO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
THREE_DECIMALS = frozenset("BHD JOD KWD OMR TND".split())
TWO_WAYS = frozenset(["UGX"])  # documented with none and with two: a hundredfold error is worse than quarantine
LINE = Line((("description",),), ("quantity",), ("pricing", "unit_amount_decimal"), ("amount",))
PREFIXES: dict[str, Kind] = {"invoice": "invoice", "credit_note": "credit", "customer": "customer"}


def invoice(raw: Any, version: int, zone: str = "") -> InvoiceRecord | Gone | BadRecord:
    """``zone`` is the account's: Stripe writes due dates as instants."""
    return read(
        "invoice", "id", raw, lambda fields: _gone("invoice", fields, version) or _invoice(fields, version, zone)
    )


def bill_to(raw: Any, version: int) -> BillToRecord | None:
    """Who an invoice with its customer expanded is for. None when there is nothing but an id."""
    found = read("customer", "id", raw, lambda fields: _of_invoice(fields, version))
    return found if isinstance(found, BillToRecord) else None


def customer(raw: Any, version: int) -> BillToRecord | Gone | BadRecord:
    return read("customer", "id", raw, lambda fields: _gone("customer", fields, version) or _customer(fields, version))


def payments(raw: Any, version: int, zone: str = "") -> list[PaymentRecord | BadRecord]:
    """What was paid on an invoice whose payments are expanded."""
    try:
        fields = Fields(raw)
        rows, payer = fields.items("payments", "data"), _customer_id(fields)
    except BadField:
        return []  # the invoice itself says what is wrong
    found = (read("payment", "id", row, lambda each: _payment(each, version, payer, zone)) for row in rows)
    return [record for record in found if record is not None]


# What stands at a failed payment, and what it means for whoever pays [R]; everything else a bank refuses is "refused".
_REASONS = {
    "expired_card": "expired_card",
    "insufficient_funds": "no_funds",
    "authentication_required": "authentication",
    "payment_intent_authentication_failure": "authentication",
    "processing_error": "network",
    "issuer_not_available": "network",
    "try_again_later": "network",
    "reenter_transaction": "network",
    "api_key_expired": "ours",
    "platform_api_key_expired": "ours",
    "secret_key_required": "ours",
}
_TYPES = {"card_error": "refused", "api_error": "network", "invalid_request_error": "unknown"}


def setbacks(raw: Any, version: int) -> list[SetbackRecord]:
    """The tries to pay an invoice that failed, where its payments' intents are expanded: the last of each intent."""
    try:
        fields = Fields(raw)
        invoice_id, rows = fields.id("id"), fields.items("payments", "data")
    except BadField:
        return []
    found = (read("payment", "id", row, lambda each: _setback(each, invoice_id, version)) for row in rows)
    return [record for record in found if isinstance(record, SetbackRecord)]


def _setback(fields: Fields, invoice_id: str, version: int) -> SetbackRecord | None:
    intent = fields.get("payment", "payment_intent")
    error = intent.get("last_payment_error") if isinstance(intent, dict) else None
    if not isinstance(error, dict) or fields.text("status") == "paid":
        return None
    about = Fields(error)
    code = about.text("decline_code", most=80) or about.text("code", most=80)
    charge, currency = id_of(about.get("charge")), fields.currency("currency")
    return SetbackRecord(
        external_id=f"failed:{charge or fields.id('id')}:{code}",
        version=version,
        kind="failed",
        invoice_external_id=invoice_id,
        amount=_money(fields, currency, "amount_requested"),
        happened_at=from_micros(version),
        reason=_REASONS.get(code) or _TYPES.get(about.text("type"), "unknown"),
        code=code,
    )


def chargeback(raw: Any, invoice_id: str, version: int) -> SetbackRecord | None:
    """A dispute that a payer's bank has opened about the payment of an invoice."""
    found = read("payment", "id", raw, lambda fields: _chargeback(fields, invoice_id, version))
    return found if isinstance(found, SetbackRecord) else None


def _chargeback(fields: Fields, invoice_id: str, version: int) -> SetbackRecord:
    created = fields.number("created")
    return SetbackRecord(
        external_id=fields.id("id"),
        version=version,
        kind="charged_back",
        invoice_external_id=invoice_id,
        amount=_money(fields, fields.currency("currency"), "amount"),
        happened_at=from_micros(version) if created is None else from_epoch(created, "created"),
        code=fields.text("reason", most=80),
    )


def credit_note(raw: Any, version: int, zone: str = "") -> CreditRecord | BadRecord:
    return read("credit", "id", raw, lambda fields: _credit_note(fields, version, zone))


def id_of(value: Any) -> str:
    """An object, or its id where it is not expanded; nothing where it has none that could be one."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and len(found) <= ID_LENGTH else ""


def _gone(kind: Kind, fields: Fields, version: int) -> Gone | None:
    return Gone(kind, fields.id("id"), version) if fields.flag("deleted") else None


def _invoice(fields: Fields, version: int, zone: str) -> InvoiceRecord:
    currency, raw_state = fields.currency("currency"), fields.text("status", most=40)
    state = STATES.get(raw_state, "unknown")
    is_open = state == "open"
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=_customer_id(fields),
        number=fields.text("number", most=80),
        issued_on=_day(fields, zone, ("effective_at",), ("status_transitions", "finalized_at"), ("created",)),
        due_on=_day(fields, zone, ("due_date",)),
        total=_money(fields, currency, "total"),
        balance=Money(0, currency) if state in ("void", "paid") else _money(fields, currency, "amount_remaining"),
        state=state,
        raw_state=raw_state,
        po_number=_po_number(fields),
        # one whose charge was tried and is still open has failed: its customer has to hear of it (FEATURES J3)
        is_autopay=fields.text("collection_method") == "charge_automatically" and not fields.flag("attempted"),
        can_pay_online=is_open and bool(fields.text("hosted_invoice_url", most=2000)),
        details=_details(fields, currency),
        awaited_on=_awaited_on(fields, zone) if is_open else None,
        settled_at=_settled_at(fields, state),
    )


def _details(fields: Fields, currency: str) -> Json:
    """With the first of its lines: it shows ten, and says when there are more [R]."""
    own = [Fields(item) for item in fields.items("custom_fields") if isinstance(item, dict)]
    return shown(
        memo=fields.text("description", most=1000),
        own=((one.text("name", most=40), one.text("value", most=140)) for one in own),
        lines=lines(fields.items("lines", "data"), LINE, currency, scale=-_decimals(currency)),
        are_more=fields.flag("lines", "has_more"),
    )


_PROCESSING_DAYS = 5  # so long a debit may take from its order to its end


def _awaited_on(fields: Fields, zone: str) -> date | None:
    """When a payment is expected: a debit that is being processed, else the next automatic charge."""
    for intent in _intents(fields):
        if intent.get("status") == "processing":
            begun = _day(Fields(intent), zone, ("created",))
            return begun + timedelta(days=_PROCESSING_DAYS) if begun else None
    return _day(fields, zone, ("next_payment_attempt",))


def _intents(fields: Fields) -> Iterator[Json]:
    """Those of the invoice's payments that are expanded; payments we cannot read say so themselves."""
    try:
        rows = fields.items("payments", "data")
    except BadField:
        return
    for row in rows:
        payment = row.get("payment") if isinstance(row, dict) else None
        intent = payment.get("payment_intent") if isinstance(payment, dict) else None
        if isinstance(intent, dict):
            yield intent


def _settled_at(fields: Fields, state: str) -> datetime | None:
    """Stripe says of each end when it came, to the second."""
    if (name := _ENDED.get(state)) is None:
        return None
    seconds = fields.number("status_transitions", name)
    return from_epoch(seconds, name) if seconds is not None else None


def _customer_id(fields: Fields) -> str:
    found = id_of(fields.get("customer")) or id_of(fields.get("customer_account"))
    if not 0 < len(found) <= 120:
        raise BadField("customer is missing")
    return found


def _money(fields: Fields, currency: str, *path: str) -> Money:
    minor = fields.number(*path)
    name = ".".join(path)
    if minor is None:
        raise BadField(f"{name} is missing")
    if minor != minor.to_integral_value():
        raise BadField(f"{name} is not in whole minor units")
    if currency in TWO_WAYS:
        raise BadField(f"{currency} amounts cannot be read safely: Stripe documents them in two ways")
    return Money.of(minor.scaleb(-_decimals(currency)), currency)


def _decimals(currency: str) -> int:
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def _day(fields: Fields, zone: str, *paths: tuple[str, ...]) -> date | None:
    """The first of the instants that is there, as the calendar date the vendor sees."""
    for path in paths:
        seconds = fields.number(*path)
        if seconds is not None:
            try:
                return from_epoch(seconds, ".".join(path)).astimezone(_zone(zone)).date()
            except OverflowError:
                raise BadField(f"{'.'.join(path)} is not a date") from None
    return None


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if known_zone(name) else UTC


def _po_number(fields: Fields) -> str:
    for item in fields.items("custom_fields"):
        if isinstance(item, dict) and is_po_label(Fields(item).text("name")):
            return Fields(item).text("value", most=80)
    return ""


def _of_invoice(fields: Fields, version: int) -> BillToRecord | None:
    """The customer as it is now; for one that was deleted meanwhile, what the invoice remembers of it."""
    payer = fields.get("customer")
    if not isinstance(payer, dict):
        return None
    name, address = fields.text("customer_name"), fields.text("customer_email", most=500)
    if payer.get("deleted") is True:
        return BillToRecord(_customer_id(fields), version, name, address, is_active=False)
    found = _customer(Fields(payer), version)
    return BillToRecord(found.external_id, version, found.name or name, found.address_text or address)


def _customer(fields: Fields, version: int) -> BillToRecord:
    name = fields.text("name") or fields.text("description")
    return BillToRecord(fields.id("id"), version, name, fields.text("email", most=500))


def _payment(fields: Fields, version: int, payer: str, zone: str) -> PaymentRecord | None:
    status, currency = fields.text("status"), fields.currency("currency")
    if status not in ("paid", "canceled"):
        return None
    amount = _money(fields, currency, "amount_paid") if status == "paid" else Money(0, currency)
    target = id_of(fields.get("invoice"))
    return PaymentRecord(
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=payer,
        paid_on=_day(fields, zone, ("status_transitions", "paid_at"), ("created",)),
        amount=amount,
        method=fields.text("payment", "type", most=40),
        applied=((target, amount.minor),) if target and amount.minor else (),
    )


def _credit_note(fields: Fields, version: int, zone: str) -> CreditRecord:
    """It lowered its invoice's amount when it was issued, so nothing of it remains to be used."""
    currency = fields.currency("currency")
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=_customer_id(fields),
        number=fields.text("number", most=80),
        issued_on=_day(fields, zone, ("effective_at",), ("created",)),
        total=_money(fields, currency, "amount"),
        remaining=Money(0, currency),
    )


def tokens(answer: Json) -> Tokens:
    """The account is named in the answer. Raises MustReconnect for an error inside it, or an answer without a token."""
    access, account = answer.get("access_token"), answer.get("stripe_user_id")
    if answer.get("error") or not isinstance(access, str) or not access or not isinstance(account, str) or not account:
        raise MustReconnect("Stripe did not give access. Please connect again.")
    refresh, live = answer.get("refresh_token"), answer.get("livemode") is True
    extra = {"stripe_user_id": account, "livemode": live}
    return Tokens(access, refresh if isinstance(refresh, str) else "", None, extra)


def events(body: Any) -> list[Event]:
    """One event of one connected account. Those of the platform's own, and of kinds we do not follow, are none."""
    try:
        fields = Fields(body)
        account, event_id, name = fields.text("account", most=120), fields.id("id"), fields.text("type")
        created = fields.number("created")
        at = from_epoch(created, "created") if created is not None else None
    except BadField as problem:
        raise ValueError(f"not an event of Stripe: {problem}") from None
    if not name or not isinstance(body.get("data"), dict):
        raise ValueError("not an event of Stripe: no type or no data")
    if not account:
        return []
    if name == "account.application.deauthorized":
        return [Event(account, "account", account, REVOKED, event_id, at)]
    op = name.rpartition(".")[2][:20]
    return [Event(account, kind, object_id, op, event_id, at) for kind, object_id in touched(body)]


def touched(event: Any) -> Iterable[tuple[Kind, str]]:
    """The objects an event is about: to be read afresh, whatever the event itself says of them."""
    name = event.get("type") if isinstance(event, dict) else None
    data = event.get("data") if isinstance(event, dict) else None
    target = data.get("object") if isinstance(data, dict) else None
    if not isinstance(name, str) or not isinstance(target, dict):
        return
    if name.startswith("charge.dispute.") and (object_id := id_of(target)):
        yield "payment", object_id  # the payer's bank is asked to fetch one back
        return
    prefix = name.partition(".")[0]
    if prefix in PREFIXES and (object_id := id_of(target)):
        yield PREFIXES[prefix], object_id
    if prefix in ("invoice_payment", "credit_note") and (object_id := id_of(target.get("invoice"))):
        yield "invoice", object_id
