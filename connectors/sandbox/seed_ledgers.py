"""The small world's companies at Zoho Books, Sage Accounting and NetSuite: Cobalt and Dune owe them, too."""

from .bookkeeper import Bookkeeper, add_company
from .world import Address, World


def fill(world: World) -> None:
    gorse(world)
    holm(world)
    juniper(world)


def gorse(world: World) -> None:
    """Lives in the European data centre."""
    keeper = Bookkeeper(
        world,
        add_company(
            world, "zoho", "Gorse Ceramics", "EUR", "Europe/Amsterdam", "NL",
            tax_percent=21, quirks=frozenset({"centre:eu"}),
            address=Address("Prinsengracht 88", "Amsterdam", "", "1015 DZ", "Netherlands"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel")
    kiln = keeper.customer("Kiln & Clay", None)
    keeper.invoice(cobalt, "1815.00", -66, -36, reference="PO-7811", what=(("Tiles", "Glazed tiles, sage green"),))
    keeper.invoice(cobalt, "242.00", -32, -2, currency="GBP")
    keeper.invoice(cobalt, "605.00", -22, 8)
    keeper.paid(keeper.invoice(cobalt, "968.00", -48, -18), -9, "300.00")
    keeper.paid(keeper.invoice(dune, "484.00", -20, 10), -4, "84.00")
    keeper.invoice(dune, "121.00", -41, -11)
    keeper.invoice(kiln, "36.30", -29, 1)
    keeper.invoice(kiln, "72.60", -8, None)
    keeper.credited(keeper.invoice(dune, "363.00", -58, -28), -20)
    keeper.voided(keeper.invoice(cobalt, "50.00", -19, 11), -17)
    keeper.invoice(cobalt, "847.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "181.50", -90, -60), -57)
    keeper.credit_on_account(dune, -10, "60.50")
    keeper.cash_on_account(cobalt, -6, "45.00")


def holm(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world, "sage", "Holm Oak Joinery", "GBP", "Europe/London", "GB", tax_percent=20,
            address=Address("4 Mill Lane", "Leeds", "", "LS1 4AB", "United Kingdom"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Limited", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel")
    larch = keeper.customer("Larch Lodge", None)
    keeper.invoice(cobalt, "2400.00", -63, -33, reference="PO-7815", what=(("Doors", "Oak doors, hung"),))
    keeper.invoice(cobalt, "660.00", -33, -3, currency="EUR")
    keeper.invoice(cobalt, "180.00", -23, 7)
    keeper.paid(keeper.invoice(cobalt, "1200.00", -51, -21), -11, "450.00")
    keeper.invoice(dune, "312.00", -44, -14)
    keeper.invoice(larch, "54.00", -31, -1)
    keeper.invoice(larch, "96.00", -9, None)
    keeper.credited(keeper.invoice(dune, "240.00", -57, -27), -22)
    keeper.voided(keeper.invoice(cobalt, "66.00", -18, 12), -16)
    keeper.invoice(cobalt, "900.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "420.00", -85, -55), -50)
    keeper.credit_on_account(cobalt, -9, "72.00")
    keeper.cash_on_account(dune, -5, "30.00")


def juniper(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world, "netsuite", "Juniper Freight", "USD", "America/Denver", "US",
            address=Address("900 Rail Yard", "Denver", "CO", "80202", "USA"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel")
    mesa = keeper.customer("Mesa Outdoor", None)
    keeper.invoice(cobalt, "5200.00", -69, -39, reference="PO-7822", what=(("Haulage", "Denver to Boston, full load"),))
    keeper.invoice(cobalt, "1375.00", -37, -7, currency="EUR")
    keeper.invoice(cobalt, "860.00", -21, 9)
    keeper.paid(keeper.invoice(cobalt, "2480.00", -54, -24), -13, "980.00")
    keeper.invoice(dune, "415.75", -43, -13)
    keeper.invoice(mesa, "129.00", -30, 0)
    keeper.invoice(mesa, "64.50", -7, None)
    keeper.credited(keeper.invoice(dune, "390.00", -59, -29), -21)
    keeper.voided(keeper.invoice(cobalt, "71.00", -17, 13), -15)
    keeper.paid(keeper.invoice(cobalt, "505.00", -87, -57), -51)
    keeper.credit_on_account(dune, -11, "88.00")
    keeper.cash_on_account(mesa, -4, "20.00")
