"""Files between the upload and the yes: sealed, for a day at most, and never on a disk in the clear."""

import base64
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.house import House
from app.ids import new_id
from app.keys import Place
from app.models import WaitingFile
from app.scope import Everything, widened
from connectors.files.brought import Sent

_WORKER = Everything("uploads that nobody said yes to")


def keep_waiting(
    session: Session, house: House, vendor_id: UUID, person_id: UUID, files: Sequence[Sent], now: datetime
) -> UUID:
    """The upload's id, by which they are found again."""
    upload_id = new_id()
    for one in files:
        row_id = new_id()
        text = base64.b85encode(zlib.compress(one.data)).decode()
        session.add(
            WaitingFile(
                id=row_id,
                vendor_id=vendor_id,
                person_id=person_id,
                upload_id=upload_id,
                name=one.name[:120],
                sealed=house.keys.seal(text, place=Place.FILE, row=row_id, tenant=vendor_id),
                created_at=now,
                expires_at=now + timedelta(hours=house.limits.file_wait_hours),
            )
        )
    return upload_id


def waiting(session: Session, house: House, upload_id: UUID, now: datetime) -> list[Sent]:
    """The scope's; a foreign upload looks like one that is over. Raises CannotOpen."""
    query = select(WaitingFile).where(WaitingFile.upload_id == upload_id, WaitingFile.expires_at > now)
    found = []
    for row in session.execute(query.order_by(WaitingFile.id)).scalars():
        text = house.keys.open(row.sealed, place=Place.FILE, row=row.id, tenant=row.vendor_id)
        found.append(Sent(row.name, zlib.decompress(base64.b85decode(text))))
    return found


def forget_upload(session: Session, upload_id: UUID) -> int:
    """Returns how many files it had; none when it is not the scope's."""
    found = session.execute(select(WaitingFile).where(WaitingFile.upload_id == upload_id)).scalars().all()
    with widened(session, "only workers delete; these files were found in scope"):
        for row in found:
            session.delete(row)
    return len(found)


def forget_files(house: House, now: datetime) -> int:
    """Those whose time is over; returns how many."""
    with house.database.transaction(_WORKER) as session:
        gone = session.execute(delete(WaitingFile).where(WaitingFile.expires_at <= now))
        return int(getattr(gone, "rowcount", 0))
