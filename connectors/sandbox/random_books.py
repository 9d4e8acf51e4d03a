"""Fills a company with a plausible past: terms, purchase orders, late payers, part payments, credits, the odd void."""

from collections.abc import Sequence

from . import books
from .amounts import exponent, share
from .bookkeeper import Bookkeeper
from .catalogue import Buyer, Item
from .world import Customer, Invoice, Line

TERMS = (7, 14, 30, 30, 30, 45, 60)
YEN = 150
MEMOS = ("Thank you for your business", "Please quote our number with your payment", "Partial delivery, rest to follow")


def add_buyers(keeper: Bookkeeper, buyers: Sequence[Buyer], *, double_up: bool = False) -> list[tuple[Customer, float]]:
    """The customers with how slowly each pays. `double_up` writes two addresses into one field for the third."""
    found = []
    for place, buyer in enumerate(buyers):
        name = keeper.company.source.choice(buyer.names)
        email = buyer.email
        if double_up and place == 2 and email:
            email = f"{email}, {buyer.contact.split()[0].lower()}@{email.split('@')[1]}"
        customer = keeper.customer(name, email, contact=buyer.contact, phone=buyer.phone, address=buyer.address)
        found.append((customer, buyer.slow))
    return found


def fill(keeper: Bookkeeper, customers: Sequence[tuple[Customer, float]], items: Sequence[Item], count: int) -> None:
    """`count` invoices in the order they were issued, over the last ten months."""
    source = keeper.company.source
    days = sorted(source.choices(range(-300, 0), weights=range(100, 400), k=count))
    for day in days:
        customer, slow = source.choice(customers)
        invoice = one_invoice(keeper, customer, items, day)
        if invoice.status == "open":
            live(keeper, invoice, day, slow)
    loose_ends(keeper, [customer for customer, _ in customers])


def one_invoice(keeper: Bookkeeper, customer: Customer, items: Sequence[Item], day: int) -> Invoice:
    company, source = keeper.company, keeper.company.source
    lines = some_lines(keeper, customer.currency, items)
    tax = share(sum(line.amount for line in lines), company.tax_percent)
    due = None if source.random() < 0.02 else day + source.choice(TERMS)
    reference = f"PO-{source.randrange(1000, 9999)}" if source.random() < 0.6 else ""
    draft = company.provider != "quickbooks" and day > -6 and source.random() < 0.3
    number = None if company.provider == "quickbooks" and source.random() < 0.02 else "next"
    memo = source.choice(MEMOS) if source.random() < 0.25 else ""
    return keeper.post(customer, lines, tax, day, due, reference=reference, draft=draft, number=number, memo=memo)


def some_lines(keeper: Bookkeeper, currency: str, items: Sequence[Item]) -> list[Line]:
    source = keeper.company.source
    scale = YEN if currency == "JPY" else 10 ** exponent(currency)
    lines = []
    for item in source.sample(list(items), k=source.choice((1, 1, 2, 2, 3))):
        cents = source.choice((0, 0, scale // 2, scale * 9 // 10))
        unit = source.randint(*item.price) * scale + (0 if currency == "JPY" else cents)
        text = item.description.format(n=source.randint(1, 9))
        lines.append(Line(keeper.company.new_id("line"), item.name, text, source.randint(*item.quantity), unit))
    return lines


def live(keeper: Bookkeeper, invoice: Invoice, day: int, slow: float) -> None:
    """What became of it: older ones are mostly paid, by their customer's habits."""
    source = keeper.company.source
    due = (invoice.due_on - keeper.today).days if invoice.due_on else day + 30
    late = -due
    chance = 0.1 if late < 0 else 0.55 if late <= 30 else 0.85 if late <= 90 else 0.97
    luck = source.random()
    settled_on = min(-1, max(day + 1, due + round(source.gauss(4, 9) * slow)))
    if luck < 0.02:
        keeper.voided(invoice, min(-1, day + source.randint(1, 5)))
    elif luck < 0.05:
        keeper.credited(invoice, settled_on)
    elif luck < 0.12 and late > -10:
        part_of(keeper, invoice, settled_on)
    elif source.random() < chance / slow**0.5:
        keeper.paid(invoice, settled_on)


def part_of(keeper: Bookkeeper, invoice: Invoice, on: int) -> None:
    """Half is paid, or a corner is credited."""
    at = keeper.moment(keeper.day(on))
    if keeper.company.source.random() < 0.7:
        books.pay_invoice(keeper.company, invoice, at, max(1, invoice.balance * 2 // 5), "Part payment")
    else:
        customer = keeper.company.customers[invoice.customer_id]
        net, tax = books.net_and_tax(keeper.company, max(1, invoice.balance // 8))
        lines = books.lines_for(keeper.company, net, (("Credit", "Damaged in transit"),))
        books.issue_credit(keeper.company, customer, lines, tax, invoice.currency, at, invoice, invoice.number or "")


def loose_ends(keeper: Bookkeeper, customers: Sequence[Customer]) -> None:
    """Credit and cash nobody has matched yet."""
    if keeper.company.provider == "stripe" or not customers:
        return
    for customer in keeper.company.source.sample(list(customers), k=min(3, len(customers))):
        keeper.credit_on_account(customer, -keeper.company.source.randint(3, 40), "85.00")
    kinds = ("overpayment", "prepayment") if keeper.company.provider == "xero" else ("payment", "payment")
    for customer, kind in zip(
        keeper.company.source.sample(list(customers), k=min(2, len(customers))), kinds, strict=False
    ):
        keeper.cash_on_account(customer, -keeper.company.source.randint(2, 30), "140.00", kind)
