"""Invoices that come as files: what stands in a table or an e-invoice, and what becomes of it."""
