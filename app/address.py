"""E-mail addresses: one canonical form for identity, and the reading of what vendors' books hold in their place."""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

_SEPARATORS = re.compile(r"[,;\s]+")


def canonical(address: str) -> str | None:
    """The one form by which two spellings are the same mailbox, or None when the text is no address.

    Total and idempotent. ASCII letters are lowered; other letters are left as they are after NFC, so no case rule of a
    foreign alphabet (Kelvin sign, dotless i, sharp s, full width) can make two addresses one. Those characters in the
    local part are refused rather than folded: they are look-alikes, not addresses people have. A domain is refused when
    reading it would fold more than its letters' case.
    """
    text = address.strip()
    if len(text) > 254 or any(unicodedata.normalize("NFKC", c) != c for c in text):
        return None  # letter by letter, because NFC already makes a K of the Kelvin sign
    text = unicodedata.normalize("NFC", text)
    try:
        parts = validate_email(text, check_deliverability=False, allow_smtputf8=True, test_environment=True)
    except EmailNotValidError:
        return None
    domain = text.rpartition("@")[2].lower()
    if not domain.isascii() and domain != parts.domain:
        return None
    local = "".join(c.lower() if c.isascii() else c for c in parts.local_part)
    return f"{local}@{(parts.ascii_domain or parts.domain).lower()}"


def split(text: str | None) -> list[str]:
    """Every canonical address in a provider's field, in order, without repeats: one string may hold several."""
    found: dict[str, None] = {}
    for piece in _SEPARATORS.split(text or ""):
        if piece and (address := canonical(piece.strip("<>\"'"))):
            found[address] = None
    return list(found)


def rate_key(address: str) -> str:
    """For counting only, never for identity: dots and plus tags are dropped, so that one person counts once."""
    local, _, domain = address.partition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
