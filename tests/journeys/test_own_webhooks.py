"""Providers whose webhooks each connection has for itself: connected like anybody's books, they tell us at once."""

from urllib.parse import urlsplit

from sqlalchemy import select

from app import clock
from app.models import Connection, Invoice, InvoiceState, ProviderEvent
from app.scheduler import drain_all
from app.scope import Everything
from connectors.hooks import is_heard
from demo.people import owner_of
from demo.stage import Stage
from tests.journeys.conftest import MakeStage

SEEING = Everything("a test looks at what became of it")
COMPANIES = {"freshbooks": "Maple Consulting", "business_central": "Elder Machines", "erpnext": "Fern Foods"}


def test_what_is_paid_there_is_settled_here_without_a_pull(make_stage: MakeStage, sqlite_url: str) -> None:
    """[A1 I1 I3 M4] Handshake, secret and signature included: FreshBooks' verifier, Business Central's word, ERPNext's
    webhook document."""
    stage = make_stage(database_url=sqlite_url, ticking=False)
    for provider, company in COMPANIES.items():
        _connect(stage, provider, company)
    for _ in range(3):  # asked for, the verifier heard, shown back
        drain_all(stage.house, stage.jobs)
        assert stage.sandbox.wait_webhooks(10)
    with stage.house.database.reading(SEEING) as session:
        connections = {each.provider: each for each in session.scalars(select(Connection))}
    assert connections.keys() == COMPANIES.keys()
    for provider, company in COMPANIES.items():
        assert is_heard(connections[provider], clock.now()), provider
        number = next(row["number"] for row in stage.sandbox.invoices(company, only_open=True))
        stage.sandbox.act(company, "pay", invoice=number)
        assert stage.sandbox.wait_webhooks(10)
        drain_all(stage.house, [job for job in stage.jobs if job.name == "provider events"])
        with stage.house.database.reading(SEEING) as session:
            mine = select(Invoice.state).where(Invoice.connection_id == connections[provider].id)
            assert session.scalars(mine.where(Invoice.number == number)).all() == [InvoiceState.PAID], provider
    with stage.house.database.reading(SEEING) as session:
        told = set(session.scalars(select(ProviderEvent.connection_id)))
    assert told == {each.id for each in connections.values()}


def _connect(stage: Stage, provider: str, company: str) -> None:
    visitor = stage.visitor()
    visitor.sign_in(owner_of(company))
    visitor.open(f"/connect/{provider}")
    if provider == "erpnext":  # by a key that somebody made there
        key = stage.sandbox.grant(company)["access_token"]
        visitor.submit("key", site=f"{stage.sandbox.base_url}/erpnext", user="sandbox-erpnext", key=key)
        return
    answer = visitor.submit(f"/connect/{provider}", follow=False)
    parts = urlsplit(stage.sandbox.approve(answer.headers["Location"], company))
    visitor.open(f"{parts.path}?{parts.query}")
