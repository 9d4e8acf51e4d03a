"""The scenarios of the one contract, by what they are about. contract.py puts them together."""
