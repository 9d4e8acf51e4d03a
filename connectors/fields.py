"""Reads foreign JSON field by field. Total: whatever the JSON is, the outcome is a value or a BadField in words."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from app.money import Money, MoneyError, exponent
from connectors.base import BadRecord, Json, Kind

ID_LENGTH = 120
_LONGEST_ZONE = 64  # America/Argentina/ComodRivadavia has 32
DIGITS = 15  # of an amount before the decimal point: far above any invoice, far below what a database integer holds
RAW_LIMIT = 20_000  # characters of a bad record that quarantine keeps
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?![0-9])", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)
_EXACT = re.compile(r'"\\u0000(-?[0-9.]+)\\u0000"')
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_read_strictly = msgspec.json.Decoder(float_hook=Decimal).decode

Record = TypeVar("Record")


def parse_json(body: bytes) -> Any:
    """JSON with exact numbers. Raises ValueError, and nothing else, for what is not.

    The strict reader takes a third less time; what some servers send all the same, a byte order mark or half of a
    character where a text was cut, the lenient one reads."""
    with suppress(msgspec.DecodeError, ValueError, RecursionError, ArithmeticError):
        return _read_strictly(body)
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (RecursionError, ArithmeticError) as problem:
        raise ValueError("not JSON that anybody would send") from problem


def write_json(value: Any) -> bytes:
    """JSON in which each Decimal is exactly that number."""
    return _EXACT.sub(r"\1", json.dumps(value, default=_exactly)).encode()


def _exactly(value: Any) -> str:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"{type(value).__name__} is nothing that JSON has")
    return f"\0{value:f}\0"


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


class BadField(ValueError):
    """A field is missing or is not what it should be; the message names it."""


class Fields:
    """One JSON object. A path such as ``("CustomerRef", "value")`` leads through objects; what is missing is empty."""

    def __init__(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            raise BadField("this is not an object")
        self._raw: Json = raw

    def get(self, *path: str) -> Any:
        if len(path) == 1:  # nearly all are
            return self._raw.get(path[0])
        found: Any = self._raw
        for name in path:
            if isinstance(found, dict):
                found = found.get(name)
            elif found is None:
                return None
            else:
                raise BadField(f"{'.'.join(path)} is not inside an object")
        return found

    def text(self, *path: str, most: int = 200) -> str:
        """Printable text of at most ``most`` characters; numbers become text; missing is empty."""
        found = self.get(*path)
        if found is None:
            return ""
        if not isinstance(found, str):
            if isinstance(found, bool) or not isinstance(found, int | Decimal):
                raise BadField(f"{'.'.join(path)} is not text")
            found = _digits(found)
        found = clean(found).strip()
        return found if len(found) <= most else found[:most].rstrip()

    def id(self, *path: str) -> str:
        """An identifier that must be there, whole."""
        found = self.text(*path, most=ID_LENGTH + 1)
        if not found or len(found) > ID_LENGTH:
            raise BadField(f"{'.'.join(path)} is {'too long' if found else 'missing'}")
        return found

    def flag(self, *path: str) -> bool:
        return self.get(*path) is True

    def items(self, *path: str) -> list[Any]:
        found = self.get(*path)
        return found if isinstance(found, list) else []

    def number(self, *path: str) -> Decimal | None:
        """An exact number, also when written as text; missing is None."""
        found = self.get(*path)
        if found is None or found == "":
            return None
        if isinstance(found, str) and _NUMBER.fullmatch(found.strip()):
            found = Decimal(found.strip())
        if isinstance(found, bool) or not isinstance(found, int | Decimal):
            raise BadField(f"{'.'.join(path)} is not a number")
        if isinstance(found, int) and abs(found) >= 10**30:
            raise BadField(f"{'.'.join(path)} is beyond all measure")
        exact = found if isinstance(found, Decimal) else Decimal(found)
        # Written out in so few characters, it has no more digits; taking it apart costs ten times as much.
        has_many = len(str(exact)) > 28 and len(exact.as_tuple().digits) > 28
        if not exact.is_finite() or exact.adjusted() >= DIGITS or has_many:
            raise BadField(f"{'.'.join(path)} is beyond all measure")
        return exact

    def money(self, currency: str, *path: str) -> Money:
        """A required amount in major units."""
        found = self.number(*path)
        if found is None:
            raise BadField(f"{'.'.join(path)} is missing")
        return Money.of(found, currency)

    def currency(self, *path: str, home: str = "") -> str:
        """ISO code in capitals; ``home`` stands in where the provider leaves it out. Raises MoneyError when unknown."""
        code = (self.text(*path, most=20) or home).upper()
        if not code:
            raise BadField(f"{'.'.join(path)} is missing")
        exponent(code)
        return code

    def day(self, *path: str) -> date | None:
        """A calendar date, YYYY-MM-DD and whatever follows; missing, and the year 1 that means missing, are None."""
        found = self.text(*path, most=40)
        if not found:
            return None
        try:
            day = date.fromisoformat(found[:10]) if _DAY.match(found) else None
        except ValueError:
            day = None
        if day is None:
            raise BadField(f"{'.'.join(path)} is not a date")
        return day if day.year > 1 else None

    def instant(self, *path: str) -> datetime | None:
        """An ISO 8601 instant as aware UTC (UTC is meant where no offset is given); missing is None."""
        found = self.text(*path, most=40)
        if not found:
            return None
        moment = parse_instant(found)
        if moment is None:
            raise BadField(f"{'.'.join(path)} is not a point in time")
        return moment


def parse_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def from_epoch(seconds: Decimal | int, field: str) -> datetime:
    """An instant from seconds since 1970."""
    try:
        return EPOCH + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))
    except (OverflowError, InvalidOperation):
        raise BadField(f"{field} is not a point in time") from None


def whole_seconds(value: Any) -> int | None:
    """A lifetime in seconds as token answers give it, or None when it is no sensible number."""
    try:
        seconds = Decimal(str(value))
        return int(seconds) if 0 <= seconds < 10**9 else None  # compared first: 1e99999999 takes hours to write out
    except (InvalidOperation, ValueError):
        return None


def micros(moment: datetime) -> int:
    """Microseconds since 1970: the order of facts."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(version: int) -> datetime:
    return EPOCH + timedelta(microseconds=version)


def is_po_label(label: str) -> bool:
    """Whether a field that the vendor named holds the customer's purchase order number."""
    return re.sub(r"[\W_]", "", label).lower() in ("po", "ponumber", "pono", "purchaseorder", "purchaseordernumber")


def known_zone(name: str) -> str:
    """The name if it is one of the IANA zones, else nothing."""
    if not name or len(name) > _LONGEST_ZONE:  # a path of a thousand folders ends Python's recursion
        return ""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""


def clean(text: str) -> str:
    """Without control characters and broken halves of characters, which no database takes."""
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)  # nearly all texts are; asking costs a tenth


def read(kind: Kind, id_field: str, raw: Any, make: Callable[[Fields], Record]) -> Record | BadRecord:
    """``make`` of the object, or the BadRecord that says why not."""
    try:
        return make(Fields(raw))
    except (BadField, MoneyError) as problem:
        label = raw.get(id_field) if isinstance(raw, dict) else ""
        name = clean(_digits(label))[:ID_LENGTH] if isinstance(label, str | int) else ""
        return BadRecord(kind, name, clean(str(problem))[:300], plain(raw))


def plain(raw: Any) -> Json:
    """The object with nothing in it that JSON and our databases cannot hold, bounded in size."""
    found = _plain(raw, 12)
    text = json.dumps(found)
    if len(text) > RAW_LIMIT:
        return {"cut": text[:RAW_LIMIT]}
    return found if isinstance(found, dict) else {"value": found}


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {clean(str(key))[:200]: _plain(inner, depth - 1) for key, inner in list(value.items())[:500]}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth - 1) for inner in value[:500]]
    if isinstance(value, bool) or value is None:
        return value
    return clean(value if isinstance(value, str) else _digits(value))[:RAW_LIMIT]


def _digits(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**200:
        return "a very long number"  # Python itself refuses to print those beyond 4,300 digits
    return str(value)
