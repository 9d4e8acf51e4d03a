"""Reads what a person saw and said when pressing Pay, on a page of the inbox or behind a mail's link."""

from uuid import UUID

from werkzeug.datastructures import MultiDict

from app.paying.actions import Press


def read_press(form: MultiDict[str, str], person_id: UUID | None = None) -> Press:
    """A form without an amount stands for no amount: it is shown again."""
    return Press(
        shown_minor=form.get("shown", -1, type=int),
        shown_host=form.get("host", ""),
        is_sure=form.get("sure") == "yes",
        person_id=person_id,
    )
