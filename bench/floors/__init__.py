"""The same work without Sheaf: as little as the database, the language and the wire allow."""
