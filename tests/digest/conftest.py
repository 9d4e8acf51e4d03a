"""What the tests of planning share."""

from datetime import datetime

import pytest

from app.house import House
from tests.support.world import EVERYTHING, NOW, World, small_world


@pytest.fixture
def due_world(house: House, fixed_clock: datetime) -> World:
    """The small world, with Cobalt's weekly digest due this minute."""
    with house.database.transaction(EVERYTHING) as session:
        made = small_world(session)
        made.cobalt.mailbox.next_digest_at = NOW
        return made
