"""What is peculiar to asking Square."""

from datetime import date
from typing import Any

import pytest

from connectors.base import REVOKED, Context, GiveUp, MustReconnect, RateLimited, Response, RetryLater
from connectors.square import connector
from tests.connectors.contract import Bench
from tests.connectors.square.test_contract import Laurel


def error(code: str, category: str = "INVALID_REQUEST_ERROR") -> Any:
    return {"errors": [{"category": category, "code": code, "detail": "not for the vendor"}]}


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (401, error("ACCESS_TOKEN_REVOKED", "AUTHENTICATION_ERROR"), MustReconnect),
        (200, error("RATE_LIMITED", "RATE_LIMIT_ERROR"), RateLimited),
        (400, error("INVALID_CURSOR"), RetryLater),
        (400, error("INVALID_LOCATION"), GiveUp),
        (504, {}, RetryLater),
        (200, None, RetryLater),
        (200, [], RetryLater),
    ],
)
def test_errors_are_named_by_what_to_do_next(status: int, body: Any, raised: type[Exception]) -> None:
    """[M4] A revoked token needs the vendor; a cursor that has gone stale needs only time."""
    with pytest.raises(raised) as caught:
        connector._checked(Response(status, {}, b"", body))
    assert "not for the vendor" not in str(caught.value)


class TestInTheSandbox(Laurel):
    def test_every_location_is_read(self, bench: Bench) -> None:
        """[M4 facts-7] A list is of one location, and a merchant has several."""
        assert len({row["customer_id"] for row in bench.control.invoices(self.company, only_open=True)}) == 3
        bench.control.reset_calls()
        assert bench.pull("full").open == bench.truth()
        assert bench.control.calls(self.company, "/v2/invoices") == 2

    def test_instalments_come_with_their_days(self, bench: Bench) -> None:
        """[M4 A10 facts-7] Three requests, the first paid, the second in part: the second is what is due."""
        (parted,) = [one for one in bench.pull("full").invoices.values() if one.instalments]
        assert [part.balance_minor for part in parted.instalments] == [0, 18_000, 30_000]
        assert parted.due_on == parted.instalments[1].due_on
        assert isinstance(parted.due_on, date)
        bench.act("pay", invoice=parted.external_id, amount="180")
        (again,) = bench.fetch("invoice", parted.external_id).invoices.values()
        assert again.due_on == parted.instalments[2].due_on
        assert again.balance.minor == 30_000

    def test_many_customers_are_found_in_their_list(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4 A5] And a few are asked for one by one; either way each is there once."""
        one_by_one = bench.pull("full").bill_tos
        monkeypatch.setattr(connector, "SINGLY", 0)
        monkeypatch.setattr(connector, "PEOPLE_A_PAGE", 2)
        bench.control.reset_calls()
        assert bench.pull("full").bill_tos == one_by_one
        assert not bench.control.calls(self.company, "/v2/customers/<number>")

    def test_one_that_was_not_published_has_no_page(self, bench: Bench) -> None:
        """[M4 E1 facts-7] public_url is missing then, and that is no error."""
        quill = next(one for one in bench.pull("full").invoices.values() if not one.can_pay_online)
        assert bench.connector.pay_link(bench.context(), quill.external_id) is None

    def test_a_merchant_that_leaves_us_says_so(self, bench: Bench) -> None:
        """[M4 I1] oauth.authorization.revoked."""
        with self.caught(bench) as catcher:
            bench.control.revoke(self.company)
            assert bench.control.wait_webhooks(10)
        (event,) = catcher.events
        assert (event.kind, event.op, event.account_id) == ("account", REVOKED, bench.account.external_id)
        with pytest.raises(MustReconnect):
            bench.fetch("account", event.account_id)

    def test_the_client_is_named_in_json_on_revoking(self, bench: Bench) -> None:
        """[M4 inv-K5] With a scheme of their own in the header, and never the vendor's token there."""
        ctx: Context = bench.context()
        bench.connector.revoke(ctx)
        assert not bench.control.company(self.company)["connected"]
