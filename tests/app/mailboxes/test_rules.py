from app.mailboxes.rules import without_links
from app.outbox.rendering import TOKEN_PLACE


def test_a_kept_mail_opens_nothing() -> None:
    """[D8 inv-L2]"""
    html = (
        f'<a class="b" href="https://sheaf.example/m/{TOKEN_PLACE}/1/pay" style="x">Pay</a>'
        f"<a href='https://sheaf.example/m/{TOKEN_PLACE}'>All</a> <a href=\"https://sheaf.example/\">Sheaf</a>"
        f" {TOKEN_PLACE}"
    )
    shown = '<a class="b" style="x">Pay</a><a>All</a> <a href="https://sheaf.example/">Sheaf</a> '
    assert without_links(html) == shown
