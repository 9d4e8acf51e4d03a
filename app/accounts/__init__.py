"""Front room: sign-in, sessions, the gate, the home page."""
