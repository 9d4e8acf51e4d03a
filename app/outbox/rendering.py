"""What the mails of all rooms share."""

# Stands in a stored body where the mail's capability token belongs; the sender puts the token there at hand-over.
TOKEN_PLACE = "TOKEN-GOES-HERE"  # noqa: S105 - the place of one, not one
