"""What the hot paths cost, beside a floor that does the same without Sheaf, in one run (bench/README.md)."""
