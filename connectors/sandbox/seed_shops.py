"""The small world's companies at Square and FreshBooks: small firms; Cobalt owes them, too."""

from .bookkeeper import Bookkeeper, add_company
from .world import Address, World


def fill(world: World) -> None:
    laurel(world)
    maple(world)


def laurel(world: World) -> None:
    """A shop and a market stall, which sells to every second customer; one order is paid in three parts."""
    keeper = Bookkeeper(
        world,
        add_company(
            world, "square", "Laurel Bakery", "USD", "America/Chicago", "US",
            address=Address("77 Wicker Park Avenue", "Chicago", "IL", "60622", "US"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune Inc", "ap@dune.example", contact="Dana Dune")
    quill = keeper.customer("Quill Books", None, contact="Quinn Quill")
    keeper.invoice(cobalt, "640.00", -62, -32, reference="PO-7815", what=(("Catering", "Summer party, 80 guests"),))
    keeper.invoice(cobalt, "96.50", -33, -3)
    keeper.invoice(dune, "210.00", -25, 5)
    keeper.paid(keeper.invoice(dune, "180.00", -44, -14), -6, "80.00")
    keeper.invoice(quill, "45.25", -21, -1)
    keeper.paid(keeper.parts(keeper.invoice(dune, "900.00", -40, -10), (-10, 20, 50)), -8, "420.00")
    keeper.voided(keeper.invoice(cobalt, "55.00", -19, 11), -16)
    keeper.invoice(cobalt, "310.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "75.00", -80, -50), -48)


def maple(world: World) -> None:
    keeper = Bookkeeper(
        world,
        add_company(
            world, "freshbooks", "Maple Consulting", "CAD", "America/Toronto", "CA",
            address=Address("12 King Street West", "Toronto", "ON", "M5H 1A1", "Canada"),
        ),
    )  # fmt: skip
    cobalt = keeper.customer("Cobalt Ltd", "ap@cobalt.example", contact="Ana Cobb")
    dune = keeper.customer("Dune GmbH", "rechnung@dune.example", contact="Dirk Dunkel", currency="EUR")
    rowan = keeper.customer("Rowan Theatre", None, contact="Rita Rowan")
    keeper.invoice(cobalt, "3200.00", -71, -41, reference="PO-7816", what=(("Advice", "Review of the warehouse"),))
    keeper.invoice(cobalt, "480.00", -36, -6)
    keeper.invoice(dune, "1250.00", -27, 3)
    keeper.paid(keeper.invoice(cobalt, "990.00", -50, -20), -10, "400.00")
    keeper.invoice(rowan, "130.40", -32, -2)
    keeper.invoice(cobalt, "700.00", 0, 30, draft=True)
    keeper.paid(keeper.invoice(cobalt, "250.00", -85, -55), -52)
    keeper.credit_on_account(cobalt, -9, "80.00")
