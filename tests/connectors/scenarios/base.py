"""What all scenarios stand on."""

import re
from types import ModuleType
from typing import ClassVar, Literal, get_args

import pytest

from connectors import registry
from connectors.base import AccessExpired, ProviderError, ProviderSpec
from tests.connectors.stage import Bench, Sandboxed

Lack = Literal[
    "day limit",  # its headers name none
    "document",
    "lines",  # in what is asked of it
    "news of deletions",  # in its changes: a sweep finds them
    "part payments back",  # an outside payment is in full or not at all
    "pay link",
    "payments",  # they show in what invoices owe, and nowhere else
    "payments posted at once",  # a person there posts what we enter
    "terms",  # by name, with an invoice
    "revocation",  # nobody there can be told that a consent is no longer needed
    "replay window",  # its signatures hold no time
    "zone",
]


class Scenarios(Sandboxed):
    """A provider says what its API does not have, and nothing else lets it pass a scenario by."""

    module: ClassVar[ModuleType]
    lacks: ClassVar[frozenset[Lack]] = frozenset()
    because: ClassVar[dict[Lack, str]] = {}  # the fact of FACTS.md, where the name of what it lacks leaves one to ask
    impossible: ClassVar[frozenset[str]] = frozenset()  # acts that its books refuse: "credit", "new_invoice EUR"
    opens_several: ClassVar[bool] = False  # one consent, several companies
    goes_on: ClassVar[bool] = False  # a full pull that broke off; where it does not, it begins again
    on_401: ClassVar[type[ProviderError]] = AccessExpired
    on_revoked: ClassVar[type[ProviderError]] = AccessExpired
    errors: ClassVar[dict[str, type[ProviderError]]] = {}  # where this provider's word for it means something else

    def __init_subclass__(cls) -> None:
        assert cls.lacks <= set(get_args(Lack)), "names of Lack only"

    @property
    def spec(self) -> ProviderSpec:
        return registry.get(self.provider).spec

    def needs(self, what: Lack) -> None:
        if what in self.lacks:
            pytest.skip(" ".join((f"{self.spec.title} has no {what}.", self.because.get(what, ""))).strip())

    def needs_consent(self) -> None:
        if self.spec.kind == "key":
            pytest.skip(f"{self.spec.title} has a key: nothing is consented to, renewed or revoked")

    def needs_write(self, what: Literal["payment", "note"]) -> None:
        if what not in self.spec.writes:
            pytest.skip(f"{self.spec.title} takes no {what}")

    def needs_webhooks(self) -> None:
        if self.spec.webhooks == "none":
            pytest.skip(f"{self.spec.title} has no webhooks")

    def absent_id(self, like: str) -> str:
        """An id of the same form that nobody has."""
        prefix, _, rest = like.rpartition("_")
        return (f"{prefix}_" if prefix else "") + re.sub(r"\w", "9", rest) + ("999" if rest.isdigit() else "")

    def assert_quiet(self, bench: Bench, problem: ProviderError) -> None:
        """No token, no key and no address with a query in what may be shown or logged, nor chained to it."""
        secrets = (bench.tokens.access_token, bench.tokens.refresh_token, bench.context().endpoints.client_secret)
        shown = f"{problem!s} {problem!r} {vars(problem)} {problem.__context__!r}"
        assert not any(secret and secret in shown for secret in secrets)
        assert "?" not in str(problem)
