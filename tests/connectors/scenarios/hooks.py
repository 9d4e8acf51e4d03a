"""Webhooks as the provider itself signs and sends them."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from connectors import registry
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class Webhooks(Scenarios):
    def test_a_webhook_names_account_and_object(self, bench: Bench) -> None:
        """[M4 inv-N3 inv-N4] As signed and sent by the provider itself; it only says: look."""
        with self.caught(bench) as catcher:
            done = bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        events = [event for headers, body in catcher.caught for event in bench.connector.events(headers, body)]
        assert (bench.account.external_id, "invoice", done["invoice_id"]) in {
            (event.account_id, event.kind, event.external_id) for event in events
        }
        assert all(event.at and abs(event.at - datetime.now(UTC)) < timedelta(minutes=5) for event in events)

    def test_a_webhook_that_was_touched_is_refused(self, bench: Bench) -> None:
        """[M4 inv-N4] Another byte, another secret, no secret, no signature, rubbish: False, and never an exception."""
        with self.caught(bench) as catcher:
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        headers, body = catcher.caught[-1]
        now, verify = datetime.now(UTC), partial(bench.connector.verify, url=catcher.url)
        name = next(key for key in headers if "signature" in key.lower())
        assert verify(headers, body, catcher.secret, now)
        assert not verify(headers, body + b" ", catcher.secret, now)
        assert not verify(headers, b"", catcher.secret, now)
        assert not verify(headers, body, "another secret", now)
        assert not verify(headers, body, "", now)
        assert not verify({}, body, catcher.secret, now)
        for rubbish in ("", "=", "t=,v1=", "\u00e9\u212a", "\ud800", "t=1,v1=x,t=2", headers[name][:-2], "a" * 100_000):
            assert not verify({name: rubbish}, body, catcher.secret, now)

    @pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{}", b'"x"', b"\xff\xfe", b'{"events": 3}', b"[" * 5_000])
    def test_a_body_that_is_no_webhook_is_a_value_error(self, body: bytes) -> None:
        """[M4 inv-N4] Or points at nothing."""
        try:
            found = registry.get(self.provider).events({}, body)
        except ValueError:
            return
        assert found == []
