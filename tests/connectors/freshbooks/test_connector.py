"""What is peculiar to asking FreshBooks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import AccessExpired, GiveUp, NotFound, Response, RetryLater, Subscription
from connectors.freshbooks import connector
from tests.connectors.contract import Bench, Catcher
from tests.connectors.foreign import load
from tests.connectors.freshbooks.test_contract import Maple
from tests.support.server import live_server


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (404, {"code": 5, "message": "x", "details": [{"reason": "1012"}]}, NotFound),
        (200, {"response": {"errors": [{"errno": 1012}]}}, NotFound),
        (200, {"response": {"errors": [{"errno": 9999}]}}, RetryLater),
        (401, {"error": "invalid_token"}, AccessExpired),
        (401, {"errno": 401, "message": "invalid_token"}, AccessExpired),
        (422, {"errno": 422, "message": "x", "details": ["event: Unrecognized event."]}, GiveUp),
        (200, None, RetryLater),
    ],
)
def test_errors_are_named_by_what_to_do_next(status: int, body: Any, raised: type[Exception]) -> None:
    """[M4] Whichever of the four ways they are said in."""
    with pytest.raises(raised):
        connector._checked(Response(status, {}, b"", body))


def test_only_businesses_with_books_are_companies(shared: Any) -> None:
    """[M4 A1] A membership may be of a business that has none."""
    body = load(shared / "connectors/samples/freshbooks/auth_me_response.json")
    rows = body["response"]["business_memberships"]
    assert {row["business"]["account_id"] for row in rows} >= {"ABC123"}


class TestInTheSandbox(Maple):
    def test_a_hundred_a_page_is_all_one_gets(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4 facts-8] More are silently cut to a hundred: the answer's own count of pages says how far to go."""
        monkeypatch.setattr(connector, "PAGE_SIZE", 500)
        for number in range(110):
            bench.act("new_invoice", amount="10", number=f"X{number}")
        found = bench.pull("full")
        assert len(found.open) > 110
        assert found.open == bench.truth()

    def test_a_change_just_before_midnight_in_new_york_is_not_lost(self, bench: Bench) -> None:
        """[M4 inv-N3 facts-8] The last Sunday of October 2026, 23:59 there; the pull before began a minute earlier, and
        the one after comes the day after."""
        bench.control.set_clock("2026-10-26T03:58:00+00:00")
        held = bench.pull("full")
        bench.control.set_clock("2026-10-26T03:59:00+00:00")
        done = bench.act("part_pay")
        bench.control.set_clock("2026-10-27T12:00:00+00:00")
        bench.pull("changes", {"since": "2026-10-26T03:58:00+00:00"}, into=held)
        assert str(held.invoices[done["invoice_id"]].balance.amount) == done["balance"]
        assert held.open == bench.truth()

    def test_a_verifier_that_is_not_theirs_is_asked_for_again(self, bench: Bench) -> None:
        """[M4 inv-N4] Anybody may post one to our address: FreshBooks refuses it, and sends its own again."""
        connector_, ctx = bench.connector, bench.context()
        catcher = Catcher(connector_, "")
        with live_server(catcher) as target:
            bench.control.set_webhooks(target, batch_seconds=0.0)
            url = f"{target}/webhooks/freshbooks/of-this-connection"
            made = connector_.subscribe(ctx, url, "ours", {})
            assert bench.control.wait_webhooks(10)
            (real,) = catcher.shaken
            forged = made.held | {"verifier": "forged", "of": made.held["callback"]}
            still: Subscription = connector_.subscribe(ctx, url, "ours", forged)
            assert still.expires_at is not None
            assert still.expires_at > datetime.now(UTC)
            assert not still.secret
            assert bench.control.wait_webhooks(10)
            assert catcher.shaken == [real, real]
            proven = connector_.subscribe(ctx, url, "ours", still.held | catcher.shaken[-1])
            assert (proven.expires_at, proven.secret) == (None, real["verifier"])
            bench.control.set_webhooks(retry_seconds=[])

    def test_one_that_is_for_another_subscription_is_not_shown(self, bench: Bench) -> None:
        """[M4 inv-N4] It names its callback."""
        made = bench.connector.subscribe(bench.context(), "http://127.0.0.1:9/webhooks/freshbooks/x", "ours", {})
        stray = made.held | {"verifier": "theirs", "of": "1"}
        again = bench.connector.subscribe(bench.context(), "http://127.0.0.1:9/webhooks/freshbooks/x", "ours", stray)
        assert (again.secret, again.held) == ("", made.held)

    def test_many_clients_are_found_in_their_list(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4 A5] And a few are asked for one by one; either way each is there once."""
        one_by_one = bench.pull("full").bill_tos
        monkeypatch.setattr(connector, "SINGLY", 0)
        bench.control.reset_calls()
        assert bench.pull("full").bill_tos == one_by_one
        assert not bench.control.calls(self.company, "/users/clients/<number>")
