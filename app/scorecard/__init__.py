"""Back room: how quickly a vendor answers."""
