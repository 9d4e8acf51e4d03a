"""Back room: what we know of a person, handed out to that person, or erased for good (FEATURES L6)."""
