"""Puts the sandbox together: one world, all providers, pay pages and the control plane."""

from datetime import datetime

from flask import Flask, render_template, request

from . import (
    business_central,
    control,
    erpnext,
    freshbooks,
    guard,
    netsuite,
    news,
    oauth_web,
    odoo,
    payments,
    quickbooks,
    sage,
    square,
    stripe,
    tryton,
    xero,
    xero_payments,
    zoho,
)
from .clock import Clock
from .faults import Faults
from .oauth import CLIENTS, Ledger
from .seed import build_world
from .state import Part, Sandbox, here
from .webhooks import Courier, Settings

# A provider beside the first three, whose answers the shared parts know: its entry in plays.py and a line here.
PARTS: dict[str, Part] = {
    "square": square,
    "freshbooks": freshbooks,
    "zoho": zoho,
    "sage": sage,
    "netsuite": netsuite,
    "business_central": business_central,
    "erpnext": erpnext,
    "odoo": odoo,
    "tryton": tryton,
}


def create_sandbox(
    world: str = "small",
    seed: int = 7,
    now: datetime | None = None,
    webhooks: str | None = None,
    public: str | None = None,
) -> Flask:
    """`world`: small, demo, forty or a FILE.json; `webhooks`: where the product listens; `public`: base of links."""
    app = Flask("connectors.sandbox")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    furnish(app, world, seed, now, webhooks, public)
    guard.install(app)
    blueprints = [part.bp for part in (oauth_web, quickbooks, xero, xero_payments, stripe, payments, control)]
    for blueprint in (*blueprints, *(part.bp for part in PARTS.values())):
        app.register_blueprint(blueprint)
    app.add_url_rule("/", "front", front)
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    return app


def furnish(
    app: Flask,
    world: str = "small",
    seed: int = 7,
    now: datetime | None = None,
    webhooks: str | None = None,
    public: str | None = None,
) -> None:
    """A new world in a sandbox that may already be running: new books, new consents, new clock, no bad days."""
    clock, faults = Clock(now), Faults()
    built = build_world(world, clock, seed)
    courier = Courier(clock, faults, Settings(webhooks.rstrip("/") if webhooks else None))
    sandbox = Sandbox(built, clock, Ledger(built), faults, courier, public, parts=PARTS)
    app.extensions["sandbox"] = sandbox
    news.listen(sandbox, lambda: (sandbox.public_url or request.host_url).rstrip("/"))


def front() -> str:
    return render_template(
        "sandbox/front.html", companies=here().world.companies, clients=CLIENTS, now=here().clock.now()
    )
