"""What a process of Sheaf holds while it runs: settings, database, keys, and its own name."""

import os
import secrets
import socket
import threading
from dataclasses import dataclass, field

from flask import current_app

from app.db import Database
from app.keys import KeyRing
from app.settings import Limits, Settings


def _worker_name() -> str:
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class House:
    """Handed to create_app() and to every job. ``worker`` signs leases and runs. Once ``stopping`` is set, what is in
    hand is finished and nothing more begun."""

    settings: Settings
    database: Database
    keys: KeyRing
    worker: str = field(default_factory=_worker_name)
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings) -> "House":
        return cls(
            settings=settings,
            database=Database(settings.database_url),
            keys=KeyRing(settings.encryption_keys.get_secret_value()),
        )

    @property
    def limits(self) -> Limits:
        return self.settings.limits


def the_house() -> House:
    """The house of the current Flask application."""
    found = current_app.extensions["house"]
    assert isinstance(found, House)
    return found
