"""Authenticated encryption of stored secrets: AES-256-GCM, bound to where the ciphertext lives, under a ring of keys.

A ciphertext moved to another table, column, row or tenant does not open (INVARIANTS K1): its place is part of the
authenticated data. The first key of the ring encrypts; all of them decrypt, so keys rotate without downtime.
"""

import base64
import hashlib
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class CannotOpen(Exception):
    """The ciphertext was made elsewhere, for another row, with a key that is not in the ring, or was changed."""


class KeyRing:
    """``ENCRYPTION_KEYS``: ``id:base64url(32 bytes or more of randomness)`` pairs, comma-separated, newest first."""

    def __init__(self, text: str) -> None:
        self._keys: dict[str, AESGCM] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, secret = pair.partition(":")
            raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
            if not key_id or len(raw) < 32:
                raise ValueError("ENCRYPTION_KEYS wants id:secret pairs with at least 32 random bytes each")
            self._keys[key_id] = AESGCM(raw if len(raw) == 32 else hashlib.sha256(raw).digest())
        if not self._keys:
            raise ValueError("ENCRYPTION_KEYS is empty")
        self._newest = next(iter(self._keys))

    def seal(self, text: str, *, place: str, row: UUID, tenant: UUID | None) -> str:
        """Encrypt ``text`` for ``place`` ("table.column") of ``row``, which belongs to ``tenant``."""
        nonce = os.urandom(12)
        sealed = self._keys[self._newest].encrypt(nonce, text.encode(), _bound(self._newest, place, row, tenant))
        return f"{self._newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, place: str, row: UUID, tenant: UUID | None) -> str:
        """The text again. Raises CannotOpen."""
        key_id, _, body = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(body)
            return self._keys[key_id].decrypt(raw[:12], raw[12:], _bound(key_id, place, row, tenant)).decode()
        except (KeyError, ValueError, InvalidTag):
            raise CannotOpen(f"{place} of {row} does not open under key {key_id!r}") from None


def _bound(key_id: str, place: str, row: UUID, tenant: UUID | None) -> bytes:
    return f"{key_id}|{place}|{row}|{tenant}".encode()
