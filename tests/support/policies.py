"""Policies of every kind, for properties."""

from hypothesis import strategies as st

from app.models import CompanySize, LateRisk
from app.policies.rules import TONES, Segment, Stage, Terms, Tone

_WORDS = st.lists(st.text("abcdef", min_size=1, max_size=9), max_size=3, unique=True).map(tuple)
SEGMENTS = st.builds(
    Segment,
    countries=st.lists(st.sampled_from(["DE", "FR", "US"]), max_size=2, unique=True).map(tuple),
    sizes=st.lists(st.sampled_from([size.value for size in CompanySize if size]), unique=True).map(tuple),
    industries=_WORDS,
    products=_WORDS,
    tags=_WORDS,
    risks=st.lists(st.sampled_from([risk.value for risk in LateRisk if risk]), unique=True).map(tuple),
    currencies=st.lists(st.sampled_from(["EUR", "JPY"]), unique=True).map(tuple),
    terms_from=st.none() | st.integers(0, 999),
    terms_to=st.none() | st.integers(0, 999),
)
_STAGE = st.sampled_from(Tone).flatmap(
    lambda tone: st.integers(max(-60, TONES[tone].from_day), min(180, TONES[tone].to_day)).map(
        lambda day: Stage(day, tone)
    )
)
TERMS = st.builds(
    Terms,
    stages=st.lists(_STAGE, max_size=8, unique_by=lambda stage: stage.day).map(lambda found: tuple(sorted(found))),
    least=st.dictionaries(st.sampled_from(["EUR", "JPY", "KWD"]), st.integers(1, 10**9)),
    earlier_days=st.integers(0, 30),
    never_reminds=st.booleans(),
    by_order=st.booleans(),
)
