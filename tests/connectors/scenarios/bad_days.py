"""What an answer that is no answer makes of a pull."""

import pytest

from connectors.base import Forbidden, ProviderError, RateLimited, RetryLater
from connectors.http import RateGate
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class BadDays(Scenarios):
    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("403", Forbidden),
            ("429", RateLimited),
            ("500", RetryLater),
            ("503html", RetryLater),
            ("200error", RetryLater),
        ],
    )
    def test_a_bad_answer_is_named_by_what_to_do_next(
        self, bench: Bench, kind: str, error: type[ProviderError]
    ) -> None:
        """[M4 inv-K2] And the pull ends without a cursor, so that nothing is skipped."""
        bench.control.fault(kind, company=self.company, seconds=7)
        error = self.errors.get(kind, error)
        with pytest.raises(error) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)
        bench.control.clear_faults()
        assert bench.pull("full").open == bench.truth()

    def test_the_wait_a_provider_names_is_kept(self, bench: Bench) -> None:
        """[M4 facts-4] A page of HTML with 503 and Retry-After."""
        bench.control.fault("503html", company=self.company, seconds=7)
        with pytest.raises(RetryLater) as caught:
            bench.pull("full")
        assert caught.value.after == 7

    def test_an_expired_token_asks_for_a_fresh_one(self, bench: Bench) -> None:
        """[M4 inv-K4] 401, also in the middle of a pull."""
        bench.control.fault("401", company=self.company, after=1)
        with pytest.raises(self.on_401) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)

    def test_a_line_cut_for_good_means_try_later(self, bench: Bench) -> None:
        """[M4] A kept connection that drops once is repeated in silence; one that keeps dropping is reported."""
        bench.control.fault("cut", company=self.company, times=1)
        assert bench.pull("full").open == bench.truth()
        bench.control.fault("cut", company=self.company, times=None)
        with pytest.raises(RetryLater) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)

    def test_a_slow_line_is_not_waited_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Every call ends."""
        bench.control.fault("slow", company=self.company, seconds=1.5)
        with pytest.raises(RetryLater) as caught:
            list(bench.connector.pull(bench.context(seconds=0.3), {}, "full"))
        self.assert_quiet(bench, caught.value)

    def test_a_day_that_is_used_up_ends_at_midnight(self, bench: Bench) -> None:
        """[M4 A2 facts-4] Until then nobody asks again, whatever the wait that was named."""
        self.needs("day limit")
        gate = RateGate(6000)
        bench.control.fault("429", company=self.company, problem="day", seconds=3)
        with pytest.raises(RateLimited):
            bench.pull("full", gate=gate)
        bench.control.clear_faults()
        bench.control.reset_calls()
        with pytest.raises(RateLimited) as caught:
            bench.pull("full", gate=gate)
        assert caught.value.after
        assert 3 < caught.value.after <= 86_400
        assert bench.control.calls(self.company) == 0
