"""What was typed on the connect page, and what is wrong with it, by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.words import _
from connectors.base import Asked

LONGEST = 2000  # characters: keys are long


@dataclass(slots=True)
class Answers:
    """``said`` by the name of what was asked; ``problem`` is what the provider made of it."""

    said: dict[str, str] = field(default_factory=dict, repr=False)
    wrong: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def read_answers(form: Mapping[str, str], asks: Sequence[Asked]) -> Answers:
    """Whether an address or a name can be right is the connector's to say; a secret is only ever missing."""
    answers = Answers({one.name: form.get(one.name, "").strip()[:LONGEST] for one in asks})
    for one in asks:
        if one.is_secret and not answers.said[one.name]:
            answers.wrong[one.name] = _("Please fill this in.")
    return answers
