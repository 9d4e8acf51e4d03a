"""The query language by itself."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.sandbox.qbo_query import BadQuery, Condition, holds, parse


def test_it_reads_a_whole_query() -> None:
    query = parse(
        "SELECT * FROM Invoice WHERE Balance > '0' AND MetaData.LastUpdatedTime >= '2026-05-01T00:00:00-07:00' "
        "ORDERBY MetaData.LastUpdatedTime DESC, Id STARTPOSITION 101 MAXRESULTS 1000"
    )
    assert query.entity == "Invoice"
    assert query.where == [
        Condition("Balance", ">", ("0",)),
        Condition("MetaData.LastUpdatedTime", ">=", ("2026-05-01T00:00:00-07:00",)),
    ]
    assert query.order == [("MetaData.LastUpdatedTime", True), ("Id", False)]
    assert (query.start, query.size) == (101, 1000)


def test_it_reads_counts_fields_lists_and_lower_case() -> None:
    counted = parse("select count(*) from Invoice where Active = true")
    listed = parse("select Id, Balance from Invoice where Id in ('1', '2') order by Id asc maxresults 5")
    assert counted.count
    assert counted.where == [Condition("Active", "=", ("true",))]
    assert listed.fields == ("Id", "Balance")
    assert listed.where == [Condition("Id", "IN", ("1", "2"))]
    assert listed.order == [("Id", False)]


def test_a_backslash_escapes_a_quote() -> None:
    query = parse(r"SELECT * FROM Customer WHERE DisplayName = 'Amy\'s Bird \\ Sanctuary'")
    assert query.where[0].values == (r"Amy's Bird \ Sanctuary",)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("SELECT * FROM Invoice STARTPOSITION 0", "value 0 is too small. Min allowed value is 1"),
        ("SELECT * FROM Invoice MAXRESULTS 1001", "value 1001 is too large. Max allowed value is 1000"),
        ("SELECT * FROM Invoice WHERE Balance > '0' OR Balance < '0'", "expecting the end"),
        ("SELECT * FROM Invoice WHERE Balance > unquoted", "quoted value was expected"),
        ("SELECT * Invoice", "expecting FROM"),
        ("SELECT * FROM Invoice WHERE Balance != '0'", "not supported"),
        ("DELETE FROM Invoice", "expecting SELECT"),
        ("", "expecting SELECT"),
        ("SELECT * FROM Invoice WHERE", "the end of the query"),
        ("SELECT * FROM Invoice WHERE DocNumber = 'open", "unexpected text"),
    ],
)
def test_it_refuses_what_quickbooks_refuses(text: str, detail: str) -> None:
    with pytest.raises(BadQuery, match=detail):
        parse(text)


@pytest.mark.parametrize(
    ("condition", "found", "expected"),
    [
        (Condition("Balance", ">", ("0",)), Decimal("0.01"), True),
        (Condition("Balance", ">", ("9",)), Decimal(10), True),
        (Condition("Balance", "=", ("10",)), Decimal("10.00"), True),
        (Condition("Active", "IN", ("true", "false")), False, True),
        (Condition("DocNumber", "LIKE", ("10%",)), "1012", True),
        (Condition("DocNumber", "LIKE", ("%99",)), "1012", False),
        (Condition("DueDate", "<", ("2026-06-01",)), None, False),
        (
            Condition("MetaData.LastUpdatedTime", ">=", ("2026-06-01T05:00:00-07:00",)),
            datetime(2026, 6, 1, 12, tzinfo=UTC),
            True,
        ),
    ],
)
def test_a_condition_compares_in_the_type_of_its_field(condition: Condition, found: object, expected: bool) -> None:
    assert holds(condition, found) is expected


def test_a_value_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(BadQuery, match="does not fit"):
        holds(Condition("Balance", ">", ("much",)), Decimal(1))
