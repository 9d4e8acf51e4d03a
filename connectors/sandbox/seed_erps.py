"""The small world's companies that keep their books in an ERP: Dune and Cobalt owe them, too."""

from .bookkeeper import Bookkeeper, add_company
from .world import Address, World


def fill(world: World) -> None:
    elder(world)
    fern(world)
    willow(world)
    yarrow(world)


def elder(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world,
            "business_central",
            "Elder Machines",
            "DKK",
            "Europe/Copenhagen",
            "DK",
            tax_percent=25,
            address=Address("Havnegade 3", "Aarhus", "", "8000", "Denmark"),
        ),
    )
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel", currency="EUR")
    jade = keeper.customer("Jade Dental", None)
    keeper.invoice(cobalt, "12500.00", -71, -41, reference="PO-7791", what=(("Press", "Hydraulic press, used"),))
    keeper.invoice(cobalt, "1875.50", -36, -6)
    keeper.invoice(cobalt, "640.00", -24, 6)
    keeper.paid(keeper.invoice(cobalt, "3000.00", -58, -28), -20, "1250.00")
    keeper.invoice(dune, "980.00", -47, -17)
    keeper.invoice(dune, "415.30", -12, 18, reference="4500-91")
    keeper.credited(keeper.invoice(dune, "220.00", -61, -31), -29)
    keeper.invoice(jade, "350.00", -33, -3)
    keeper.invoice(jade, "125.00", -9, None)
    keeper.voided(keeper.invoice(cobalt, "88.00", -19, 11), -18)
    keeper.invoice(cobalt, "700.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(dune, "310.00", -92, -62), -60)
    keeper.credit_on_account(dune, -10, "45.00")


def fern(world: World) -> None:
    """Its site tells the time of Kolkata."""
    keeper = Bookkeeper(
        world,
        add_company(
            world, "erpnext", "Fern Foods", "INR", "Asia/Kolkata", "India", tax_percent=18,
            address=Address("14 Residency Road", "Bengaluru", "KA", "560025", "India"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb", currency="USD")
    kite = keeper.customer("Kite Hotels", "accounts@kite.example")
    lotus = keeper.customer("Lotus Spa", None)
    keeper.invoice(cobalt, "2360.00", -70, -40, reference="PO-7795")
    keeper.invoice(cobalt, "590.00", -28, 2)
    keeper.paid(keeper.invoice(cobalt, "1180.00", -51, -21), -16, "400.00")
    keeper.invoice(kite, "47200.00", -44, -14)
    keeper.invoice(kite, "8260.00", -11, 19)
    keeper.credited(keeper.invoice(kite, "5900.00", -63, -33), -30)
    keeper.invoice(lotus, "3540.00", -35, -5)
    keeper.invoice(lotus, "1770.00", -7, None)
    keeper.voided(keeper.invoice(kite, "944.00", -22, 8), -20)
    keeper.invoice(kite, "7080.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(kite, "3186.00", -97, -67), -61)
    keeper.credit_on_account(kite, -9, "500.00")
    keeper.cash_on_account(kite, -6, "1000.00")


def willow(world: World) -> None:
    """One invoice is due in two halves, one has been shared in the portal."""
    keeper = Bookkeeper(
        world,
        add_company(
            world, "odoo", "Willow Garden", "EUR", "Europe/Brussels", "BE", tax_percent=21,
            address=Address("Chaussee de Namur 40", "Grand-Rosiere", "", "1367", "Belgium"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb", currency="USD")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel")
    moss = keeper.customer("Moss & Daughters", None)
    keeper.invoice(cobalt, "1815.00", -68, -38, reference="PO-7797")
    keeper.invoice(cobalt, "242.00", -27, 3, memo="shared")
    keeper.paid(keeper.invoice(cobalt, "968.00", -49, -19), -14, "300.00")
    keeper.invoice(dune, "3025.01", -40, 20, memo="halves")
    keeper.invoice(dune, "605.00", -45, -15)
    keeper.credited(keeper.invoice(dune, "363.00", -60, -30), -27)
    keeper.invoice(moss, "121.00", -34, -4)
    keeper.invoice(moss, "84.70", -8, None)
    keeper.voided(keeper.invoice(dune, "60.50", -23, 7), -21)
    keeper.invoice(dune, "484.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(dune, "726.00", -94, -64), -62)
    keeper.credit_on_account(dune, -11, "36.30")
    keeper.cash_on_account(dune, -5, "50.00")


def yarrow(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world, "tryton", "Yarrow Herbs", "GBP", "Europe/London", "GB", tax_percent=20,
            address=Address("9 Mill Lane", "Totnes", "", "TQ9 5HA", "United Kingdom"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb", currency="USD")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel", currency="EUR")
    oat = keeper.customer("Oat & Co", None)
    keeper.invoice(cobalt, "480.00", -66, -36, reference="PO-7799")
    keeper.invoice(cobalt, "60.00", -26, 4)
    keeper.paid(keeper.invoice(cobalt, "720.00", -47, -17), -13, "120.00")
    keeper.invoice(dune, "360.01", -30, 25, memo="halves")
    keeper.invoice(dune, "84.00", -46, -16)
    keeper.credited(keeper.invoice(dune, "96.00", -59, -29), -26)
    keeper.invoice(oat, "36.00", -35, -5)
    keeper.invoice(oat, "18.60", -6, None)
    keeper.voided(keeper.invoice(dune, "24.00", -24, 6), -22)
    keeper.invoice(dune, "120.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(dune, "216.00", -96, -66), -63)
    keeper.credit_on_account(dune, -12, "12.00")
