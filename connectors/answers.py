"""What the answers of all providers have in common: statuses, times, waits, documents, and ids fit for an address."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn, TypeVar

from app import clock
from connectors.base import AccessExpired, Forbidden, GiveUp, NotFound, Response, RetryLater
from connectors.fields import BadField

Shape = TypeVar("Shape")
LONGEST_WAIT = 86_400.0  # seconds; a Retry-After beyond a day is not believed


def known(title: str, form: re.Pattern[str], object_id: str) -> str:
    """An id that can be part of an address. Raises NotFound for one of another form: the provider has no such thing."""
    if not form.fullmatch(object_id):
        raise NotFound(f"{title} does not have this.")
    return object_id


def refuse(title: str, response: Response) -> NoReturn:
    """What a status outside 2xx means when the provider's body says nothing better."""
    if response.status == 401:
        raise AccessExpired(f"{title} wants a fresh access token.")
    if response.status == 403:
        raise Forbidden(f"{title} does not let us see this company.")
    if response.status in (404, 410):
        raise NotFound(f"{title} does not have this.")
    if response.status in (408, 409, 425) or response.status >= 500:
        raise RetryLater(f"{title} has trouble on its side.", retry_after(response))
    raise GiveUp(f"{title} refused the request (status {response.status}).")


def data(title: str, response: Response, shape: type[Shape]) -> Shape:
    """The body, of that shape. A page of HTML with a good status is trouble on their side, not an answer."""
    if not 200 <= response.status < 300:
        refuse(title, response)
    if not isinstance(response.json, shape):
        raise RetryLater(f"{title} sent something other than data.")
    return response.json


def pdf(title: str, response: Response) -> bytes:
    """The document an answer holds."""
    if not 200 <= response.status < 300:
        refuse(title, response)
    if not response.body.startswith(b"%PDF-"):
        raise RetryLater(f"{title} sent something other than a document.")
    return response.body


@contextmanager
def understood(title: str, did: str) -> Iterator[None]:
    """What of an answer must be readable, for nothing can go on without it: else it is trouble on their side. ``did``:
    what the provider did in vain, such as "described the company"."""
    try:
        yield
    except BadField as problem:
        raise RetryLater(f"{title} {did} in a way we do not understand.") from problem


def provider_time(response: Response) -> datetime | None:
    """The provider's clock, where the answer shows it."""
    return _http_date(response.headers.get("Date"))


def retry_after(response: Response) -> float | None:
    """Seconds the provider asks us to wait."""
    return wait_named(response.headers)


def wait_named(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer's Retry-After asks for: a number, or a date measured against the answer's own date."""
    given = (headers.get("Retry-After") or "").strip()
    if given.isascii() and given.isdigit():
        return min(float(given[:9]), LONGEST_WAIT)
    until = _http_date(given)
    if until is None:
        return None
    wait = (until - (_http_date(headers.get("Date")) or clock.now())).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT)


def _http_date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
