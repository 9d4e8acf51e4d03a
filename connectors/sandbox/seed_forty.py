"""Forty suppliers. ap@cobalt.example owes each exactly ten open invoices; each has customers of its own besides."""

from . import random_books
from .bookkeeper import Bookkeeper, add_company
from .catalogue import BUYERS, DESIGN, HOSTING, INTERIORS, LOGISTICS, PACKAGING, TIMBER, WORKSHOP
from .world import Company, World

NAMES = (
    "Acme Supply|Birch & Sons|Cedar Studio|Drake Logistics|Elder Press|Fathom Films|Garnet Tools|Hazel Catering|"
    "Iron Bridge Steel|Jasper Glass|Keystone Legal|Larkspur Florists|Meridian Maps|Nettle Tea|Oakum Ropes|Pinion Gears|"
    "Quill Stationery|Raven Security|Sable Cleaning|Thistle Textiles|Ursa Energy|Vesper Lighting|Walnut Kitchens|"
    "Yew Tree Nursery|Zinc Roofing|Amber Print|Basalt Paving|Copper Kettle|Dover Freight|Ebony Pianos|Flint Fireworks|"
    "Granite Works|Holly Toys|Ivory Linen|Jade Gardens|Kelp & Co|Linden Honey|Marble Arts|Nimbus Hosting|Opal Optics"
).split("|")
GOODS = (PACKAGING, TIMBER, DESIGN, LOGISTICS, INTERIORS, HOSTING, WORKSHOP)
PLACES = {
    "quickbooks": (("USD", "America/New_York", "US", 0), ("USD", "America/Chicago", "US", 0)),
    "xero": (("EUR", "Europe/Berlin", "DE", 19), ("GBP", "Europe/London", "GB", 20)),
    "stripe": (("USD", "America/Los_Angeles", "US", 0), ("EUR", "Europe/Amsterdam", "NL", 0)),
}
COBALTS = 10


def fill(world: World, invoices_each: int = 0) -> None:
    """With `invoices_each`, every company is filled up to that many invoices."""
    for place, name in enumerate(NAMES):
        provider = tuple(PLACES)[place % 3]
        currency, zone, country, tax = PLACES[provider][place // 3 % 2]
        company = add_company(world, provider, name, currency, zone, country, tax_percent=tax)
        supplier(Bookkeeper(world, company), place, invoices_each)


def supplier(keeper: Bookkeeper, place: int, invoices_each: int) -> None:
    items = GOODS[place % len(GOODS)]
    own = [(keeper.customer(f"{name} {place + 1}", email), 1.0) for name, email in own_customers(keeper.company)]
    shared = random_books.add_buyers(keeper, [BUYERS[1 + (place + step) % 22] for step in range(3)])
    count = invoices_each - COBALTS if invoices_each else 6 + place % 5
    if count > 0:
        random_books.fill(keeper, own + shared, items, count)
    cobalts(keeper)


def cobalts(keeper: Bookkeeper) -> None:
    """Ten open ones: overdue, due soon, due later, one of them part paid."""
    source = keeper.company.source
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    for number in range(COBALTS):
        due = (-65, -40, -21, -9, -2, 1, 4, 9, 16, 28)[number]
        total = f"{source.randrange(4000, 480000) / 100:.2f}"
        invoice = keeper.invoice(cobalt, total, due - 30, due, reference=f"PO-{7000 + source.randrange(999)}")
        if number == 3:
            keeper.paid(invoice, -1, f"{float(total) / 4:.2f}")


def own_customers(company: Company) -> list[tuple[str, str | None]]:
    domain = "".join(letter for letter in company.name.lower() if letter.isalnum())
    return [("Corner Shop", f"shop@{domain}-customer.example"), ("Walk-in", None)]
