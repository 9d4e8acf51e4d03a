"""Secrets that travel in links: 256 random bits outside, only their hash in the database."""

import hashlib
import hmac
import secrets


def new_token() -> str:
    """A fresh capability: 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def code_of(token: str) -> str:
    """Six digits to type where a link cannot be opened: made of its token, so that nothing keeps them in the clear."""
    return f"{int.from_bytes(hashlib.sha256(b'code|' + token.encode()).digest()) % 1_000_000:06d}"


def digest_of(token: str) -> bytes:
    """What the database keeps of a token. The token has 256 bits of entropy, so a plain hash is enough. Total."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def own_path(target: str | None, fallback: str) -> str:
    """``target`` when it is a path of our own, else ``fallback``: ``next`` never leads elsewhere (INVARIANTS L7)."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return fallback
    return target if target.isprintable() else fallback
