"""Plays QuickBooks Online, Xero and Stripe on a laptop. Its own process; nothing in the product imports it."""
