"""Front room for the vendor."""
