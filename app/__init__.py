"""The house: people, invoices, conversations. It has never heard of its wings."""
