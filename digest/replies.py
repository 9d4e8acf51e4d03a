"""The address a mail is answered to: it names that one mail, and so its conversation or digest, side and recipient.

Nothing of it is stored: it is the mail's id and our signature over it, in letters and digits that survive a mail system
that folds case. It expires with the mail (Limits.reply_days), and whatever ends the recipient's say ends it too
(digest/inbound/filing.py looks). Keys rotate: any key of the ring still verifies.
"""

import base64
import binascii
from uuid import UUID

from app.intake import Intake
from app.keys import KeyRing

_PURPOSE = "reply address"
_START = "r-"
_RETURN_PURPOSE, _RETURN_START = "return address", "b-"
_FILES = {"i-": Intake.SOME, "c-": Intake.COMPLETE, "p-": Intake.FORWARDED}  # addresses for files
_LENGTH = 52  # base32 of 16 bytes of id and 16 of signature; 54 in all, of the 64 a local part may have


def reply_address(keys: KeyRing, outgoing_id: UUID, host: str) -> str:
    """Where answers to that mail go; nothing when no host receives mail for us."""
    if not host:
        return ""
    return _made(keys, _START, outgoing_id, _PURPOSE, host)


def return_address(keys: KeyRing, attempt_id: UUID, host: str) -> str:
    """Where mail servers report what became of that attempt; nothing when no host receives mail for us."""
    return _made(keys, _RETURN_START, attempt_id, _RETURN_PURPOSE, host) if host else ""


def attempt_of(keys: KeyRing, address: str, host: str) -> UUID | None:
    """The attempt a mail server reports on; None for any other address."""
    return _named(keys, _RETURN_START, address, _RETURN_PURPOSE, host)


def files_address(keys: KeyRing, owner_id: UUID, host: str, *, intake: Intake) -> str:
    """Where a vendor or a mailbox sends files; nothing when no host receives mail for us."""
    start = next(each for each, taken in _FILES.items() if taken is intake)
    return _made(keys, start, owner_id, f"files address {start}", host) if host else ""


def files_for(keys: KeyRing, address: str, host: str) -> tuple[Intake, UUID] | None:
    """What comes to this address, and whose it is; None where it takes no files."""
    for start, intake in _FILES.items():
        if owner_id := _named(keys, start, address, f"files address {start}", host):
            return intake, owner_id
    return None


def is_ours(address: str, host: str) -> bool:
    """Whether the address is at the host whose mail comes to us."""
    return bool(host) and address.strip().lower().endswith(f"@{host}")


def mail_of(keys: KeyRing, address: str, host: str) -> UUID | None:
    """The id of the mail an address answers, when we made it; whatever else it is, None."""
    return _named(keys, _START, address, _PURPOSE, host)


def _made(keys: KeyRing, start: str, named: UUID, purpose: str, host: str) -> str:
    signed = named.bytes + keys.sign(named.bytes, purpose)
    return f"{_local(start, signed)}@{host}"


def _named(keys: KeyRing, start: str, address: str, purpose: str, host: str) -> UUID | None:
    local = address.strip().lower().rpartition("@")[0]
    if not is_ours(address, host) or not local.startswith(start) or len(local) != len(start) + _LENGTH:
        return None
    try:
        signed = base64.b32decode(local.removeprefix(start).upper() + "====")
    except (binascii.Error, ValueError):
        return None
    named, signature = UUID(bytes=signed[:16]), signed[16:]
    # the last letter says more than the signature has bits: only the address we made is one
    is_made = keys.is_signed(named.bytes, signature, purpose) and local == _local(start, signed)
    return named if is_made else None


def _local(start: str, signed: bytes) -> str:
    return start + base64.b32encode(signed).decode().rstrip("=").lower()
