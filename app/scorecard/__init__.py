"""Back room: how a vendor's customers fare with it, and how its money comes in."""
