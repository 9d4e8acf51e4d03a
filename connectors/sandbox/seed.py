"""Builds worlds. The same name and seed give the same ids, numbers and amounts; dates hang on the clock's today."""

import json
from pathlib import Path
from typing import Any

from . import seed_demo, seed_forty, seed_small
from .bookkeeper import Bookkeeper, add_company
from .clock import Clock
from .world import Customer, World

RECIPES = {"small": seed_small.fill, "demo": seed_demo.fill, "forty": seed_forty.fill}
ZONES = {"US": "America/New_York", "DE": "Europe/Berlin", "GB": "Europe/London", "NZ": "Pacific/Auckland"}


def build_world(name: str, clock: Clock, seed: int) -> World:
    """small, demo, forty, forty:200 (filled up to so many invoices a company) or FILE.json."""
    world = World(clock, seed)
    if name.endswith(".json"):
        fill_from_file(world, Path(name))
        return world
    recipe, _, size = name.partition(":")
    if size:
        seed_forty.fill(world, int(size))
    else:
        RECIPES[recipe](world)
    return world


def fill_from_file(world: World, path: Path) -> None:
    """FILE.json: {companies: [{provider, name, currency, timezone, country, owner?, tax_percent?, customers: [...]}]}

    A customer: {name, email, currency?, invoices: [...]}. An invoice: {total, issued, due, currency?, number?,
    reference?, draft?, paid?, credited?, void?, on?}: days count from today; paid and credited are amounts, or true
    for all of it.
    """
    for entry in json.loads(path.read_text(encoding="utf-8"))["companies"]:
        country = entry.get("country", "US")
        company = add_company(
            world,
            entry["provider"],
            entry["name"],
            entry.get("currency", "USD"),
            entry.get("timezone", ZONES.get(country, "UTC")),
            country,
            owner=entry.get("owner"),
            tax_percent=entry.get("tax_percent", 0),
        )
        keeper = Bookkeeper(world, company)
        for person in entry.get("customers", []):
            customer = keeper.customer(person["name"], person.get("email"), currency=person.get("currency"))
            for row in person.get("invoices", []):
                file_invoice(keeper, customer, row)


def file_invoice(keeper: Bookkeeper, customer: Customer, row: dict[str, Any]) -> None:
    invoice = keeper.invoice(
        customer,
        str(row["total"]),
        row.get("issued", -30),
        row.get("due"),
        currency=row.get("currency"),
        number=row.get("number", "next"),
        draft=row.get("draft", False),
        reference=row.get("reference", ""),
    )
    for verb, act in (("paid", keeper.paid), ("credited", keeper.credited)):
        if row.get(verb):
            act(invoice, row.get("on", -1), None if row[verb] is True else str(row[verb]))
    if row.get("void"):
        keeper.voided(invoice, row.get("on", -1))
