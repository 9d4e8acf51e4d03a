"""Webhooks as the provider itself signs and sends them."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from connectors import registry
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class Webhooks(Scenarios):
    def test_a_webhook_names_account_and_object(self, bench: Bench) -> None:
        """[M4 inv-N3 inv-N4] As signed and sent by the provider itself; it only says: look."""
        self.needs_webhooks()
        with self.caught(bench) as catcher:
            done = bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        accounts = (
            {bench.account.external_id, ""} if self.spec.webhooks == "connection" else {bench.account.external_id}
        )
        assert ("invoice", done["invoice_id"]) in {(event.kind, event.external_id) for event in catcher.events}
        assert {event.account_id for event in catcher.events} <= accounts
        at = [event.at for event in catcher.events if event.at]
        assert all(abs(each - datetime.now(UTC)) < timedelta(minutes=5) for each in at)

    def test_a_webhook_that_was_touched_is_refused(self, bench: Bench) -> None:
        """[M4 inv-N4] Another byte, another secret, no secret, no signature, rubbish: False, and never an exception."""
        self.needs_webhooks()
        with self.caught(bench) as catcher:
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        headers, body = catcher.caught[-1]
        now, verify = datetime.now(UTC), partial(bench.connector.verify, url=catcher.url)
        assert verify(headers, body, catcher.secret, now)
        assert not verify(headers, body[:-2], catcher.secret, now)
        assert not verify(headers, b"", catcher.secret, now)
        assert not verify(headers, body, "another secret", now)
        assert not verify(headers, body, "", now)
        name = next((key for key in headers if re.search("signature|hmac", key, re.IGNORECASE)), None)
        if name is None:  # what proves it is in the body
            return
        assert not verify(headers, body + b" ", catcher.secret, now)
        assert not verify({}, body, catcher.secret, now)
        rest = {key: value for key, value in headers.items() if key != name}
        for rubbish in ("", "=", "t=,v1=", "\u00e9\u212a", "\ud800", "t=1,v1=x,t=2", headers[name][:-2], "a" * 100_000):
            assert not verify(rest | {name: rubbish}, body, catcher.secret, now)

    def test_a_webhook_told_twice_is_the_same_event(self, bench: Bench) -> None:
        """[M4 inv-N3] So that the intake keeps one of them (tests/connectors/test_views.py)."""
        self.needs_webhooks()
        with self.caught(bench) as catcher:
            bench.control.fault("duplicate_webhooks", provider=self.provider)
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        bodies = [body for _, body in catcher.caught]
        assert len(bodies) > len(set(bodies))
        twice = next(body for body in bodies if bodies.count(body) > 1)
        first, second = (bench.connector.events(headers, body) for headers, body in catcher.caught if body == twice)
        assert first == second

    def test_an_old_webhook_is_a_replay(self, bench: Bench) -> None:
        """[M4 inv-N4] Where the signature holds a time."""
        self.needs_webhooks()
        self.needs("replay window")
        with self.caught(bench) as catcher:
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        headers, body = catcher.caught[-1]
        verify = partial(bench.connector.verify, headers, body, catcher.secret, url=catcher.url)
        assert verify(now=datetime.now(UTC))
        assert not verify(now=datetime.now(UTC) + timedelta(minutes=30))

    def test_what_was_asked_for_can_be_renewed_and_given_up(self, bench: Bench) -> None:
        """[M4 I1] A subscription of one connection: nothing is heard before, all of it between, nothing after."""
        self.needs_webhooks()
        if self.spec.webhooks != "connection":
            pytest.skip("registered once, by the operator")
        with self.caught(bench) as catcher:
            made = self.subscribe(bench, catcher, catcher.asked_at, catcher.held)
            assert made.expires_at is None or made.expires_at > datetime.now(UTC)
            done = bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
            assert done["invoice_id"] in {event.external_id for event in catcher.events}
            bench.connector.unsubscribe(bench.context(), made.held)
            catcher.caught.clear()
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
            assert not catcher.caught

    def test_an_ordinary_request_is_no_handshake(self, bench: Bench) -> None:
        """[M4] Nor is rubbish."""
        for body in (b"", b"{}", b"null", b"[1]", b"\xff\xfe", b"a=b&c=d", b"x" * 5_000):
            assert bench.connector.handshake({}, {}, body) is None

    @pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{}", b'"x"', b"\xff\xfe", b'{"events": 3}', b"[" * 5_000])
    def test_a_body_that_is_no_webhook_is_a_value_error(self, body: bytes) -> None:
        """[M4 inv-N4] Or points at nothing."""
        try:
            found = registry.get(self.provider).events({}, body)
        except ValueError:
            return
        assert found == []
