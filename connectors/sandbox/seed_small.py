"""The world everybody knows: Acme Supply, Birch & Sons, Cedar Studio; Cobalt owes all three, Dune owes two."""

from . import seed_erps, seed_ledgers, seed_shops
from .bookkeeper import Bookkeeper, add_company
from .world import Address, World


def fill(world: World) -> None:
    acme(world)
    birch(world)
    cedar(world)
    seed_erps.fill(world)
    seed_ledgers.fill(world)
    seed_shops.fill(world)


def acme(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world,
            "quickbooks",
            "Acme Supply",
            "USD",
            "America/New_York",
            "US",
            address=Address("88 Warehouse Row", "Newark", "NJ", "07102", "USA"),
        ),
    )
    cobalt = keeper.customer(
        "Cobalt Ltd",
        "ap@cobalt.example",
        contact="Ana Cobb",
        address=Address("12 Harbour Street", "Boston", "MA", "02110", "USA"),
    )
    dune = keeper.customer(
        "Dune GmbH",
        "rechnung@dune.example",
        contact="Dirk Dunkel",
        address=Address("Sandweg 4", "Hamburg", "", "20095", "Germany"),
    )
    elm = keeper.customer("Elm Street Bakery", None, contact="Ella Elm")
    fjord = keeper.customer("Fjord & Partners", "accounts@fjord.example, jonas@fjord.example", contact="Jonas Fjell")
    keeper.invoice(cobalt, "1250.00", -75, -45, reference="PO-7781", what=(("Pallets", "Euro pallets, treated"),))
    keeper.invoice(
        cobalt, "480.50", -40, -10, reference="PO-7802", what=(("Film", "Stretch film"), ("Tape", "Packing tape"))
    )
    keeper.invoice(cobalt, "99.99", -27, 3)
    keeper.invoice(cobalt, "2310.00", -5, 25, reference="PO-7820")
    keeper.paid(keeper.invoice(cobalt, "600.00", -50, -20), -15, "200.00")
    keeper.invoice(dune, "815.25", -45, -15)
    keeper.invoice(dune, "120.00", -28, 2, number=None)
    keeper.credited(keeper.invoice(dune, "340.00", -60, -30), -25)
    keeper.invoice(elm, "75.60", -33, -3)
    keeper.invoice(fjord, "1999.00", -31, -1)
    keeper.invoice(fjord, "450.00", -10, None, memo="Due when the goods have been checked")
    keeper.voided(keeper.invoice(fjord, "88.00", -20, 10), -18)
    keeper.paid(keeper.invoice(cobalt, "310.00", -90, -60), -58)
    keeper.credit_on_account(dune, -12, "50.00")
    keeper.cash_on_account(fjord, -7, "25.00")


def birch(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world,
            "xero",
            "Birch & Sons",
            "EUR",
            "Europe/Berlin",
            "DE",
            owner="britta@birch.example",
            tax_percent=19,
            address=Address("Birkenallee 7", "Berlin", "", "10961", "Germany"),
        ),
    )
    cobalt = keeper.customer("Cobalt Limited", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer(
        "Dune GmbH",
        "rechnung@dune.example",
        contact="Dirk Dunkel",
        address=Address("Sandweg 4", "Hamburg", "", "20095", "Germany"),
    )
    gale = keeper.customer("Gale Outfitters", "billing@gale.example", contact="Gwen Gale")
    heath = keeper.customer("Heath Flowers", None)
    keeper.invoice(cobalt, "1190.00", -80, -50, reference="PO-7783", what=(("Oak", "Oak boards, planed"),))
    keeper.invoice(cobalt, "595.00", -44, -14, currency="GBP", reference="PO-7790")
    keeper.invoice(cobalt, "238.00", -26, 4)
    keeper.invoice(cobalt, "3570.00", -3, 27, what=(("Oak", "Oak boards, planed"), ("Freight", "Freight to Boston")))
    keeper.paid(keeper.invoice(cobalt, "714.00", -52, -22), -12, "300.00")
    keeper.invoice(dune, "952.00", -48, -18)
    keeper.credited(keeper.invoice(dune, "416.50", -62, -32), -28)
    keeper.credited(keeper.invoice(dune, "833.00", -35, -5), -4, "119.00")
    keeper.invoice(gale, "178.50", -29, 1)
    keeper.invoice(gale, "267.75", -9, None)
    keeper.invoice(heath, "61.88", -31, -1)
    keeper.voided(keeper.invoice(gale, "101.15", -21, 9), -19)
    keeper.invoice(cobalt, "1428.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "357.00", -95, -65), -60)
    keeper.credit_on_account(cobalt, -8, "59.50")
    keeper.cash_on_account(gale, -6, "40.00", "overpayment")
    keeper.cash_on_account(dune, -5, "75.00", "prepayment")


def cedar(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world,
            "stripe",
            "Cedar Studio",
            "USD",
            "America/Los_Angeles",
            "US",
            address=Address("501 Valencia Street", "San Francisco", "CA", "94110", "US"),
        ),
    )
    cobalt = keeper.customer("Cobalt", "ap@cobalt.example", contact="Ana Cobb")
    hana = keeper.customer(
        "Hana Kobo KK",
        "keiri@hana.example",
        currency="JPY",
        address=Address("1-2-3 Jingumae", "Tokyo", "", "150-0001", "JP"),
    )
    iris = keeper.customer("Iris Gallery", None)
    keeper.invoice(cobalt, "2400.00", -70, -40, reference="PO-7779", what=(("Design", "Brand refresh, stage 1"),))
    keeper.invoice(cobalt, "750.00", -38, -8, what=(("Design", "Packaging artwork"), ("Print", "Proofs")))
    keeper.invoice(cobalt, "125.00", -28, 2)
    keeper.invoice(cobalt, "1800.00", -2, 28)
    keeper.paid(keeper.invoice(cobalt, "900.00", -55, -25), -9, "350.00")
    keeper.invoice(hana, "120000", -41, -11)
    keeper.invoice(hana, "1000", -25, 5)
    keeper.credited(keeper.invoice(cobalt, "260.00", -64, -34), -30)
    keeper.invoice(iris, "333.33", -36, -6)
    keeper.invoice(iris, "48.00", -12, None)
    keeper.voided(keeper.invoice(cobalt, "77.00", -18, 12), -17)
    keeper.invoice(cobalt, "560.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "410.00", -88, -58), -57)
