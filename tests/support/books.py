"""The sandbox beside a house: providers that answer, and vendors connected to their companies without the dance."""

from collections.abc import Iterator

import pytest

from app import clock
from app.house import House
from connectors import http, registry
from connectors.oauth import seal
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.support.server import live_server
from tests.support.world import EVERYTHING, Selling, vendor


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxControl]:
    """QuickBooks, Xero and Stripe with the small world; Sheaf's settings point there."""
    with live_server(create_sandbox("small")) as base, SandboxControl(base) as control:
        for name, value in control.settings().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(http, "_gates", {})  # a test's 429 is not the next one's
        yield control


def connected(house: House, books: SandboxControl, company: str) -> Selling:
    """A vendor whose books are that company's, due for its first pull."""
    about, given = books.company(company), books.grant(company)
    with house.database.transaction(EVERYTHING) as session:
        made = vendor(
            session, company, address=f"owner@{company.split()[0].lower()}.example", provider=about["provider"]
        )
        row = made.connection
        row.account_id, row.account_name = about["external_id"], company
        row.account_currency, row.account_zone = about["currency"], about["timezone"]
        row.first_synced_at = row.as_of = None
        row.next_pull_at = clock.now()
        answer = {**given, "stripe_user_id": about["external_id"]}
        tokens = registry.get(row.provider).parse_token(answer, clock.now())
        row.tokens = seal(house, tokens, row.id, row.vendor_id)
    return made
