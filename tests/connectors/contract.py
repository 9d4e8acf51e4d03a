"""The suite every provider passes against its sandbox (FEATURES M4). A provider's test file subclasses Contract; what
its API does not have it names in ``lacks`` and ``impossible``, or in its spec."""

from tests.connectors.scenarios.bad_days import BadDays
from tests.connectors.scenarios.base import Scenarios
from tests.connectors.scenarios.grants import Grants
from tests.connectors.scenarios.hooks import Webhooks
from tests.connectors.scenarios.reading import Reading
from tests.connectors.scenarios.writing import Writing
from tests.connectors.stage import Acme, Bench, Birch, Catcher, Cedar, Mirror, Sandboxed

__all__ = ["Acme", "Bench", "Birch", "Catcher", "Cedar", "Contract", "Mirror", "Sandboxed", "Scenarios"]


class Contract(Reading, BadDays, Grants, Webhooks, Writing):
    """All scenarios."""
