"""Back room: how a vendor's people look after a customer together: who answers, notes, ready answers, what was told
elsewhere, and who owns the account."""
