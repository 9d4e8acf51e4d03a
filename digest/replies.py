"""The address a mail is answered to: it names that one mail, and so its conversation or digest, side and recipient.

Nothing of it is stored: it is the mail's id and our signature over it, in letters and digits that survive a mail system
that folds case. It expires with the mail (Limits.reply_days), and whatever ends the recipient's say ends it too
(digest/inbound/filing.py looks). Keys rotate: any key of the ring still verifies.
"""

import base64
import binascii
from uuid import UUID

from app.keys import KeyRing

_PURPOSE = "reply address"
_START = "r-"
_LENGTH = 52  # base32 of 16 bytes of id and 16 of signature; 54 in all, of the 64 a local part may have


def reply_address(keys: KeyRing, outgoing_id: UUID, host: str) -> str:
    """Where answers to that mail go; nothing when no host receives mail for us."""
    if not host:
        return ""
    signed = outgoing_id.bytes + keys.sign(outgoing_id.bytes, _PURPOSE)
    return f"{_START}{base64.b32encode(signed).decode().rstrip('=').lower()}@{host}"


def is_ours(address: str, host: str) -> bool:
    """Whether the address is at the host whose mail comes to us."""
    return bool(host) and address.strip().lower().endswith(f"@{host}")


def mail_of(keys: KeyRing, address: str, host: str) -> UUID | None:
    """The id of the mail an address answers, when we made it; whatever else it is, None."""
    local = address.strip().lower().rpartition("@")[0]
    if not is_ours(address, host) or not local.startswith(_START) or len(local) != len(_START) + _LENGTH:
        return None
    try:
        signed = base64.b32decode(local.removeprefix(_START).upper() + "====")
    except (binascii.Error, ValueError):
        return None
    mail_id, signature = signed[:16], signed[16:]
    return UUID(bytes=mail_id) if keys.is_signed(mail_id, signature, _PURPOSE) else None
