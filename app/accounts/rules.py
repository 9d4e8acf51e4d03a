"""Pure rules: what a browser calls itself, who counts as a client of its own, who may change whom in a team."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from app.models import CustomerRole, VendorRole
from app.words import marked

CODE_TRIES = 5
ASKS_PER_BROWSER = 10  # an hour; an address has its own, smaller limit (settings.Limits.logins_per_hour)
ASKS_PER_CLIENT = 60  # an hour; an office behind one address signs in together on Monday morning

_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("Mac", r"Macintosh|Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def device_of(user_agent: str) -> str:
    """``Firefox on Linux``: enough for a person to recognise a browser, too little to track one."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if not browser and not system:
        return "an unknown browser"
    return f"{browser or 'a browser'} on {system or 'an unknown device'}"


def _first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, text)), "")


def is_zone(name: str) -> bool:
    return name in available_timezones()


@cache
def zones() -> list[str]:
    """Every zone by region, without the machine-made names."""
    named = (name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return ["UTC", *sorted(named)]


def zone_or(name: str, otherwise: str) -> str:
    """``name`` when it is an IANA zone, as browsers report it; else ``otherwise``."""
    if not is_zone(name):
        return otherwise
    return ZoneInfo(name).key


def code_hash(secret: str, token_id: UUID, code: str) -> bytes:
    """What is kept of a six-digit code: keyed, because a million plain hashes are quickly tried."""
    return hmac.digest(secret.encode(), f"sign-in code|{token_id}|{code}".encode(), "sha256")


def client_hash(secret: str, remote_address: str | None) -> bytes | None:
    """A network address as a counter's key. None for one that many clients share: a proxy's, or this machine's own."""
    try:
        address = ipaddress.ip_address(remote_address or "")
    except ValueError:
        return None
    if not address.is_global:
        return None
    network = address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False).network_address
    return hashlib.sha256(f"client|{secret}|{network}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Team:
    """The people of one kind of tenant. ``head`` may do everything and is never missing."""

    kind: str
    roles: dict[str, str]  # what each may do, in words
    head: str
    managers: tuple[str, ...]

    def may_change(self, own: str, before: str | None, after: str | None) -> bool:
        """Whether ``own`` may make a member of role ``before`` (None: new) one of role ``after`` (None: gone)."""
        if own == self.head:
            return True
        return own in self.managers and self.head not in (before, after)


VENDOR_TEAM = Team(
    "vendor",
    {
        VendorRole.OWNER: marked("Everything, the other owners included"),
        VendorRole.ADMIN: marked("Everything but owners"),
        VendorRole.AGENT: marked("Answers questions, holds reminders"),
        VendorRole.READER: marked("Looks only"),
    },
    VendorRole.OWNER,
    (VendorRole.OWNER, VendorRole.ADMIN),
)
CUSTOMER_TEAM = Team(
    "customer",
    {
        CustomerRole.ADMIN: marked("Everything, the team included"),
        CustomerRole.APPROVER: marked("Pays, promises, asks, sets the rhythm"),
        CustomerRole.PAYER: marked("Pays, asks, sets the rhythm"),
        CustomerRole.VIEWER: marked("Looks and asks"),
    },
    CustomerRole.ADMIN,
    (CustomerRole.ADMIN,),
)

ROLE_NAMES = (  # as pages say a role: its own word with a capital, through gettext
    marked("Owner"),
    marked("Admin"),
    marked("Agent"),
    marked("Reader"),
    marked("Approver"),
    marked("Payer"),
    marked("Viewer"),
)
