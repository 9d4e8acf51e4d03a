"""The demo world: six suppliers with months of invoices, and customers several of them share. Beside them are the small
world's companies at the other providers, for whoever wants to connect one."""

from collections.abc import Sequence

from . import random_books, seed_erps, seed_ledgers, seed_shops
from .bookkeeper import Bookkeeper, add_company
from .catalogue import BUYERS, DESIGN, HANA, HOSTING, INTERIORS, LOGISTICS, PACKAGING, TIMBER, Buyer, Item
from .world import Address, World

BRITTA = "britta@birch.example"
NEWARK = Address("88 Warehouse Row", "Newark", "NJ", "07102", "USA")
BERLIN = Address("Birkenallee 7", "Berlin", "", "10961", "Germany")
VALENCIA = Address("501 Valencia Street", "San Francisco", "CA", "94110", "US")
CHICAGO = Address("2100 Dock Avenue", "Chicago", "IL", "60608", "USA")
LONDON = Address("40 Calvert Avenue", "London", "", "E2 7JP", "United Kingdom")
AMSTERDAM = Address("Keizersgracht 12", "Amsterdam", "", "1015 CN", "NL")


def fill(world: World) -> None:
    acme = add_company(world, "quickbooks", "Acme Supply", "USD", "America/New_York", "US", address=NEWARK)
    birch = add_company(
        world, "xero", "Birch & Sons", "EUR", "Europe/Berlin", "DE", owner=BRITTA, tax_percent=19, address=BERLIN
    )
    cedar = add_company(world, "stripe", "Cedar Studio", "USD", "America/Los_Angeles", "US", address=VALENCIA)
    quirks = frozenset({"no_currency_ref"})
    drake = add_company(
        world, "quickbooks", "Drake Logistics", "USD", "America/Chicago", "US", address=CHICAGO, quirks=quirks
    )
    interiors = add_company(
        world, "xero", "Birch Interiors", "GBP", "Europe/London", "GB", owner=BRITTA, tax_percent=20, address=LONDON
    )
    ember = add_company(world, "stripe", "Ember Cloud", "EUR", "Europe/Amsterdam", "NL", address=AMSTERDAM)
    write(Bookkeeper(world, acme), BUYERS, PACKAGING, 180)
    write(Bookkeeper(world, birch), BUYERS[:8] + BUYERS[10:23:2] + BUYERS[24:], TIMBER, 120)
    write(Bookkeeper(world, cedar), (*BUYERS[:3], *BUYERS[4:20:2], BUYERS[23]), DESIGN, 80, yen=(HANA,))
    write(Bookkeeper(world, drake), BUYERS[:23], LOGISTICS, 250)
    write(Bookkeeper(world, interiors), (BUYERS[0], BUYERS[1], *BUYERS[4:22:3]), INTERIORS, 90)
    write(Bookkeeper(world, ember), (BUYERS[0], *BUYERS[2:23:2]), HOSTING, 140)
    seed_shops.fill(world)
    seed_erps.fill(world)
    seed_ledgers.fill(world)


def write(
    keeper: Bookkeeper, buyers: Sequence[Buyer], items: Sequence[Item], count: int, yen: Sequence[Buyer] = ()
) -> None:
    customers = random_books.add_buyers(keeper, buyers, double_up=keeper.company.provider == "quickbooks")
    for one in yen:
        customer = keeper.customer(one.names[0], one.email, contact=one.contact, address=one.address, currency="JPY")
        customers.append((customer, one.slow))
    random_books.fill(keeper, customers, items, count)
