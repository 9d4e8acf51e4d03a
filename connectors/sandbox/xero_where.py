"""Xero's `where` and `order`: comparisons joined by AND / OR, with strings, numbers, dates, guids and Contains()."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Getter = Callable[[Any], Any]
Test = Callable[[Any], bool]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
TOKEN = re.compile(
    r"""\s*(?:"([^"]*)" | (&&|\|\||==|!=|<=|>=|=|<|>|\(|\)|,) | ([A-Za-z_][A-Za-z0-9_.]*) | (-?\d+(?:\.\d+)?))""", re.X
)


class BadWhere(Exception):
    pass


def where_filter(text: str, fields: Mapping[str, Getter]) -> Test:
    return _Parser(text, fields).whole()


def order_rows(rows: list[Any], text: str, fields: Mapping[str, Getter]) -> list[Any]:
    for part in reversed(text.split(",")):
        name, _, way = part.strip().partition(" ")
        if name not in fields or way.strip().upper() not in ("", "ASC", "DESC"):
            raise BadWhere(f"No property or field '{name}' exists")
        get = fields[name]
        rows = sorted(
            rows,
            key=lambda one, get=get: (get(one) is not None, get(one)),  # type: ignore[misc]
            reverse=way.strip().upper() == "DESC",
        )
    return rows


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Getter]) -> None:
        self.fields, self.position = fields, 0
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            match = TOKEN.match(text, place)
            if not match:
                raise BadWhere(f"Syntax error (at index {place})")
            quoted, sign, word, number = match.groups()
            self.tokens.append(
                ("text", quoted)
                if quoted is not None
                else ("sign", sign)
                if sign
                else ("word", word)
                if word
                else ("number", number)
            )
            place = match.end()

    def whole(self) -> Test:
        test = self.either()
        if self.position < len(self.tokens):
            raise BadWhere("Syntax error")
        return test

    def either(self) -> Test:
        tests = [self.both()]
        while self.skip("||", "OR"):
            tests.append(self.both())
        return lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self.skip("&&", "AND"):
            tests.append(self.single())
        return lambda row: all(test(row) for test in tests)

    def single(self) -> Test:
        if self.skip("("):
            test = self.either()
            self.want(")")
            return test
        kind, name = self.next()
        if kind != "word":
            raise BadWhere("Expression of type 'Boolean' expected")
        stem, _, method = name.rpartition(".")
        if method in ("Contains", "StartsWith", "EndsWith") and stem in self.fields:
            return self.call(self.fields[stem], method)
        if name not in self.fields:
            raise BadWhere(f"No property or field '{name}' exists")
        sign = self.next()[1]
        sign = "==" if sign == "=" else sign
        if sign not in COMPARE:
            raise BadWhere("Operator expected")
        return self.compare(self.fields[name], COMPARE[sign], self.value())

    def call(self, get: Getter, method: str) -> Test:
        self.want("(")
        wanted = str(self.value()).lower()
        self.want(")")
        tests: dict[str, Callable[[str], bool]] = {
            "Contains": lambda text: wanted in text,
            "StartsWith": lambda text: text.startswith(wanted),
            "EndsWith": lambda text: text.endswith(wanted),
        }
        return lambda row: get(row) is not None and tests[method](str(get(row)).lower())

    def compare(self, get: Getter, test: Callable[[Any, Any], bool], wanted: Any) -> Test:
        def holds(row: Any) -> bool:
            found = get(row)
            if found is None or wanted is None:
                return test in (operator.eq, operator.ne) and test(found, wanted)
            if isinstance(found, date) and not isinstance(found, datetime) and isinstance(wanted, datetime):
                return test(found, wanted.date())
            try:
                return test(found, wanted)
            except TypeError:
                raise BadWhere("Operator incompatible with operand types") from None

        return holds

    def value(self) -> Any:
        kind, text = self.next()
        if kind == "text":
            return text
        if kind == "number":
            return Decimal(text)
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if text.lower() == "null":
            return None
        if text.lower() in ("guid", "datetime", "datetime.parse"):
            return self.made(text.lower())
        raise BadWhere(f"No property or field '{text}' exists")

    def made(self, what: str) -> Any:
        self.want("(")
        parts = [self.next()[1]]
        while self.skip(","):
            parts.append(self.next()[1])
        self.want(")")
        if what == "guid":
            return parts[0].lower()
        if what == "datetime":
            return datetime(*(int(part) for part in parts), tzinfo=UTC)  # type: ignore[arg-type,misc]
        return datetime.fromisoformat(parts[0]).replace(tzinfo=UTC)

    def next(self) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            raise BadWhere("Expression expected")
        self.position += 1
        return self.tokens[self.position - 1]

    def skip(self, *texts: str) -> bool:
        if self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            if kind != "text" and text.upper() in texts:
                self.position += 1
                return True
        return False

    def want(self, text: str) -> None:
        if not self.skip(text):
            raise BadWhere(f"'{text}' expected")
