"""From the provider's word that an invoice is paid to ours."""

from datetime import timedelta

import pytest
from flask import Flask

from app.house import House
from app.models import InvoiceState, Settlement
from app.receivables.settled import Lag, settled_lags
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, NOW, World, person

pytestmark = pytest.mark.usefixtures("fixed_clock")
SECOND = timedelta(seconds=1)


def paid(house: House, world: World, seconds: list[int], **facts: object) -> None:
    owned = {"vendor_id": world.acme.vendor.id, "invoice_id": world.acme_invoice.id, "state": InvoiceState.PAID}
    with house.database.transaction(EVERYTHING) as session:
        for each in seconds:
            made = {**owned, "connection_id": world.acme.connection.id, "seen_at": NOW, **facts}
            session.add(Settlement(settled_at=NOW - SECOND * each, **made))


def test_the_lag_is_told_by_provider_with_and_without_webhooks(house: House, world: World) -> None:
    """[I3 002-15] Half of them, and all but one in twenty."""
    paid(house, world, list(range(1, 101)), told_at=NOW)
    paid(house, world, [400, 200])
    paid(house, world, [7], connection_id=world.birch.connection.id)
    paid(house, world, [9999], state=InvoiceState.VOID)
    paid(house, world, [9999], seen_at=NOW - timedelta(days=8))
    with house.database.reading(EVERYTHING) as session:
        assert settled_lags(session, NOW - timedelta(days=7)) == [
            Lag("quickbooks", True, 100, 50.0, 95.0),
            Lag("quickbooks", False, 2, 200.0, 400.0),
            Lag("xero", False, 1, 7.0, 7.0),
        ]


def test_the_operator_sees_it(app: Flask, house: House, world: World) -> None:
    """[I3 L8] On the overview and in the metrics."""
    paid(house, world, [600], told_at=NOW)
    with house.database.transaction(EVERYTHING) as session:
        operator = person(session, "operator@sheaf.example")
    browser = signed_in(app, operator)
    page = browser.get("/ops").text
    assert "From paid to silent" in page
    assert "quickbooks" in page
    said = browser.get("/metrics").text
    assert 'sheaf_settled_lag_seconds{provider="quickbooks",quantile="0.95",webhook="yes"} 600.0' in said
