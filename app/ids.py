"""New primary keys: UUID version 7 (RFC 9562), so that rows made together lie together in the index."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def first_id(at: datetime) -> UUID:
    """Less than every id made at ``at`` or later, by the wall clock."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def made_at(row: UUID) -> datetime:
    """When new_id() made it, to the millisecond."""
    return datetime.fromtimestamp((row.int >> 80) / 1000, UTC)


def new_id() -> UUID:
    millis = time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
