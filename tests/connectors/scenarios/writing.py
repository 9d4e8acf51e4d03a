"""Pay links, documents, and what is written back into the books."""

from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import NotFound
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.stage import Bench


class Writing(Scenarios):
    def test_the_pay_link_leads_to_the_providers_page(self, bench: Bench) -> None:
        """[M4 E1 inv-L7] Asked for now, on a host of the provider."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        link = bench.connector.pay_link(bench.context(), row["id"])
        assert link is not None
        assert link.url == row["pay_url"]
        assert urlsplit(link.url).hostname in registry.pay_hosts(self.provider)

    def test_there_is_no_pay_link_to_what_is_not_there(self, bench: Bench) -> None:
        """[M4 E1] Not an error page in the customer's face, but an answer we understand."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        for absent in (self.absent_id(row["id"]), "../connections"):
            with pytest.raises(NotFound):
                bench.connector.pay_link(bench.context(), absent)
