"""What the invented suppliers sell, and who buys from them."""

import csv
from dataclasses import dataclass
from pathlib import Path

from .world import Address


@dataclass(frozen=True)
class Item:
    name: str
    description: str
    price: tuple[int, int]
    quantity: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Buyer:
    """One customer as several suppliers may know it: the address is the same, the name is not always."""

    names: tuple[str, ...]
    email: str | None
    contact: str
    phone: str
    address: Address
    slow: float = 1.0


PACKAGING = (
    Item("Pallets", "Euro pallets, heat treated", (14, 22), (10, 80)),
    Item("Cartons", "Double wall cartons 600 x 400 x 400", (2, 4), (100, 600)),
    Item("Film", "Stretch film 23 my, hand rolls", (6, 11), (12, 120)),
    Item("Tape", "Packing tape, paper, 50 m", (2, 5), (36, 180)),
    Item("Labels", "Thermal labels 100 x 150, box of 4 rolls", (18, 29), (4, 30)),
    Item("Delivery", "Delivery within the city", (35, 60)),
)
TIMBER = (
    Item("Oak", "Oak boards, planed, 26 mm", (38, 64), (6, 60)),
    Item("Larch", "Larch decking, grooved", (9, 16), (20, 140)),
    Item("Plywood", "Birch plywood 18 mm, full sheet", (46, 71), (4, 40)),
    Item("Cutting", "Cut to size, per hour", (55, 75), (1, 9)),
    Item("Freight", "Freight, tail lift", (60, 180)),
)
DESIGN = (
    Item("Design", "Brand refresh, stage {n}", (900, 3400)),
    Item("Artwork", "Packaging artwork", (240, 780), (1, 4)),
    Item("Retainer", "Design retainer, month {n}", (600, 1800)),
    Item("Print", "Proofs and print supervision", (120, 460)),
    Item("Licence", "Photo licences", (45, 220), (1, 6)),
)
LOGISTICS = (
    Item("Haulage", "Full truck load, lane {n}", (420, 1900)),
    Item("Groupage", "Groupage, per pallet", (48, 95), (1, 18)),
    Item("Storage", "Storage, per pallet and week", (4, 8), (20, 260)),
    Item("Customs", "Customs handling", (65, 140), (1, 3)),
    Item("Fuel", "Fuel surcharge", (18, 130)),
)
INTERIORS = (
    Item("Joinery", "Bespoke joinery, as drawing {n}", (700, 4200)),
    Item("Desks", "Oak desk, 1600 mm", (310, 480), (1, 12)),
    Item("Shelving", "Shelving bay, fitted", (140, 260), (2, 20)),
    Item("Fitting", "Fitting, per day", (380, 520), (1, 5)),
    Item("Delivery", "Delivery and unpacking", (60, 160)),
)
HOSTING = (
    Item("Hosting", "Managed hosting, month {n}", (120, 640)),
    Item("Support", "Support hours", (70, 110), (1, 14)),
    Item("Domains", "Domain renewals", (12, 24), (1, 9)),
    Item("Backup", "Off-site backup, per 100 GB", (6, 14), (1, 30)),
    Item("Migration", "Database migration", (400, 1600)),
)
WORKSHOP = (
    Item("Service", "Service visit {n}", (90, 340)),
    Item("Parts", "Spare parts", (8, 60), (1, 20)),
    Item("Materials", "Materials as per delivery note", (15, 90), (1, 25)),
    Item("Hours", "Hours worked", (45, 95), (1, 16)),
)


def read_buyers() -> tuple[Buyer, ...]:
    """buyers.csv; `slow` is how slowly they pay, 1 being usual."""
    with Path(__file__).with_name("buyers.csv").open(encoding="utf-8", newline="") as file:
        return tuple(buyer(row) for row in csv.DictReader(file))


def buyer(row: dict[str, str]) -> Buyer:
    place = Address(row["street"], row["city"], row["region"], row["postcode"], row["country"])
    names = tuple(row["names"].split("|"))
    return Buyer(names, row["email"] or None, row["contact"], row["phone"], place, float(row["slow"]))


*_BUYERS, HANA = read_buyers()
BUYERS = tuple(_BUYERS)
