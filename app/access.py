"""Who may enter a route: every view says so with one of these marks, and the gate (app/accounts/gate.py) enforces it.

A route without a mark fails the build (INVARIANTS I4) and is closed at run time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from app.models.person import CustomerRole, VendorRole

View = TypeVar("View", bound=Callable[..., Any])


class Who(StrEnum):
    ANYBODY = "anybody"
    SIGNED = "signed"  # a machine: the view checks a signature over the raw body; no CSRF token
    LINK = "link"  # the holder of a mail's token: the view resolves it into a LinkScope
    PERSON = "person"  # anybody signed in
    VENDOR = "vendor"
    CUSTOMER = "customer"
    OPERATOR = "operator"
    LOCAL = "local"  # a laptop only, never in production


@dataclass(frozen=True, slots=True)
class Access:
    who: Who
    roles: tuple[str, ...] = ()  # empty: any role


def _mark(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        return view

    return mark


anybody = _mark(Access(Who.ANYBODY))
signed_machine = _mark(Access(Who.SIGNED))
link_holder = _mark(Access(Who.LINK))
person_signed_in = _mark(Access(Who.PERSON))
operator_only = _mark(Access(Who.OPERATOR))
laptop_only = _mark(Access(Who.LOCAL))


def vendor_member(*roles: VendorRole) -> Callable[[View], View]:
    """A signed-in member of the vendor whose desk is open, with one of ``roles`` (none named: any)."""
    return _mark(Access(Who.VENDOR, tuple(roles)))


def customer_member(*roles: CustomerRole) -> Callable[[View], View]:
    """A signed-in person of the customer whose inbox is open, with one of ``roles`` (none named: any)."""
    return _mark(Access(Who.CUSTOMER, tuple(roles)))


def access_of(view: Callable[..., Any]) -> Access | None:
    return getattr(view, "access", None)
