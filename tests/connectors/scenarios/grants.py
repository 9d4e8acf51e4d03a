"""The grant: asked for, refused, renewed, ended."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from app.house import House
from app.settings import Limits
from connectors import oauth, registry
from connectors.base import AccessExpired, Denied, Forbidden, GiveUp, Json, MustReconnect, Tokens
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench

ANN = UUID(int=1)
HOUSE = cast(House, SimpleNamespace(settings=SimpleNamespace(public_url="https://sheaf.example"), limits=Limits()))


class Grants(Scenarios):
    def dance(self, bench: Bench, *companies: str) -> tuple[Any, dict[str, str]]:
        """As far as the callback: the dance that this browser began, and what the provider sent it back with.
        Without a company the person says no."""
        kept: dict[str, Any] = {}
        url = oauth.begin(HOUSE, bench.connector, kept, person_id=ANN, vendor="", now=self.now, said=self.said)
        back = bench.control.approve(url, list(companies)) if companies else bench.control.deny(url)
        args = dict(parse_qsl(urlsplit(back).query))
        taken = oauth.take_back(HOUSE, self.provider, kept, args["state"], person_id=ANN, now=self.now)
        return taken, args

    def renewed(self, bench: Bench, tokens: Tokens) -> Tokens:
        return oauth.refreshed(HOUSE, bench.connector, tokens)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def test_the_whole_dance_opens_the_company(self, bench: Bench) -> None:
        """[M4 A1 inv-K3] Consent, code, tokens, company; a code shown twice is refused in words."""
        self.needs_consent()
        taken, args = self.dance(bench, self.company)
        tokens = oauth.finish(HOUSE, bench.connector, taken, args, self.now)
        bench.tokens = tokens
        found = bench.connector.accounts(bench.context(), args)
        assert bench.account.external_id in [each.external_id for each in found]
        assert bench.pull("full").open == bench.truth()
        with pytest.raises(GiveUp, match="already used"):
            oauth.finish(HOUSE, bench.connector, taken, args, self.now)

    def test_somebody_who_says_no_is_taken_at_their_word(self, bench: Bench) -> None:
        """[M4 A2] Denied is not a fault."""
        self.needs_consent()
        with pytest.raises(Denied):
            oauth.finish(HOUSE, bench.connector, *self.dance(bench), self.now)

    def test_an_access_token_that_has_run_out_is_renewed(self, bench: Bench) -> None:
        """[M4 inv-K4] After its life the provider refuses it, and the refresh token gives another."""
        self.needs_consent()
        expires_at = bench.tokens.expires_at
        if expires_at is None:
            pytest.skip(f"{self.spec.title} gives access that does not run out")
        bench.control.advance((expires_at - self.now).total_seconds() + 60)
        with pytest.raises(AccessExpired):
            bench.pull("full")
        bench.tokens = self.renewed(bench, bench.tokens)
        assert bench.pull("full").open == bench.truth()

    def test_a_refresh_token_turns_as_the_spec_says(self, bench: Bench) -> None:
        """[M4 inv-K4] One that rotates works until the provider has forgotten it, one that does not for ever."""
        self.needs_consent()
        old = bench.tokens
        if not old.refresh_token:
            pytest.skip(f"{self.spec.title} gives no refresh token")
        bench.control.advance(timedelta(hours=25).total_seconds())
        fresh = self.renewed(bench, old)
        assert (fresh.refresh_token != old.refresh_token) is self.spec.rotates_refresh_token
        bench.control.advance(timedelta(hours=1).total_seconds())
        if self.spec.rotates_refresh_token:
            with pytest.raises(MustReconnect):
                self.renewed(bench, old)
        bench.tokens = self.renewed(bench, fresh)
        assert bench.pull("full").open == bench.truth()

    def test_an_answer_lost_on_its_way_ends_in_access_or_in_words(self, bench: Bench) -> None:
        """[M4 inv-K4 facts-2] The provider gave new tokens and we never saw them: asked again with the old ones, it
        gives access, or it says that only the vendor can mend it; it is never trouble for ever."""
        self.needs_consent()
        if not bench.tokens.refresh_token:
            pytest.skip(f"{self.spec.title} gives no refresh token")
        self.renewed(bench, bench.tokens)
        try:
            bench.tokens = self.renewed(bench, bench.tokens)
        except MustReconnect:
            assert self.spec.rotates_refresh_token
            return
        assert bench.pull("reconcile").open == bench.truth()

    def test_one_consent_may_open_several_companies(self, bench: Bench) -> None:
        """[M4 A1] Each is read by itself."""
        self.needs_consent()
        if not self.opens_several:
            pytest.skip(f"{self.spec.title} opens one company at a time")
        second = bench.control.new_company(like=self.company, name="Second Company")
        taken, args = self.dance(bench, self.company, second)
        bench.tokens = oauth.finish(HOUSE, bench.connector, taken, args, self.now)
        found = {each.name: each for each in bench.connector.accounts(bench.context(), args)}
        assert {self.company, second} <= set(found)
        for name, account in found.items():
            assert bench.pull("full", account=account).open == bench.truth(name)

    def test_revoking_ends_the_grant(self, bench: Bench) -> None:
        """[M4 inv-K5] Disconnect revokes at the provider: what it gave is worth nothing, and gives nothing new."""
        self.needs_consent()
        self.needs("revocation")
        bench.connector.revoke(bench.context())
        assert not bench.control.company(self.company)["connected"]
        with pytest.raises((AccessExpired, MustReconnect)):
            bench.pull("full")
        with pytest.raises(MustReconnect):
            self.renewed(bench, bench.tokens)

    def test_a_withdrawn_consent_is_told_apart_from_trouble(self, bench: Bench) -> None:
        """[M4 A2] Removed by the vendor at the provider: reconnecting is the only remedy, and we know it."""
        bench.control.revoke(self.company)
        with pytest.raises(self.on_revoked):
            bench.pull("full")
        if (
            self.on_revoked is not Forbidden and self.spec.kind == "oauth"
        ):  # else the grant lives on without the company
            with pytest.raises(MustReconnect):
                self.renewed(bench, bench.tokens)

    @pytest.mark.parametrize(
        "answer", [{}, {"error": "invalid_grant"}, {"access_token": None}, {"access_token": 7}, {"access_token": ""}]
    )
    def test_an_answer_without_a_token_means_reconnect(self, answer: Json) -> None:
        """[M4 inv-K4 facts-10] Also with status 200."""
        self.needs_consent()
        with pytest.raises(MustReconnect):
            registry.get(self.provider).parse_token(answer, datetime.now(UTC))
