"""Front room: the operator's stop switch, run board, outbox and audit; what machines ask about our health."""
