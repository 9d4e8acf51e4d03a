"""Books that come as files (connectors/file_intake.py): a provider nobody can ask. What we have stands."""

from collections.abc import Iterable, Iterator

from app.words import marked
from connectors.base import Batch, Connector, Context, Kind, PayLink, ProviderSpec


class Files(Connector):
    spec = ProviderSpec(
        id="files",
        title="Files",
        authorize_url="",
        token_url="",
        revoke_url="",
        api_url="",
        scopes="",
        rotates_refresh_token=False,
        reminders_help=marked("In the program your files come from, under its reminders or dunning."),
        kind="file",
        webhooks="none",
    )

    def revoke(self, ctx: Context) -> None:
        """There is no grant."""

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        """Nothing new is known of any of them."""
        return iter(())

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """The one that stood in the file, if any, is in the invoice's details."""
        return None
