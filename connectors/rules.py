"""Pure rules of connecting: what a company may be called, when to try again, where to pay."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from random import SystemRandom
from urllib.parse import urlsplit

from app.names import LIMIT, NameRefused, vendor_name

RETRY_FIRST = timedelta(minutes=1)
RETRY_MOST = timedelta(hours=6)
NAMELESS = "New supplier"
# Mailboxes that several people read, in the languages our providers are used in.
ROLES = (
    "accounting", "accounts", "accountspayable", "admin", "ap", "billing", "buchhaltung", "buero", "comptabilite",
    "contabilidad", "contact", "facturacion", "facturation", "finance", "hello", "info", "invoice", "invoices",
    "kontakt", "mail", "office", "payables", "rechnung", "rechnungen",
)  # fmt: skip
_ADDRESS_LIKE = re.compile(r"\S*(?:@|://|www\.|[^\W_]\.[^\W\d_]{2})\S*", re.IGNORECASE)
_PHONE_LIKE = re.compile(r"\+?(?:\d[\s()./-]{0,2}){7,}")
_ODD = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "So", "Sk", "Zl", "Zp"})

_dice = SystemRandom()


def shown_name(company: str) -> str:
    """A company's name made fit to be read by strangers (INVARIANTS A3); NAMELESS when too little is left."""
    folded = " ".join(unicodedata.normalize("NFKC", company).split())
    plain = "".join(c for c in folded if unicodedata.category(c) not in _ODD)
    without = " ".join(_PHONE_LIKE.sub(" ", _ADDRESS_LIKE.sub(" ", plain)).split())
    for candidate in (folded, plain, without):
        try:
            return vendor_name(_shortened(candidate))
        except NameRefused:
            continue
    return NAMELESS


def _shortened(name: str) -> str:
    return name if len(name) <= LIMIT else name[:LIMIT].rsplit(" ", 1)[0].rstrip(" ,-&")


def retry_at(now: datetime, failures: int, after: float | None) -> datetime:
    """When to ask again after so many failures in a row; never before ``after`` seconds, which the provider named."""
    wait = min(RETRY_FIRST * 2 ** min(max(failures, 1) - 1, 12), RETRY_MOST)
    return now + max(spread(wait), timedelta(seconds=after or 0) * _dice.uniform(1.0, 1.1))


def spread(span: timedelta) -> timedelta:
    """``span``, a tenth shorter or longer, so that what began together does not stay together."""
    return span * _dice.uniform(0.9, 1.1)


def is_payable(url: str, hosts: Iterable[str]) -> bool:
    """Whether we send a browser there: https on a host of the provider (http only on this machine)."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host or not url.isprintable() or "\\" in url:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return is_safe and host in {known.lower() for known in hosts}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
