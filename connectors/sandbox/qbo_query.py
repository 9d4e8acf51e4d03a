"""QuickBooks' query language, the part that is documented: no OR, no joins, values in single quotes."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_RESULTS = 1000
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
TOKEN = re.compile(
    r"""\s*(?:'((?:[^'\\]|\\.)*)' | (<=|>=|!=|=|<|>|\(|\)|,|\*) | ([A-Za-z_][A-Za-z0-9_.]*) | (-?\d+(?:\.\d+)?))""",
    re.X,
)


class BadQuery(Exception):
    def __init__(self, detail: str, message: str = "Error parsing query") -> None:
        super().__init__(detail)
        self.detail, self.message = detail, message


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    values: tuple[str, ...]


@dataclass
class Query:
    entity: str
    count: bool = False
    fields: tuple[str, ...] = ()
    where: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    start: int = 1
    size: int = 100


@dataclass(frozen=True)
class Token:
    text: str
    kind: str


def parse(text: str) -> Query:
    return _Parser(_tokens(text)).query()


def _tokens(text: str) -> list[Token]:
    found, position = [], 0
    text = text.strip().rstrip(";").rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise BadQuery(f"QueryParserError: Encountered unexpected text at position {position}")
        value, sign, word, number = match.groups()
        if value is not None:
            found.append(Token(re.sub(r"\\(.)", r"\1", value), "value"))
        else:
            found.append(Token(sign or word or number, "sign" if sign else "word" if word else "number"))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.position = tokens, 0

    def query(self) -> Query:
        self.want("SELECT")
        count, fields = self.selected()
        self.want("FROM")
        query = Query(self.take("word").text, count, fields)
        if self.skip("WHERE"):
            query.where.append(self.condition())
            while self.skip("AND"):
                query.where.append(self.condition())
        if self.skip("ORDERBY") or (self.skip("ORDER") and self.want("BY")):
            query.order.append(self.ordering())
            while self.skip(","):
                query.order.append(self.ordering())
        self.paging(query)
        if self.position < len(self.tokens):
            raise BadQuery(
                f'QueryParserError: Encountered " "{self.tokens[self.position].text}"" was expecting the end'
            )
        return query

    def selected(self) -> tuple[bool, tuple[str, ...]]:
        if self.skip("*"):
            return False, ()
        if self.skip("COUNT"):
            for sign in "(*)":
                self.want(sign)
            return True, ()
        fields = [self.take("word").text]
        while self.skip(","):
            if not self.skip("*"):
                fields.append(self.take("word").text)
        return False, tuple(fields)

    def condition(self) -> Condition:
        name = self.take("word").text
        if self.skip("IN"):
            self.want("(")
            values = [self.value()]
            while self.skip(","):
                values.append(self.value())
            self.want(")")
            return Condition(name, "IN", tuple(values))
        if self.skip("LIKE"):
            return Condition(name, "LIKE", (self.value(),))
        sign = self.take("sign").text
        if sign not in ("=", *COMPARE):
            raise BadQuery(f"QueryParserError: operator {sign} is not supported")
        return Condition(name, sign, (self.value(),))

    def value(self) -> str:
        token = self.next()
        if token.kind in ("value", "number") or token.text.lower() in ("true", "false"):
            return token.text
        raise BadQuery(f'QueryParserError: Encountered " "{token.text}"" where a quoted value was expected')

    def ordering(self) -> tuple[str, bool]:
        name = self.take("word").text
        return name, bool(self.skip("DESC")) or (self.skip("ASC") and False)

    def paging(self, query: Query) -> None:
        while self.position < len(self.tokens):
            if self.skip("STARTPOSITION"):
                query.start = self.number(10**9)
            elif self.skip("MAXRESULTS"):
                query.size = self.number(MAX_RESULTS)
            else:
                return

    def number(self, most: int) -> int:
        number = int(self.take("number").text)
        if number < 1:
            raise BadQuery(
                f"QueryValidationError: value {number} is too small. Min allowed value is 1", "Invalid query"
            )
        if number > most:
            raise BadQuery(
                f"QueryValidationError: value {number} is too large. Max allowed value is {most}", "Invalid query"
            )
        return number

    def next(self) -> Token:
        if self.position >= len(self.tokens):
            raise BadQuery("QueryParserError: Encountered the end of the query too early")
        self.position += 1
        return self.tokens[self.position - 1]

    def take(self, kind: str) -> Token:
        token = self.next()
        if token.kind != kind:
            raise BadQuery(f'QueryParserError: Encountered " "{token.text}"" was expecting a {kind}')
        return token

    def skip(self, text: str) -> bool:
        if self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.kind != "value" and token.text.upper() == text:
                self.position += 1
                return True
        return False

    def want(self, text: str) -> bool:
        if not self.skip(text):
            found = self.tokens[self.position].text if self.position < len(self.tokens) else "<EOF>"
            raise BadQuery(f'QueryParserError: Encountered " "{found}"" was expecting {text}')
        return True


def holds(condition: Condition, found: Any) -> bool:
    """Whether a field's value, in its own type, meets the condition."""
    if condition.operator == "LIKE":
        pattern = ".*".join(re.escape(part) for part in condition.values[0].split("%"))
        return found is not None and re.fullmatch(pattern, str(found), re.I) is not None
    wanted: list[Any] = [like_field(found, value) for value in condition.values]
    if condition.operator in ("=", "IN"):
        return found in wanted
    if found is None:
        return False
    return COMPARE[condition.operator](found, wanted[0])


def like_field(found: object, value: str) -> object:
    """The quoted value in the field's own type."""
    try:
        if isinstance(found, bool):
            return value.lower() == "true"
        if isinstance(found, Decimal):
            return Decimal(value)
        if isinstance(found, datetime):
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return moment if moment.tzinfo else moment.replace(tzinfo=found.tzinfo)
    except (ValueError, InvalidOperation) as problem:
        raise BadQuery(f"QueryValidationError: value '{value}' does not fit the property", "Invalid query") from problem
    return value
