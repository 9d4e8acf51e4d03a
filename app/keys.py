"""Authenticated encryption of stored secrets: AES-256-GCM, bound to where the ciphertext lives, under a ring of keys.

A ciphertext moved to another table, column, row or tenant does not open (INVARIANTS K1): its place is part of the
authenticated data. The first key of the ring encrypts; all of them decrypt, so keys rotate without downtime.
"""

import base64
import hashlib
import hmac
import os
from enum import Enum
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import listed


class Place(Enum):
    """Every column that holds ciphertext, and there is no sealing for any other: what is listed here gets rotated.

    table, column, the columns of which the first that is set names the row's tenant, and the column that says until
    when somebody holds on to the ciphertext as it is.
    """

    TOKENS = ("connection", "tokens", ("vendor_id",), "refresh_lease_until")
    HOOK = ("connection", "hook", ("vendor_id",), None)
    DOCUMENT = ("invoice_document", "sealed", ("vendor_id",), None)
    FILE = ("waiting_file", "sealed", ("vendor_id",), None)
    LINK = ("outgoing", "sealed_token", ("mailbox_id", "person_id", "login_token_id"), None)
    INBOUND = ("inbound_mail", "sealed_key", ("id",), None)

    def __init__(self, table: str, column: str, tenant: tuple[str, ...], held_until: str | None) -> None:
        self.table = table
        self.column = column
        self.tenant = tenant
        self.held_until = held_until

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


class CannotOpen(Exception):
    """The ciphertext was made elsewhere, for another row, with a key that is not in the ring, or was changed."""


class KeyRing:
    """``ENCRYPTION_KEYS``: ``id:base64url(32 bytes or more of randomness)`` pairs, comma-separated, newest first."""

    def __init__(self, text: str) -> None:
        self._keys: dict[str, AESGCM] = {}
        self._signing: dict[str, bytes] = {}
        for pair in listed(text):
            key_id, _, secret = pair.partition(":")
            raw = _decoded(secret)
            if not key_id or "." in key_id or len(raw) < 32 or key_id in self._keys:
                raise ValueError(
                    "ENCRYPTION_KEYS wants id:secret pairs, each id once and without a dot, each secret the base64url "
                    "of at least 32 random bytes"
                )
            self._keys[key_id] = AESGCM(raw if len(raw) == 32 else hashlib.sha256(raw).digest())
            self._signing[key_id] = hmac.digest(raw, b"sheaf: signs, never encrypts", "sha256")
        if not self._keys:
            raise ValueError("ENCRYPTION_KEYS is empty")
        self.newest = next(iter(self._keys))

    def seal(self, text: str, *, place: Place, row: UUID, tenant: UUID | None) -> str:
        """Encrypt ``text`` for ``place`` of ``row``, which belongs to ``tenant``."""
        nonce = os.urandom(12)
        sealed = self._keys[self.newest].encrypt(nonce, text.encode(), _bound(self.newest, place, row, tenant))
        return f"{self.newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, place: Place, row: UUID, tenant: UUID | None) -> str:
        """The text again. Raises CannotOpen."""
        key_id, _, body = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(body)
            return self._keys[key_id].decrypt(raw[:12], raw[12:], _bound(key_id, place, row, tenant)).decode()
        except (KeyError, ValueError, InvalidTag):
            raise CannotOpen(f"{place} of {row} does not open under key {key_id!r}") from None

    def sign(self, said: bytes, purpose: str) -> bytes:
        """16 bytes that only this house can make of ``said``, under the newest key."""
        return _signature(self._signing[self.newest], said, purpose)

    def is_signed(self, said: bytes, signature: bytes, purpose: str) -> bool:
        """Whether ``signature`` was made of ``said`` for this purpose, under any key of the ring."""
        made = [_signature(key, said, purpose) for key in self._signing.values()]
        return any(hmac.compare_digest(each, signature) for each in made)


def _signature(key: bytes, said: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode() + b"|" + said, "sha256")[:16]


def _decoded(secret: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except ValueError:  # its words would repeat nothing of the secret, but a traceback might
        return b""


def _bound(key_id: str, place: Place, row: UUID, tenant: UUID | None) -> bytes:
    return f"{key_id}|{place}|{row}|{tenant}".encode()
