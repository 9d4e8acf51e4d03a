"""Checks of webhook signatures. Total: whatever arrives, the answer is True or False (INVARIANTS N4)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value whatever the case of its name; empty when missing."""
    return next((str(value) for key, value in headers.items() if key.lower() == name.lower()), "")


def is_signed_base64(given: str, body: bytes, secret: str) -> bool:
    """Whether ``given`` is the base64 HMAC-SHA256 of the raw body. Without a secret nothing is ever signed."""
    expected = base64.b64encode(digest(secret, body))
    return bool(secret) and hmac.compare_digest(expected, _bytes(given.strip()))


def is_signed_hex(given: str, body: bytes, secret: str) -> bool:
    """The same, in hexadecimal."""
    return bool(secret) and hmac.compare_digest(digest(secret, body).hex().encode(), _bytes(given.strip()))


def digest(secret: str, body: bytes) -> bytes:
    return hmac.new(_bytes(secret), body, hashlib.sha256).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
