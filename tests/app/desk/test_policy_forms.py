"""What is typed about policies: read, or said beside its field why not."""

import pytest
from hypothesis import given
from werkzeug.datastructures import MultiDict

from app.desk.policy_forms import SegmentForm, TermsForm, read_note
from app.policies.rules import Segment, Terms
from tests.support.policies import SEGMENTS, TERMS

STAGES = {"days_0": "3", "side_0": "before", "tone_0": "ahead", "days_1": "1", "side_1": "after", "tone_1": "gentle"}
GERMANS = {"name": "Germans", "countries": "de, fr", **STAGES}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("days_0", "x", "Write a number of days"),
        ("days_0", "300", "before the due date"),
        ("tone_0", "plan", "would not be true on that day"),
        ("tone_0", "we will sue you", "Write a number of days"),
        ("name", "", "Give it a name"),
        ("countries", "", "at least one thing"),
        ("countries", "Germany", "two letters"),
        ("currencies", "QQQ", "three letters"),
        ("terms_from", "soon", "A number of days"),
        ("balance_from", "12", "amounts in it"),
        ("amount_0", "5", "and an amount in it"),
        ("earlier_days", "99", "At most 30 days"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field(field: str, value: str, words: str) -> None:
    """[J2 J4 J5] And no vendor writes words of its own."""
    form = MultiDict({**GERMANS, field: value})
    errors = SegmentForm.read(form).errors | TermsForm.read(form).errors
    assert len(errors) == 1
    assert words in next(iter(errors.values()))


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("x" * 141, "At most 140"),
        ("Pay at acme.example/pay", "No web or mail"),
        ("Ring 0151 2345 678", "No telephone or account"),
        ("To DE89 3704 0044 0532 0130 00", "No telephone or account"),
        ("Mail pay@acme.example", "No web or mail"),
        ("Hurry \U0001f525", "no emoji"),
    ],
)
def test_a_note_of_the_vendors_is_plain(note: str, words: str) -> None:
    """[C18 002-24 004-11 inv-A3] One line, nothing to follow, nothing to call, no account to pay to."""
    assert words in read_note(note)[1]


@given(SEGMENTS, TERMS)
def test_what_a_page_shows_is_read_again_as_it_is(segment: Segment, terms: Terms) -> None:
    """[J2 J5] Saving a form nobody touched changes nothing; and so with what is stored."""
    assert Segment.of(segment.stored()) == segment
    assert Terms.of(terms.stored()) == terms
    shown = TermsForm.of(terms)
    typed = MultiDict({"earlier_days": shown.earlier_days})
    for place, stage in enumerate(shown.stages):
        typed.update({f"{name}_{place}": said for name, said in zip(("days", "side", "tone"), stage, strict=True)})
    for place, (currency, amount) in enumerate(shown.least):
        typed.update({f"currency_{place}": currency, f"amount_{place}": amount})
    typed.update({name: "yes" for name in ("never_reminds", "by_order") if getattr(terms, name)})
    assert TermsForm.read(typed).terms == terms
    known = SegmentForm.of("A name", segment)
    fields = MultiDict({"name": "A name", **known.said})
    for name, values in known.chosen.items():
        fields.setlist(name, values)
    assert SegmentForm.read(fields).segment == segment
