"""What goes wrong with a provider, named by what to do next. Importable from base.py like the rest of the contract."""


class ProviderError(Exception):
    """``str()`` is in plain words, safe to show the vendor; it never holds a token or a body."""


class RetryLater(ProviderError):
    """Trouble on their side or the network's: try again, not before ``after`` seconds where they named a wait."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RateLimited(RetryLater):
    """We asked too often (429)."""


class AccessExpired(ProviderError):
    """401: refresh the access token and ask again, once."""


class MustReconnect(ProviderError):
    """The grant is dead (invalid_grant, revoked, account gone): only the vendor can mend it."""


class Forbidden(ProviderError):
    """403: the grant lives, but not for this company or scope."""


class NotFound(ProviderError):
    """The object is not there."""


class CursorExpired(ProviderError):
    """The change feed no longer reaches back to our cursor: pull in full."""


class GiveUp(ProviderError):
    """The provider refuses the request as such; repeating it would not help."""


class Denied(ProviderError):
    """The person said no on the consent page."""
