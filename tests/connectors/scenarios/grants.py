"""The grant: asked for, refused, renewed, ended."""

from datetime import UTC, datetime

import pytest

from connectors import registry
from connectors.base import AccessExpired, Json, MustReconnect
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class Grants(Scenarios):
    def test_revoking_ends_the_grant(self, bench: Bench) -> None:
        """[M4 inv-K5] Disconnect revokes at the provider."""
        bench.connector.revoke(bench.context())
        assert not bench.control.company(self.company)["connected"]
        with pytest.raises((AccessExpired, MustReconnect)):
            bench.pull("full")

    @pytest.mark.parametrize(
        "answer", [{}, {"error": "invalid_grant"}, {"access_token": None}, {"access_token": 7}, {"access_token": ""}]
    )
    def test_an_answer_without_a_token_means_reconnect(self, answer: Json) -> None:
        """[M4 inv-K4] Also with status 200."""
        with pytest.raises(MustReconnect):
            registry.get(self.provider).parse_token(answer, datetime.now(UTC))
