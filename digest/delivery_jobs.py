"""The jobs that carry mail and learn what became of it."""

import threading
from collections.abc import Sequence

from app.house import House
from app.intake import TakeFiles
from app.scheduler import Job
from digest.alarms import watch
from digest.channels import open_channel
from digest.channels.base import Channel
from digest.claim import Recompose
from digest.deliver import deliver_batch
from digest.documents import NO_DOCUMENTS, Documents, fetch_documents
from digest.events import handle_events
from digest.inbound.intake import handle_inbound
from digest.sweep import resolve_unknown


class _OneChannel:
    """The process's channel, opened when it is first needed and kept: its connections outlive a batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Channel | None = None

    def of(self, house: House) -> Channel:
        with self._lock:
            if self._open is None:
                self._open = open_channel(house.settings)
            return self._open


def jobs(
    recompose: Recompose | None, take_files: TakeFiles | None = None, documents: Documents = NO_DOCUMENTS
) -> Sequence[Job]:
    """For one house. ``recompose(session, digest_ids)`` composes digests anew, in the transaction that claims them;
    ``take_files``: filing.py; ``documents``: documents.py."""
    channel = _OneChannel()

    def carry(house: House) -> int:
        return deliver_batch(house, channel.of(house), recompose, kept_pdf=documents.kept)

    return (
        Job("inbound mail", 2.0, lambda house: handle_inbound(house, take_files)),
        Job("delivery events", 2.0, handle_events),
        Job("unknown attempts", 10.0, resolve_unknown),
        Job("attach documents", 2.0, lambda house: fetch_documents(house, documents)),
        Job("deliver", 2.0, carry),
        Job("deliver beside it", 2.0, carry),  # one batch is claimed or written down while the other is in the air
        Job("watch", 15.0, watch),
    )
